//! The usual lengths of the queues at the best prices, of a day.
//!
//! A queue at the best price holds a share of the day's volume that is proportional to the tick's share in the price: where the tick
//! is coarse, orders queue up instead of bidding higher (K. Dayri, M. Rosenbaum, Market Microstructure and Liquidity 1 (2015);
//! M. O'Hara, G. Saar, Z. Zhong, Review of Asset Pricing Studies 9 (2019)). So a stock at 5 yuan shows thousands of lots and
//! one at 50 yuan some tens. On the board `free`, where many venues share the orders, the queues are shorter.
//!
//! At a price limit orders queue that would have bid higher. That queue is log-normal over days, with a median of 4 % of the day's
//! volume.

use chrono::NaiveDate;
use rand_core::Rng;

use crate::base::seed::open_unit;
use crate::base::{Board, Instrument, Price, Seed, Stream, price::TICKS_PER_UNIT};
use crate::model::math::exp;
use crate::model::normal;

/// A best queue's mean share of the day's volume, in the tick's shares of the price.
const ON_BOARDS: f64 = 5.0;
const ON_FREE: f64 = 0.2;
/// Median of a queue at a price limit as a share of the day's volume, and the standard deviation of its log.
const AT_LIMIT: f64 = 0.04;
const AT_LIMIT_DEVIATION: f64 = 0.8;
/// No queue is longer than this number of shares.
const SHARES_MAX: f64 = 1.0e15;

/// Mean lengths of a day's queues, in shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueDepth {
    /// At the best bid and ask, 1 or more.
    pub best: u64,
    /// At a price limit, on the side that waits there, 1 or more.
    pub at_limit: u64,
}

impl QueueDepth {
    /// The queues of an instrument's day after a close.
    #[must_use]
    pub fn of_day(seed: Seed, instrument: &Instrument, day: NaiveDate, previous_close: Price) -> Self {
        let ticks = previous_close.ticks() as f64;
        let shares_a_day = instrument.daily_turnover / ticks * TICKS_PER_UNIT as f64;
        let per_tick = if instrument.board == Board::Free { ON_FREE } else { ON_BOARDS };
        let word = seed.stream(Stream::LimitQueue, &instrument.symbol, day).next_u64();
        let at_limit = AT_LIMIT * exp(AT_LIMIT_DEVIATION * normal::quantile(open_unit(word)));
        let shares = |share: f64| (share * shares_a_day).clamp(1.0, SHARES_MAX) as u64;
        Self { best: shares(per_tick / ticks), at_limit: shares(at_limit) }
    }
}
