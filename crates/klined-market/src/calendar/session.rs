//! Sessions: the stretches of a day with continuous trade, and the time between.

use std::fmt;

use crate::base::UnixSeconds;

/// The session that an instant lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Session {
    /// Before the lunch break: 09:30 to 11:30 in Shanghai.
    Morning,
    /// After the lunch break: 13:00 to 15:00 in Shanghai.
    Afternoon,
    /// The only session of a day.
    Regular,
    /// The time between sessions: breaks, nights, weekends and holidays.
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
    /// Every session.
    pub const ALL: [Self; 4] = [Self::Morning, Self::Afternoon, Self::Regular, Self::Closed];

    /// The name that `market_status` keeps.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Morning => "morning",
            Self::Afternoon => "afternoon",
            Self::Regular => "regular",
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
    /// Whether the market trades.
    #[must_use]
    pub fn is_trading(&self) -> bool {
        self.session != Session::Closed
    }
}
