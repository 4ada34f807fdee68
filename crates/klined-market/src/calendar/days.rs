//! Trading days, and trading minutes counted through them.
//!
//! Known days: the weekdays from 1990-12-19 to the end of 2026 that are not in `tables/closed_days.txt`
//! (made by `scripts/make_calendar.py` from two public sources). Later days come from [`projection`](super::projection).

use chrono::{Datelike, Days, NaiveDate, NaiveTime, Weekday};

use super::overrides::{DayChange, Overrides};
use super::zone::{self, MORNING_OPEN};
use super::{CalendarError, MINUTES_PER_DAY, Minute};
use super::{projection, tables};
use crate::base::{Seconds, UnixSeconds};

/// 1990-12-19, the first trading day.
const OPENED: NaiveDate = NaiveDate::from_ymd_opt(1990, 12, 19).unwrap();
/// The last day that the table of closed days covers.
const KNOWN_UNTIL: NaiveDate = NaiveDate::from_ymd_opt(2026, 12, 31).unwrap();
/// Seconds from the morning session's open to the afternoon session's.
const AFTERNOON_OFFSET: Seconds = Seconds::minutes(210);
const MINUTES_PER_SESSION: u16 = MINUTES_PER_DAY / 2;

/// The trading days of one exchange and the minutes in them. Immutable; cheap to ask, about 26,700 days long.
#[derive(Debug, Clone)]
pub struct Calendar {
    days: Vec<NaiveDate>,
    /// 09:30 local time of each day in Unix seconds. Kept because the offset from UTC is not constant: China had
    /// daylight saving time until 1991.
    opens: Vec<UnixSeconds>,
    known_until: NaiveDate,
    last_day: NaiveDate,
}

/// Daylight saving time began and ended at night, so 09:30 exists once on every day.
fn morning_open(date: NaiveDate) -> Result<UnixSeconds, CalendarError> {
    zone::instant(date.and_time(MORNING_OPEN))
}

