//! Flags turned into what is to be done. Everything that can be refused is refused here, by the flag's name.

use std::path::PathBuf;
use std::sync::Arc;

use ::questdb::ingress::Protocol;
use klined_market::base::Seed;
use thiserror::Error;

use super::args::{GenerateArgs, Mode, Protocol as Transport, RowArgs, ServerArgs};
use super::times::{InvalidInstant, parse_instant};
use crate::base::{DAY_SECONDS, Hours, Pair, UnknownPair};
use crate::market::levels::LEVELS_MAX;
use crate::market::{Market, MarketSettings, OrderRate};
use crate::out::entities::ENTITIES_MOST;
use crate::out::{InvalidSuffix, TableNames};
use crate::pipeline::Job;
use crate::plan::{NothingToDo, Plan, PlanTotals, ROWS_PER_SECOND_MAX, RowRate};
use crate::questdb::pace::Pace;
use crate::questdb::run::IngestSettings;
use crate::questdb::schema::Views;
use crate::questdb::send::IlpSettings;
use crate::questdb::server::PgSettings;
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
    #[error("--suffix: {0}")]
    Suffix(#[from] InvalidSuffix),
    #[error("--{0} says nothing of files, which --to asks for")]
    NotForFiles(&'static str),
    #[error("--mode is missing: real-time or faster-than-life")]
    NoMode,
    #[error(
        "--enterprise asks for storage policies of QuestDB Enterprise, which this program does not set: leave it out, or make the tables with \
         their policies first"
    )]
    Enterprise,
    #[error("--tls_ca is given, and --tls false")]
    AuthorityWithoutTls,
    #[error("--token over TCP needs --token_x and --token_y, the public key's coordinates")]
    TokenWithoutCoordinates,
    #[error("--{0} is given without --token")]
    CoordinateWithoutToken(&'static str),
    #[error("--{flag}: cannot read {}: {reason}", path.display())]
    SecretFile { flag: &'static str, path: PathBuf, reason: String },
    #[error("--{flag} and --{flag}_file are both given")]
    SecretTwice { flag: &'static str },
}

/// Rows that are sent together, about.
const FLUSH_ROWS: u64 = 60_000;

/// Where rows go.
#[derive(Debug, Clone)]
pub enum Target {
    QuestDb(Box<IngestSettings>),
    Files(PathBuf),
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Request {
    pub job: Job,
    pub totals: PlanTotals,
    pub target: Target,
    pub pace: Pace,
    /// How many entities trade.
    pub entities: usize,
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
fn job(rows: &RowArgs, workers: usize, mode: Mode, now_nanos: i64) -> Result<(Job, PlanTotals), InvalidRequest> {
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
    // Real time goes second by second; else blocks are as large as a flush is best.
    let rate = (u64::from(book_least) + u64::from(book_most)) / 2;
    let block_seconds = if mode == Mode::RealTime { 1 } else { (FLUSH_ROWS / rate).clamp(1, chunk.min(60)) as usize };
    Ok((Job { market, pairs, depth, plan, workers, block_seconds }, totals))
}

/// A secret from its flag or the first line of a file.
fn secret(flag: &'static str, given: Option<&str>, file: Option<&PathBuf>) -> Result<Option<String>, InvalidRequest> {
    match (given, file) {
        (Some(_), Some(_)) => Err(InvalidRequest::SecretTwice { flag }),
        (given, None) => Ok(given.map(str::to_owned)),
        (None, Some(path)) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text.lines().next().unwrap_or_default().trim_end().to_owned())),
            Err(error) => Err(InvalidRequest::SecretFile { flag, path: path.clone(), reason: error.to_string() }),
        },
    }
}

/// Where the database is, and who asks.
fn server(args: &ServerArgs) -> Result<(PgSettings, IlpSettings), InvalidRequest> {
    let token = secret("token", args.token.as_deref(), args.token_file.as_ref())?;
    let ilp_password = secret("ilp_password", args.ilp_password.as_deref(), args.ilp_password_file.as_ref())?;
    let password = match &args.password_file {
        Some(_) => secret("password", None, args.password_file.as_ref())?.unwrap_or_default(),
        None => args.password.clone(),
    };
    for (flag, given) in [("token_x", &args.token_x), ("token_y", &args.token_y)] {
        if given.is_some() && token.is_none() {
            return Err(InvalidRequest::CoordinateWithoutToken(flag));
        }
        if given.is_none() && token.is_some() && args.protocol == Transport::Tcp {
            return Err(InvalidRequest::TokenWithoutCoordinates);
        }
    }
    let is_tls = args.tls.unwrap_or(token.is_some() || args.tls_ca.is_some());
    if !is_tls && args.tls_ca.is_some() {
        return Err(InvalidRequest::AuthorityWithoutTls);
    }
    let (protocol, port) = match (args.protocol, is_tls) {
        (Transport::Http, false) => (Protocol::Http, args.http_port),
        (Transport::Http, true) => (Protocol::Https, args.http_port),
        (Transport::Tcp, false) => (Protocol::Tcp, args.ilp_port),
        (Transport::Tcp, true) => (Protocol::Tcps, args.ilp_port),
    };
    // Over HTTP a token stands alone and a user goes with a password; over TCP a user goes with a key.
    let has_user = if args.protocol == Transport::Http { ilp_password.is_some() } else { token.is_some() };
    let coordinates = args.token_x.clone().zip(args.token_y.clone()).filter(|_| args.protocol == Transport::Tcp);
    let ilp = IlpSettings {
        protocol,
        host: args.host.clone(),
        port,
        user: has_user.then(|| args.ilp_user.clone()),
        password: ilp_password.filter(|_| args.protocol == Transport::Http),
        token,
        coordinates,
        authority: args.tls_ca.clone(),
    };
    let pg = PgSettings { host: args.host.clone(), port: args.pg_port, user: args.user.clone(), password };
    Ok((pg, ilp))
}

impl Request {
    /// What the flags ask for.
    ///
    /// # Errors
    /// A flag cannot be obeyed.
    pub fn of(args: &GenerateArgs, now_nanos: i64) -> Result<Self, InvalidRequest> {
        let mode = args.mode.ok_or(InvalidRequest::NoMode)?;
        Self::in_mode(args, mode, now_nanos)
    }

    /// What the flags ask for, in a mode that stands fast.
    ///
    /// # Errors
    /// A flag cannot be obeyed.
    pub fn in_mode(args: &GenerateArgs, mode: Mode, now_nanos: i64) -> Result<Self, InvalidRequest> {
        if args.enterprise {
            return Err(InvalidRequest::Enterprise);
        }
        let workers = within("processes", args.processes, 1, 256)? as usize;
        let (pg, ilp) = server(&args.server)?;
        let pace = match (mode, &args.rows.start_ts) {
            (Mode::FasterThanLife, _) => Pace::Free,
            (Mode::RealTime, None) => Pace::Wall,
            (Mode::RealTime, Some(_)) => Pace::FromNow,
        };
        let entities = within("lei_pool_size", args.rows.lei_pool_size, 1, ENTITIES_MOST as u64)? as usize;
        let names = Arc::new(TableNames::with_suffix(&args.suffix)?);
        let target = match &args.to {
            None => {
                let views = Views { are_made: args.create_views, is_ttl_short: args.short_ttl };
                let (incremental, is_start_given) = (args.incremental, args.rows.start_ts.is_some());
                let settings = IngestSettings { pg, ilp, names, entities, views, incremental, is_start_given, pace };
                Target::QuestDb(Box::new(settings))
            }
            Some(_) if args.incremental => return Err(InvalidRequest::NotForFiles("incremental")),
            Some(to) => match to.strip_prefix("file:").filter(|path| !path.is_empty()) {
                Some(path) => Target::Files(path.into()),
                None => return Err(InvalidRequest::Target(to.clone())),
            },
        };
        let (job, totals) = job(&args.rows, workers, mode, now_nanos)?;
        Ok(Self { job, totals, target, pace, entities })
    }
}
