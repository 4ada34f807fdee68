//! The roles of a database.

use klined_market::base::Shard;

/// The two roles, each of which one process at a time may hold, or one process for each shard of the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Writes 1-minute bars and all that belongs to them: the generator or a backfill.
    Writer,
    /// Writes roll-ups.
    Aggregator,
}

impl Role {
    /// The name in messages and lock files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Writer => "writer",
            Self::Aggregator => "aggregator",
        }
    }

    /// The role's name in `role_epoch`: `writer`, or `writer 2/4` for a shard.
    pub(super) fn name_for(self, shard: Shard) -> String {
        if shard.is_whole() { self.as_str().to_owned() } else { format!("{} {shard}", self.as_str()) }
    }
}
