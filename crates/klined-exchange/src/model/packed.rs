//! The simple model on a book whose sides are one word each, without branches that depend on what happens.
//!
//! A processor loses some twenty cycles wherever it guesses wrongly which kind of event comes next. So a step here computes what every
//! kind would do and selects one. A byte of a word is the depth of a level, the best level in the lowest byte: one multiplication gives all running
//! sums, one shift a new best level. Rates are whole numbers of one unit, so that a choice is one multiplication and some comparisons.
//!
//! Whole numbers are near the model's doubles but not equal to them. A choice so near a border that they could differ is left to the
//! definition, and so are states beyond the tables.

use std::hint::select_unpredictable;
use std::ops::Range;

use super::{Step, Steps};
use crate::book::{Book, Quote};
use crate::event::EventType;
use crate::random::{Draws, last_word_below};

/// Levels a side at most: the byte above the last level marks where the side ends.
const LEVELS: usize = 7;
/// The most units of a side. Running sums then leave the upper bit of each byte free, and still fit after a refill of all levels.
const UNITS: u32 = 127;
/// One in every byte.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The upper bit of every byte.
const TOPS: u64 = 0x8080_8080_8080_8080;
/// Rates are kept for spreads of 1 to this many ticks, and depths at the best prices below [`DEPTHS`]; both are powers of two.
const SPREADS: usize = 8;
const DEPTHS: usize = 32;
/// The largest total of rates, in their unit.
const TOTAL_MOST: f64 = (1u64 << 62) as f64;
/// How near a border a choice is in doubt, in the unit of rates. Rounded rates of 127 units a side and the roundings of the definition's doubles, six of
/// them of 2^-53 of a total below 2^62, make less than a tenth of it.
const DOUBT: u64 = 1 << 16;
/// The same for the choice of a unit, in 2^-64 of a unit: two roundings of 2^-53 of at most 127 units make a fourth of it.
const UNIT_DOUBT: u64 = 1 << 20;
/// The last word whose number is below a half, the probability of an order inside a spread of two ticks.
const HALF_WORD: u64 = (1 << 63) - 513;
/// Upper bits of a word that choose a cell of a guide.
const GUIDE_BITS: u32 = 8;

/// Rates in one state of the best prices, in the order in which types are chosen: as whole numbers, and as the doubles of the definition.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Row {
    add_bid: u64,
    adds: u64,
    sell: u64,
    /// Adds and executions.
    all: u64,
    exact: Rates,
}

/// Rates as the definition has them, a second: of adds to the bids, of all adds, of buyers and of sellers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub add_bid: f64,
    pub adds: f64,
    pub buy: f64,
    pub sell: f64,
}

/// The level of a limit order by its word: a cell for each value of the upper bits, in which one border lies at most.
#[derive(Debug)]
struct Guide {
    /// The lowest level of each cell.
    levels: [u8; 1 << GUIDE_BITS],
    /// The last word of each level.
    last: [u64; LEVELS + 1],
}

/// The tables of one set of parameters.
#[derive(Debug)]
pub(super) struct Packed {
    rows: Vec<Row>,
    /// The rate of cancellations of one unit.
    cancel: u64,
    /// The same as the definition has it, for each number of units.
    cancels: Vec<f64>,
    /// For books of 1 to 7 levels.
    guides: Vec<Guide>,
}

/// The book in two words.
#[derive(Debug, Clone, Copy)]
struct Sides {
    bids: u64,
    asks: u64,
    bid_ticks: i32,
    ask_ticks: i32,
}

/// What does not change during a session.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// Bits of the levels of a side.
    bits: u32,
    mask: u64,
    /// The depth of a refilled level in every byte.
    refill: u64,
    /// Whether limit orders draw a level.
    draws_level: bool,
}

/// The upper half of a product: `count` times the number of a word, rounded down.
#[inline(always)]
const fn part_of(count: u64, word: u64) -> u64 {
    ((count as u128 * word as u128) >> 64) as u64
}

impl Guide {
    /// Nothing where two borders share a cell. `borders` are the running sums of the levels' probabilities, without the last.
    fn new(borders: &[f64]) -> Option<Self> {
        let mut last = [u64::MAX; LEVELS + 1];
        for (last, border) in last.iter_mut().zip(borders) {
            *last = last_word_below(*border)?;
        }
        let level = |word: u64| last.iter().filter(|last| **last < word).count() as u8;
        let first = |cell: usize| (cell as u64) << (u64::BITS - GUIDE_BITS);
        let levels = std::array::from_fn(|cell| level(first(cell)));
        let is_split_once = |cell: usize| level(first(cell) | (u64::MAX >> GUIDE_BITS)) <= levels[cell] + 1;
        (0..levels.len()).all(is_split_once).then_some(Self { levels, last })
    }

    #[inline(always)]
    fn level(&self, word: u64) -> u32 {
        let low = self.levels[(word >> (u64::BITS - GUIDE_BITS)) as usize];
        u32::from(low) + u32::from(word > self.last[usize::from(low) % (LEVELS + 1)])
    }
}

