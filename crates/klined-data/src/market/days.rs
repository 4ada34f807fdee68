//! Ranges of days.

use chrono::NaiveDate;
use klined_market::calendar::Calendar;
use thiserror::Error;

/// Why a range of days cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum InvalidDays {
    /// The range ends before it begins.
    #[error("the first day {from} is later than the last day {to}")]
    Reversed {
        /// The first day that was asked for.
        from: NaiveDate,
        /// The last day that was asked for.
        to: NaiveDate,
    },
    /// The calendar does not have all of the range.
    #[error("the calendar covers {first_day} to {last_day}; the range from {from} to {to} reaches beyond it")]
    BeyondCalendar {
        /// The first day that was asked for.
        from: NaiveDate,
        /// The last day that was asked for.
        to: NaiveDate,
        /// The first day of the calendar.
        first_day: NaiveDate,
        /// The last day of the calendar.
        last_day: NaiveDate,
    },
    /// The market is closed on all days of the range.
    #[error("there is no trading day from {from} to {to}")]
    Closed {
        /// The first day that was asked for.
        from: NaiveDate,
        /// The last day that was asked for.
        to: NaiveDate,
    },
}

/// The trading days of a range, both ends included.
///
/// # Errors
/// The range is reversed, has no trading day or reaches beyond the calendar.
pub fn trading_days(calendar: &Calendar, from: NaiveDate, to: NaiveDate) -> Result<&[NaiveDate], InvalidDays> {
    if from > to {
        return Err(InvalidDays::Reversed { from, to });
    }
    let (first_day, last_day) = (calendar.first_day(), calendar.last_day());
    if from < first_day || to > last_day {
        return Err(InvalidDays::BeyondCalendar { from, to, first_day, last_day });
    }
    match calendar.days(from, to) {
        [] => Err(InvalidDays::Closed { from, to }),
        days => Ok(days),
    }
}
