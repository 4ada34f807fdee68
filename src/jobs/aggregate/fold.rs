//! Folds of some symbols at once, and of one symbol by itself.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use tracing::warn;

use super::{Aggregator, Folded, GROUP_SYMBOLS, OpenBars, PAGE_BARS, read_ahead, repair_from};
use crate::jobs::{JobError, Stop};
use crate::store::{BarRange, RollupTask, RollupWrite, StoredBar};
use klined_market::bars::{Bar, Repair, Rollup};
use klined_market::base::{Interval, Symbol, UnixSeconds};
use klined_market::calendar::{Bucket, Minute};

/// No bar is labelled later.
const END_OF_TIME: UnixSeconds = UnixSeconds::MAX;

/// What was read of some symbols.
pub(super) struct Group<'t> {
    tasks: &'t [RollupTask],
    /// What earlier runs have left open of each.
    kept: Vec<Option<OpenBars>>,
    /// Whose each range is, by its place among the tasks, and the open bucket that it holds; none of new minutes.
    carried: Vec<(usize, Option<(Interval, Bucket)>)>,
    found: Vec<StoredBar>,
}

impl Aggregator {
    /// The buckets that hold the watermark's minute and more to come.
    fn open_buckets(&self, folded_to: Minute) -> impl Iterator<Item = (Interval, Bucket)> + '_ {
        Interval::ROLLED
            .into_iter()
            .map(move |interval| (interval, self.calendar.bucket(folded_to, interval)))
            .filter(move |(_, bucket)| bucket.last > folded_to)
    }

    /// Reads a few new minutes of many symbols, and what they are folded on top of, at once.
    pub(super) fn read_group<'t>(&self, tasks: &'t [RollupTask]) -> Result<Group<'t>, JobError> {
        let mut ranges = Vec::new();
        let mut carried = Vec::new();
        let kept: Vec<Option<OpenBars>> = {
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
                    ranges.push(BarRange { symbol, interval, from, to: from.next() });
                    carried.push((index, Some((interval, bucket))));
                }
            }
            let from = task.folded_to.map_or(UnixSeconds::EPOCH, UnixSeconds::next);
            let to = task.last_bar.map_or(from, UnixSeconds::next);
            ranges.push(BarRange { symbol, interval: Interval::Minute1, from, to });
            carried.push((index, None));
        }
        let found = self.store.bars(&ranges, 2 * PAGE_BARS)?;
        Ok(Group { tasks, kept, carried, found })
    }

    /// Folds a group and writes it at once.
    pub(super) fn fold_group(&self, group: Group<'_>, folded: &mut Folded, stop: &Stop) -> Result<(), JobError> {
        let Group { tasks, mut kept, carried, found } = group;
        if found.len() >= 2 * PAGE_BARS {
            // Only bars between trading minutes, written by another program, can make so many.
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
                // A roll-up that must be there is not: another program removed or damaged it.
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
    pub(super) fn fold_alone(&self, task: &RollupTask, folded: &mut Folded, stop: &Stop) -> Result<(), JobError> {
        let symbol = task.symbol;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&symbol);
        let Some((mut rollup, from)) = self.beginning(task)? else {
            // The change was outside of trading minutes, where nothing is rolled up.
            let write = RollupWrite { symbol, replace_from: None, bars: vec![], folded_to: None, is_repaired: true };
            return Ok(self.store.write_rollups(&self.lease, &[write])?);
        };
        let is_repair = repair_from(task).is_some();
        let mut replace_from = is_repair.then_some(from);
        let to = if task.folded_to.is_some() { task.last_bar.map_or(from, UnixSeconds::next) } else { END_OF_TIME };
        let mut next_from = Some(from);
        let next = || {
            let from = next_from.take().filter(|_| !stop.is_asked())?;
            let page = self.store.bars(&[BarRange { symbol, interval: Interval::Minute1, from, to }], PAGE_BARS);
            if let Ok(page) = &page {
                next_from = page.last().filter(|_| page.len() >= PAGE_BARS).map(|row| row.time.next());
            }
            Some(page.map_err(JobError::from))
        };
        read_ahead(next, |page| {
            let is_last = page.len() < PAGE_BARS;
            let mut bars = Vec::new();
            for row in &page {
                folded.minutes += self.push(&mut rollup, symbol, row, &mut bars);
            }
            bars.extend(rollup.current());
            folded.bars += bars.len() as u64;
            let folded_to = match (task.folded_to, is_repair) {
                (None, _) => None,
                // In a repair the watermark moves only with the last page: until then the old one is the true one.
                (Some(_), true) => task.last_bar.filter(|_| is_last),
                (Some(_), false) if is_last => task.last_bar,
                (Some(_), false) => page.last().map(|row| row.time),
            };
            let is_repaired = task.changed_from.is_some() && is_last;
            let write = RollupWrite { symbol, replace_from: replace_from.take(), bars, folded_to, is_repaired };
            self.store.write_rollups(&self.lease, &[write])?;
            folded.repaired += usize::from(is_repair && is_last);
            Ok(())
        })
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
        let folded_to = task.folded_to.unwrap_or(UnixSeconds::EPOCH);
        if let Ok(watermark) = self.calendar.minute_starting(folded_to) {
            match self.carried(&[(task.symbol, watermark)])?.remove(&task.symbol) {
                Some(carried) => rollup = carried,
                None => return self.beginning(&RollupTask { changed_from: Some(folded_to), ..*task }),
            }
        }
        Ok(Some((rollup, folded_to.next())))
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
                BarRange { symbol, interval, from, to: from.next() }
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
    pub(in crate::jobs) fn folds_at(
        &self,
        ends: &[(Symbol, Option<UnixSeconds>)],
    ) -> Result<BTreeMap<Symbol, Rollup<'_>>, JobError> {
        let watermarks = self.store.watermarks()?;
        let last = |&(symbol, end): &(Symbol, Option<UnixSeconds>)| (symbol, end.unwrap_or(UnixSeconds::EPOCH));
        let beyond = self.store.bars_after(&ends.iter().map(last).collect::<Vec<_>>())?;
        let (mut begun, mut folds) = (Vec::new(), BTreeMap::new());
        let never = UnixSeconds::EPOCH;
        for (symbol, end) in ends.iter().map(last).filter(|(symbol, _)| !beyond.contains(symbol)) {
            match (watermarks.get(&symbol).copied().unwrap_or(never), self.calendar.minute_starting(end)) {
                (folded_to, Ok(minute)) if folded_to == end => begun.push((symbol, minute)),
                (UnixSeconds::EPOCH, _) if end == never => drop(folds.insert(symbol, Rollup::new(&self.calendar))),
                _ => {}
            }
        }
        folds.append(&mut self.carried(&begun)?);
        Ok(folds)
    }

    /// Folds a row, and gives how many bars that was. What is no bar is reported and left out.
    fn push(&self, rollup: &mut Rollup<'_>, symbol: Symbol, row: &StoredBar, done: &mut Vec<(Interval, Bar)>) -> u64 {
        match row.parse(&self.calendar) {
            Ok(bar) => {
                rollup.push(&bar, &mut |interval, bar| done.push((interval, bar)));
                1
            }
            Err(error) => {
                warn!(%symbol, time = row.time.get(), "left out of the roll-ups: {error}");
                0
            }
        }
    }
}
