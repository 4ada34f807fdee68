//! The way through the months: every symbol to the end of one before any goes on to the next.
//!
//! A thread of its own makes the bars and folds their roll-ups while this one hands them to the database, a few symbols behind.
//! Month after month over all symbols is the order of the database's partitions, and that in which the days that the symbols
//! of a model share are made once.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use chrono::{Datelike, Months, NaiveDate};
use tracing::{debug, info};

use super::super::advance::{BATCH_BARS_MAX, Reached, run_towards};
use super::super::universe::Roster;
use super::super::{JobError, Market, Stop};
use super::Progress;
use crate::bars::{Rollup, SymbolRun};
use crate::calendar::{Calendar, MINUTES_PER_DAY, Minute};
use crate::store::{Batch, Fill, FillRoles, MonthFilled, RollupWrite, Supply};

/// How many symbols' months may wait for the database.
const PARTS_AHEAD: usize = 8;

/// A symbol on its way.
pub(super) struct Walk<'c> {
    pub run: SymbolRun,
    /// The first day of its listing.
    pub since: NaiveDate,
    /// Its roll-ups as they stand; none when they are left to the aggregator.
    pub rollup: Option<Rollup<'c>>,
    pub is_delisted: bool,
}

impl Walk<'_> {
    /// Whether there is something to do until a minute.
    fn lies_before(&self, calendar: &Calendar, end: Minute) -> bool {
        let last_day = calendar.day_of(end);
        !self.is_delisted
            && (self.run.day() < last_day
                || self.run.day() == last_day && self.run.next_index() <= calendar.index_in_day(end))
    }

    /// Goes on towards a minute.
    fn make(&mut self, market: &Market, roster: &Roster, end: Minute) -> Result<(Fill, Reached), JobError> {
        let calendar = &market.calendar;
        let mut batch = Batch::default();
        let reached = run_towards(market, &mut self.run, self.since, roster, end, &mut batch)?;
        self.is_delisted = reached == Reached::Delisting;
        let mut rollups = Vec::new();
        if let (Some(rollup), Some(quote)) = (&mut self.rollup, batch.quotes.last()) {
            let mut bars = Vec::with_capacity(batch.bars.len() / 2);
            for (_, bar) in &batch.bars {
                rollup.push(bar, &mut |interval, whole| bars.push((interval, whole)));
            }
            let at = calendar.minute_of(self.run.day(), self.run.next_index().saturating_sub(1))?;
            rollup.settle(at, &mut |interval, so_far| bars.push((interval, so_far)));
            let (symbol, folded_to) = (quote.symbol, Some(quote.last_bar));
            rollups.push(RollupWrite { symbol, replace_from: None, bars, folded_to, is_repaired: false });
        }
        Ok((Fill { batch, rollups }, reached))
    }
}

/// What the making thread hands over.
enum Made {
    Part(Fill),
    Failed(JobError),
    /// That was all. A thread that ends without saying so has not made everything.
    All,
}

/// Writes the way of all symbols.
pub(super) struct Filler<'a> {
    pub market: &'a Market,
    pub roles: FillRoles<'a>,
    pub roster: &'a Roster,
    pub progress: &'a mut dyn Progress,
    pub stop: &'a Stop,
    /// 1-minute bars written.
    pub bars: u64,
    /// Roll-ups written.
    pub rollups: u64,
}

