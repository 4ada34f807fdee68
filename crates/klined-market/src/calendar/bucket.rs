//! Buckets: which minutes make up one bar of a longer interval.
//!
//! Intraday buckets count from the session's open and never cross a break, so the last one of a session may be shorter: a day
//! in Shanghai has 48 of 5m, 16 of 15m, 8 of 30m, 4 of 60m, 2 of 120m. A day is one bucket; weeks (Monday to Sunday) and
//! months are the trading days in them. A bucket is labelled by the start of its first trading minute.

use chrono::{Datelike, NaiveDate};

use super::{Calendar, Minute};
use crate::base::Interval;

/// One bar's span of trading minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Its first trading minute, whose start is the bar's label.
    pub first: Minute,
    /// Its last trading minute.
    pub last: Minute,
}

impl Calendar {
    /// The bucket of an interval in which a trading minute lies.
    #[must_use]
    pub fn bucket(&self, minute: Minute, interval: Interval) -> Bucket {
        let day_index = self.day_index(minute);
        match interval.trading_minutes() {
            Some(length) => {
                let (open, plan) = self.day_at(day_index);
                let (first, last) = plan.stretch(plan.place_at_or_after(minute.start() - open), length);
                let at = |place| Minute::starting_at(open + plan.offset(place));
                Bucket { first: at(first), last: at(last) }
            }
            None => {
                let (earlier, day, later) = self.days_around(day_index);
                let in_bucket = |other: &&NaiveDate| match interval {
                    Interval::Week => other.iso_week() == day.iso_week(),
                    Interval::Month => (other.year(), other.month()) == (day.year(), day.month()),
                    _ => false,
                };
                let before = earlier.iter().rev().take_while(in_bucket).count();
                let after = later.iter().take_while(in_bucket).count();
                let (open, plan) = self.day_at(day_index + after);
                Bucket {
                    first: Minute::starting_at(self.day_at(day_index - before).0),
                    last: Minute::starting_at(open + plan.offset(plan.minutes - 1)),
                }
            }
        }
    }
}
