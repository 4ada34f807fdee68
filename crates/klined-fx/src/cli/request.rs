//! Flags turned into what is to be done. Everything that can be refused is refused here, by the flag's name.

use std::path::PathBuf;

use klined_market::base::Seed;
use thiserror::Error;

use super::args::{GenerateArgs, Mode, RowArgs};
use super::times::{InvalidInstant, parse_instant};
use crate::base::{Hours, Pair, UnknownPair};
use crate::market::ladder::LEVELS_MAX;
use crate::market::{Market, MarketSettings, OrderRate};
use crate::pipeline::Job;
use crate::plan::{NothingToDo, Plan, PlanTotals, ROWS_PER_SECOND_MAX, RowRate};
use crate::rows::Depth;

/// A flag that cannot be obeyed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidRequest {
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
    #[error("--to is \"{0}\": it must be file:DIRECTORY")]
    Target(String),
    #[error("--mode is missing: real-time or faster-than-life")]
    NoMode,
    #[error("--token over TCP needs --token_x and --token_y, the public key's coordinates")]
    TokenWithoutCoordinates,
    #[error("--{0} is given without --token")]
    CoordinateWithoutToken(&'static str),
}

/// Where rows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    QuestDb,
    Files(PathBuf),
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Request {
    pub job: Job,
    pub totals: PlanTotals,
    pub mode: Mode,
    pub target: Target,
}

fn within(flag: &'static str, value: u64, least: u64, most: u64) -> Result<u64, InvalidRequest> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(InvalidRequest::OutOfRange { flag, value, least, most })
    }
}

/// Two flags that bound one number.
fn bounds(
    (low_flag, low): (&'static str, u64),
    (high_flag, high): (&'static str, u64),
    least: u64,
    most: u64,
) -> Result<(u32, u32), InvalidRequest> {
    within(low_flag, low, least, most)?;
    within(high_flag, high, least, most)?;
    if low > high {
        return Err(InvalidRequest::Crossed { low_flag, low, high_flag, high });
    }
    // Both lie below a bound that fits.
    Ok((low as u32, high as u32))
}

fn pairs(text: Option<&str>) -> Result<Vec<Pair>, InvalidRequest> {
    let Some(text) = text else { return Ok(Pair::all().to_vec()) };
    let mut pairs: Vec<Pair> = Vec::new();
    for name in text.split(',').filter(|name| !name.trim().is_empty()) {
        let pair: Pair = name.parse()?;
        if pairs.contains(&pair) {
            return Err(InvalidRequest::PairTwice(pair));
        }
        pairs.push(pair);
    }
    if pairs.is_empty() {
        return Err(InvalidRequest::NoPair);
    }
    // One order, however they are given: the same pairs make the same rows.
    pairs.sort_unstable();
    Ok(pairs)
}

/// The job and its totals, from the flags of rows; `now_nanos` is what a missing start means.
fn job(rows: &RowArgs, workers: usize, now_nanos: i64) -> Result<(Job, PlanTotals), InvalidRequest> {
    const NANOS: i64 = 1_000_000_000;
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
    let total = within("total_market_data_events", rows.total_market_data_events, 1, 1_000_000_000_000)?;
    let pairs = pairs(rows.pairs.as_deref())?;

    let instant = |flag, text: &Option<String>| {
        let parsed = text.as_deref().map(parse_instant).transpose();
        parsed.map_err(|source| InvalidRequest::Instant { flag, source })
    };
    let start = instant("start_ts", &rows.start_ts)?;
    let end = instant("end_ts", &rows.end_ts)?;
    let start_nanos = start.unwrap_or(now_nanos);
    if let Some(end) = end.filter(|&end| start_nanos >= end) {
        let text = |given: &Option<String>, nanos: i64| {
            given.clone().unwrap_or_else(|| chrono::DateTime::from_timestamp_nanos(nanos).to_rfc3339())
        };
        return Err(InvalidRequest::StartAfterEnd {
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
        return Err(InvalidRequest::OutsideYears);
    }
    let market = Market::new(MarketSettings {
        seed: Seed(rows.seed),
        hours,
        levels: levels_most as usize,
        orders: OrderRate { least: orders_least, most: orders_most },
    });
    let totals = plan.totals(market.streams)?;
    let depth = Depth { least: levels_least as usize, most: levels_most as usize };
    Ok((Job { market, pairs, depth, plan, workers }, totals))
}

impl Request {
    /// What the flags ask for.
    ///
    /// # Errors
    /// A flag cannot be obeyed.
    pub fn of(args: &GenerateArgs, now_nanos: i64) -> Result<Self, InvalidRequest> {
        let mode = args.mode.ok_or(InvalidRequest::NoMode)?;
        let workers = within("processes", args.processes, 1, 256)? as usize;
        let server = &args.server;
        let has_token = server.token.is_some() || server.token_file.is_some();
        let coordinates = [("token_x", &server.token_x), ("token_y", &server.token_y)];
        for (flag, given) in coordinates {
            if given.is_some() && !has_token {
                return Err(InvalidRequest::CoordinateWithoutToken(flag));
            }
            if given.is_none() && has_token && server.protocol == super::args::Protocol::Tcp {
                return Err(InvalidRequest::TokenWithoutCoordinates);
            }
        }
        let target = match &args.to {
            None => Target::QuestDb,
            Some(to) => match to.strip_prefix("file:").filter(|path| !path.is_empty()) {
                Some(path) => Target::Files(path.into()),
                None => return Err(InvalidRequest::Target(to.clone())),
            },
        };
        let (job, totals) = job(&args.rows, workers, now_nanos)?;
        Ok(Self { job, totals, mode, target })
    }
}
