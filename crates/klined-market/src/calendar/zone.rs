//! Time zones: the one place where instants become local times and local times instants.

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::CalendarError;
use crate::base::{Seconds, UnixSeconds};

/// The instants that have a local time: a zone's offset is less than a day, so a day is spared on either side of those that have
/// a date in UTC.
const FIRST: i64 = DateTime::<Utc>::MIN_UTC.timestamp() + Seconds::DAY.get();
const LAST: i64 = DateTime::<Utc>::MAX_UTC.timestamp() - Seconds::DAY.get();

/// The local date and time of an instant.
pub(super) fn local(zone: Tz, instant: UnixSeconds) -> Result<DateTime<Tz>, CalendarError> {
    let utc = Some(instant.get()).filter(|count| (FIRST..=LAST).contains(count));
    let utc = utc.and_then(|count| DateTime::from_timestamp(count, 0)).ok_or(CalendarError::OutOfRange(instant))?;
    Ok(zone.from_utc_datetime(&utc.naive_utc()))
}

/// The first instant at which the clocks of a zone show a local date and time.
pub(super) fn instant(zone: Tz, local: NaiveDateTime) -> Result<UnixSeconds, CalendarError> {
    let found = zone.from_local_datetime(&local).earliest();
    found.map(|instant| UnixSeconds::new(instant.timestamp())).ok_or(CalendarError::NoSuchLocalTime(local))
}
