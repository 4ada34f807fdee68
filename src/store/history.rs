//! What a bulk load writes: a history in parts, with the roll-ups that were folded from its bars.

use super::connection::AnyConnection;
use super::data::{MarketWrite, RollupWrite};
use super::error::StoreError;
use super::lease::Lease;

/// The roles that a history is written under.
#[derive(Clone, Copy)]
pub struct LoadRoles<'a> {
    pub writer: &'a Lease,
    /// Needed for parts with roll-ups.
    pub aggregator: Option<&'a Lease>,
}

impl LoadRoles<'_> {
    /// Checks every role held, as [`Lease::check`] does.
    pub(super) fn check(self, connection: &mut AnyConnection<'_>) -> Result<(), StoreError> {
        self.writer.check(connection)?;
        self.aggregator.map_or(Ok(()), |lease| lease.check(connection))
    }
}

/// A part of a history.
#[derive(Debug, Clone, Default)]
pub struct HistoryPart {
    /// 1-minute bars with all that belongs to them.
    pub minutes: MarketWrite,
    /// Roll-ups of these bars.
    pub rollups: Vec<RollupWrite>,
}

impl HistoryPart {
    /// Appends another part that follows this one in time, or of another symbol.
    pub fn append(&mut self, mut other: Self) {
        let (minutes, more) = (&mut self.minutes, &mut other.minutes);
        minutes.bars.append(&mut more.bars);
        minutes.snapshots.append(&mut more.snapshots);
        minutes.checkpoints.append(&mut more.checkpoints);
        minutes.listings.append(&mut more.listings);
        minutes.parameters.append(&mut more.parameters);
        minutes.halts.append(&mut more.halts);
        minutes.status = more.status.or(minutes.status);
        minutes.clock = more.clock.or(minutes.clock);
        self.rollups.append(&mut other.rollups);
    }

    /// How many bars of every interval it holds.
    #[must_use]
    pub fn bars(&self) -> usize {
        self.minutes.bars.len() + self.rollups.iter().map(|write| write.bars.len()).sum::<usize>()
    }
}

/// The answer of a [`PartSource`].
#[expect(clippy::large_enum_variant, reason = "passed on once a part; a box would be one more allocation each")]
pub enum NextPart {
    /// The next part, of one symbol.
    Part(HistoryPart),
    /// The month has no more parts.
    End,
    /// The load is cancelled: nothing of the month is kept.
    Abort,
}

/// Where the parts of a month come from.
pub trait PartSource {
    /// The next part. Called until the answer is not a part.
    fn next(&mut self) -> NextPart;

    /// Waits until the months before this one are visible. Called once, after the end, when everything is done that does not
    /// depend on them; false cancels the load.
    fn may_end(&mut self) -> bool;

    /// Whether the load goes on. Called while it waits for another process's load; false cancels it.
    fn goes_on(&mut self) -> bool {
        true
    }
}

/// How the load of a whole month ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthLoad {
    /// The month is committed.
    Committed,
    /// The source cancelled it; nothing of the month is kept.
    Cancelled,
    /// Another process has made the month's partition since. The source was not called, and [`super::LoadHistory::load_part`]
    /// remains.
    Taken,
}

/// Whether a whole month can be loaded at once, into a table of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthRoom {
    /// It can.
    Free,
    /// It cannot, for this reason.
    None(&'static str),
}
