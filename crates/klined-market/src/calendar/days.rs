//! Trading days.
//!
//! Known days are in tables that scripts make from two public sources. Later days come from a projection.

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};

use super::hours::{DayPlan, HORIZON};
use super::overrides::{DayChange, Overrides};
use super::usual_days::UsualDays;
use super::{CalendarError, Hours, Minute, zone};
use crate::base::UnixSeconds;

/// The trading days of one market and the minutes in them. Immutable; about 26,700 days long, and every question is a binary
/// search.
#[derive(Debug, Clone)]
pub struct Calendar {
    hours: Hours,
    days: Vec<NaiveDate>,
    /// The first minute of each day in Unix seconds. Kept because the offset from UTC is not constant.
    opens: Vec<UnixSeconds>,
    /// The plan of each day, as a place in the plans of the hours.
    plans: Vec<u8>,
    /// The count of trading minutes before each day, and at the end that of all.
    ordinals: Vec<u64>,
    known_until: NaiveDate,
    last_day: NaiveDate,
}

impl Hours {
    /// The first minute of a date. Clocks are changed at night or at weekends, so it exists once on every day.
    fn open(self, date: NaiveDate) -> Result<UnixSeconds, CalendarError> {
        self.instant_on(date, self.rules().open)
    }

    /// The instant at which the clocks show a time of day on a date of the market.
    pub(super) fn instant_on(self, date: NaiveDate, time: NaiveTime) -> Result<UnixSeconds, CalendarError> {
        let local = date.and_time(time);
        let lead = TimeDelta::seconds(self.rules().lead.get());
        // A time of the evening in which the date begins.
        let is_before = (local + lead).date() != date;
        zone::instant(self.zone(), if is_before { local - TimeDelta::days(1) } else { local })
    }
}

impl Calendar {
    /// The Shanghai Stock Exchange: known days to the end of 2026, projected days to the end of 2100.
    #[must_use]
    pub fn shanghai() -> Self {
        Self::of(Hours::Sse)
    }

    /// The days of a market with these hours to the end of 2100. Those of an exchange are known to the end of 2026, and projected
    /// after that.
    #[must_use]
    pub fn of(hours: Hours) -> Self {
        Self::with_overrides(hours, &Overrides::default())
    }

    /// The same with an operator's changes laid over it.
    #[must_use]
    pub fn with_overrides(hours: Hours, overrides: &Overrides) -> Self {
        let rules = hours.rules();
        let published = rules.known_until;
        let known_until = overrides.known_until().map_or(published, |date| date.max(published));
        let usual = UsualDays::of(hours, known_until);
        let plan = |date: NaiveDate| match overrides.change(date) {
            Some(DayChange::Open) => Some(0),
            Some(DayChange::Early) => rules.early,
            Some(DayChange::Closed) => None,
            None => usual.plan(date),
        };
        let dates = rules.opened.iter_days().take_while(|&date| date <= HORIZON);
        let mut calendar = Self {
            hours,
            days: Vec::new(),
            opens: Vec::new(),
            plans: Vec::new(),
            ordinals: vec![0],
            known_until,
            last_day: HORIZON,
        };
        for (date, plan) in dates.filter_map(|date| Some((date, plan(date)?))) {
            let Ok(open) = hours.open(date) else { continue };
            let before = calendar.ordinals.last().copied().unwrap_or_default();
            calendar.days.push(date);
            calendar.opens.push(open);
            calendar.plans.push(plan as u8);
            calendar.ordinals.push(before + u64::from(rules.plans[plan].minutes));
        }
        calendar
    }

    /// The same calendar without its projected days: every date after [`Calendar::known_until`] is an error.
    #[must_use]
    pub fn strict(mut self) -> Self {
        let known = self.days.partition_point(|&date| date <= self.known_until);
        self.days.truncate(known);
        self.opens.truncate(known);
        self.plans.truncate(known);
        self.ordinals.truncate(known + 1);
        self.last_day = self.known_until;
        self
    }

    /// The hours of its market.
    #[must_use]
    pub fn hours(&self) -> Hours {
        self.hours
    }

    /// The last date whose status comes from a published source and not from the projection.
    #[must_use]
    pub fn known_until(&self) -> NaiveDate {
        self.known_until
    }

    /// The last date covered at all, projected days included.
    #[must_use]
    pub fn last_day(&self) -> NaiveDate {
        self.last_day
    }

    /// The first trading day.
    #[must_use]
    pub fn first_day(&self) -> NaiveDate {
        self.days.first().copied().unwrap_or(self.hours.rules().opened)
    }

    /// Whether the status of this date is a projection.
    #[must_use]
    pub fn is_projected(&self, date: NaiveDate) -> bool {
        date > self.known_until
    }

    /// Whether the market is open on this date.
    #[must_use]
    pub fn is_trading_day(&self, date: NaiveDate) -> bool {
        self.days.binary_search(&date).is_ok()
    }

