//! Which dates sessions have: by default the start date as it is and the weekdays after it, or the trading days of a market's calendar.

use std::str::FromStr;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate, Weekday};
use klined_market::calendar::{Calendar, Hours};

use super::RunError;

/// Which days have sessions.
#[derive(Debug, Clone, Default)]
pub enum TradingDays {
    /// The start date as it is, and the weekdays after it.
    #[default]
    Weekdays,
    /// The trading days of a calendar from the start date on.
    Calendar(Arc<Calendar>),
}

impl PartialEq for TradingDays {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

/// A text that names no trading days.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use {WEEKDAYS}, {}", Hours::ALL.map(Hours::as_str).join(", "))]
pub struct UnknownDays;

const WEEKDAYS: &str = "weekdays";

impl FromStr for TradingDays {
    type Err = UnknownDays;

    fn from_str(text: &str) -> Result<Self, UnknownDays> {
        match text {
            WEEKDAYS => Ok(Self::Weekdays),
            _ => text.parse().map(Self::of).map_err(|_| UnknownDays),
        }
    }
}

impl TradingDays {
    /// The days of a market with these hours.
    #[must_use]
    pub fn of(hours: Hours) -> Self {
        Self::Calendar(Arc::new(Calendar::of(hours)))
    }

    /// The name in flags and manifests.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Weekdays => WEEKDAYS,
            Self::Calendar(calendar) => calendar.hours().as_str(),
        }
    }

    /// Whether no published source says that this date is a trading day: the calendar goes on by its rules.
    #[must_use]
    pub fn is_projected(&self, date: NaiveDate) -> bool {
        matches!(self, Self::Calendar(calendar) if calendar.is_projected(date))
    }

    /// The date of a session, counted from 0.
    ///
    /// # Errors
    /// [`RunError::Dates`] past the year 9999, or past either end of the calendar.
    pub fn date(&self, start: NaiveDate, day: u32) -> Result<NaiveDate, RunError> {
        let none = || RunError::Dates { start, day, trading_days: self.name() };
        match self {
            Self::Weekdays => weekday(start, day).ok_or_else(none),
            Self::Calendar(calendar) if start < calendar.first_day() => Err(none()),
            Self::Calendar(calendar) => {
                calendar.days(start, calendar.last_day()).get(day as usize).copied().ok_or_else(none)
            }
        }
    }
}

fn weekday(start: NaiveDate, day: u32) -> Option<NaiveDate> {
    // A start at a weekend counts as the Friday before.
    let weekday = i64::from(start.weekday().num_days_from_monday()).min(Weekday::Fri as i64);
    let back = i64::from(start.weekday().num_days_from_monday()) - weekday;
    let from_monday = weekday + i64::from(day);
    let days = if day == 0 { 0 } else { from_monday / 5 * 7 + from_monday % 5 - weekday - back };
    let date = chrono::TimeDelta::try_days(days).and_then(|days| start.checked_add_signed(days))?;
    (date.year() <= 9999).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn after_the_start_date_come_the_weekdays() {
        for offset in 0..14 {
            let start = date("2026-01-01") + chrono::Days::new(offset);
            let mut next = start;
            for day in 0..600 {
                assert_eq!(TradingDays::Weekdays.date(start, day).unwrap(), next, "start {start}, day {day}");
                next = next.succ_opt().unwrap();
                while matches!(next.weekday(), Weekday::Sat | Weekday::Sun) {
                    next = next.succ_opt().unwrap();
                }
            }
        }
    }

    #[test]
    fn a_calendar_has_no_session_on_its_holidays() {
        let dates = |days: &str, start: &str| -> Vec<String> {
            let days: TradingDays = days.parse().unwrap();
            (0..3).map(|day| days.date(date(start), day).unwrap().to_string()).collect()
        };
        // Independence Day of 2026 is a Saturday and kept on the Friday before; the Chinese exchanges close until 2026-02-23.
        assert_eq!(dates("nyse", "2026-07-02"), ["2026-07-02", "2026-07-06", "2026-07-07"]);
        assert_eq!(dates("sse", "2026-02-13"), ["2026-02-13", "2026-02-24", "2026-02-25"]);
        assert_eq!(dates("sse", "2026-01-02"), ["2026-01-05", "2026-01-06", "2026-01-07"]);
        assert_eq!(dates("24x7", "2026-01-02"), ["2026-01-02", "2026-01-03", "2026-01-04"]);
        assert_eq!(dates("weekdays", "2026-07-02"), ["2026-07-02", "2026-07-03", "2026-07-06"]);
        let sse = TradingDays::of(Hours::Sse);
        assert!(!sse.is_projected(date("2026-12-31")) && sse.is_projected(date("2027-01-04")));
        assert_eq!("moon".parse::<TradingDays>().unwrap_err().to_string(), "use weekdays, sse, nyse, 24x7, fx");
    }

    #[test]
    fn dates_end() {
        let end = |days: &TradingDays, start: &str, day| days.date(date(start), day).unwrap_err().to_string();
        let weekdays = TradingDays::Weekdays;
        assert_eq!(weekdays.date(date("9999-12-31"), 0).unwrap(), date("9999-12-31"));
        assert_eq!(
            end(&weekdays, "9999-12-31", 1),
            "session 2 from 9999-12-31 on has no date: the days of weekdays end before it"
        );
        assert!(weekdays.date(date("9999-12-31"), u32::MAX).is_err());
        let sse = TradingDays::of(Hours::Sse);
        assert!(end(&sse, "2100-12-31", 9).contains("the days of sse end before it"));
        assert!(end(&sse, "1980-01-01", 0).contains("has no date"));
    }
}
