//! The aggregator: every longer interval from the 1-minute bars.
//!
//! Each symbol has a watermark, the last 1-minute bar that its roll-ups hold. New bars are folded on top of the buckets
//! that are open at the watermark, and roll-ups and watermark move in one transaction, so a run may end anywhere. Bars that
//! were changed behind the watermark are noted by the database itself; from the earliest of them on a symbol's roll-ups are
//! made anew. Whatever the history of runs, the result is that of one run over everything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::warn;

use super::{JobError, Stop};
use crate::bars::{Bar, Repair, Rollup};
use crate::base::{Interval, Ohlcv, Shard, Symbol, UnixSeconds};
use crate::calendar::{Bucket, Calendar, Minute};
use crate::store::{BarRange, BarStore, Lease, Role, RollupTask, RollupWrite, StoredBar};

/// The most bars read at once. Bounds memory and the length of a transaction.
const PAGE_BARS: usize = 50_000;
/// The most symbols whose new bars are read and written together.
const GROUP_SYMBOLS: usize = 1_500;
/// No bar is labelled later.
const END_OF_TIME: UnixSeconds = UnixSeconds::MAX;

/// The roll-ups' writer.
pub struct Aggregator {
    store: Arc<dyn BarStore>,
    calendar: Arc<Calendar>,
    lease: Lease,
    only: Option<Symbol>,
    /// What earlier runs have left open, so that it need not be read again.
    open: Mutex<BTreeMap<Symbol, OpenBars>>,
}

/// The bars of a symbol that the watermark's minute has not filled.
struct OpenBars {
    /// The watermark that they belong to. Another one in the database tells of another process that has rolled up since.
    folded_to: UnixSeconds,
    bars: Vec<(Interval, Bucket, Ohlcv)>,
}

/// What one run has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Folded {
    /// Symbols that had something to fold.
    pub symbols: usize,
    /// 1-minute bars read.
    pub minutes: u64,
    /// Roll-ups written.
    pub bars: u64,
    /// Symbols whose roll-ups were made anew because of a change.
    pub repaired: usize,
}

impl Aggregator {
    /// Takes the aggregator's role, for every symbol or one.
    ///
    /// # Errors
    /// Another aggregator lives, or the database fails.
    pub fn start(store: Arc<dyn BarStore>, calendar: Arc<Calendar>, only: Option<Symbol>) -> Result<Self, JobError> {
        Self::start_shard(store, calendar, only, Shard::WHOLE)
    }

    /// The same for a part of the market.
    ///
    /// # Errors
    /// Another aggregator lives whose part this is or who divides the market otherwise, or the database fails.
    pub fn start_shard(
        store: Arc<dyn BarStore>,
        calendar: Arc<Calendar>,
        only: Option<Symbol>,
        shard: Shard,
    ) -> Result<Self, JobError> {
        if let Some(symbol) = only {
            let universe = store.universe()?;
            if !universe.iter().any(|row| row.symbol == symbol.as_str()) {
                let known = universe.into_iter().take(20).map(|row| row.symbol).collect::<Vec<_>>().join(", ");
                return Err(JobError::UnknownSymbol { symbol, known });
            }
        }
        let lease = store.acquire_shard(Role::Aggregator, shard)?;
        Ok(Self { store, calendar, lease, only, open: Mutex::default() })
    }

    /// Asks the database whether this is still the roll-ups' writer. Gives how many trading minutes the roll-ups are behind.
    ///
    /// # Errors
    /// It is not, or the database fails.
    pub fn confirm(&self) -> Result<u64, JobError> {
        self.store.confirm(&self.lease)?;
        let behind = self.store.rollup_backlog()?;
        Ok(behind.map_or(0, |behind| self.calendar.minutes_between(behind.folded_to + 1, behind.last_bar + 1)))
    }

    /// Folds everything that has come or changed since the last run. With a look-back, the roll-ups of each symbol's last
    /// so many hours are made anew whether or not a change was noted.
    ///
    /// # Errors
    /// The database fails. What was folded before stays.
    pub fn run(&self, lookback_hours: Option<u32>, stop: &Stop) -> Result<Folded, JobError> {
        let mut tasks = self.store.rollup_tasks(&self.lease)?;
        if let Some(hours) = lookback_hours {
            self.look_back(&mut tasks, hours)?;
        }
        tasks.retain(|task| self.only.is_none_or(|only| only == task.symbol));

        let mut folded = Folded { symbols: tasks.len(), ..Folded::default() };
        let begins = self.begins(&tasks)?;
        let (short, long): (Vec<RollupTask>, Vec<RollupTask>) = tasks
            .into_iter()
            .partition(|task| self.new_minutes(task, &begins).is_some_and(|minutes| minutes < PAGE_BARS));
        for task in &long {
            self.fold_alone(task, &mut folded, stop)?;
        }
        let mut rest = short.as_slice();
        while !rest.is_empty() && !stop.is_asked() {
            let (group, later) = rest.split_at(self.group_length(rest, &begins));
            self.fold_group(group, &mut folded, stop)?;
            rest = later;
        }
        Ok(folded)
    }

