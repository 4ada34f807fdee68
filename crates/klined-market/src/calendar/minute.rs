//! The trading minute.

use std::fmt;

use crate::base::UnixSeconds;

/// Trading minutes in a day: 120 before the lunch break, 120 after it.
pub const MINUTES_PER_DAY: u16 = 240;

/// A trading minute, named by its start in Unix seconds. Only a [`Calendar`](super::Calendar) makes one, so it always
/// lies in a session of a trading day of that calendar. Which minute follows it is the calendar's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(UnixSeconds);

impl Minute {
    /// Length in seconds.
    pub const SECONDS: UnixSeconds = 60;

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
        self.0 + Self::SECONDS
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::days::local(self.0).format("%Y-%m-%d %H:%M").fmt(f)
    }
}
