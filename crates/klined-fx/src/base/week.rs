//! The hours of the market: Sunday 17:00 to Friday 17:00 in New York.
//!
//! A day of the market ends at 17:00 in New York, when value dates roll, and is named by the date of its end. New York
//! changes its clocks on Sundays at 02:00, while the market is closed, so each day has exactly 86,400 seconds.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeZone, Weekday};
use chrono_tz::America::New_York;
use thiserror::Error;

/// Seconds of a day of the market.
pub const DAY_SECONDS: i64 = 86_400;
/// Minutes of a day of the market.
pub const DAY_MINUTES: usize = 1_440;

/// The years that the market is known in.
pub const YEARS: std::ops::RangeInclusive<i32> = 1990..=2099;

/// Which hours the market is open in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hours {
    /// Sunday 17:00 to Friday 17:00 New York, closed on the days that end on 25 December and 1 January.
    Week,
    /// At all hours; days end at 22:00 UTC. A market of its own, because its days are others.
    Always,
}

/// A day of the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FxDay {
    /// The date on which the day ends.
    pub date: NaiveDate,
    /// Its first second, in Unix seconds.
    pub start: i64,
    /// Whether New York has daylight saving time.
    pub is_summer: bool,
    /// Whether the market was closed just before.
    pub opens_after_a_break: bool,
}

/// A second in which there is no market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoMarket {
    #[error("the market is closed at Unix second {0}: it is open from Sunday 17:00 to Friday 17:00 in New York")]
    Closed(i64),
    #[error("Unix second {0} lies outside the years 1990 to 2099")]
    OutsideYears(i64),
}

impl Hours {
    /// The day that ends on a date; none when the market is closed.
    #[must_use]
    pub fn day(self, date: NaiveDate) -> Option<FxDay> {
        let is_open = match self {
            Self::Always => true,
            Self::Week => {
                let is_holiday = matches!((date.month(), date.day()), (12, 25) | (1, 1));
                !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) && !is_holiday
            }
        };
        if !is_open || !YEARS.contains(&date.year()) {
            return None;
        }
        let before = date.pred_opt()?;
        let evening = before.and_time(NaiveTime::from_hms_opt(17, 0, 0)?);
        let local = New_York.from_local_datetime(&evening).single()?;
        let is_summer = local.naive_utc() - evening == chrono::TimeDelta::hours(4);
        let start = match self {
            Self::Week => local.timestamp(),
            Self::Always => before.and_time(NaiveTime::from_hms_opt(22, 0, 0)?).and_utc().timestamp(),
        };
        let opens_after_a_break = self == Self::Week && self.day_is_closed(before);
        Some(FxDay { date, start, is_summer, opens_after_a_break })
    }

    fn day_is_closed(self, date: NaiveDate) -> bool {
        let is_holiday = matches!((date.month(), date.day()), (12, 25) | (1, 1));
        self == Self::Week && (is_holiday || matches!(date.weekday(), Weekday::Sat | Weekday::Sun))
    }

    /// The day that a second lies in.
    ///
    /// # Errors
    /// The market is closed then, or its year is not known.
    pub fn day_at(self, second: i64) -> Result<FxDay, NoMarket> {
        let date = chrono::DateTime::from_timestamp(second, 0).ok_or(NoMarket::OutsideYears(second))?.date_naive();
        if !YEARS.contains(&date.year()) {
            return Err(NoMarket::OutsideYears(second));
        }
        let holds = |day: &FxDay| (day.start..day.start + DAY_SECONDS).contains(&second);
        let candidates = [Some(date), date.succ_opt()].into_iter().flatten();
        candidates.filter_map(|date| self.day(date)).find(holds).ok_or(NoMarket::Closed(second))
    }

    /// The first open second from `second` on; none when there is none within the known years.
    #[must_use]
    pub fn next_open(self, second: i64) -> Option<i64> {
        if self.day_at(second).is_ok() {
            return Some(second);
        }
        let first = chrono::DateTime::from_timestamp(second, 0)?.date_naive();
        // A break lasts at most four days: a weekend with a holiday at its end.
        first.iter_days().take(8).filter_map(|date| self.day(date)).map(|day| day.start).find(|&start| start >= second)
    }

    /// The days of a year, in order.
    #[must_use]
    pub fn days_of_year(self, year: i32) -> Vec<FxDay> {
        let first = NaiveDate::from_ymd_opt(year, 1, 1);
        let dates = first.into_iter().flat_map(|first| first.iter_days().take_while(move |date| date.year() == year));
        dates.filter_map(|date| self.day(date)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp()
    }

    #[test]
    fn the_week_follows_new_york_through_its_changes_of_clocks() {
        for (text, open) in [
            ("2025-07-04T20:59:59Z", true),
            ("2025-07-04T21:00:00Z", false),
            ("2025-07-06T20:59:59Z", false),
            ("2025-07-06T21:00:00Z", true),
            ("2025-01-03T21:59:59Z", true),
            ("2025-01-03T22:00:00Z", false),
            // Daylight saving time began on 9 March 2025 and ended on 2 November 2025.
            ("2025-03-09T20:59:59Z", false),
            ("2025-03-09T21:00:00Z", true),
            ("2025-11-02T21:59:59Z", false),
            ("2025-11-02T22:00:00Z", true),
            ("2025-12-24T21:59:59Z", true),
            ("2025-12-24T22:00:00Z", false),
            ("2025-12-25T22:00:00Z", true),
            ("2026-01-01T12:00:00Z", false),
        ] {
            assert_eq!(Hours::Week.day_at(at(text)).is_ok(), open, "{text}");
            assert!(Hours::Always.day_at(at(text)).is_ok(), "{text}");
        }
    }

    #[test]
    fn days_are_whole_and_do_not_overlap() {
        for hours in [Hours::Week, Hours::Always] {
            let days: Vec<FxDay> = (2020..2030).flat_map(|year| hours.days_of_year(year)).collect();
            for pair in days.windows(2) {
                let gap = pair[1].start - pair[0].start - DAY_SECONDS;
                // A break around a change of clocks is an hour shorter or longer.
                assert!(gap >= 0 && (gap + 3600) % DAY_SECONDS <= 7200, "{pair:?}");
                assert_eq!(gap > 0, pair[1].opens_after_a_break, "{pair:?}");
            }
        }
    }

    #[test]
    fn the_next_open_second_is_sundays_evening() {
        assert_eq!(Hours::Week.next_open(at("2025-07-05T10:00:00Z")), Some(at("2025-07-06T21:00:00Z")));
        assert_eq!(Hours::Week.next_open(at("2025-07-07T10:00:00Z")), Some(at("2025-07-07T10:00:00Z")));
        assert_eq!(Hours::Week.next_open(at("2022-12-31T10:00:00Z")), Some(at("2023-01-01T22:00:00Z")));
    }
}