    /// From when on symbols have bars of which nothing is rolled up yet.
    fn begins(&self, tasks: &[RollupTask]) -> Result<BTreeMap<Symbol, UnixSeconds>, JobError> {
        let mut begins = BTreeMap::new();
        if tasks.iter().any(|task| task.folded_to == Some(0)) {
            for listing in self.store.listings()? {
                begins.entry(listing.symbol).or_insert_with(|| Calendar::midnight(listing.first_day));
            }
        }
        Ok(begins)
    }

    /// About how many bars a task without changes has to read; none when it has to be folded by itself.
    fn new_minutes(&self, task: &RollupTask, begins: &BTreeMap<Symbol, UnixSeconds>) -> Option<usize> {
        let (Some(folded_to), Some(last_bar), None) = (task.folded_to, task.last_bar, repair_from(task)) else {
            return None;
        };
        let from = begins.get(&task.symbol).map_or(folded_to + 1, |&begin| begin.max(folded_to + 1));
        usize::try_from(self.calendar.minutes_between(from, last_bar + 1)).ok()
    }

    fn group_length(&self, tasks: &[RollupTask], begins: &BTreeMap<Symbol, UnixSeconds>) -> usize {
        let mut bars = 0;
        let fitting = tasks.iter().take(GROUP_SYMBOLS).take_while(|task| {
            bars += self.new_minutes(task, begins).unwrap_or(PAGE_BARS) + Interval::ROLLED.len();
            bars <= PAGE_BARS
        });
        fitting.count().max(1)
    }

    fn look_back(&self, tasks: &mut Vec<RollupTask>, hours: u32) -> Result<(), JobError> {
        for state in self.store.states()? {
            let Ok(symbol) = state.symbol.parse::<Symbol>() else { continue };
            if !self.lease.shard().holds(symbol) {
                continue;
            }
            let from = state.last_update - i64::from(hours) * 3600;
            match tasks.iter_mut().find(|task| task.symbol == symbol) {
                Some(task) => task.changed_from = Some(task.changed_from.map_or(from, |changed| changed.min(from))),
                None => tasks.push(RollupTask {
                    symbol,
                    folded_to: Some(state.last_update),
                    last_bar: Some(state.last_update),
                    changed_from: Some(from),
                }),
            }
        }
        Ok(())
    }