fn is_weekday(date: NaiveDate) -> bool {
    !matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

impl Calendar {
    /// The Shanghai Stock Exchange: known days to the end of 2026, projected days to the end of 2100.
    #[must_use]
    pub fn shanghai() -> Self {
        Self::with_overrides(&Overrides::default())
    }

    /// The Shanghai Stock Exchange with an operator's changes laid over it.
    #[must_use]
    pub fn with_overrides(overrides: &Overrides) -> Self {
        let known_until = overrides.known_until().map_or(KNOWN_UNTIL, |date| date.max(KNOWN_UNTIL));
        let closed = tables::closed_days();
        let projected = projection::closed_days(KNOWN_UNTIL.year() + 1);
        let is_open = |date: NaiveDate| match overrides.change(date) {
            Some(DayChange::Open) => true,
            Some(DayChange::Closed) => false,
            None if !is_weekday(date) => false,
            None if date <= KNOWN_UNTIL => closed.binary_search(&date).is_err(),
            None if date <= known_until => true,
            None => projected.binary_search(&date).is_err(),
        };
        let days = OPENED.iter_days().take_while(|&date| date <= projection::HORIZON).filter(|&date| is_open(date));
        let (days, opens) = days.filter_map(|date| Some((date, morning_open(date).ok()?))).unzip();
        Self { days, opens, known_until, last_day: projection::HORIZON }
    }

    /// The same calendar without its projected days: whatever lies past [`Calendar::known_until`] is refused.
    #[must_use]
    pub fn strict(mut self) -> Self {
        let known = self.days.partition_point(|&date| date <= self.known_until);
        self.days.truncate(known);
        self.opens.truncate(known);
        self.last_day = self.known_until;
        self
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
        self.days.first().copied().unwrap_or(OPENED)
    }

    /// Whether what the calendar says of this date is a projection.
    #[must_use]
    pub fn is_projected(&self, date: NaiveDate) -> bool {
        date > self.known_until
    }

    /// Whether the exchange is open on this date.
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

    /// The last trading day on or before a date; none before the exchange opened.
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
    /// exchange has not been open for so many.
    #[must_use]
    pub fn first_of_days_ending(&self, last: NaiveDate, count: usize) -> Option<NaiveDate> {
        let past = self.days.partition_point(|&day| day <= last);
        past.checked_sub(count).and_then(|index| self.days.get(index)).copied()
    }

    /// The first minute of a trading day.
    ///
    /// # Errors
    /// The date is no trading day of this calendar, or beyond it.
    pub fn open_of(&self, day: NaiveDate) -> Result<Minute, CalendarError> {
        match self.days.binary_search(&day) {
            Ok(index) => Ok(Minute::starting_at(self.opens[index])),
            Err(_) if day > self.last_day => Err(self.beyond(day)),
            Err(_) if day < OPENED => Err(CalendarError::BeforeOpening { date: day, opened: OPENED }),
            Err(_) => Err(morning_open(day).map_or_else(|error| error, CalendarError::NotATradingMinute)),
        }
    }

    /// The instant of a time of day, local to Shanghai, on a trading day.
    ///
    /// # Errors
    /// The date is no trading day of this calendar, or beyond it.
    pub fn instant(&self, day: NaiveDate, time: NaiveTime) -> Result<UnixSeconds, CalendarError> {
        // The clock is never changed between midnight's end and the close.
        Ok(self.open_of(day)?.start() + Seconds::new((time - MORNING_OPEN).num_seconds()))
    }

    /// The minute at a place in its day, 0 (09:30) to 239 (14:59).
    ///
    /// # Errors
    /// The date is no trading day of this calendar.
    pub fn minute_of(&self, day: NaiveDate, index: u16) -> Result<Minute, CalendarError> {
        let open = self.open_of(day)?;
        Ok(minute_after_open(open.start(), index.min(MINUTES_PER_DAY - 1)))
    }

    /// The minutes of a trading day in order; none on any other date.
    pub fn minutes_of(&self, day: NaiveDate) -> impl Iterator<Item = Minute> + use<> {
        let open = self.days.binary_search(&day).ok().map(|index| self.opens[index]);
        open.into_iter().flat_map(|open| (0..MINUTES_PER_DAY).map(move |index| minute_after_open(open, index)))
    }

    /// The trading minute that starts at an instant.
    ///
    /// # Errors
    /// None starts there.
    pub fn minute_starting(&self, instant: UnixSeconds) -> Result<Minute, CalendarError> {
        let minute = Minute::starting_at(instant);
        if instant < self.opens.first().copied().unwrap_or(UnixSeconds::MAX) {
            return Err(CalendarError::NotATradingMinute(instant));
        }
        let ordinal = self.first_ordinal_at_or_after(instant);
        match self.minute_at(ordinal) {
            Ok(found) if found == minute => Ok(minute),
            _ => Err(CalendarError::NotATradingMinute(instant)),
        }
    }

    /// The place of a minute in its day, 0 to 239.
    #[must_use]
    pub fn index_in_day(&self, minute: Minute) -> u16 {
        let after_open = minute.start() - self.opens[self.day_index(minute)];
        let index = if after_open < AFTERNOON_OFFSET {
            after_open / Minute::SECONDS
        } else {
            i64::from(MINUTES_PER_SESSION) + (after_open - AFTERNOON_OFFSET) / Minute::SECONDS
        };
        index as u16
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
    /// `now` lies past the calendar's last day, so it cannot know.
    pub fn last_completed(&self, now: UnixSeconds) -> Result<Option<Minute>, CalendarError> {
        let date = self.date_of(now)?;
        if date > self.last_day {
            return Err(self.beyond(date));
        }
        // A minute is over at `now` exactly when it starts at or before `now` − 60 s.
        let begun = self.first_ordinal_at_or_after(Minute::label_ending_at(now).next());
        Ok(begun.checked_sub(1).and_then(|ordinal| self.minute_at(ordinal).ok()))
    }

    /// The last trading minute that starts before an instant; none before the first of all.
    ///
    /// # Errors
    /// The instant lies past the calendar's last day, so it cannot know.
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

    /// The count of trading minutes before this one since the exchange opened.
    pub(super) fn ordinal(&self, minute: Minute) -> u64 {
        self.day_index(minute) as u64 * u64::from(MINUTES_PER_DAY) + u64::from(self.index_in_day(minute))
    }

    pub(super) fn day_index(&self, minute: Minute) -> usize {
        self.opens.partition_point(|&open| open <= minute.start()).saturating_sub(1)
    }

    pub(super) fn open_at(&self, day_index: usize) -> Minute {
        Minute::starting_at(self.opens[day_index])
    }

    pub(super) fn days_around(&self, day_index: usize) -> (&[NaiveDate], NaiveDate, &[NaiveDate]) {
        (&self.days[..day_index], self.days[day_index], &self.days[day_index + 1..])
    }

    fn minute_at(&self, ordinal: u64) -> Result<Minute, CalendarError> {
        let day = usize::try_from(ordinal / u64::from(MINUTES_PER_DAY)).unwrap_or(usize::MAX);
        let index = (ordinal % u64::from(MINUTES_PER_DAY)) as u16;
        match self.opens.get(day) {
            Some(&open) => Ok(minute_after_open(open, index)),
            None => Err(self.beyond("the minute after it")),
        }
    }

    fn first_ordinal_at_or_after(&self, instant: UnixSeconds) -> u64 {
        let Some(day) = self.opens.partition_point(|&open| open <= instant).checked_sub(1) else { return 0 };
        let after_open = instant - self.opens[day];
        let rounded_up = |span: Seconds| (span + Minute::SECONDS - Seconds::SECOND) / Minute::SECONDS;
        let session = i64::from(MINUTES_PER_SESSION);
        let index = if after_open <= AFTERNOON_OFFSET {
            rounded_up(after_open).min(session)
        } else {
            session + rounded_up(after_open - AFTERNOON_OFFSET).min(session)
        };
        day as u64 * u64::from(MINUTES_PER_DAY) + index.unsigned_abs()
    }

    fn beyond(&self, asked: impl ToString) -> CalendarError {
        CalendarError::BeyondHorizon { asked: asked.to_string(), last_day: self.last_day }
    }
}

pub(super) fn minute_after_open(open: UnixSeconds, index: u16) -> Minute {
    let lunch = if index < MINUTES_PER_SESSION {
        Seconds::ZERO
    } else {
        AFTERNOON_OFFSET - Minute::SECONDS * i64::from(MINUTES_PER_SESSION)
    };
    Minute::starting_at(open + Minute::SECONDS * i64::from(index) + lunch)
}
