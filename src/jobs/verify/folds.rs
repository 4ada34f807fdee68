//! The fold of a stock's minutes, and the folded bars that wait to be compared with the stored roll-ups.

use super::PAGE_BARS;
use klined_market::bars::{Bar, Repair, Rollup};
use klined_market::base::{Interval, UnixSeconds};
use klined_market::calendar::Calendar;

/// A fold under way.
pub(super) struct Folds<'c> {
    rollup: Rollup<'c>,
    /// Roll-ups hold the minutes up to this one.
    pub folded_to: UnixSeconds,
    /// Folded bars, by place in [`Interval::ROLLED`].
    pub bars: [Vec<Bar>; Interval::ROLLED.len()],
    /// Stored roll-ups before this label have been compared.
    pub seen_to: [UnixSeconds; Interval::ROLLED.len()],
}

impl<'c> Folds<'c> {
    /// Buckets that begin before the horizon `from` are not kept, even if a part of their minutes is.
    pub fn new(calendar: &'c Calendar, from: UnixSeconds, folded_to: UnixSeconds) -> Self {
        let rollup = match calendar.minutes_in(from, UnixSeconds::MAX).next() {
            Some(since) => Rollup::repairing(calendar, Repair { since }),
            None => Rollup::new(calendar),
        };
        Self { rollup, folded_to, bars: Default::default(), seen_to: [from; Interval::ROLLED.len()] }
    }

    /// Takes the next minute; false when it lies behind the watermark and is part of no roll-up.
    pub fn push(&mut self, bar: &Bar) -> bool {
        if bar.first.start() > self.folded_to {
            return false;
        }
        let Self { rollup, bars, .. } = self;
        rollup.push(bar, &mut |interval, whole| add(bars, interval, whole));
        true
    }

    /// Adds the buckets that are open at the watermark.
    pub fn close(&mut self) {
        let Self { rollup, bars, .. } = self;
        rollup.current().for_each(|(interval, bar)| add(bars, interval, bar));
    }

    /// An interval of which so many bars have come together that they are to be compared.
    pub fn long(&self) -> Option<usize> {
        self.bars.iter().position(|bars| bars.len() >= PAGE_BARS)
    }
}

fn add(bars: &mut [Vec<Bar>], interval: Interval, bar: Bar) {
    if let Some(slot) = Interval::ROLLED.iter().position(|&rolled| rolled == interval) {
        bars[slot].push(bar);
    }
}
