//! The questions that a calendar cannot answer.

use chrono::{NaiveDate, NaiveDateTime};
use thiserror::Error;

use crate::base::UnixSeconds;

/// A question outside of what the calendar covers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CalendarError {
    /// Before the exchange opened.
    #[error("{date} lies before the exchange opened on {opened}")]
    BeforeOpening {
        /// The date in question.
        date: NaiveDate,
        /// The exchange's first day.
        opened: NaiveDate,
    },
    /// Past the last day that the calendar knows or may project.
    #[error(
        "the trading calendar ends on {last_day} and does not cover {asked}; add the newer days with --calendar-file, \
         or run without --strict-calendar to use projected holidays"
    )]
    BeyondHorizon {
        /// The date or time in question.
        asked: String,
        /// The last date that the calendar covers.
        last_day: NaiveDate,
    },
    /// An instant that is no trading minute's start.
    #[error("Unix second {0} is not the start of a trading minute")]
    NotATradingMinute(UnixSeconds),
    /// An instant so far away that it has no date.
    #[error("Unix second {0} lies outside of the dates that can be written")]
    OutOfRange(UnixSeconds),
    /// A local date and time that the exchange's clocks never show, or one that has no Unix second.
    #[error("the exchange's clocks never show {0}")]
    NoSuchLocalTime(NaiveDateTime),
}
