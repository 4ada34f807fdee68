//! Runs one symbol over many minutes at once: backfill does it for all symbols, and a start for those that lag behind.

use chrono::{Datelike, NaiveDate, Weekday};

use tracing::warn;

use super::universe::Roster;
use super::{JobError, Market};
use crate::store::{BarStore, Listing, MarketStatus, MarketWrite, ParametersSince, StoreError, SymbolProgress};
use klined_market::bars::SymbolRun;
use klined_market::base::UnixSeconds;
use klined_market::calendar::{Minute, Session, SessionSpan};

/// The most bars in one transaction. It bounds memory and the work that a kill loses.
pub(super) const WRITE_BARS_MAX: usize = 65_536;

/// How far partitions are made ahead of the day being written.
const PARTITIONS_AHEAD_DAYS: u64 = 62;

/// Makes sure that a span of days, and the two months after it, can be written, with the bar of the week that the span begins
/// in: it is named by a day that may lie in the month before.
pub(super) fn ensure_partitions(market: &Market, from: NaiveDate, to: NaiveDate) -> Result<(), JobError> {
    market.store.ensure_partitions(week_of(from), to)?;
    prepare(market, to)
}

/// Makes the partitions of the two months after a day. What fails here concerns days to come, so the present goes on; the log reports
/// it with each day that opens.
fn prepare(market: &Market, day: NaiveDate) -> Result<(), JobError> {
    match market.store.ensure_partitions(day, days_ahead(day)) {
        Err(error) if !error.is_retriable() => {
            warn!("a coming month cannot be prepared: {error}");
            Ok(())
        }
        outcome => Ok(outcome?),
    }
}

/// Makes sure that the bar of a day's week can be written, where that is named by a day of the month before.
pub(super) fn ensure_week(market: &Market, day: NaiveDate) -> Result<(), JobError> {
    let week = week_of(day);
    if week.month() != day.month() {
        market.store.ensure_partitions(week, week)?;
    }
    Ok(())
}

/// Makes sure that a day and the two months after it can be written.
pub(super) fn ensure_partitions_ahead(market: &Market, day: NaiveDate) -> Result<(), JobError> {
    market.store.ensure_partitions(day, day)?;
    prepare(market, day)
}

/// The partitions that writing a day would make. The call changes nothing.
///
/// # Errors
/// The database cannot be read.
pub fn missing_partitions(store: &dyn BarStore, day: NaiveDate) -> Result<Vec<String>, JobError> {
    let mut names = store.missing_partitions(week_of(day), day)?;
    // What cannot be prepared is another answer: see `unprepared`.
    names.extend(store.missing_partitions(day, days_ahead(day)).unwrap_or_default());
    names.dedup();
    Ok(names)
}

/// Why a month after a day cannot be prepared; none when it can.
#[must_use]
pub fn unprepared(store: &dyn BarStore, day: NaiveDate) -> Option<StoreError> {
    store.missing_partitions(day, days_ahead(day)).err()
}

/// The Monday of a day's week.
fn week_of(day: NaiveDate) -> NaiveDate {
    day.week(Weekday::Mon).checked_first_day().unwrap_or(day)
}

fn days_ahead(day: NaiveDate) -> NaiveDate {
    day.checked_add_days(chrono::Days::new(PARTITIONS_AHEAD_DAYS)).unwrap_or(day)
}

/// The row of `market_status` after a minute. At the end of the calendar, where no session follows, the market is closed from then
/// on.
pub(super) fn status_after(market: &Market, minute: Minute) -> MarketStatus {
    let now = minute.end();
    let closed = SessionSpan { session: Session::Closed, start: now, end: now };
    status_at(market, now, market.calendar.session_at(now).unwrap_or(closed))
}

/// The row of `market_status` at an instant in or before a session.
pub(super) fn status_at(market: &Market, now: UnixSeconds, span: SessionSpan) -> MarketStatus {
    MarketStatus { span, is_halted: span.is_trading() && market.source.is_market_halted(now), last_update: now }
}

/// What lists a roster on a market's first day.
///
/// # Errors
/// No model makes the market's bars.
pub(super) fn opening(market: &Market, roster: &Roster, first_day: NaiveDate) -> Result<MarketWrite, JobError> {
    let model = market.source.model()?;
    let mut opening = MarketWrite::default();
    for (&symbol, &instrument) in roster {
        opening.listings.push(Listing { symbol, first_day, last_day: None });
        let run = SymbolRun::list(model.clone(), instrument, first_day);
        opening.checkpoints.push(run.checkpoint());
        opening.parameters.push(ParametersSince::of(&run));
    }
    Ok(opening)
}

/// A symbol's run after its last write.
pub(super) fn resume(market: &Market, progress: &SymbolProgress) -> Result<SymbolRun, JobError> {
    let symbol = progress.checkpoint.symbol;
    let last_bar = progress.last_bar.map(|time| market.minute(symbol, time)).transpose()?;
    let model = market.source.model()?.clone();
    Ok(SymbolRun::resume(model, &market.calendar, progress.checkpoint.clone(), last_bar)?)
}

/// The reason why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// The target minute.
    Target,
    /// The transaction is full; call again.
    WriteFull,
    /// Its last day: it is no longer on the roster.
    Delisting,
}

/// Runs a symbol towards `target` and puts its bars, its state and what changed of its listing into one write. From the
/// second day on the instrument is the roster's; a symbol that is not on it finishes its day and is delisted.
pub(super) fn run_towards(
    market: &Market,
    run: &mut SymbolRun,
    listed_since: NaiveDate,
    roster: &Roster,
    target: Minute,
    write: &mut MarketWrite,
) -> Result<Reached, JobError> {
    let calendar = &market.calendar;
    let last_day = calendar.day_of(target);
    let (day_before, index_before) = (run.day(), run.next_index());
    let reached = loop {
        if run.day() > last_day {
            break Reached::Target;
        }
        let until = if run.day() == last_day { calendar.index_in_day(target) + 1 } else { u16::MAX };
        write.halts.extend(run.bars_until(calendar, until, &mut write.bars)?);
        if run.day() >= last_day {
            break Reached::Target;
        }
        let Some(&instrument) = roster.get(&run.instrument().symbol) else { break Reached::Delisting };
        if write.bars.len() >= WRITE_BARS_MAX {
            break Reached::WriteFull;
        }
        let has_changed = *run.instrument() != instrument;
        run.open_day(instrument, calendar.day_after(run.day())?);
        write.parameters.extend(has_changed.then(|| ParametersSince::of(run)));
    };
    if (run.day(), run.next_index()) != (day_before, index_before) {
        let last = calendar.minute_of(run.day(), run.next_index().saturating_sub(1))?;
        write.snapshots.extend(run.snapshot(last));
    }
    if run.day() != day_before {
        write.checkpoints.push(run.checkpoint());
    }
    if reached == Reached::Delisting {
        let symbol = run.instrument().symbol;
        write.listings.push(Listing { symbol, first_day: listed_since, last_day: Some(run.day()) });
    }
    Ok(reached)
}
