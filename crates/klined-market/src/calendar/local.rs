//! What the calendar says in the exchange's local time.

use chrono::{DateTime, NaiveDate, NaiveTime};
use chrono_tz::Tz;

use super::{Calendar, CalendarError, zone};
use crate::base::{Seconds, UnixSeconds};

impl Calendar {
    /// From 00:00 UTC of a trading day to its open at 01:30 UTC; in daylight saving time, which China had until 1991, it
    /// opened an hour earlier.
    pub const OPEN_AFTER_UTC_MIDNIGHT: Seconds = Seconds::minutes(90);

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

    /// The first instant of a date of the exchange.
    ///
    /// # Errors
    /// The date has no midnight, which since the exchange opened has not happened: the clocks were changed at two.
    pub fn midnight(date: NaiveDate) -> Result<UnixSeconds, CalendarError> {
        zone::instant(date.and_time(NaiveTime::MIN))
    }
}
