//! The trades of a test feed: one or two in every tenth of a second, each of 100 to 500 shares.
//!
//! They come within a millisecond after the beginning of their tenth, so that a client receives them together. Their times and sizes
//! depend on the minute alone; only their prices follow the bar's. So here the bar takes volume, turnover and number of trades from
//! its trades, and in all other markets the trades keep to the bar's.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::path;
use super::top_of_book::{PricedTrade, TopOfBook};
use super::{NANOS_PER_MINUTE, TickFacts};
use crate::bars::Bar;
use crate::base::{Ohlcv, Seed, Stream, Symbol, Traded};

/// Tenths of a second in a minute.
const SLOTS: u64 = 600;
const NANOS_PER_SLOT: u64 = NANOS_PER_MINUTE / SLOTS;
/// The smallest size, and the number of sizes from there on.
const SHARES_LEAST: u64 = 100;
const SHARES_SIZES: u64 = 401;
/// The first trade of a tenth comes after 1 to this many steps of a microsecond.
const DELAY_STEPS: u64 = 1000;
const NANOS_PER_STEP: u64 = 1000;

/// The drawn trades of a minute, without their quotes.
pub(super) struct SlotTrades {
    /// Nanoseconds from the minute's start, strictly increasing.
    pub times: Vec<u64>,
    pub shares: Vec<u64>,
    pub priced: Vec<PricedTrade>,
    pub top: TopOfBook,
}

/// The trades of a bar, whose volume has no part in them. The stream goes on with what quotes need.
pub(super) fn draw(stream: &mut ChaCha8Rng, facts: &TickFacts, bar: &Ohlcv) -> SlotTrades {
    let most = 2 * SLOTS as usize;
    let (mut times, mut shares) = (Vec::with_capacity(most), Vec::with_capacity(most));
    for slot in 0..SLOTS {
        let word = stream.next_u64();
        // A number below `of` from bits of the word that nothing else uses.
        let below = |shift: u32, of: u64| ((word >> shift & 0xffff) * of) >> 16;
        let first = slot * NANOS_PER_SLOT + (1 + below(0, DELAY_STEPS)) * NANOS_PER_STEP;
        times.push(first);
        shares.push(SHARES_LEAST + below(16, SHARES_SIZES));
        if word >> 63 == 1 {
            times.push(first + NANOS_PER_STEP);
            shares.push(SHARES_LEAST + below(32, SHARES_SIZES));
        }
    }
    let points = path::draw(stream, bar, times.len());
    let mut top = TopOfBook::of(facts, &of_volume(bar, &shares), times.len());
    let priced = points.iter().map(|&point| top.price(point, stream.next_u64())).collect();
    SlotTrades { times, shares, priced, top }
}

/// The prices of a bar with the volume of its trades.
fn of_volume(bar: &Ohlcv, shares: &[u64]) -> Ohlcv {
    Ohlcv::spanning(bar.open(), bar.close(), bar.high(), bar.low(), shares.iter().sum())
}

/// A bar with volume, turnover and number of trades of its trades. Its own volume has no part in them.
#[must_use]
pub fn with_slot_trades(seed: Seed, symbol: &Symbol, facts: &TickFacts, bar: &Bar) -> Ohlcv {
    let mut stream = seed.minute_stream(Stream::Ticks, symbol, bar.first.start());
    draw(&mut stream, facts, &bar.ohlcv).sums(&bar.ohlcv)
}

impl SlotTrades {
    /// The bar with what the trades add up to.
    pub fn sums(&self, bar: &Ohlcv) -> Ohlcv {
        let sums = of_volume(bar, &self.shares);
        let above_low = self.priced.iter().zip(&self.shares).map(|(priced, shares)| priced.price * shares).sum::<u64>();
        let turnover = bar.low().ticks().checked_mul(sums.volume()).zip(i64::try_from(above_low).ok());
        let turnover = turnover.and_then(|(of_low, above)| of_low.checked_add(above));
        let traded = turnover.and_then(|turnover| Traded::new(turnover, self.shares.len() as i64).ok());
        sums.with_traded(traded)
    }
}
