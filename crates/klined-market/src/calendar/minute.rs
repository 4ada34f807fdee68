//! The trading minute.

use std::fmt;

use crate::base::{Seconds, UnixSeconds};

/// A trading minute, named by its start in Unix seconds. Only a [`Calendar`](super::Calendar) makes one, so it always
/// lies in a session of a trading day of that calendar. Only the calendar knows which minute follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(UnixSeconds);

impl Minute {
    /// Length in seconds.
    pub const SECONDS: Seconds = Seconds::MINUTE;

    pub(super) fn starting_at(start: UnixSeconds) -> Self {
        Self(start)
    }

    /// Its first instant, in Unix seconds: the label it is stored under.
    #[must_use]
    pub fn start(self) -> UnixSeconds {
        self.0
    }

    /// The first instant after it, in Unix seconds. Its bar is complete from then on.
    #[must_use]
    pub fn end(self) -> UnixSeconds {
        Self::end_of(self.0)
    }

    /// The first instant after the minute with this label, without asking whether it is a trading minute.
    #[must_use]
    pub fn end_of(label: UnixSeconds) -> UnixSeconds {
        label.saturating_add(Self::SECONDS)
    }

    /// The label of the minute that ends at an instant, without asking whether it is a trading minute.
    #[must_use]
    pub fn label_ending_at(end: UnixSeconds) -> UnixSeconds {
        end.saturating_sub(Self::SECONDS)
    }

    /// The label of the minute that an instant lies in, without asking whether it is a trading minute.
    #[must_use]
    pub fn label_of(instant: UnixSeconds) -> UnixSeconds {
        instant.floor_to(Self::SECONDS)
    }
}

impl fmt::Display for Minute {
    /// Its start in Unix seconds. [`Calendar::local_minute`](super::Calendar::local_minute) has it by the market's clocks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
