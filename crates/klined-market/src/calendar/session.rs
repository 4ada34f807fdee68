//! Sessions: the morning's and the afternoon's trading, and the time between.

use std::fmt;

use super::{Calendar, CalendarError, MINUTES_PER_DAY, Minute};
use crate::base::UnixSeconds;

/// The session that an instant lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Session {
    /// 09:30 to 11:30.
    Morning,
    /// 13:00 to 15:00.
    Afternoon,
    /// The lunch break, the night, weekends and holidays.
    Closed,
}

/// A session with its bounds. For a closed time the bounds are those of the session that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSpan {
    /// The session that the instant lies in.
    pub session: Session,
    /// First instant of the session, in Unix seconds.
    pub start: UnixSeconds,
    /// First instant after the session, in Unix seconds.
    pub end: UnixSeconds,
}

impl Session {
    /// The name that `market_status` keeps.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Morning => "morning",
            Self::Afternoon => "afternoon",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl SessionSpan {
    /// Whether the exchange trades.
    #[must_use]
    pub fn is_trading(&self) -> bool {
        self.session != Session::Closed
    }
}

impl Calendar {
    /// The session that an instant lies in, or that comes next when the exchange is closed then.
    ///
    /// # Errors
    /// The calendar ends before a session follows.
    pub fn session_at(&self, instant: UnixSeconds) -> Result<SessionSpan, CalendarError> {
        let mut day = self.day_at_or_after(self.date_of(instant)?)?;
        loop {
            for (session, first) in [(Session::Morning, 0), (Session::Afternoon, MINUTES_PER_DAY / 2)] {
                let start = self.minute_of(day, first)?.start();
                let end = self.minute_of(day, first + MINUTES_PER_DAY / 2 - 1)?.end();
                if instant < end {
                    let session = if instant < start { Session::Closed } else { session };
                    return Ok(SessionSpan { session, start, end });
                }
            }
            day = self.day_after(day)?;
        }
    }

    /// The trading minute that an instant lies in; none while the exchange is closed.
    #[must_use]
    pub fn minute_containing(&self, instant: UnixSeconds) -> Option<Minute> {
        self.minute_starting(Minute::label_of(instant)).ok()
    }
}
