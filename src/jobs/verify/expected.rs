//! The minutes of the days of a stock's listings. In those of a halt no bar is expected, which the walk decides.

use chrono::NaiveDate;

use crate::store::Listing;
use klined_market::base::UnixSeconds;
use klined_market::calendar::{Calendar, CalendarError, Minute};

/// The minutes in which a symbol trades or is halted, in order.
pub(super) struct Expected<'c> {
    calendar: &'c Calendar,
    days: std::vec::IntoIter<NaiveDate>,
    minutes: std::vec::IntoIter<Minute>,
    ahead: Option<Minute>,
    until: UnixSeconds,
    /// Whether the stock still trades.
    pub is_open: bool,
}

impl<'c> Expected<'c> {
    /// `from` is the horizon before which bars are not kept. `last_bar` is the stock's last bar; it bounds the days of a stock that
    /// still trades.
    pub fn new(
        calendar: &'c Calendar,
        spans: &[Listing],
        from: UnixSeconds,
        last_bar: Option<UnixSeconds>,
    ) -> Result<Self, CalendarError> {
        let last_known = last_bar.map_or(Ok(calendar.last_day()), |time| calendar.date_of(time))?;
        // There are no bars before 1970, so a horizon before it is as good as one there.
        let kept_from = calendar.date_of(from.max(UnixSeconds::EPOCH))?;
        let days: Vec<NaiveDate> = spans
            .iter()
            .flat_map(|span| calendar.days(span.first_day.max(kept_from), span.last_day.unwrap_or(last_known)))
            .copied()
            .collect();
        let is_open = spans.iter().any(|span| span.last_day.is_none());
        let until = last_bar.filter(|_| is_open).unwrap_or(UnixSeconds::MAX);
        let (days, minutes) = (days.into_iter(), vec![].into_iter());
        let mut expected = Self { calendar, days, minutes, ahead: None, until, is_open };
        expected.ahead = expected.following();
        Ok(expected)
    }

    fn following(&mut self) -> Option<Minute> {
        loop {
            if let Some(minute) = self.minutes.next() {
                return Some(minute).filter(|minute| minute.start() <= self.until);
            }
            self.minutes = self.calendar.minutes_of(self.days.next()?).collect::<Vec<_>>().into_iter();
        }
    }

    pub fn next(&mut self) -> Option<Minute> {
        let minute = self.ahead?;
        self.ahead = self.following();
        Some(minute)
    }

    pub fn next_if_before(&mut self, found: Minute) -> Option<Minute> {
        self.ahead.filter(|&minute| minute < found)?;
        self.next()
    }

    /// Takes a minute that is expected next; false when it is not expected at all.
    pub fn take(&mut self, found: Minute) -> bool {
        self.ahead == Some(found) && self.next().is_some()
    }
}
