//! What the calendar says in the market's local time.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;

use super::{Calendar, CalendarError, Hours, Minute, zone};
use crate::base::UnixSeconds;

impl Hours {
    /// The market's date on which an instant falls.
    ///
    /// # Errors
    /// The instant lies outside of the dates that can be written, some 262,000 years from today.
    pub fn date_of(self, instant: UnixSeconds) -> Result<NaiveDate, CalendarError> {
        let local = zone::local(self.zone(), instant)?.naive_local();
        Ok((local + TimeDelta::seconds(self.rules().lead.get())).date())
    }

    /// The first instant of a date of the market.
    ///
    /// # Errors
    /// The clocks never show that moment, because they were put forward past it.
    pub fn midnight(self, date: NaiveDate) -> Result<UnixSeconds, CalendarError> {
        let begin = date.and_time(NaiveTime::MIN).checked_sub_signed(TimeDelta::seconds(self.rules().lead.get()));
        zone::instant(self.zone(), begin.ok_or(CalendarError::NoSuchLocalTime(date.and_time(NaiveTime::MIN)))?)
    }

    /// The local date and time of an instant.
    ///
    /// # Errors
    /// The instant lies outside of the dates that can be written, some 262,000 years from today.
    pub fn local(self, instant: UnixSeconds) -> Result<DateTime<Tz>, CalendarError> {
        zone::local(self.zone(), instant)
    }

    /// The first instant at which the market's clocks show a date and time.
    ///
    /// # Errors
    /// They never show it, because they were put forward past it.
    pub fn instant_of(self, local: NaiveDateTime) -> Result<UnixSeconds, CalendarError> {
        zone::instant(self.zone(), local)
    }

    /// An instant as a person at the market reads it; the plain number of seconds when it has no date.
    #[must_use]
    pub fn local_time(self, instant: UnixSeconds) -> String {
        let text = |local: DateTime<Tz>| local.format("%Y-%m-%d %H:%M:%S").to_string();
        self.local(instant).map_or_else(|_| instant.to_string(), text)
    }
}

impl Calendar {
    /// [`Hours::date_of`].
    ///
    /// # Errors
    /// Those of [`Hours::date_of`].
    pub fn date_of(&self, instant: UnixSeconds) -> Result<NaiveDate, CalendarError> {
        self.hours().date_of(instant)
    }

    /// [`Hours::midnight`].
    ///
    /// # Errors
    /// Those of [`Hours::midnight`].
    pub fn midnight(&self, date: NaiveDate) -> Result<UnixSeconds, CalendarError> {
        self.hours().midnight(date)
    }

    /// A minute's date and time of day as a person at the market reads them.
    #[must_use]
    pub fn local_minute(&self, minute: Minute) -> String {
        let text = |local: DateTime<Tz>| local.format("%Y-%m-%d %H:%M").to_string();
        self.hours().local(minute.start()).map_or_else(|_| minute.start().to_string(), text)
    }

    /// [`Hours::local_time`].
    #[must_use]
    pub fn local_time(&self, instant: UnixSeconds) -> String {
        self.hours().local_time(instant)
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use proptest::prelude::*;

    use super::*;
    use crate::base::Seconds;

    const SSE: Hours = Hours::Sse;

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
            assert_eq!(calendar.local_time(instant), instant.to_string());
        }
        assert_eq!(calendar.date_of(UnixSeconds::EPOCH), Ok(date("1970-01-01")));
    }

    #[test]
    fn a_day_whose_clocks_were_put_forward_at_midnight_has_none() {
        // The tz database has it so of 1940; the exchange opened fifty years later.
        let never = date("1940-06-01").and_time(NaiveTime::MIN);
        assert_eq!(SSE.midnight(never.date()), Err(CalendarError::NoSuchLocalTime(never)));
        assert_eq!(SSE.midnight(date("2026-03-02")), Ok(UnixSeconds::new(1_772_380_800)));
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
            for hours in Hours::ALL {
                let _ = (hours.local(instant).map(|local| local.to_rfc3339()), hours.local_time(instant));
                let Some(date) = NaiveDate::from_num_days_from_ce_opt(days) else { return Ok(()) };
                let _ = (hours.date_of(instant), hours.midnight(date));
            }
        }

        #[test]
        fn a_midnight_is_of_its_date_and_the_second_before_is_not(days in 727_000..767_000_i32) {
            let date = NaiveDate::from_num_days_from_ce_opt(days).unwrap();
            for hours in Hours::ALL {
                let midnight = hours.midnight(date).unwrap();
                prop_assert_eq!(hours.date_of(midnight), Ok(date));
                prop_assert_eq!(hours.date_of(midnight.previous()), Ok(date.pred_opt().unwrap()));
            }
        }
    }
}
