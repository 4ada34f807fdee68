//! What a backfill writes: history in parts, with the roll-ups that were folded from it on the way.

use super::data::{Batch, RollupWrite};
use super::{Lease, StoreError};

/// The roles that a history is written under.
#[derive(Clone, Copy)]
pub struct FillRoles<'a> {
    pub writer: &'a Lease,
    /// Needed for parts with roll-ups.
    pub aggregator: Option<&'a Lease>,
}

impl FillRoles<'_> {
    /// Checks every role held, each by the backend's own way.
    pub(super) fn check(self, mut check: impl FnMut(&Lease) -> Result<(), StoreError>) -> Result<(), StoreError> {
        check(self.writer)?;
        self.aggregator.map_or(Ok(()), check)
    }
}

/// A part of a history.
#[derive(Debug, Clone, Default)]
pub struct Fill {
    pub batch: Batch,
    /// Roll-ups of the batch's bars.
    pub rollups: Vec<RollupWrite>,
}

impl Fill {
    /// Takes another part that follows.
    pub fn append(&mut self, mut other: Self) {
        let (batch, more) = (&mut self.batch, &mut other.batch);
        batch.bars.append(&mut more.bars);
        batch.quotes.append(&mut more.quotes);
        batch.checkpoints.append(&mut more.checkpoints);
        batch.listings.append(&mut more.listings);
        batch.halts.append(&mut more.halts);
        batch.status = more.status.or(batch.status);
        self.rollups.append(&mut other.rollups);
    }

    /// How many bars of every interval it holds.
    #[must_use]
    pub fn bars(&self) -> usize {
        self.batch.bars.len() + self.rollups.iter().map(|write| write.bars.len()).sum::<usize>()
    }
}

/// What the supplier of a month has to give.
pub enum Supply {
    /// The next part, of one symbol.
    Part(Fill),
    /// That was all.
    End,
    /// The month is given up: nothing of it is to be kept.
    Abort,
}

/// What became of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthFilled {
    /// It is written.
    Written,
    /// The supplier gave up, and nothing was changed.
    Aborted,
    /// It cannot be written like this, for this reason; nothing was asked of the supplier.
    Unsuited(&'static str),
}