impl Packed {
    /// The tables, or nothing where whole numbers cannot stand for the rates. `rates` gives them by spread and depths of best bid and ask,
    /// `cancels` the rate of cancellations by the number of units, and `borders` what [`Guide::new`] wants, by the number of levels.
    pub fn new(
        rates: impl Fn(i32, u32, u32) -> Rates,
        cancels: impl Fn(u32) -> f64,
        borders: impl Fn(usize) -> Vec<f64>,
    ) -> Option<Self> {
        let states = (1..=SPREADS as i32)
            .flat_map(|spread| (0..DEPTHS as u32).map(move |bid| (spread, bid)))
            .flat_map(|(spread, bid)| (0..DEPTHS as u32).map(move |ask| (spread, bid, ask)));
        let rates: Vec<Rates> = states.map(|(spread, bid, ask)| rates(spread, bid, ask)).collect();
        let cancels: Vec<f64> = (0..=u32::from(u8::MAX)).map(cancels).collect();
        // A least rate of cancellations would not be a multiple of that of one unit.
        let of_one = cancels[1];
        if cancels[255] < of_one * 254.0 {
            return None;
        }
        let most = rates.iter().fold(0.0, |most, Rates { adds, buy, sell, .. }| f64::max(most, adds + buy + sell));
        let scale = TOTAL_MOST / (most + 2.0 * cancels[255]);
        if !(scale.is_finite() && scale > 0.0) {
            return None;
        }
        let whole = |rate: f64| (rate * scale).round() as u64;
        let row = |exact: &Rates| {
            let (adds, sell) = (whole(exact.adds), whole(exact.sell));
            Row { add_bid: whole(exact.add_bid), adds, sell, all: adds + whole(exact.buy) + sell, exact: *exact }
        };
        let guides = (1..=LEVELS).map(|levels| Guide::new(&borders(levels))).collect::<Option<_>>()?;
        Some(Self { rows: rates.iter().map(row).collect(), cancel: whole(of_one), cancels, guides })
    }

    /// Makes the steps of a range and returns where it stopped: before the end where a step is left to the definition.
    #[inline(always)]
    pub fn walk<const WIDTH: usize>(
        &self,
        book: &mut Book<WIDTH>,
        draws: &mut Draws,
        steps: &mut Steps,
        range: Range<usize>,
    ) -> usize {
        let Some((mut sides, form)) = Sides::of(book) else { return range.start };
        let guide = &self.guides[book.shape().levels() - 1];
        for nth in range.clone() {
            let Some((step, taken)) = self.step(&mut sides, form, guide, draws.words_ahead()) else {
                sides.put_into(book);
                return nth;
            };
            draws.take(taken);
            steps.put(nth, step, Quote { bid_ticks: sides.bid_ticks, ask_ticks: sides.ask_ticks });
        }
        sides.put_into(book);
        range.end
    }

