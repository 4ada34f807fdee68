//! The roll-up: one symbol's 1-minute bars folded into every longer interval, in one pass.
//!
//! Open is the first bar's, high the highest, low the lowest, close the last bar's; volume, turnover and trades are sums. The fold is
//! exact and associative, so a bucket may be made in any number of parts.

use super::Bar;
use crate::base::{Interval, Ohlcv};
use crate::calendar::{Bucket, Calendar, Minute};

/// Folds the 1-minute bars of one symbol, given in order, into the bars of every rolled interval.
#[derive(Debug, Clone)]
pub struct Rollup<'c> {
    calendar: &'c Calendar,
    open: [Option<(Bucket, Ohlcv)>; Interval::ROLLED.len()],
    /// Buckets that begin before this minute are not folded, because only a part of their minutes is given.
    since: Option<Minute>,
}

/// The recomputation of a symbol's roll-ups after a 1-minute bar was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repair {
    /// The first minute of the earliest bucket that contains the changed minute.
    pub since: Minute,
}

impl Repair {
    /// The repair that is needed after a change of one minute.
    #[must_use]
    pub fn of(calendar: &Calendar, changed: Minute) -> Self {
        let firsts = Interval::ROLLED.into_iter().map(|interval| calendar.bucket(changed, interval).first);
        Self { since: firsts.fold(changed, Minute::min) }
    }
}

impl<'c> Rollup<'c> {
    /// A fold that begins with a symbol's first bar, or goes on after [`Rollup::resume`].
    #[must_use]
    pub fn new(calendar: &'c Calendar) -> Self {
        Self { calendar, open: Default::default(), since: None }
    }

    /// A fold that makes the roll-ups from a repair's first minute on, and leaves alone the buckets that begin earlier.
    #[must_use]
    pub fn repairing(calendar: &'c Calendar, repair: Repair) -> Self {
        Self { since: Some(repair.since), ..Self::new(calendar) }
    }

    /// Continues a bucket of which an earlier fold has made a part.
    pub fn resume(&mut self, interval: Interval, bucket: Bucket, so_far: Ohlcv) {
        if let Some(slot) = Interval::ROLLED.iter().position(|&rolled| rolled == interval) {
            self.open[slot] = Some((bucket, so_far));
        }
    }

    /// Takes the next 1-minute bar; gives each bucket that lies wholly before it to `done`.
    pub fn push(&mut self, bar: &Bar, done: &mut impl FnMut(Interval, Bar)) {
        for (slot, interval) in self.open.iter_mut().zip(Interval::ROLLED) {
            match slot {
                Some((bucket, so_far)) if bar.first <= bucket.last => *so_far = so_far.then(bar.ohlcv),
                _ => {
                    if let Some((bucket, whole)) = slot.take() {
                        done(interval, Bar { first: bucket.first, ohlcv: whole });
                    }
                    let bucket = self.calendar.bucket(bar.first, interval);
                    if self.since.is_none_or(|since| bucket.first >= since) {
                        *slot = Some((bucket, bar.ohlcv));
                    }
                }
            }
        }
    }

    /// Gives every open bucket as it is after a minute to `done`, and closes those that end with it.
    pub fn settle(&mut self, at: Minute, done: &mut impl FnMut(Interval, Bar)) {
        self.current().for_each(|(interval, bar)| done(interval, bar));
        for slot in &mut self.open {
            slot.take_if(|(bucket, _)| bucket.last <= at);
        }
    }

    /// The buckets that are folded in part or just filled, as they stand.
    pub fn current(&self) -> impl Iterator<Item = (Interval, Bar)> + '_ {
        self.open.iter().zip(Interval::ROLLED).filter_map(|(slot, interval)| {
            slot.map(|(bucket, so_far)| (interval, Bar { first: bucket.first, ohlcv: so_far }))
        })
    }
}
