//! Trading minutes, counted through the days.

use chrono::NaiveDate;

use super::{Calendar, CalendarError, Minute};
use crate::base::UnixSeconds;

impl Calendar {
    /// The minute at a place in its day, from 0; the day's last minute for a place after it.
    ///
    /// # Errors
    /// The date is not a trading day of this calendar.
    pub fn minute_of(&self, day: NaiveDate, index: u16) -> Result<Minute, CalendarError> {
        match self.place_of_day(day) {
            Some((open, plan)) => Ok(Minute::starting_at(open + plan.offset(index.min(plan.minutes - 1)))),
            None => self.open_of(day),
        }
    }

    /// The minutes of a trading day in order; none on any other date.
    pub fn minutes_of(&self, day: NaiveDate) -> impl Iterator<Item = Minute> + use<> {
        let place = self.place_of_day(day);
        place.into_iter().flat_map(|(open, plan)| {
            plan.sessions().flat_map(move |(first, of_session)| {
                let opens = open + plan.offset(first);
                (0..i64::from(of_session.minutes))
                    .map(move |place| Minute::starting_at(opens + Minute::SECONDS * place))
            })
        })
    }

    /// The trading minute that starts at an instant.
    ///
    /// # Errors
    /// None starts there.
    pub fn minute_starting(&self, instant: UnixSeconds) -> Result<Minute, CalendarError> {
        let minute = Minute::starting_at(instant);
        let found = self.opened_at(instant).is_some_and(|index| {
            let (open, plan) = self.day_at(index);
            let place = plan.place_at_or_after(instant - open);
            place < plan.minutes && open + plan.offset(place) == instant
        });
        if found { Ok(minute) } else { Err(CalendarError::NotATradingMinute(instant)) }
    }

    /// The place of a minute in its day, from 0.
    #[must_use]
    pub fn index_in_day(&self, minute: Minute) -> u16 {
        let (open, plan) = self.day_at(self.day_index(minute));
        plan.place_at_or_after(minute.start() - open)
    }

    /// The trading minute that follows.
    ///
    /// # Errors
    /// The calendar ends.
    pub fn next_minute(&self, minute: Minute) -> Result<Minute, CalendarError> {
        self.minute_at(self.ordinal(minute) + 1)
    }

    /// The trading minute before; none before the first of all.
    #[must_use]
    pub fn previous_minute(&self, minute: Minute) -> Option<Minute> {
        self.ordinal(minute).checked_sub(1).and_then(|ordinal| self.minute_at(ordinal).ok())
    }

    /// The last trading minute that is over at `now`; none before the first of all.
    ///
    /// # Errors
    /// `now` lies past the calendar's last day.
    pub fn last_completed(&self, now: UnixSeconds) -> Result<Option<Minute>, CalendarError> {
        let date = self.date_of(now)?;
        if date > self.last_day() {
            return Err(self.beyond(date));
        }
        // A minute is over at `now` exactly when it starts at or before `now` − 60 s.
        let begun = self.first_ordinal_at_or_after(Minute::label_ending_at(now).next());
        Ok(begun.checked_sub(1).and_then(|ordinal| self.minute_at(ordinal).ok()))
    }

    /// The last trading minute that starts before an instant; none before the first of all.
    ///
    /// # Errors
    /// The instant lies past the calendar's last day.
    pub fn last_starting_before(&self, instant: UnixSeconds) -> Result<Option<Minute>, CalendarError> {
        self.last_completed(Minute::end_of(instant).previous())
    }

    /// The span of labels of the minutes after one, given by its label, that are over at `now`: for
    /// [`Calendar::minutes_in`] and [`Calendar::minutes_between`].
    #[must_use]
    pub fn over_since(label: UnixSeconds, now: UnixSeconds) -> (UnixSeconds, UnixSeconds) {
        (label.next(), Minute::label_ending_at(now).next())
    }

    /// How many trading minutes start at or after `from` and before `to`; 0 when `to` is not later.
    #[must_use]
    pub fn minutes_between(&self, from: UnixSeconds, to: UnixSeconds) -> u64 {
        self.first_ordinal_at_or_after(to).saturating_sub(self.first_ordinal_at_or_after(from))
    }

    /// The trading minutes that start at or after `from` and before `to`, in order.
    pub fn minutes_in(&self, from: UnixSeconds, to: UnixSeconds) -> impl Iterator<Item = Minute> + '_ {
        (self.first_ordinal_at_or_after(from)..self.first_ordinal_at_or_after(to))
            .map_while(|ordinal| self.minute_at(ordinal).ok())
    }

    /// The count of trading minutes before this one since the market opened.
    fn ordinal(&self, minute: Minute) -> u64 {
        let day = self.day_index(minute);
        let (open, plan) = self.day_at(day);
        self.minutes_before(day) + u64::from(plan.place_at_or_after(minute.start() - open))
    }

    fn minute_at(&self, ordinal: u64) -> Result<Minute, CalendarError> {
        let day = self.day_of_ordinal(ordinal).ok_or_else(|| self.beyond("the minute after it"))?;
        let (open, plan) = self.day_at(day);
        Ok(Minute::starting_at(open + plan.offset((ordinal - self.minutes_before(day)) as u16)))
    }

    fn first_ordinal_at_or_after(&self, instant: UnixSeconds) -> u64 {
        let Some(day) = self.opened_at(instant) else { return 0 };
        let (open, plan) = self.day_at(day);
        self.minutes_before(day) + u64::from(plan.place_at_or_after(instant - open))
    }
}