    /// Makes a step and returns how many draws it took, or changes nothing.
    #[inline(always)]
    fn step(
        &self,
        sides: &mut Sides,
        form: Form,
        guide: &Guide,
        [word, type_word, third, fourth]: [u64; 4],
    ) -> Option<(Step, usize)> {
        let Sides { bids, asks, bid_ticks, ask_ticks } = *sides;
        let spread = ask_ticks.wrapping_sub(bid_ticks);
        let (bid, ask, spread_at) = ((bids & 0xff) as usize, (asks & 0xff) as usize, spread.wrapping_sub(1) as usize);
        let (bid_sums, ask_sums) = (bids.wrapping_mul(ONES), asks.wrapping_mul(ONES));
        let (bid_sum, ask_sum) = (bid_sums >> 56, ask_sums >> 56);
        if ((bid | ask) >= DEPTHS) | (spread_at >= SPREADS) | ((bid_sum | ask_sum) > u64::from(UNITS)) {
            return None;
        }
        let row = self.rows.get((spread_at * DEPTHS + bid) * DEPTHS + ask)?;

        // Which type.
        let to_cancel_bid = row.adds + self.cancel * bid_sum;
        let to_cancel_ask = row.adds + self.cancel * (bid_sum + ask_sum);
        let total = row.all + self.cancel * (bid_sum + ask_sum);
        let borders = [row.add_bid, row.adds, to_cancel_bid, to_cancel_ask, total - row.sell];
        let aim = part_of(total, type_word);
        let chosen = borders.iter().map(|border| usize::from(*border <= aim)).sum::<usize>();
        let near = borders
            .iter()
            .fold(false, |near, border| near | (aim.wrapping_sub(*border).wrapping_add(DOUBT) < 2 * DOUBT));
        let is_add = aim < row.adds;
        let is_execution = aim >= to_cancel_ask;
        let is_ask = (0b01_1010 >> chosen) & 1 != 0;

        // Which level. Both sides' units are chosen at once: which side it is comes late.
        let (bid_unit, bid_near) = unit_of(bid_sums, bid_sum, third);
        let (ask_unit, ask_near) = unit_of(ask_sums, ask_sum, third);
        if near | bid_near | ask_near {
            return None;
        }
        let is_wide = spread > 1;
        let is_inside = is_add & is_wide & ((spread > 2) | (third <= HALF_WORD));
        let add_shift = 8 * guide.level(select_unpredictable(is_wide, fourth, third));
        let cancel_shift = select_unpredictable(is_ask, ask_unit, bid_unit);
        let taken_shift = select_unpredictable(is_execution, 0, cancel_shift);
        let shift = select_unpredictable(is_add, add_shift, taken_shift);

        // What becomes of its side.
        let side = select_unpredictable(is_ask, asks, bids);
        let unit = 1u64 << (shift & 63);
        let changed = side.wrapping_add(select_unpredictable(is_add, unit, unit.wrapping_neg()));
        let changed = select_unpredictable(is_inside, ((side << 8) | 1) & form.mask, changed);
        // Empty levels before the first unit are dropped, and as many are added at the far end.
        let dropped = (changed | (1 << form.bits)).trailing_zeros() & !7;
        let refilled = (form.refill << (form.bits - dropped)) & form.mask;
        let changed = (changed >> dropped) | refilled;
        sides.bids = select_unpredictable(is_ask, bids, changed);
        sides.asks = select_unpredictable(is_ask, changed, asks);

        let outward = 2 * i32::from(is_ask) - 1;
        let best_ticks = select_unpredictable(is_ask, ask_ticks, bid_ticks);
        let level = select_unpredictable(is_inside, -1, (shift >> 3) as i32);
        let best_level = (dropped >> 3) as i32 - i32::from(is_inside);
        let moved_ticks = best_ticks.wrapping_add(outward * best_level);
        sides.bid_ticks = select_unpredictable(is_ask, bid_ticks, moved_ticks);
        sides.ask_ticks = select_unpredictable(is_ask, moved_ticks, ask_ticks);

        let exact = &row.exact;
        let total =
            exact.adds + self.cancels[bid_sum as usize] + self.cancels[ask_sum as usize] + exact.buy + exact.sell;
        let by_add = usize::from(is_wide) + usize::from(!is_inside & form.draws_level);
        let taken = 2 + select_unpredictable(is_add, by_add, usize::from(!is_execution));
        let event_type = EventType::ALL[chosen];
        let price_ticks = best_ticks.wrapping_add(outward * level);
        Some((Step { word, total, event_type, price_ticks }, taken))
    }
}

/// How far the byte of the level is shifted whose unit a word chooses, and whether that is in doubt.
#[inline(always)]
fn unit_of(sums: u64, sum: u64, word: u64) -> (u32, bool) {
    let product = u128::from(sum) * u128::from(word);
    let (whole, part) = ((product >> 64) as u64, product as u64);
    // The upper bit of a byte stays where the running sum is not above the whole number.
    let above = !((TOPS + whole * ONES) - sums) & TOPS;
    (above.trailing_zeros() & 0x38, part.wrapping_add(UNIT_DOUBT) < 2 * UNIT_DOUBT)
}

impl Sides {
    /// Nothing where the book does not fit into two words.
    #[inline(always)]
    fn of<const WIDTH: usize>(book: &Book<WIDTH>) -> Option<(Self, Form)> {
        let shape = book.shape();
        let levels = shape.levels();
        let [bids, asks] = &book.sides;
        let depth = shape.depth();
        if levels > LEVELS || depth > UNITS / levels as u32 || bids.sum > UNITS || asks.sum > UNITS {
            return None;
        }
        let packed = |depths: &[u32]| depths.iter().rev().fold(0, |word, depth| (word << 8) | u64::from(*depth));
        let sides = Self {
            bids: packed(&bids.depths[..levels]),
            asks: packed(&asks.depths[..levels]),
            bid_ticks: bids.best_ticks,
            ask_ticks: asks.best_ticks,
        };
        let bits = 8 * levels as u32;
        let form = Form { bits, mask: (1 << bits) - 1, refill: u64::from(depth) * ONES, draws_level: levels > 1 };
        Some((sides, form))
    }

    #[inline(always)]
    fn put_into<const WIDTH: usize>(self, book: &mut Book<WIDTH>) {
        let levels = book.shape().levels();
        let words = [(self.bids, self.bid_ticks), (self.asks, self.ask_ticks)];
        for (ladder, (word, best_ticks)) in book.sides.iter_mut().zip(words) {
            for (depth, byte) in ladder.depths[..levels].iter_mut().zip(word.to_le_bytes()) {
                *depth = u32::from(byte);
            }
            ladder.sum = ladder.depths[..levels].iter().sum();
            ladder.best_ticks = best_ticks;
        }
    }
}

#[cfg(test)]
mod tests;
