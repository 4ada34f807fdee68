//! The hours of a market: its time zone, its sessions and the lengths of its days.
//!
//! The rules of each market are a row of constants here; nothing outside this module knows a number of minutes, a zone or a
//! session's bounds.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime, TimeDelta, Timelike};
use chrono_tz::Tz;
use thiserror::Error;

use super::activity::{self, DayActivity};
use super::session::Session;
use crate::base::Seconds;

/// The hours that a market trades in. They are part of a market's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Hours {
    /// The Shanghai Stock Exchange: 09:30–11:30 and 13:00–15:00 Asia/Shanghai. The hours of a market that names no others.
    #[default]
    Sse,
    /// The New York Stock Exchange: 09:30–16:00 New York, to 13:00 on days with an early close.
    Nyse,
    /// Every minute; a day is one of UTC.
    AroundTheClock,
    /// Foreign exchange: from Sunday 17:00 to Friday 17:00 New York. A date begins at 17:00 of the evening before it.
    Fx,
}

/// A text that is not the name of a market's hours.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a calendar: use {names}", names = Hours::names())]
pub struct UnknownHours(pub String);

/// The last date of every calendar: the table of festivals ends with the year 2100.
pub(super) const HORIZON: NaiveDate = day(2100, 12, 31);

/// A session within a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionPlan {
    pub session: Session,
    /// Minutes by the clock from the day's first minute to the session's.
    pub opens_after: u16,
    /// Trading minutes.
    pub minutes: u16,
}

/// The minutes of one kind of trading day.
#[derive(Debug)]
pub(super) struct DayPlan {
    /// At least one session, in order.
    pub sessions: &'static [SessionPlan],
    /// Trading minutes of all sessions.
    pub minutes: u16,
    pub activity: &'static DayActivity,
}

/// The constants of a market's hours.
pub(super) struct HoursRules {
    pub name: &'static str,
    pub zone: Tz,
    pub city: &'static str,
    /// How long before the midnight of its date a day begins. Every instant belongs to one date, trading or not.
    pub lead: Seconds,
    /// When the first session opens by the local clock.
    pub open: NaiveTime,
    /// The kinds of days; the first is the regular one.
    pub plans: &'static [DayPlan],
    /// The first trading day.
    pub opened: NaiveDate,
    /// The place of the plan of a day that closes early; none without such days.
    pub early: Option<usize>,
    /// The place of the plan of a Saturday and a Sunday; none when they are closed.
    pub weekend: Option<usize>,
    /// Whether the market pauses before every day, so that prices open away from the close before.
    pub has_nights: bool,
    /// Whether the last minutes of a day are a closing call, for boards that have one.
    pub has_closing_call: bool,
    /// The last day of which a published source says whether it trades.
    pub known_until: NaiveDate,
    /// The mean number of trading days in a year.
    pub days_per_year: f64,
}

const fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

const fn time(hour: u32, minute: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
}

static SSE: HoursRules = HoursRules {
    name: "sse",
    zone: Tz::Asia__Shanghai,
    city: "Shanghai",
    lead: Seconds::ZERO,
    open: time(9, 30),
    plans: &[DayPlan {
        sessions: &[
            SessionPlan { session: Session::Morning, opens_after: 0, minutes: 120 },
            SessionPlan { session: Session::Afternoon, opens_after: 210, minutes: 120 },
        ],
        minutes: 240,
        activity: &activity::SSE,
    }],
    opened: day(1990, 12, 19),
    early: None,
    weekend: None,
    has_nights: true,
    has_closing_call: true,
    known_until: day(2026, 12, 31),
    days_per_year: 242.5,
};

/// The sessions of a day without a break.
const fn whole(minutes: u16) -> [SessionPlan; 1] {
    [SessionPlan { session: Session::Regular, opens_after: 0, minutes }]
}

static NYSE: HoursRules = HoursRules {
    name: "nyse",
    zone: Tz::America__New_York,
    city: "New York",
    lead: Seconds::ZERO,
    open: time(9, 30),
    plans: &[
        DayPlan { sessions: &whole(390), minutes: 390, activity: &activity::NYSE },
        DayPlan { sessions: &whole(210), minutes: 210, activity: &activity::NYSE_EARLY },
    ],
    opened: day(2000, 1, 3),
    early: Some(1),
    weekend: None,
    has_nights: true,
    has_closing_call: false,
    known_until: day(2026, 12, 31),
    days_per_year: 251.5,
};

static AROUND_THE_CLOCK: HoursRules = HoursRules {
    name: "24x7",
    zone: Tz::UTC,
    city: "UTC",
    lead: Seconds::ZERO,
    open: time(0, 0),
    plans: &[
        DayPlan { sessions: &whole(1440), minutes: 1440, activity: &activity::WEEKDAY },
        DayPlan { sessions: &whole(1440), minutes: 1440, activity: &activity::WEEKEND },
    ],
    opened: day(2000, 1, 1),
    early: None,
    weekend: Some(1),
    has_nights: false,
    has_closing_call: false,
    known_until: HORIZON,
    days_per_year: 365.25,
};

