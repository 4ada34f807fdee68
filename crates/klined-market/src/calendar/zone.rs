//! The exchange's time zone: the one place where instants become local times and local times instants.

use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::{Asia::Shanghai, Tz};

use super::CalendarError;
use crate::base::{Seconds, UnixSeconds};

/// When the morning session opens.
pub(super) const MORNING_OPEN: NaiveTime = NaiveTime::from_hms_opt(9, 30, 0).unwrap();

/// The instants that have a local time: a zone's offset is less than a day, so a day is spared on either side of those that have
/// a date in UTC.
const FIRST: i64 = DateTime::<Utc>::MIN_UTC.timestamp() + Seconds::DAY.get();
const LAST: i64 = DateTime::<Utc>::MAX_UTC.timestamp() - Seconds::DAY.get();

/// The zone itself.
pub(super) const ZONE: Tz = Shanghai;

/// The local date and time of an instant.
pub(super) fn local(instant: UnixSeconds) -> Result<DateTime<Tz>, CalendarError> {
    let utc = Some(instant.get()).filter(|count| (FIRST..=LAST).contains(count));
    let utc = utc.and_then(|count| DateTime::from_timestamp(count, 0)).ok_or(CalendarError::OutOfRange(instant))?;
    Ok(Shanghai.from_utc_datetime(&utc.naive_utc()))
}

/// The first instant at which the exchange's clocks show a local date and time.
pub(super) fn instant(local: NaiveDateTime) -> Result<UnixSeconds, CalendarError> {
    let found = Shanghai.from_local_datetime(&local).earliest();
    found.map(|instant| UnixSeconds::new(instant.timestamp())).ok_or(CalendarError::NoSuchLocalTime(local))
}

/// An instant as a person at the exchange reads it; the plain number of seconds when it has no date.
#[must_use]
pub fn local_time(instant: UnixSeconds) -> String {
    local(instant).map_or_else(|_| instant.to_string(), |local| local.format("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use proptest::prelude::*;

    use super::*;
    use crate::base::Seconds;
    use crate::calendar::Calendar;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn an_instant_without_a_date_is_an_error_and_not_1970() {
        let calendar = Calendar::shanghai();
        // Of the last two UTC has a date; local time need not.
        let edges = [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC].map(|utc| utc.timestamp());
        for instant in [i64::MIN, i64::MAX, -1 << 43, 1 << 43].into_iter().chain(edges).map(UnixSeconds::new) {
            let error = CalendarError::OutOfRange(instant);
            assert_eq!(calendar.date_of(instant), Err(error.clone()));
            assert_eq!(calendar.last_completed(instant), Err(error.clone()));
            assert_eq!(calendar.session_at(instant), Err(error));
            assert_eq!(local_time(instant), instant.to_string());
        }
        assert_eq!(calendar.date_of(UnixSeconds::EPOCH), Ok(date("1970-01-01")));
    }

    #[test]
    fn a_day_whose_clocks_were_put_forward_at_midnight_has_none() {
        // The tz database has it so of 1940; the exchange opened fifty years later.
        let never = date("1940-06-01").and_time(NaiveTime::MIN);
        assert_eq!(Calendar::midnight(never.date()), Err(CalendarError::NoSuchLocalTime(never)));
        assert_eq!(Calendar::midnight(date("2026-03-02")), Ok(UnixSeconds::new(1_772_380_800)));
    }

    #[test]
    fn the_open_is_as_far_from_midnight_utc_as_is_said() {
        let calendar = Calendar::shanghai();
        for (day, earlier) in
            [("1991-06-03", Seconds::HOUR), ("1992-06-03", Seconds::ZERO), ("2026-03-02", Seconds::ZERO)]
        {
            let midnight = UnixSeconds::new(date(day).and_time(NaiveTime::MIN).and_utc().timestamp());
            let open = calendar.open_of(date(day)).unwrap().start();
            assert_eq!(open - midnight, Seconds::minutes(90) - earlier, "{day}");
        }
    }

    proptest! {
        #[test]
        fn no_instant_and_no_date_ends_the_calendar(count: i64, days in any::<i32>()) {
            let instant = UnixSeconds::new(count);
            let _ = (Calendar::local(instant).map(|local| local.to_rfc3339()), local_time(instant));
            let Some(date) = NaiveDate::from_num_days_from_ce_opt(days) else { return Ok(()) };
            let _ = Calendar::midnight(date);
        }

        #[test]
        fn a_midnight_is_of_its_date_and_the_second_before_is_not(days in 727_000..767_000_i32) {
            let date = NaiveDate::from_num_days_from_ce_opt(days).unwrap();
            let midnight = Calendar::midnight(date).unwrap();
            prop_assert_eq!(local(midnight).map(|local| local.date_naive()), Ok(date));
            prop_assert_eq!(local(midnight.previous()).map(|local| local.date_naive()), Ok(date.pred_opt().unwrap()));
        }
    }
}
