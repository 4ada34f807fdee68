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
        batch.clock = more.clock.or(batch.clock);
        self.rollups.append(&mut other.rollups);
    }

    /// How many bars of every interval it holds.
    #[must_use]
    pub fn bars(&self) -> usize {
        self.batch.bars.len() + self.rollups.iter().map(|write| write.bars.len()).sum::<usize>()
    }
}

/// What comes next of a month.
#[expect(clippy::large_enum_variant, reason = "passed on once a part; a box would be one more allocation each")]
pub enum Supply {
    /// The next part, of one symbol.
    Part(Fill),
    /// That was all.
    End,
    /// The month is given up: nothing of it is to be kept.
    Abort,
}

/// Where a month's parts come from.
pub trait Supplier {
    /// The next part; asked until the end.
    fn next(&mut self) -> Supply;

    /// Waits until what must be visible before the month is so; false gives the month up. Asked once, after the end, and when
    /// all is done that does not depend on it.
    fn may_end(&mut self) -> bool;

    /// Whether the month is still wanted; asked while it has to wait for somebody else's.
    fn is_wanted(&mut self) -> bool {
        true
    }
}

/// How the writing of a whole month went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthFill {
    Written,
    /// The supplier gave up; nothing of the month is kept.
    GivenUp,
    /// Somebody else has made the month's place since; nothing was asked of the supplier, and [`super::BarStore::fill`] remains.
    Taken,
}

/// Whether a month's bars can go into a place of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    Free,
    /// They cannot, for this reason.
    None(&'static str),
}