    /// The buckets that hold the watermark's minute and more to come.
    fn open_buckets(&self, folded_to: Minute) -> impl Iterator<Item = (Interval, Bucket)> + '_ {
        Interval::ROLLED
            .into_iter()
            .map(move |interval| (interval, self.calendar.bucket(folded_to, interval)))
            .filter(move |(_, bucket)| bucket.last > folded_to)
    }

    /// Folds a few new minutes of many symbols with one read and one write.
    fn fold_group(&self, tasks: &[RollupTask], folded: &mut Folded, stop: &Stop) -> Result<(), JobError> {
        let mut ranges = Vec::new();
        let mut carried = Vec::new();
        let mut kept: Vec<Option<OpenBars>> = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            // Taken out: they are of use again only when what follows is written.
            let taken = tasks.iter().map(|task| (task, open.remove(&task.symbol)));
            taken.map(|(task, kept)| kept.filter(|kept| Some(kept.folded_to) == task.folded_to)).collect()
        };
        for (index, task) in tasks.iter().enumerate() {
            let symbol = task.symbol;
            if kept[index].is_some() {
                // Nothing to read but the new bars.
            } else if let Some(watermark) = task.folded_to.and_then(|time| self.calendar.minute_starting(time).ok()) {
                for (interval, bucket) in self.open_buckets(watermark) {
                    let from = bucket.first.start();
                    ranges.push(BarRange { symbol, interval, from, to: from + 1 });
                    carried.push((index, Some((interval, bucket))));
                }
            }
            let from = task.folded_to.map_or(0, |folded_to| folded_to + 1);
            let to = task.last_bar.map_or(from, |last_bar| last_bar + 1);
            ranges.push(BarRange { symbol, interval: Interval::Minute1, from, to });
            carried.push((index, None));
        }
        let found = self.store.bars(&ranges, 2 * PAGE_BARS)?;
        if found.len() >= 2 * PAGE_BARS {
            // Only bars between trading minutes, written by somebody else, can make so many.
            return tasks.iter().try_for_each(|task| self.fold_alone(task, folded, stop));
        }

        let mut writes = Vec::with_capacity(tasks.len());
        let mut left_open = Vec::with_capacity(tasks.len());
        let mut rows = found.into_iter().peekable();
        let mut places = carried.iter().zip(0..).peekable();
        for (index, task) in tasks.iter().enumerate() {
            let mut rollup = Rollup::new(&self.calendar);
            let mut bars = Vec::new();
            let mut is_carried = true;
            for (interval, bucket, so_far) in kept[index].take().into_iter().flat_map(|kept| kept.bars) {
                rollup.resume(interval, bucket, so_far);
            }
            while let Some((&(_, carry), place)) = places.next_if(|((owner, _), _)| *owner == index) {
                let mut rows_here = std::iter::from_fn(|| rows.next_if(|row| row.range == place));
                match carry {
                    Some((interval, bucket)) => match rows_here.next().map(|row| row.ohlcv()) {
                        Some(Ok(so_far)) => rollup.resume(interval, bucket, so_far),
                        _ => is_carried = false,
                    },
                    None => {
                        for row in rows_here {
                            folded.minutes += self.push(&mut rollup, task.symbol, &row, &mut bars);
                        }
                    }
                }
            }
            if is_carried {
                bars.extend(rollup.current());
                folded.bars += bars.len() as u64;
                left_open.extend(self.open_bars(task, &rollup).map(|open| (task.symbol, open)));
                writes.push(RollupWrite {
                    symbol: task.symbol,
                    replace_from: None,
                    bars,
                    folded_to: task.last_bar,
                    is_repaired: task.changed_from.is_some(),
                });
            } else {
                // A roll-up that must be there is not: somebody removed or damaged it.
                self.fold_alone(&RollupTask { changed_from: task.folded_to, ..*task }, folded, stop)?;
            }
        }
        self.store.write_rollups(&self.lease, &writes)?;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).extend(left_open);
        Ok(())
    }

    /// What a fold up to the task's last bar leaves open.
    fn open_bars(&self, task: &RollupTask, rollup: &Rollup<'_>) -> Option<OpenBars> {
        let folded_to = task.last_bar?;
        let watermark = self.calendar.minute_starting(folded_to).ok()?;
        let bars = rollup.current().filter_map(|(interval, bar)| {
            let bucket = self.calendar.bucket(bar.first, interval);
            (bucket.last > watermark).then_some((interval, bucket, bar.ohlcv))
        });
        Some(OpenBars { folded_to, bars: bars.collect() })
    }

    /// Folds one symbol page by page: a long history, or from a change on.
    fn fold_alone(&self, task: &RollupTask, folded: &mut Folded, stop: &Stop) -> Result<(), JobError> {
        let symbol = task.symbol;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&symbol);
        let Some((mut rollup, mut from)) = self.beginning(task)? else {
            // The change was outside of trading minutes, where nothing is rolled up.
            let write = RollupWrite { symbol, replace_from: None, bars: vec![], folded_to: None, is_repaired: true };
            return Ok(self.store.write_rollups(&self.lease, &[write])?);
        };
        let is_repair = repair_from(task).is_some();
        let mut replace_from = is_repair.then_some(from);
        let to =
            if task.folded_to.is_some() { task.last_bar.map_or(from, |last_bar| last_bar + 1) } else { END_OF_TIME };
        while !stop.is_asked() {
            let range = BarRange { symbol, interval: Interval::Minute1, from, to };
            let page = self.store.bars(&[range], PAGE_BARS)?;
            let is_last = page.len() < PAGE_BARS;
            let mut bars = Vec::new();
            for row in &page {
                folded.minutes += self.push(&mut rollup, symbol, row, &mut bars);
            }
            bars.extend(rollup.current());
            folded.bars += bars.len() as u64;
            let page_end = page.last().map(|row| row.time);
            let folded_to = match (task.folded_to, is_repair) {
                (None, _) => None,
                // In a repair the watermark moves only with the last page: until then the old one is the true one.
                (Some(_), true) => task.last_bar.filter(|_| is_last),
                (Some(_), false) if is_last => task.last_bar,
                (Some(_), false) => page_end,
            };
            let is_repaired = task.changed_from.is_some() && is_last;
            let write = RollupWrite { symbol, replace_from: replace_from.take(), bars, folded_to, is_repaired };
            self.store.write_rollups(&self.lease, &[write])?;
            if is_last {
                folded.repaired += usize::from(is_repair);
                break;
            }
            from = page_end.map_or(to, |time| time + 1);
        }
        Ok(())
    }

    /// The fold that a symbol's task begins with, and the first label that it reads; none when there is nothing to fold.
    fn beginning(&self, task: &RollupTask) -> Result<Option<(Rollup<'_>, UnixSeconds)>, JobError> {
        if let Some(changed) = repair_from(task) {
            let first = self.calendar.minutes_in(changed, END_OF_TIME).next();
            return Ok(first.map(|minute| {
                let repair = Repair::of(&self.calendar, minute);
                (Rollup::repairing(&self.calendar, repair), repair.since.start())
            }));
        }
        let mut rollup = Rollup::new(&self.calendar);
        let folded_to = task.folded_to.unwrap_or(0);
        if let Ok(watermark) = self.calendar.minute_starting(folded_to) {
            match self.carried(&[(task.symbol, watermark)])?.remove(&task.symbol) {
                Some(carried) => rollup = carried,
                None => return self.beginning(&RollupTask { changed_from: Some(folded_to), ..*task }),
            }
        }
        Ok(Some((rollup, folded_to + 1)))
    }

    /// Folds on top of the buckets that are open at the symbols' watermarks, of those symbols whose open buckets are all there.
    fn carried(&self, watermarks: &[(Symbol, Minute)]) -> Result<BTreeMap<Symbol, Rollup<'_>>, JobError> {
        let mut folds = BTreeMap::new();
        for group in watermarks.chunks(GROUP_SYMBOLS) {
            let open: Vec<(Symbol, Interval, Bucket)> = group
                .iter()
                .flat_map(|&(symbol, at)| {
                    self.open_buckets(at).map(move |(interval, bucket)| (symbol, interval, bucket))
                })
                .collect();
            let range = |&(symbol, interval, bucket): &(Symbol, Interval, Bucket)| {
                let from = bucket.first.start();
                BarRange { symbol, interval, from, to: from + 1 }
            };
            let rows = self.store.bars(&open.iter().map(range).collect::<Vec<_>>(), open.len())?;
            folds.extend(group.iter().map(|&(symbol, _)| (symbol, Rollup::new(&self.calendar))));
            for row in &rows {
                if let (Some(&(symbol, interval, bucket)), Ok(so_far)) = (open.get(row.range), row.ohlcv())
                    && let Some(fold) = folds.get_mut(&symbol)
                {
                    fold.resume(interval, bucket, so_far);
                }
            }
            for &(symbol, at) in group {
                let wanted = self.open_buckets(at).count();
                if folds.get(&symbol).is_some_and(|fold| fold.current().count() < wanted) {
                    folds.remove(&symbol);
                }
            }
        }
        Ok(folds)
    }

    /// The folds of symbols at their last bars, to go on with as further bars are made; none before a symbol's first. Left out
    /// are symbols whose roll-ups lack something, and those that have bars later than the last.
    pub(super) fn folds_at(
        &self,
        ends: &[(Symbol, Option<UnixSeconds>)],
    ) -> Result<BTreeMap<Symbol, Rollup<'_>>, JobError> {
        let watermarks = self.store.watermarks()?;
        let last = |&(symbol, end): &(Symbol, Option<UnixSeconds>)| (symbol, end.unwrap_or(0));
        let beyond = self.store.bars_after(&ends.iter().map(last).collect::<Vec<_>>())?;
        let (mut begun, mut folds) = (Vec::new(), BTreeMap::new());
        for (symbol, end) in ends.iter().map(last).filter(|(symbol, _)| !beyond.contains(symbol)) {
            match (watermarks.get(&symbol).copied().unwrap_or(0), self.calendar.minute_starting(end)) {
                (folded_to, Ok(minute)) if folded_to == end => begun.push((symbol, minute)),
                (0, _) if end == 0 => drop(folds.insert(symbol, Rollup::new(&self.calendar))),
                _ => {}
            }
        }
        folds.append(&mut self.carried(&begun)?);
        Ok(folds)
    }

    /// What the roll-ups are written under.
    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Folds a row, and gives how many bars that was. What is no bar is reported and left out.
    fn push(&self, rollup: &mut Rollup<'_>, symbol: Symbol, row: &StoredBar, done: &mut Vec<(Interval, Bar)>) -> u64 {
        match row.parse(&self.calendar) {
            Ok(bar) => {
                rollup.push(&bar, &mut |interval, bar| done.push((interval, bar)));
                1
            }
            Err(error) => {
                warn!(%symbol, time = row.time, "left out of the roll-ups: {error}");
                0
            }
        }
    }
}

/// From which change on a symbol's roll-ups have to be made anew; none when all changes lie ahead of the watermark, where
/// the bars are read anyway.
fn repair_from(task: &RollupTask) -> Option<UnixSeconds> {
    task.changed_from.filter(|&changed| task.folded_to.is_none_or(|folded_to| changed <= folded_to))
}
