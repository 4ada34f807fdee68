//! Which part of the market is made, and how many rows. What can be refused is refused here, by the name of its flag.

mod rows;
pub mod times;

use klined_market::base::Seed;
use thiserror::Error;

pub use rows::RowArgs;
use times::{InvalidInstant, parse_instant};

use crate::base::{DAY_SECONDS, Hours, Pair, UnknownPair};
use crate::market::levels::LEVELS_MAX;
use crate::market::{Market, MarketSettings, OrderRate};
use crate::out::entities::ENTITIES_MOST;
use crate::pipeline::Job;
use crate::plan::{NothingToDo, Plan, PlanTotals, ROWS_PER_SECOND_MAX, RowRate};
use crate::rows::Depth;

/// Rows that no market has, by the name of the flag that asks for them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidRows {
    #[error("--{flag} is {value}: it must lie between {least} and {most}")]
    OutOfRange { flag: &'static str, value: u64, least: u64, most: u64 },
    #[error("--{low_flag} {low} is more than --{high_flag} {high}")]
    Crossed { low_flag: &'static str, low: u64, high_flag: &'static str, high: u64 },
    #[error("--{flag}: {source}")]
    Instant { flag: &'static str, source: InvalidInstant },
    #[error("--start_ts {start} does not lie before --end_ts {end}")]
    StartAfterEnd { start: String, end: String },
    #[error("--start_ts, --end_ts: {0}; --always_open true makes a market without weekends")]
    Closed(#[from] NothingToDo),
    #[error("--start_ts: the years 1990 to 2099 are known")]
    OutsideYears,
    #[error("--pairs: {0}")]
    Pair(#[from] UnknownPair),
    #[error("--pairs names {0} twice")]
    PairTwice(Pair),
    #[error("--pairs names no pair")]
    NoPair,
}

/// Rows that are made together, about.
const FLUSH_ROWS: u64 = 60_000;
/// Seconds that are made together, at most.
pub const BLOCK_SECONDS_MOST: u64 = 60;

/// A number that must lie between two others.
///
/// # Errors
/// It does not.
pub fn within(flag: &'static str, value: u64, least: u64, most: u64) -> Result<u64, InvalidRows> {
    if (least..=most).contains(&value) { Ok(value) } else { Err(InvalidRows::OutOfRange { flag, value, least, most }) }
}

/// Two numbers that bound one number.
fn bounds(
    (low_flag, low): (&'static str, u64),
    (high_flag, high): (&'static str, u64),
    least: u64,
    most: u64,
) -> Result<(u32, u32), InvalidRows> {
    within(low_flag, low, least, most)?;
    within(high_flag, high, least, most)?;
    if low > high {
        return Err(InvalidRows::Crossed { low_flag, low, high_flag, high });
    }
    // Both lie below a bound that fits.
    Ok((low as u32, high as u32))
}

fn pairs(text: Option<&str>) -> Result<Vec<Pair>, InvalidRows> {
    let Some(text) = text else { return Ok(Pair::all().to_vec()) };
    let mut pairs: Vec<Pair> = Vec::new();
    for name in text.split(',').filter(|name| !name.trim().is_empty()) {
        let pair: Pair = name.parse()?;
        if pairs.contains(&pair) {
            return Err(InvalidRows::PairTwice(pair));
        }
        pairs.push(pair);
    }
    if pairs.is_empty() {
        return Err(InvalidRows::NoPair);
    }
    // One order, however they are given: the same pairs make the same rows.
    pairs.sort_unstable();
    Ok(pairs)
}

impl RowArgs {
    /// How many entities trade.
    ///
    /// # Errors
    /// They are too many.
    pub fn entities(&self) -> Result<usize, InvalidRows> {
        within("lei_pool_size", self.lei_pool_size, 1, ENTITIES_MOST as u64).map(|count| count as usize)
    }

    /// The job and its totals. `block_seconds_most` is how many seconds a worker makes at once, at most; `now_nanos` is what a missing start
    /// means.
    ///
    /// # Errors
    /// A number is outside of its range, or the market is closed in all of the time.
    pub fn job(
        &self,
        workers: usize,
        block_seconds_most: u64,
        now_nanos: i64,
    ) -> Result<(Job, PlanTotals), InvalidRows> {
        let rows = self;
        const NANOS: i64 = crate::base::NANOS_PER_SECOND;
        let most = u64::from(ROWS_PER_SECOND_MAX);
        let (book_least, book_most) = bounds(
            ("market_data_min_eps", rows.market_data_min_eps),
            ("market_data_max_eps", rows.market_data_max_eps),
            1,
            most,
        )?;
        let (core_least, core_most) =
            bounds(("core_min_eps", rows.core_min_eps), ("core_max_eps", rows.core_max_eps), 0, most)?;
        let (orders_least, orders_most) = bounds(
            ("orders_min_per_sec", rows.orders_min_per_sec),
            ("orders_max_per_sec", rows.orders_max_per_sec),
            0,
            1_000,
        )?;
        let (levels_least, levels_most) =
            bounds(("min_levels", rows.min_levels), ("max_levels", rows.max_levels), 1, LEVELS_MAX as u64)?;
        let chunk = within("chunk_seconds", rows.chunk_seconds, 1, DAY_SECONDS as u64)?;
        let total = within("total_market_data_events", rows.total_market_data_events, 1, 1_000_000_000_000)?;
        let pairs = pairs(rows.pairs.as_deref())?;

        let instant = |flag, text: &Option<String>| {
            let parsed = text.as_deref().map(parse_instant).transpose();
            parsed.map_err(|source| InvalidRows::Instant { flag, source })
        };
        let start = instant("start_ts", &rows.start_ts)?;
        let end = instant("end_ts", &rows.end_ts)?;
        let start_nanos = start.unwrap_or(now_nanos);
        if let Some(end) = end.filter(|&end| start_nanos >= end) {
            let text = |given: &Option<String>, nanos: i64| {
                given.clone().unwrap_or_else(|| chrono::DateTime::from_timestamp_nanos(nanos).to_rfc3339())
            };
            return Err(InvalidRows::StartAfterEnd {
                start: text(&rows.start_ts, start_nanos),
                end: text(&rows.end_ts, end),
            });
        }
        let hours = if rows.always_open { Hours::Always } else { Hours::Week };
        let plan = Plan {
            hours,
            // The first whole second, and none that reaches past the end.
            start: start_nanos.div_euclid(NANOS) + i64::from(start_nanos.rem_euclid(NANOS) > 0),
            end: end.map(|end| end.div_euclid(NANOS)),
            book_rate: RowRate { least: book_least, most: book_most },
            core_rate: RowRate { least: core_least, most: core_most },
            book_rows: total,
        };
        if matches!(hours.day_at(plan.start), Err(crate::base::NoMarket::OutsideYears(_))) {
            return Err(InvalidRows::OutsideYears);
        }
        let market = Market::new(MarketSettings {
            seed: Seed(rows.seed),
            hours,
            levels: levels_most as usize,
            orders: OrderRate { least: orders_least, most: orders_most },
        });
        let totals = plan.totals(market.streams)?;
        let depth = Depth { least: levels_least as usize, most: levels_most as usize };
        // Blocks are as large as a flush is best.
        let rate = (u64::from(book_least) + u64::from(book_most)) / 2;
        let block_seconds = (FLUSH_ROWS / rate).clamp(1, chunk.min(block_seconds_most)) as usize;
        Ok((Job { market, pairs, depth, plan, workers, block_seconds }, totals))
    }
}
