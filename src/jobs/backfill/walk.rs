//! Making history: every symbol to the end of one month before any goes on to the next.
//!
//! Month after month over all symbols is the order of the database's partitions, and that in which the days that the symbols
//! of a model share are made once.

use std::sync::mpsc::SyncSender;

use chrono::{Datelike, Months, NaiveDate};

use super::super::advance::{Reached, run_towards};
use super::super::universe::Roster;
use super::super::{JobError, Market};
use crate::store::{HistoryPart, MarketWrite, RollupWrite};
use klined_market::bars::{Rollup, SymbolRun};
use klined_market::calendar::{Calendar, Minute};

/// A symbol on its way.
pub(super) struct Walk<'c> {
    pub run: SymbolRun,
    /// The first day of its listing.
    pub since: NaiveDate,
    /// Its roll-ups as they stand; none when they are left to the aggregator.
    pub rollup: Option<Rollup<'c>>,
    pub is_delisted: bool,
}

/// A month or what of it lies in the window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// The first of the month.
    pub month: NaiveDate,
    /// The last minute to make.
    pub end: Minute,
}

/// What is handed over.
pub(super) enum Made {
    /// The next symbol's part of the present stretch.
    Part(HistoryPart),
    Failed(JobError),
    /// That was all of the stretch. A maker that ends without saying so has not made everything.
    StretchEnd,
}

/// The stretches that lead all symbols to a minute, in order.
pub(super) fn stretches(calendar: &Calendar, walks: &[Walk<'_>], target: Minute) -> Vec<Stretch> {
    let next_day = |run: &SymbolRun| match run.is_day_over() {
        true => calendar.day_after(run.day()).unwrap_or(run.day()),
        false => run.day(),
    };
    let last_day = calendar.day_of(target);
    let first = walks.iter().map(|walk| next_day(&walk.run)).min().and_then(|day| day.with_day(1));
    let next = |month: &NaiveDate| month.checked_add_months(Months::new(1));
    std::iter::successors(first, next)
        .take_while(|month| *month <= last_day)
        .map(|month| {
            let end = next(&month)
                .and_then(|next| calendar.day_at_or_before(next.pred_opt()?.min(last_day)))
                .and_then(|day| calendar.minutes_of(day).last())
                .map_or(target, |minute| minute.min(target));
            Stretch { month, end }
        })
        .collect()
}

/// Makes stretch after stretch, symbol after symbol, until the receiver is gone.
pub(super) fn make(
    market: &Market,
    roster: &Roster,
    walks: &mut [Walk<'_>],
    stretches: &[Stretch],
    to: &SyncSender<Made>,
) {
    for stretch in stretches {
        for walk in walks.iter_mut().filter(|walk| walk.lies_before(&market.calendar, stretch.end)) {
            loop {
                let (made, reached) = match walk.advance(market, roster, stretch.end) {
                    Ok((part, reached)) => (Made::Part(part), Some(reached)),
                    Err(error) => (Made::Failed(error), None),
                };
                if to.send(made).is_err() || reached.is_none() {
                    return;
                }
                if reached != Some(Reached::WriteFull) {
                    break;
                }
            }
        }
        if to.send(Made::StretchEnd).is_err() {
            return;
        }
    }
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
    fn advance(&mut self, market: &Market, roster: &Roster, end: Minute) -> Result<(HistoryPart, Reached), JobError> {
        let calendar = &market.calendar;
        let mut write = MarketWrite::default();
        let reached = run_towards(market, &mut self.run, self.since, roster, end, &mut write)?;
        self.is_delisted = reached == Reached::Delisting;
        let mut rollups = Vec::new();
        if let (Some(rollup), Some(snapshot)) = (&mut self.rollup, write.snapshots.last()) {
            let mut bars = Vec::with_capacity(write.bars.len() / 2);
            for (_, bar) in &write.bars {
                rollup.push(bar, &mut |interval, whole| bars.push((interval, whole)));
            }
            let at = calendar.minute_of(self.run.day(), self.run.next_index().saturating_sub(1))?;
            rollup.settle(at, &mut |interval, so_far| bars.push((interval, so_far)));
            let (symbol, folded_to) = (snapshot.symbol, Some(snapshot.last_bar));
            rollups.push(RollupWrite { symbol, replace_from: None, bars, folded_to, is_repaired: false });
        }
        Ok((HistoryPart { minutes: write, rollups }, reached))
    }
}
