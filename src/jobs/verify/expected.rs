//! The minutes that must be there: those of the days of a stock's listings, without its halts.

use chrono::NaiveDate;

use crate::store::Listing;
use klined_market::bars::Halt;
use klined_market::base::UnixSeconds;
use klined_market::calendar::{Calendar, CalendarError, Minute};

/// The minutes that a symbol must have, in order.
pub(super) struct Expected<'c> {
    calendar: &'c Calendar,
    halts: &'c [Halt],
    days: std::vec::IntoIter<NaiveDate>,
    minutes: std::vec::IntoIter<Minute>,
    ahead: Option<Minute>,
    until: UnixSeconds,
    /// Whether the stock still trades.
    pub is_open: bool,
}

impl<'c> Expected<'c> {
    /// `from` is the horizon before which bars are not kept. `last_bar` is what `stock_state` calls the last bar; it bounds the days of a stock that still trades.
    pub fn new(
        calendar: &'c Calendar,
        spans: &[Listing],
        halts: &'c [Halt],
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
        let mut expected = Self { calendar, halts, days, minutes, ahead: None, until, is_open };
        expected.ahead = expected.following();
        Ok(expected)
    }

    fn following(&mut self) -> Option<Minute> {
        loop {
            if let Some(minute) = self.minutes.next() {
                return Some(minute).filter(|minute| minute.start() <= self.until);
            }
            let minutes = self.calendar.minutes_of(self.days.next()?);
            let is_traded = |minute: &Minute| !self.halts.iter().any(|halt| halt.holds(minute.start()));
            self.minutes = minutes.filter(is_traded).collect::<Vec<_>>().into_iter();
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
