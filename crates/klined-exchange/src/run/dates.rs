//! Which dates sessions have: the start date as it is, then weekdays.

use chrono::{Datelike, NaiveDate, Weekday};

use super::RunError;

/// The date of a run's session, counted from 0.
///
/// # Errors
/// [`RunError::Dates`] past the year 9999.
pub fn session_date(start: NaiveDate, day: u32) -> Result<NaiveDate, RunError> {
    let past_end = || RunError::Dates { start, days: day };
    // A start at a weekend counts as the Friday before.
    let weekday = i64::from(start.weekday().num_days_from_monday()).min(Weekday::Fri as i64);
    let back = i64::from(start.weekday().num_days_from_monday()) - weekday;
    let from_monday = weekday + i64::from(day);
    let days = if day == 0 { 0 } else { from_monday / 5 * 7 + from_monday % 5 - weekday - back };
    let date =
        chrono::TimeDelta::try_days(days).and_then(|days| start.checked_add_signed(days)).ok_or_else(past_end)?;
    if date.year() <= 9999 { Ok(date) } else { Err(past_end()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_start_date_come_the_weekdays() {
        for offset in 0..14 {
            let start = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + chrono::Days::new(offset);
            let mut date = start;
            for day in 0..600 {
                assert_eq!(session_date(start, day).unwrap(), date, "start {start}, day {day}");
                date = date.succ_opt().unwrap();
                while matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
                    date = date.succ_opt().unwrap();
                }
            }
        }
    }

    #[test]
    fn dates_end() {
        let start = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap();
        assert_eq!(session_date(start, 0).unwrap(), start);
        assert!(session_date(start, 1).is_err() && session_date(start, u32::MAX).is_err());
    }
}