impl Filler<'_> {
    /// Brings every symbol to a minute, or to the end of some month when asked to stop.
    pub fn fill(&mut self, walks: &mut [Walk<'_>], target: Minute) -> Result<(), JobError> {
        let calendar = &self.market.calendar;
        let next_day = |run: &SymbolRun| match run.next_index() {
            MINUTES_PER_DAY => calendar.day_after(run.day()).unwrap_or(run.day()),
            _ => run.day(),
        };
        let Some(earliest) = walks.iter().map(|walk| next_day(&walk.run)).min() else { return Ok(()) };
        let last_day = calendar.day_of(target);
        let mut month = earliest.with_day(1).unwrap_or(earliest);
        while month <= last_day && !self.stop.is_asked() {
            let next_month = month.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
            let end = next_month
                .pred_opt()
                .and_then(|date| calendar.day_at_or_before(date.min(last_day)))
                .and_then(|day| calendar.minutes_of(day).last())
                .map_or(target, |minute| minute.min(target));
            let mut part: Vec<&mut Walk<'_>> =
                walks.iter_mut().filter(|walk| walk.lies_before(calendar, end)).collect();
            if !part.is_empty() {
                self.fill_month(&mut part, month, end)?;
            }
            month = next_month;
        }
        Ok(())
    }

    fn fill_month(&mut self, walks: &mut [&mut Walk<'_>], month: NaiveDate, end: Minute) -> Result<(), JobError> {
        let (market, roster) = (self.market, self.roster);
        std::thread::scope(|scope| {
            let (send, made) = sync_channel(PARTS_AHEAD);
            scope.spawn(move || make_all(market, roster, walks, end, &send));
            self.write_month(month, made)
        })
    }

    fn write_month(&mut self, month: NaiveDate, made: Receiver<Made>) -> Result<(), JobError> {
        let mut failure = None;
        let (mut bars, mut rollups) = (0, 0);
        let mut supply = || match next_part(&made, self.stop) {
            Ok(Some(part)) => {
                bars += part.batch.bars.len() as u64;
                rollups += (part.bars() - part.batch.bars.len()) as u64;
                self.progress.under_way(bars);
                Supply::Part(part)
            }
            Ok(None) => Supply::End,
            Err(error) => {
                failure = error;
                Supply::Abort
            }
        };
        match self.market.store.fill_month(self.roles, month, &mut supply)? {
            MonthFilled::Written => {
                self.count(bars, rollups);
                info!(month = %month.format("%Y-%m"), bars, rollups, "a month is written");
                Ok(())
            }
            MonthFilled::Aborted => failure.map_or(Ok(()), Err),
            MonthFilled::Unsuited(why) => {
                debug!(month = %month.format("%Y-%m"), "written in parts: {why}");
                self.market.store.ensure_partitions(month, month)?;
                self.write_parts(&made)
            }
        }
    }

    /// Writes part after part in transactions of bounded size.
    fn write_parts(&mut self, made: &Receiver<Made>) -> Result<(), JobError> {
        let mut fill = Fill::default();
        loop {
            let part = match next_part(made, self.stop) {
                Ok(part) => part,
                Err(Some(failure)) => return Err(failure),
                // What is made is written: a stop costs nothing.
                Err(None) => None,
            };
            let is_last = part.is_none();
            if let Some(part) = part {
                fill.append(part);
            }
            if is_last || fill.bars() >= BATCH_BARS_MAX {
                self.market.store.fill(self.roles, &fill)?;
                let bars = fill.batch.bars.len();
                self.count(bars as u64, (fill.bars() - bars) as u64);
                fill = Fill::default();
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn count(&mut self, bars: u64, rollups: u64) {
        self.bars += bars;
        self.rollups += rollups;
        self.progress.advance(bars);
    }
}

/// Makes the parts of one symbol after another until nobody wants them any more.
fn make_all(market: &Market, roster: &Roster, walks: &mut [&mut Walk<'_>], end: Minute, send: &SyncSender<Made>) {
    for walk in walks {
        loop {
            let (made, is_over) = match walk.make(market, roster, end) {
                Ok((fill, reached)) => (Made::Part(fill), reached != Reached::BatchFull),
                Err(error) => (Made::Failed(error), true),
            };
            let has_failed = matches!(made, Made::Failed(_));
            if send.send(made).is_err() || has_failed {
                return;
            }
            if is_over {
                break;
            }
        }
    }
    // Nobody listens when nobody wants more.
    let _ = send.send(Made::All);
}

/// The next part, or none after the last. Fails when there is none to wait for: on the wish to stop, and with what stopped the
/// maker.
fn next_part(made: &Receiver<Made>, stop: &Stop) -> Result<Option<Fill>, Option<JobError>> {
    if stop.is_asked() {
        return Err(None);
    }
    match made.recv() {
        Ok(Made::Part(part)) => Ok(Some(part)),
        Ok(Made::All) => Ok(None),
        Ok(Made::Failed(error)) => Err(Some(error)),
        Err(_) => {
            info!("the making of bars has ended early");
            Err(None)
        }
    }
}
