//! Backfill: history, made by the same runs as the live market but month after month and without waiting.
//!
//! The first transaction writes the plan, every new symbol's listing and opening state, and each later one some bars with
//! the state they lead to. So whatever a kill leaves behind is a shorter history of the same market, which the same
//! command or a generator's start goes on with.
//!
//! The roll-ups are folded while the bars pass and written with them, under the aggregator's role where it is free. Where it is
//! not, and for symbols whose stored bars this run has not seen, they are left to the aggregator.

mod pipeline;
mod walk;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use tracing::{info, warn};

use self::pipeline::{Pipeline, Written};
use self::walk::Walk;
use super::advance::{ensure_partitions_ahead, ensure_week, opening, resume, status_after};
use super::universe::{self, Roster};
use super::{Aggregator, Folded, JobError, Market, Stop};
use crate::store::{BarStore, Lease, Listing, LoadRoles, MarketWrite, Mend, Outdated, ParametersSince, Role};
use klined_market::bars::{Rollup, SymbolRun};
use klined_market::base::{Symbol, UnixSeconds};
use klined_market::calendar::Minute;

/// Which days a new symbol gets. A symbol that has bars is continued from its last one in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// So many trading days, the last of which is that of the last trading minute that is over.
    Days(usize),
    /// From one date to another, both included; without a second to the last trading minute that is over.
    Range { from: NaiveDate, to: Option<NaiveDate> },
}

/// What a backfill has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backfilled {
    /// 1-minute bars written.
    pub bars: u64,
    /// Roll-ups written with them.
    pub rollups: u64,
    pub symbols: usize,
    /// First and last minute of the market afterwards.
    pub first: Minute,
    pub last: Minute,
    /// Whether everything asked for is there; false when it was stopped.
    pub is_complete: bool,
}

/// Receives the progress of a backfill.
pub trait Progress {
    /// So many bars are going to be written.
    fn begin(&mut self, bars: u64);
    /// So many more have been written.
    fn advance(&mut self, bars: u64);
    /// So many more have been sent to the database in a transaction that is not committed yet.
    fn under_way(&mut self, _bars: u64) {}
}

struct Plan {
    runs: Vec<(SymbolRun, NaiveDate)>,
    roster: Roster,
    target: Minute,
    opening: MarketWrite,
}

/// Fills the market of a window, for every symbol of the market's shard or one. Of a divided market that has not begun the first
/// shard lists every symbol, those of the others too, so that all begin with the same day.
///
/// # Errors
/// The window is empty or would precede bars that exist, the symbol is unknown or another shard's, another writer lives, or the
/// database fails; or the market is divided, has not begun, and this is not the first shard. Everything written before stays
/// valid.
pub fn backfill(
    market: &Market,
    window: Window,
    only: Option<Symbol>,
    now: UnixSeconds,
    progress: &mut dyn Progress,
    stop: &Stop,
) -> Result<Backfilled, JobError> {
    let shard = market.shard;
    if let Some(symbol) = only.filter(|&symbol| !shard.holds(symbol)) {
        return Err(JobError::OtherShard { symbol, shard });
    }
    let lease = market.store.acquire_shard(Role::Writer, shard)?;
    let now = present(market, only, now)?;
    let (first_day, end) = bounds(market, window, now)?;
    // Read before the scenarios: a process that reads that the market has begun then also reads the scenarios that it began with.
    let has_begun = !market.store.listings()?.is_empty();
    if !has_begun && !shard.is_first() {
        return Err(JobError::NotBegun(shard));
    }
    market.require_agreement()?;
    let market = &market.clone().with_scenarios(&lease, first_day)?;
    let is_open_ended = !matches!(window, Window::Range { to: Some(_), .. });
    let Plan { runs, roster, target, opening } = plan(market, first_day, end, is_open_ended, only, has_begun)?;
    let calendar = &market.calendar;
    let earliest = runs.iter().map(|(run, _)| run.day()).min().unwrap_or_else(|| calendar.day_of(target));
    if calendar.is_projected(calendar.day_of(target)) {
        warn!(known_until = %calendar.known_until(), "the window holds projected days: holidays there are a guess");
    }
    ensure_week(market, earliest)?;
    let aggregator = free_aggregator(market, only)?;
    if let Some(aggregator) = &aggregator {
        aggregator.run(None, stop)?;
    }
    let mut walks = walks(runs, aggregator.as_ref())?;
    market.store.write(&lease, &opening)?;

    let missing = |run: &SymbolRun| -> Result<u64, JobError> {
        let day_open = calendar.open_of(run.day())?.start();
        Ok(calendar.minutes_between(day_open, target.end()).saturating_sub(u64::from(run.next_index())))
    };
    progress.begin(walks.iter().map(|walk| missing(&walk.run)).sum::<Result<u64, _>>()?);

    let roles = LoadRoles { writer: &lease, aggregator: aggregator.as_ref().map(Aggregator::lease) };
    let pipeline = Pipeline { market, roles, roster: &roster, stop };
    let Written { bars, rollups } = pipeline.run(&mut walks, target, progress)?;
    let is_complete = !stop.is_asked();
    if is_complete {
        ensure_partitions_ahead(market, calendar.day_of(target))?;
        show_status(market, &lease, target)?;
    }
    let first = calendar.open_of(earliest)?;
    Ok(Backfilled { bars, rollups, symbols: walks.len(), first, last: target, is_complete })
}

