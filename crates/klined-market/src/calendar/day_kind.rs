//! The kinds of days of a market, as the model needs them.

use chrono::NaiveDate;

use super::{Calendar, DayActivity, Hours};

/// One kind of day of a market: its minutes and its activity.
#[derive(Debug, Clone, Copy)]
pub struct DayKind {
    hours: Hours,
    place: usize,
}

impl Hours {
    /// Every kind of day that the market has, the regular one first.
    pub fn day_kinds(self) -> impl Iterator<Item = DayKind> {
        (0..self.rules().plans.len()).map(move |place| DayKind { hours: self, place })
    }
}

impl Calendar {
    /// Whether the market pauses before a trading day: whether the minute before its first is not a trading minute.
    #[must_use]
    pub fn opens_after_pause(&self, day: NaiveDate) -> bool {
        let Ok(open) = self.open_of(day) else { return true };
        self.previous_minute(open).is_none_or(|before| before.end() != open.start())
    }

    /// The kind of a trading day, as a place in [`Hours::day_kinds`]; that of a regular day for a date without trading.
    #[must_use]
    pub fn kind_of(&self, day: NaiveDate) -> usize {
        self.plan_of(day)
    }
}

impl DayKind {
    /// Its trading minutes.
    #[must_use]
    pub fn minutes(self) -> usize {
        usize::from(self.hours.rules().plans[self.place].minutes)
    }

    /// The trading minutes of a regular day of the market.
    #[must_use]
    pub fn regular_minutes(self) -> u16 {
        self.hours.minutes_per_day()
    }

    /// Its activity.
    #[must_use]
    pub fn activity(self) -> &'static DayActivity {
        self.hours.rules().plans[self.place].activity
    }

    /// The place of each session's first minute.
    pub fn session_opens(self) -> impl Iterator<Item = usize> {
        self.hours.rules().plans[self.place].sessions().map(|(first, _)| usize::from(first))
    }
}
