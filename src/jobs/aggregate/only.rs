//! The roll-ups of one interval, made again from the minutes that are rolled up.
//!
//! One watermark counts for all intervals of a symbol, so new minutes are rolled up to every interval first. Then the bars of the
//! interval that are missing or not the fold of their minutes are written. Those of other intervals stay as they are.

use super::{Aggregator, Folded, PAGE_BARS};
use crate::jobs::{JobError, Stop};
use crate::store::{BarRange, RollupWrite, StoredBar};
use klined_market::bars::{Bar, Repair, Rollup};
use klined_market::base::{Interval, Symbol, UnixSeconds};

impl Aggregator {
    /// Rolls up what is new, and makes all roll-ups of one interval again. Gives the bars that the second step has written.
    ///
    /// # Errors
    /// Those of [`Aggregator::run`]. What was written before stays.
    pub fn run_only(&self, interval: Interval, stop: &Stop) -> Result<Folded, JobError> {
        self.run(None, stop)?;
        let from = self.store.retained_from()?.unwrap_or(UnixSeconds::EPOCH);
        let mut folded = Folded::default();
        for (symbol, folded_to) in self.store.watermarks()? {
            if stop.is_asked() {
                break;
            }
            if self.lease.shard().holds(symbol) && self.only.is_none_or(|only| only == symbol) {
                self.remake(symbol, interval, (from, folded_to.next()), &mut folded, stop)?;
            }
        }
        Ok(folded)
    }

    /// Makes the bars of a symbol's interval from its minutes in a span, end excluded.
    fn remake(
        &self,
        symbol: Symbol,
        interval: Interval,
        (from, to): (UnixSeconds, UnixSeconds),
        folded: &mut Folded,
        stop: &Stop,
    ) -> Result<(), JobError> {
        let Some(since) = self.calendar.minutes_in(from, to).next() else { return Ok(()) };
        let mut rollup = Rollup::repairing(&self.calendar, Repair { since });
        let (mut next_from, mut missing) = (from, 0);
        loop {
            let page = self.read(symbol, Interval::Minute1, (next_from, to))?;
            let mut made: Vec<Bar> = Vec::new();
            for bar in page.iter().filter_map(|row| row.parse(&self.calendar).ok()) {
                folded.minutes += 1;
                rollup.push(&bar, &mut |of, bar| made.extend((of == interval).then_some(bar)));
            }
            let is_last = page.len() < PAGE_BARS;
            if is_last {
                made.extend(rollup.current().filter(|(of, _)| *of == interval).map(|(_, bar)| bar));
            }
            missing += self.correct(symbol, interval, made)?;
            match page.last() {
                Some(row) if !is_last && !stop.is_asked() => next_from = row.time.next(),
                _ => break,
            }
        }
        folded.bars += missing;
        folded.symbols += usize::from(missing > 0);
        Ok(())
    }

    /// Writes those of a symbol's bars, in order, that are not stored as they are; how many they were.
    fn correct(&self, symbol: Symbol, interval: Interval, made: Vec<Bar>) -> Result<u64, JobError> {
        let (Some(first), Some(last)) = (made.first(), made.last()) else { return Ok(0) };
        let stored = self.read(symbol, interval, (first.first.start(), last.first.start().next()))?;
        let mut stored = stored.iter().peekable();
        let bars: Vec<(Interval, Bar)> = made
            .into_iter()
            .filter(|bar| {
                while stored.next_if(|row| row.time < bar.first.start()).is_some() {}
                let is_there = |row: &&StoredBar| row.time == bar.first.start() && row.is_exactly(bar.ohlcv);
                !stored.peek().is_some_and(is_there)
            })
            .map(|bar| (interval, bar))
            .collect();
        let count = bars.len() as u64;
        if count > 0 {
            let write = RollupWrite { symbol, replace_from: None, bars, folded_to: None, is_repaired: false };
            self.store.write_rollups(&self.lease, &[write])?;
        }
        Ok(count)
    }

    fn read(
        &self,
        symbol: Symbol,
        interval: Interval,
        (from, to): (UnixSeconds, UnixSeconds),
    ) -> Result<Vec<StoredBar>, JobError> {
        Ok(self.store.bars(&[BarRange { symbol, interval, from, to }], PAGE_BARS)?)
    }
}
