//! The turnover and the number of trades of a minute, decided with its bar.
//!
//! Both follow from the bar and one random word a minute, of a stream of its own for each symbol and day; prices and volumes do
//! not depend on it. The number of trades has the law of `sizes`. The turnover is that of a mean price which is normal around the
//! mean of open, high, low and close, with a tenth of the range as its standard deviation, and never outside of the range.
//!
//! What is decided can always be kept by trades (`fit`): with at least two trades whose price is free, any turnover can be met to
//! the hundredth. A bar with hardly more trades than prices that they must touch has a turnover of this form: every trade has the
//! smallest size, and one of them all that is left over.

use chrono::NaiveDate;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::{path, sizes};
use crate::bars::Bar;
use crate::base::{Board, Ohlcv, OrderSizes, Seed, Stream, Symbol, Traded};
use crate::calendar::Calendar;

/// Standard deviation of a minute's mean price, in its range.
const DEVIATION: f64 = 0.1;
/// Words of 32 bits in a draw.
const WORDS_PER_DRAW: u128 = 2;

/// A volume in the steps that orders grow by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    /// Shares of a step.
    pub step: i64,
    /// Steps of the smallest trade; 0 when there are more trades than shares.
    pub least: i64,
    /// All whole steps of the volume.
    pub all: i64,
    /// The shares that are left over. They go with the first trade, at the open.
    pub odd: i64,
}

impl Steps {
    pub fn of(volume: i64, sizes: OrderSizes, trades: usize) -> Self {
        let rule = sizes::rule(volume.unsigned_abs(), sizes, trades);
        let (all, odd) = rule.steps(volume.unsigned_abs());
        let (least, _) = rule.steps(rule.least);
        Self {
            step: rule.step.cast_signed(),
            least: least.cast_signed(),
            all: all.cast_signed(),
            odd: odd.cast_signed(),
        }
    }
}

/// The prices that trades must touch, in ticks above the low.
#[derive(Debug, Clone, Copy)]
struct Visits {
    prices: [i64; 4],
    count: usize,
}

impl Visits {
    /// Of a bar whose high is above its low.
    fn of(bar: &Ohlcv) -> Self {
        let [open, close, high] = [bar.open(), bar.close(), bar.high()].map(|price| price.ticks() - bar.low().ticks());
        let (mut prices, mut count) = ([open, close, 0, 0], 2);
        for extreme in [0, high].into_iter().filter(|&extreme| extreme != open && extreme != close) {
            prices[count] = extreme;
            count += 1;
        }
        Self { prices, count }
    }
}

/// Turnover and number of trades of a bar on a board with these sizes of orders, from a random word. None where the turnover could
/// be above [`Traded::TURNOVER_MAX`].
fn decide(bar: &Ohlcv, sizes: OrderSizes, word: u64) -> Option<Traded> {
    let volume = bar.volume();
    if volume == 0 {
        return Some(Traded::NOTHING);
    }
    bar.high().ticks().checked_mul(volume).filter(|&most| most <= Traded::TURNOVER_MAX)?;
    let chance = (f64::from(word as u32) + 0.5) * (1.0 / 4_294_967_296.0);
    let trades = sizes::count_by(chance, volume.unsigned_abs(), sizes, path::needed(bar));
    let low = bar.low().ticks();
    let range = bar.high().ticks() - low;
    if range == 0 {
        return Traded::new(low * volume, trades as i64).ok();
    }
    let steps = Steps::of(volume, sizes, trades);
    let visits = Visits::of(bar);
    let visited = &visits.prices[..visits.count];
    let (open, close) = (visited[0], visited[1]);
    // The sum of four bytes is nearly normal, with mean 510 and variance 4·(256² − 1)/12.
    let bytes = (word >> 32 & 0xff) + (word >> 40 & 0xff) + (word >> 48 & 0xff) + (word >> 56);
    let deviate = (bytes as f64 - 510.0) * (1.0 / 147.800_541_271_592_6);
    let mean = ((open + close + range) as f64 * 0.25 + DEVIATION * range as f64 * deviate).clamp(0.0, range as f64);
    let free = trades as i64 - visits.count as i64;
    let given = steps.least * visited.iter().sum::<i64>();
    let above_low = if free < 2 {
        let rest = steps.all - steps.least * trades as i64;
        let nearest = (mean + 0.5) as i64;
        let one_free = if free == 1 { steps.least * nearest } else { 0 };
        let carrier = (word >> 20) as usize % trades;
        given + one_free + rest * visited.get(carrier).copied().unwrap_or(nearest)
    } else {
        let amount = steps.all - steps.least * visits.count as i64;
        let wanted = ((mean * amount as f64) as i64).clamp(0, range * amount);
        given + nearest_attainable(wanted, amount, steps.least, free)
    };
    let odd = steps.odd * open;
    Traded::new(low * volume + steps.step * above_low + odd, trades as i64).ok()
}