static FX: HoursRules = HoursRules {
    name: "fx",
    zone: Tz::America__New_York,
    city: "New York",
    lead: Seconds::minutes(7 * 60),
    open: time(17, 0),
    plans: &[DayPlan { sessions: &whole(1440), minutes: 1440, activity: &activity::FX }],
    opened: day(2000, 1, 3),
    early: None,
    weekend: None,
    has_nights: false,
    has_closing_call: false,
    known_until: HORIZON,
    days_per_year: 260.9,
};

impl Hours {
    /// Every kind of hours.
    pub const ALL: [Self; 4] = [Self::Sse, Self::Nyse, Self::AroundTheClock, Self::Fx];

    pub(super) fn rules(self) -> &'static HoursRules {
        match self {
            Self::Sse => &SSE,
            Self::Nyse => &NYSE,
            Self::AroundTheClock => &AROUND_THE_CLOCK,
            Self::Fx => &FX,
        }
    }

    /// The name in a database's identity and on command lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.rules().name
    }

    /// The time zone of the market's clocks.
    #[must_use]
    pub fn zone(self) -> Tz {
        self.rules().zone
    }

    /// The city whose time the clocks show.
    #[must_use]
    pub fn city(self) -> &'static str {
        self.rules().city
    }

    /// The trading minutes of a regular day.
    #[must_use]
    pub fn minutes_per_day(self) -> u16 {
        self.rules().plans[0].minutes
    }

    /// The mean number of trading days in a year.
    #[must_use]
    pub fn days_per_year(self) -> f64 {
        self.rules().days_per_year
    }

    /// Whether the market pauses before every day, so that a day opens away from the close before it. Else it only does after a
    /// day or more without trade.
    #[must_use]
    pub fn has_nights(self) -> bool {
        self.rules().has_nights
    }

    /// Whether the last minutes of a day are a closing call, for boards that have one.
    #[must_use]
    pub fn has_closing_call(self) -> bool {
        self.rules().has_closing_call
    }

    /// The hours of the local clock in which sessions of a regular day lie, ascending, from 0 to 23.
    #[must_use]
    pub fn clock_hours(self) -> std::collections::BTreeSet<u32> {
        let rules = self.rules();
        let open = i64::from(rules.open.num_seconds_from_midnight() / 60);
        let plan = &rules.plans[0];
        (0..plan.minutes).map(|place| ((open + plan.offset(place) / Seconds::MINUTE) / 60 % 24) as u32).collect()
    }

    /// The sessions of a regular day by the local clock: when each opens and closes. A session that closes no later than it opens goes on
    /// past midnight; one that closes when it opens lasts for 24 hours.
    #[must_use]
    pub fn sessions_by_clock(self) -> Vec<(NaiveTime, NaiveTime)> {
        let rules = self.rules();
        let at = |minutes: u16| rules.open.overflowing_add_signed(TimeDelta::minutes(i64::from(minutes))).0;
        let session = |plan: &SessionPlan| (at(plan.opens_after), at(plan.opens_after + plan.minutes));
        rules.plans[0].sessions.iter().map(session).collect()
    }

    /// Whether Saturdays and Sundays are trading days.
    #[must_use]
    pub fn has_weekends(self) -> bool {
        self.rules().weekend.is_some()
    }

    fn names() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl DayPlan {
    /// The place of the trading minute that an offset from the day's open lies in or, between sessions, of the next one; the
    /// number of minutes when the day is over.
    pub fn place_at_or_after(&self, after_open: Seconds) -> u16 {
        let minute = (after_open + Seconds::MINUTE - Seconds::SECOND) / Seconds::MINUTE;
        let mut before = 0;
        for plan in self.sessions {
            let within = minute - i64::from(plan.opens_after);
            if within < i64::from(plan.minutes) {
                return before + within.max(0) as u16;
            }
            before += plan.minutes;
        }
        before
    }

    /// The clock's span from the day's open to the start of a trading minute.
    pub fn offset(&self, place: u16) -> Seconds {
        let mut left = place;
        let mut offset = 0;
        for plan in self.sessions {
            offset = i64::from(plan.opens_after) + i64::from(left);
            if left < plan.minutes {
                break;
            }
            left -= plan.minutes;
        }
        Seconds::minutes(offset)
    }

    /// The first and the last place of a session's stretch of so many minutes in which a place lies. Stretches count from the
    /// session's open, and the last of a session may be shorter.
    pub fn stretch(&self, place: u16, minutes: u16) -> (u16, u16) {
        let mut opened = 0;
        for plan in self.sessions {
            let closed = opened + plan.minutes;
            if place < closed {
                let first = opened + (place - opened) / minutes * minutes;
                return (first, (first + minutes).min(closed) - 1);
            }
            opened = closed;
        }
        (place, place)
    }

    /// The sessions with the place of each one's first minute.
    pub fn sessions(&self) -> impl Iterator<Item = (u16, SessionPlan)> {
        self.sessions.iter().scan(0, |opened, &plan| {
            let first = *opened;
            *opened += plan.minutes;
            Some((first, plan))
        })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Hours {
    type Err = UnknownHours;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|hours| hours.as_str() == text).ok_or_else(|| UnknownHours(text.to_owned()))
    }
}
