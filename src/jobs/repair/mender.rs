//! Writing what a repair changes.

use crate::jobs::JobError;
use crate::jobs::advance::WRITE_BARS_MAX;
use crate::jobs::verify::cure::{Cure, Cures};
use crate::store::{BarStore, Lease, Mend, Outdated};
use klined_market::base::{Interval, Symbol, UnixSeconds};

/// Writes the cures of one stock in bounded transactions.
pub(super) struct Mender<'a> {
    pub store: &'a dyn BarStore,
    pub lease: &'a Lease,
    pub symbol: Symbol,
    pub mend: Mend,
    /// The earliest change.
    pub from: Option<UnixSeconds>,
    /// Bars in the transaction to come.
    pub length: usize,
}

impl Mender<'_> {
    /// Writes what has come together.
    pub fn flush(&mut self) -> Result<(), JobError> {
        let mut mend = std::mem::take(&mut self.mend);
        mend.changed.extend(self.from.map(|from| (self.symbol, from)));
        self.length = 0;
        Ok(self.store.mend(self.lease, &mend)?)
    }

    fn remove(&mut self, interval: Interval, time: UnixSeconds) {
        let is_same = |rows: &&mut Outdated| matches!(rows, Outdated::Bars { interval: of, .. } if *of == interval);
        match self.mend.outdated.iter_mut().find(is_same) {
            Some(Outdated::Bars { times, .. }) => times.push(time),
            _ => self.mend.outdated.push(Outdated::Bars { symbol: self.symbol, interval, times: vec![time] }),
        }
    }
}

impl Cures for Mender<'_> {
    fn add(&mut self, symbol: Symbol, cure: Cure) -> Result<(), JobError> {
        let time = match cure {
            Cure::Put(bar) | Cure::Replace(bar) => {
                self.mend.write.bars.push((symbol, bar));
                bar.first.start()
            }
            Cure::Remove(interval, time) => {
                self.remove(interval, time);
                time
            }
            Cure::Fold(time) => time,
        };
        self.from = Some(self.from.map_or(time, |from| from.min(time)));
        self.length += 1;
        if self.length >= WRITE_BARS_MAX { self.flush() } else { Ok(()) }
    }
}
