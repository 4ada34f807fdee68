//! What the calendar says in the exchange's local time.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;

use super::{Calendar, CalendarError, zone};
use crate::base::UnixSeconds;

impl Calendar {
    /// The exchange's time zone.
    #[must_use]
    pub fn zone() -> Tz {
        zone::ZONE
    }

    /// The exchange's date and time at an instant.
    ///
    /// # Errors
    /// The instant lies outside of the dates that can be written, some 262,000 years from today.
    pub fn local(instant: UnixSeconds) -> Result<DateTime<Tz>, CalendarError> {
        zone::local(instant)
    }

    /// The exchange's date on which an instant falls.
    ///
    /// # Errors
    /// The instant lies outside of the dates that can be written, some 262,000 years from today.
    pub fn date_of(&self, instant: UnixSeconds) -> Result<NaiveDate, CalendarError> {
        Ok(zone::local(instant)?.date_naive())
    }

    /// The first instant at which the exchange's clocks show a date and time.
    ///
    /// # Errors
    /// They never show it, because they were put forward past it.
    pub fn instant_of(local: NaiveDateTime) -> Result<UnixSeconds, CalendarError> {
        zone::instant(local)
    }

    /// The first instant of a date of the exchange.
    ///
    /// # Errors
    /// The date has no midnight, which since the exchange opened has not happened: the clocks were changed at two.
    pub fn midnight(date: NaiveDate) -> Result<UnixSeconds, CalendarError> {
        zone::instant(date.and_time(NaiveTime::MIN))
    }
}
