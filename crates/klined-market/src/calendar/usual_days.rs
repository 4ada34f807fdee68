//! The days that a market has without an operator's changes.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, Weekday};

use super::hours::HORIZON;
use super::overrides::DayChange;
use super::{Hours, nyse, projection, tables};

/// The rule by which a date is a trading day.
pub(super) struct UsualDays {
    hours: Hours,
    /// The weekdays that differ from a regular day.
    exceptions: BTreeMap<NaiveDate, DayChange>,
}

fn is_weekend(date: NaiveDate) -> bool {
    matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

impl UsualDays {
    /// The rule of a market whose days are known to a date, and projected after it.
    pub fn of(hours: Hours, known_until: NaiveDate) -> Self {
        let published = hours.rules().known_until;
        let next_year = published.year() + 1;
        let closed = |day| (day, DayChange::Closed);
        let (known, projected): (Vec<_>, Vec<_>) = match hours {
            Hours::Sse => (
                tables::closed_days().into_iter().map(closed).collect(),
                projection::closed_days(next_year).into_iter().map(closed).collect(),
            ),
            Hours::Nyse => (nyse::known(), nyse::projected(next_year..=HORIZON.year())),
            Hours::AroundTheClock | Hours::Fx => (vec![], vec![]),
        };
        let later = projected.into_iter().filter(|&(day, _)| day > known_until);
        Self { hours, exceptions: known.into_iter().chain(later).collect() }
    }

    /// The plan of a date; none when the market is closed all day.
    pub fn plan(&self, date: NaiveDate) -> Option<usize> {
        let rules = self.hours.rules();
        if is_weekend(date) {
            return rules.weekend;
        }
        match self.exceptions.get(&date) {
            None | Some(DayChange::Open) => Some(0),
            Some(DayChange::Early) => rules.early,
            Some(DayChange::Closed) => None,
        }
    }
}