/// The sum of price times size that `free` trades of `amount` steps can have and that is not above `wanted`, or just above it. It is
/// `wanted` itself where the smallest trade is one step.
fn nearest_attainable(wanted: i64, amount: i64, least: i64, free: i64) -> i64 {
    if least <= 1 {
        return wanted;
    }
    let (price, above) = (wanted / amount, wanted % amount);
    price * amount + attainable_above(above, amount, least, free)
}

/// How many of `amount` steps can be at the higher of two prices when `free` trades of at least `least` steps have them: the largest
/// such number that is at most `above`, or 0, in general.
fn attainable_above(above: i64, amount: i64, least: i64, free: i64) -> i64 {
    let above = above.min(amount - least);
    if above < least {
        return 0;
    }
    let trades = (above / least).min(free - 1);
    let rest = amount - least * free;
    above - (above - least * trades - rest).max(0)
}

/// Whether `free` trades of at least `least` steps and `amount` steps in all can have this sum of price times size, at prices from
/// 0 to `range`.
pub(super) fn is_attainable(sum: i64, amount: i64, least: i64, free: i64, range: i64) -> bool {
    if amount <= 0 || !(0..=range.saturating_mul(amount)).contains(&sum) {
        return false;
    }
    let above = sum % amount;
    above == 0 || least <= 1 || attainable_above(above, amount, least, free) == above
}

/// The draws of turnover and number of trades on a symbol's day, one a minute and in order.
#[derive(Debug, Clone)]
pub struct TradedDraws {
    stream: ChaCha8Rng,
    sizes: OrderSizes,
}

impl TradedDraws {
    /// Those of a day, from its first minute on.
    #[must_use]
    pub fn of_day(seed: Seed, symbol: &Symbol, board: Board, day: NaiveDate) -> Self {
        Self { stream: seed.stream(Stream::Traded, symbol, day), sizes: board.order_sizes() }
    }

    /// The bar of the next minute with its turnover and number of trades.
    #[must_use]
    pub fn next(&mut self, ohlcv: Ohlcv) -> Ohlcv {
        let word = self.stream.next_u64();
        ohlcv.with_traded(decide(&ohlcv, self.sizes, word))
    }

    /// The next minute has no bar.
    pub fn pass(&mut self) {
        self.stream.next_u64();
    }
}

/// Turnover and number of trades of a 1-minute bar, as [`SymbolRun`](crate::bars::SymbolRun) decides them: a pure function of the
/// arguments. None where the turnover would be above [`Traded::TURNOVER_MAX`].
#[must_use]
pub fn traded_of(seed: Seed, calendar: &Calendar, symbol: &Symbol, board: Board, bar: &Bar) -> Option<Traded> {
    let mut stream = seed.stream(Stream::Traded, symbol, calendar.day_of(bar.first));
    stream.set_word_pos(WORDS_PER_DRAW * u128::from(calendar.index_in_day(bar.first)));
    decide(&bar.ohlcv, board.order_sizes(), stream.next_u64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every sum that some trades can have at the prices 0 and 1, by trying all sizes.
    fn sums(amount: i64, least: i64, free: i64) -> Vec<i64> {
        let counts = 0..=free;
        let spans = counts.filter_map(|above| {
            let (from, to) = (above * least, amount - (free - above) * least);
            if above == 0 {
                Some((0, 0))
            } else if above == free {
                Some((amount, amount))
            } else {
                (from <= to).then_some((from, to))
            }
        });
        let spans: Vec<_> = spans.collect();
        (0..=amount).filter(|sum| spans.iter().any(|(from, to)| (from..=to).contains(&sum))).collect()
    }

    #[test]
    fn the_attainable_sums_are_those_that_some_sizes_have() {
        for least in 1..5 {
            for free in 2..5 {
                for amount in least * free..40 {
                    let sums = sums(amount, least, free);
                    for sum in 0..=amount {
                        assert_eq!(
                            is_attainable(sum, amount, least, free, 1),
                            sums.contains(&sum),
                            "{sum} of {amount}, {free} of at least {least}"
                        );
                        let nearest = nearest_attainable(sum, amount, least, free);
                        assert!(nearest <= sum && sums.contains(&nearest));
                    }
                }
            }
        }
    }
}
