//! The times that bars are of: seconds to years of UTC, one or several together, counted from the beginning of 1970. Weeks begin on
//! Sunday.

use chrono::{DateTime, Datelike, NaiveDate};
use klined::query::parameters::repeated;
use klined::serve::polygon::answers::{PolygonError, invalid};

/// Seconds of a day.
pub const DAY: i64 = klined_fx::base::DAY_SECONDS;
const WEEK: i64 = 7 * DAY;
/// The first Sunday of 1970.
const FIRST_SUNDAY: i64 = 3 * DAY;
/// The longest window, in months.
const MONTHS_MAX: i64 = 120;

/// The time that one bar is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// So many seconds, counted from an offset.
    Seconds {
        length: i64,
        from: i64,
    },
    Months(i64),
}

impl Window {
    /// One minute.
    pub const MINUTE: Self = Self::Seconds { length: 60, from: 0 };
    /// One day.
    pub const DAY: Self = Self::Seconds { length: DAY, from: 0 };

    /// The window that a path names by a multiplier and a timespan.
    ///
    /// # Errors
    /// There is no such window, or it is longer than ten years.
    pub fn parse(multiplier: &str, timespan: &str) -> Result<Self, PolygonError> {
        let number = multiplier.parse::<u16>().ok().filter(|number| *number > 0).map(i64::from);
        let number = number.ok_or_else(|| {
            invalid(format!("'multiplier' must be a number from 1 to 65535, not \"{}\"", repeated(multiplier)))
        })?;
        let seconds = |unit: i64| Self::Seconds { length: number * unit, from: 0 };
        let window = match timespan {
            "second" => seconds(1),
            "minute" => seconds(60),
            "hour" => seconds(3_600),
            "day" => seconds(DAY),
            "week" => Self::Seconds { length: number * WEEK, from: FIRST_SUNDAY },
            "month" => Self::Months(number),
            "quarter" => Self::Months(3 * number),
            "year" => Self::Months(12 * number),
            _ => {
                let shown = repeated(timespan);
                let known = "second, minute, hour, day, week, month, quarter or year";
                return Err(invalid(format!("Could not parse the timespan \"{shown}\". Use {known}")));
            }
        };
        let is_right = match window {
            Self::Seconds { length, .. } => length <= MONTHS_MAX * 31 * DAY,
            Self::Months(months) => months <= MONTHS_MAX,
        };
        if is_right { Ok(window) } else { Err(invalid("a window is at most ten years long")) }
    }

    /// The start of the window that a second lies in, in Unix seconds.
    #[must_use]
    pub fn start(self, second: i64) -> i64 {
        match self {
            Self::Seconds { length, from } => second - (second - from).rem_euclid(length),
            Self::Months(months) => {
                let month = month_of(second);
                first_second(month - month.rem_euclid(months))
            }
        }
    }

    /// The start of the next window.
    #[must_use]
    pub fn next(self, start: i64) -> i64 {
        match self {
            Self::Seconds { length, .. } => start + length,
            Self::Months(months) => first_second(month_of(start) + months),
        }
    }

    /// How many of the vendor's base aggregates (seconds, minutes or days) one bar takes.
    #[must_use]
    pub fn base(self) -> i64 {
        match self {
            Self::Seconds { length, .. } if length % DAY == 0 => length / DAY,
            Self::Seconds { length, .. } if length % 60 == 0 => length / 60,
            Self::Seconds { length, .. } => length,
            Self::Months(months) => 31 * months,
        }
    }
}

/// Months since January 1970.
fn month_of(second: i64) -> i64 {
    let date = DateTime::from_timestamp(second, 0).unwrap_or_default().date_naive();
    12 * i64::from(date.year() - 1970) + i64::from(date.month0())
}

fn first_second(month: i64) -> i64 {
    let year = i32::try_from(1970 + month.div_euclid(12)).unwrap_or(i32::MAX);
    let date = NaiveDate::from_ymd_opt(year, month.rem_euclid(12) as u32 + 1, 1).unwrap_or(NaiveDate::MAX);
    midnight(date)
}

/// The first second of a date of UTC.
#[must_use]
pub fn midnight(date: NaiveDate) -> i64 {
    date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<DateTime<chrono::Utc>>().unwrap().timestamp()
    }

    #[test]
    fn a_window_begins_where_its_kind_does() {
        let noon = at("2025-07-09T12:34:56Z");
        for (multiplier, timespan, start, next) in [
            ("1", "second", "2025-07-09T12:34:56Z", "2025-07-09T12:34:57Z"),
            ("15", "minute", "2025-07-09T12:30:00Z", "2025-07-09T12:45:00Z"),
            ("4", "hour", "2025-07-09T12:00:00Z", "2025-07-09T16:00:00Z"),
            ("1", "day", "2025-07-09T00:00:00Z", "2025-07-10T00:00:00Z"),
            ("1", "week", "2025-07-06T00:00:00Z", "2025-07-13T00:00:00Z"),
            ("1", "month", "2025-07-01T00:00:00Z", "2025-08-01T00:00:00Z"),
            ("1", "quarter", "2025-07-01T00:00:00Z", "2025-10-01T00:00:00Z"),
            ("1", "year", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ] {
            let Ok(window) = Window::parse(multiplier, timespan) else { panic!("{timespan}") };
            assert_eq!(window.start(noon), at(start), "{multiplier} {timespan}");
            assert_eq!(window.next(at(start)), at(next), "{multiplier} {timespan}");
            assert_eq!(window.start(at(next)), at(next), "{multiplier} {timespan}");
        }
        for (multiplier, timespan) in
            [("0", "day"), ("-1", "day"), ("", "day"), ("1", "days"), ("11", "year"), ("1e3", "day")]
        {
            assert!(Window::parse(multiplier, timespan).is_err(), "{multiplier} {timespan}");
        }
    }
}
