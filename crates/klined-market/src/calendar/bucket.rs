//! Buckets: which minutes make up one bar of a longer interval.
//!
//! Intraday buckets count from the session's open and never cross a break, so the last one of a session may be shorter: a day
//! in Shanghai has 48 of 5m, 16 of 15m, 8 of 30m, 4 of 60m, 2 of 120m. An interval that is longer than a session has one bucket a session.
//! A day is one bucket; weeks (Monday to Sunday) and months are the trading days in them. Several days are counted from the calendar's first
//! trading day, weeks from that of 1970-01-05, months from January of the year 0, so three months are a quarter and twelve a year.
//! A bucket is labelled by the start of its first trading minute.

use chrono::{Datelike, NaiveDate};

use super::{Calendar, Minute};
use crate::base::{TimeUnit, Timeframe};

/// One bar's span of trading minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Its first trading minute, whose start is the bar's label.
    pub first: Minute,
    /// Its last trading minute.
    pub last: Minute,
}

/// The Monday that weeks are counted from.
const FIRST_MONDAY: NaiveDate = NaiveDate::from_ymd_opt(1970, 1, 5).unwrap();

impl Calendar {
    /// The bucket of a timeframe in which a trading minute lies.
    #[must_use]
    pub fn bucket(&self, minute: Minute, timeframe: impl Into<Timeframe>) -> Bucket {
        let timeframe = timeframe.into();
        let day_index = self.day_index(minute);
        if let Some(length) = timeframe.trading_minutes() {
            let (open, plan) = self.day_at(day_index);
            let (first, last) = plan.stretch(plan.place_at_or_after(minute.start() - open), length);
            let at = |place| Minute::starting_at(open + plan.offset(place));
            return Bucket { first: at(first), last: at(last) };
        }
        let (earlier, day, later) = self.days_around(day_index);
        let count = i32::from(timeframe.count());
        let number = |date: &NaiveDate| match timeframe.unit() {
            TimeUnit::Month => (date.year() * 12 + date.month0() as i32).div_euclid(count),
            _ => (date.signed_duration_since(FIRST_MONDAY).num_days() as i32).div_euclid(7 * count),
        };
        let (before, after) = match timeframe.unit() {
            TimeUnit::Day => {
                let before = day_index % usize::from(timeframe.count());
                (before, (usize::from(timeframe.count()) - 1 - before).min(later.len()))
            }
            _ => {
                let in_bucket = |other: &&NaiveDate| number(other) == number(&day);
                (earlier.iter().rev().take_while(in_bucket).count(), later.iter().take_while(in_bucket).count())
            }
        };
        let (open, plan) = self.day_at(day_index + after);
        Bucket {
            first: Minute::starting_at(self.day_at(day_index - before).0),
            last: Minute::starting_at(open + plan.offset(plan.minutes - 1)),
        }
    }
}