    /// The trading days from `from` to `to`, both included.
    #[must_use]
    pub fn days(&self, from: NaiveDate, to: NaiveDate) -> &[NaiveDate] {
        let first = self.days.partition_point(|&date| date < from);
        let past = self.days.partition_point(|&date| date <= to);
        &self.days[first..past.max(first)]
    }

    /// The trading day of a minute.
    #[must_use]
    pub fn day_of(&self, minute: Minute) -> NaiveDate {
        self.days[self.day_index(minute)]
    }

    /// The number of trading minutes of a date: that of a regular day for a date without trading.
    #[must_use]
    pub fn minutes_on(&self, date: NaiveDate) -> u16 {
        self.place_of_day(date).map_or(self.hours.minutes_per_day(), |(_, plan)| plan.minutes)
    }

    /// The last trading day on or before a date; none before the market opened.
    #[must_use]
    pub fn day_at_or_before(&self, date: NaiveDate) -> Option<NaiveDate> {
        self.days.partition_point(|&day| day <= date).checked_sub(1).map(|index| self.days[index])
    }

    /// The first trading day on or after a date.
    ///
    /// # Errors
    /// The calendar ends before one.
    pub fn day_at_or_after(&self, date: NaiveDate) -> Result<NaiveDate, CalendarError> {
        let index = self.days.partition_point(|&day| day < date);
        self.days.get(index).copied().ok_or_else(|| self.beyond(date))
    }

    /// The trading day that follows a date.
    ///
    /// # Errors
    /// The calendar ends before one.
    pub fn day_after(&self, date: NaiveDate) -> Result<NaiveDate, CalendarError> {
        self.day_at_or_after(date + Days::new(1))
    }

    /// The day that begins a span of `count` trading days that ends with `last` (a trading day); none when the
    /// market has not been open for so many.
    #[must_use]
    pub fn first_of_days_ending(&self, last: NaiveDate, count: usize) -> Option<NaiveDate> {
        let past = self.days.partition_point(|&day| day <= last);
        past.checked_sub(count).and_then(|index| self.days.get(index)).copied()
    }

    /// The first minute of a trading day.
    ///
    /// # Errors
    /// The date is not a trading day of this calendar, or beyond it.
    pub fn open_of(&self, day: NaiveDate) -> Result<Minute, CalendarError> {
        match self.days.binary_search(&day) {
            Ok(index) => Ok(Minute::starting_at(self.opens[index])),
            Err(_) if day > self.last_day => Err(self.beyond(day)),
            Err(_) if day < self.first_day() => {
                Err(CalendarError::BeforeOpening { date: day, opened: self.first_day() })
            }
            Err(_) => Err(self.hours.open(day).map_or_else(|error| error, CalendarError::NotATradingMinute)),
        }
    }

    /// The instant of a local time of day on a trading day.
    ///
    /// # Errors
    /// The date is not a trading day of this calendar, or beyond it.
    pub fn instant(&self, day: NaiveDate, time: NaiveTime) -> Result<UnixSeconds, CalendarError> {
        self.open_of(day)?;
        self.hours.instant_on(day, time)
    }

    /// The first minute and the plan of a trading day; none on any other date.
    pub(super) fn place_of_day(&self, day: NaiveDate) -> Option<(UnixSeconds, &'static DayPlan)> {
        self.days.binary_search(&day).ok().map(|index| self.day_at(index))
    }

    /// The plan of a trading day, as a place in the plans of the hours; the first on any other date.
    pub(super) fn plan_of(&self, day: NaiveDate) -> usize {
        self.days.binary_search(&day).map_or(0, |index| usize::from(self.plans[index]))
    }

    /// The first minute and the plan of the day with an index.
    #[inline]
    pub(super) fn day_at(&self, index: usize) -> (UnixSeconds, &'static DayPlan) {
        (self.opens[index], &self.hours.rules().plans[usize::from(self.plans[index])])
    }

    pub(super) fn day_index(&self, minute: Minute) -> usize {
        self.opened_at(minute.start()).unwrap_or_default()
    }

    /// The index of the last day that has opened at an instant; none before the first.
    pub(super) fn opened_at(&self, instant: UnixSeconds) -> Option<usize> {
        self.opens.partition_point(|&open| open <= instant).checked_sub(1)
    }

    /// The count of trading minutes before the day with an index, which may be one past the last.
    pub(super) fn minutes_before(&self, index: usize) -> u64 {
        self.ordinals[index]
    }

    /// The index of the day with the minute that follows so many; none when the calendar ends before.
    pub(super) fn day_of_ordinal(&self, ordinal: u64) -> Option<usize> {
        let index = self.ordinals.partition_point(|&before| before <= ordinal) - 1;
        (index < self.days.len()).then_some(index)
    }

    pub(super) fn days_around(&self, day_index: usize) -> (&[NaiveDate], NaiveDate, &[NaiveDate]) {
        (&self.days[..day_index], self.days[day_index], &self.days[day_index + 1..])
    }

    pub(super) fn beyond(&self, asked: impl ToString) -> CalendarError {
        CalendarError::BeyondHorizon { asked: asked.to_string(), last_day: self.last_day }
    }
}