/// The moment at which a backfill ends at the latest: the clock's, but for one stock of a market the end of the newest minute of
/// its other stocks. With a later one the next start would take all of them there.
fn present(market: &Market, only: Option<Symbol>, now: UnixSeconds) -> Result<UnixSeconds, JobError> {
    let Some(only) = only else { return Ok(now) };
    let others = market.store.progress()?.into_iter().filter(|row| row.checkpoint.symbol != only);
    let newest = others.filter_map(|row| Some((row.last_bar?, row.checkpoint.symbol))).max();
    newest.map_or(Ok(now), |(time, symbol)| Ok(market.minute(symbol, time)?.end()))
}

/// The lease of the roll-ups' role, when it is free and this user may write roll-ups.
fn free_aggregator(market: &Market, only: Option<Symbol>) -> Result<Option<Aggregator>, JobError> {
    if !market.store.may_write_rollups()? {
        info!("this user may not write roll-ups; they are left to the aggregator");
        return Ok(None);
    }
    match Aggregator::start_shard(market.store.clone(), market.calendar.clone(), only, market.shard) {
        Ok(aggregator) => Ok(Some(aggregator)),
        Err(JobError::Store(error)) if error.is_held_by_another() => {
            info!("the aggregator that is running will roll the new bars up");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Rolls up what was not rolled up on the way, where this user may and no aggregator is running; none where not.
///
/// # Errors
/// The database fails.
pub fn roll_up_the_rest(market: &Market, only: Option<Symbol>, stop: &Stop) -> Result<Option<Folded>, JobError> {
    free_aggregator(market, only)?.map(|aggregator| aggregator.run(None, stop)).transpose()
}

/// The walk of each symbol. It has the symbol's roll-ups if these contain all of its stored bars.
fn walks<'a>(runs: Vec<(SymbolRun, NaiveDate)>, aggregator: Option<&'a Aggregator>) -> Result<Vec<Walk<'a>>, JobError> {
    let mut folds = BTreeMap::new();
    if let Some(aggregator) = aggregator {
        let ends: Vec<(Symbol, Option<UnixSeconds>)> =
            runs.iter().map(|(run, _)| (run.instrument().symbol, run.last_bar().map(Minute::start))).collect();
        folds = aggregator.folds_at(&ends)?;
    }
    let walk = |(run, since): (SymbolRun, NaiveDate)| {
        let rollup: Option<Rollup<'a>> = folds.remove(&run.instrument().symbol);
        Walk { run, since, rollup, is_delisted: false }
    };
    let walks: Vec<Walk<'a>> = runs.into_iter().map(walk).collect();
    let left = walks.iter().filter(|walk| walk.rollup.is_none()).count();
    if aggregator.is_some() && left > 0 {
        info!(symbols = left, "have bars that are not rolled up; theirs are left to the aggregator");
    }
    Ok(walks)
}

/// Removes one symbol's bars and state, or the whole market with its identity; the universe stays.
///
/// # Errors
/// Another writer or an aggregator lives, or the database fails.
pub fn clear(store: &dyn BarStore, symbol: Option<Symbol>) -> Result<(), JobError> {
    // An aggregator could write roll-ups of bars that it read before they were removed.
    let _no_aggregator = store.acquire(Role::Aggregator)?;
    let lease = store.acquire(Role::Writer)?;
    Ok(store.clear(&lease, symbol.as_ref())?)
}

/// Removes the bars of a market and lists its stocks on its first day again, in one transaction: a kill leaves the market as it was or
/// one that has not been filled yet.
///
/// # Errors
/// Another writer or an aggregator lives, nothing can be traded, or the database fails. Nothing is removed then.
pub fn begin_again(market: &Market, first_day: NaiveDate) -> Result<(), JobError> {
    let _no_aggregator = market.store.acquire(Role::Aggregator)?;
    let lease = market.store.acquire(Role::Writer)?;
    let roster = universe::roster(&*market.store)?;
    if roster.is_empty() {
        return Err(JobError::EmptyUniverse);
    }
    let (outdated, write) = (vec![Outdated::Market], opening(market, &roster, first_day)?);
    let mend = Mend { outdated, write, identity: Some(market.identity()), ..Mend::default() };
    Ok(market.store.mend(&lease, &mend)?)
}

/// What there is to do to bring every symbol from the window's first day to its last minute, `end`, or to where an open-ended
/// window's market already is.
fn plan(
    market: &Market,
    first_day: NaiveDate,
    end: Minute,
    is_open_ended: bool,
    only: Option<Symbol>,
    has_begun: bool,
) -> Result<Plan, JobError> {
    let roster = universe::roster(&*market.store)?;
    universe::require(&*market.store, &roster, only.as_slice())?;
    if roster.is_empty() {
        return Err(JobError::EmptyUniverse);
    }
    let mut former = BTreeMap::new();
    let mut newest = None;
    for progress in market.store.progress()? {
        let symbol = progress.checkpoint.symbol;
        if let Some(time) = progress.last_bar {
            newest = newest.max(Some(market.minute(symbol, time)?));
        }
        former.insert(symbol, progress);
    }
    let listed_since: BTreeMap<Symbol, NaiveDate> = market
        .store
        .listings()?
        .into_iter()
        .filter(|listing| listing.last_day.is_none())
        .map(|listing| (listing.symbol, listing.first_day))
        .collect();
    // A market can be ahead of the window after a run in test mode. Its new symbols are then filled up to its newest minute.
    let target = newest.filter(|_| is_open_ended).max(Some(end)).unwrap_or(end);

    let mut runs = Vec::new();
    let mut opening = MarketWrite::default();
    for &symbol in roster.keys().chain(listed_since.keys().filter(|symbol| !roster.contains_key(symbol))) {
        let is_own = market.shard.holds(symbol);
        if only.is_some_and(|only| only != symbol) || !is_own && has_begun {
            continue;
        }
        match (former.get(&symbol), listed_since.get(&symbol), roster.get(&symbol)) {
            (Some(_), Some(&since), _) if since > first_day && would_precede(market, since, first_day) => {
                return Err(JobError::AlreadyBegun { symbol, first_day: since });
            }
            (Some(progress), Some(&since), _) => runs.push((resume(market, progress)?, since)),
            (Some(_), None, _) => {
                info!(%symbol, "was delisted; the generator lists it again with the next trading day")
            }
            (None, _, Some(&instrument)) => {
                let run = SymbolRun::list(market.source.model()?.clone(), instrument, first_day);
                opening.listings.push(Listing { symbol, first_day, last_day: None });
                opening.checkpoints.push(run.checkpoint());
                opening.parameters.push(ParametersSince::of(&run));
                if is_own {
                    runs.push((run, first_day));
                }
            }
            (None, _, None) => {}
        }
    }
    Ok(Plan { runs, roster, target, opening })
}

/// Whether trading days lie between the wanted first day and the one that a symbol begins with.
fn would_precede(market: &Market, since: NaiveDate, first_day: NaiveDate) -> bool {
    market.calendar.days(first_day, since).len() > 1
}

/// First day and last minute of a window.
fn bounds(market: &Market, window: Window, now: UnixSeconds) -> Result<(NaiveDate, Minute), JobError> {
    let calendar = &market.calendar;
    let now_text = calendar.local_time(now);
    let opened = calendar.first_day();
    let (today, over) = (calendar.date_of(now)?, calendar.last_completed(now)?);
    let empty =
        |from, to: Option<NaiveDate>| JobError::EmptyRange { from, to: to.unwrap_or(today), now: now_text.clone() };
    match window {
        Window::Days(days) => {
            let end = over.ok_or_else(|| empty(opened, None))?;
            let until = calendar.day_of(end);
            let first_day = calendar.first_of_days_ending(until, days).ok_or_else(|| JobError::TooManyDays {
                days,
                opened,
                until,
                available: calendar.days(opened, until).len(),
            })?;
            Ok((first_day, end))
        }
        Window::Range { from, to } => {
            let over = over.ok_or_else(|| empty(from, to))?;
            let day_end = match to {
                None => over,
                Some(date) => calendar
                    .day_at_or_before(date)
                    .and_then(|day| calendar.minutes_of(day).last())
                    .ok_or_else(|| empty(from, to))?,
            };
            let (first_day, end) = (calendar.day_at_or_after(from)?, day_end.min(over));
            if first_day > calendar.day_of(end) || to.is_some_and(|to| to < from) {
                return Err(empty(from, to));
            }
            Ok((first_day, end))
        }
    }
}

fn show_status(market: &Market, lease: &Lease, target: Minute) -> Result<(), JobError> {
    let status = status_after(market, target);
    if market.store.status()?.is_some_and(|shown| shown.last_update > status.last_update) {
        return Ok(());
    }
    Ok(market.store.write(lease, &MarketWrite { status: Some(status), ..MarketWrite::default() })?)
}
