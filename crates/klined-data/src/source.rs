//! What rows are made from: a market that can be walked through, symbol after symbol and day after day.

use chrono::NaiveDate;
use klined_market::bars::Bar;
use klined_market::bars::ticks::MinuteTicks;
use klined_market::base::{Interval, Symbol};
use klined_market::calendar::Calendar;

/// Whether a walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// Give the next.
    Continue,
    /// Nobody takes any more.
    Stop,
}

/// A market whose symbols can be walked through, each by itself.
///
/// Laws, which the tests of every implementation hold:
/// - a walk gives the same rows whether its days are asked for at once or in parts that follow one another;
/// - walks do not depend on each other, so any number of threads may have one each;
/// - a bar is given on the trading day of its first minute, and a bar of a week or month is not given when its first day is not asked for.
pub trait Source: Sync {
    /// What is kept of a symbol between two calls.
    type Walk: Send;
    /// Why rows could not be made.
    type Error: std::error::Error + Send + 'static;

    /// The calendar of the market.
    fn calendar(&self) -> &Calendar;

    /// The symbols in the order of the rows.
    fn symbols(&self) -> &[Symbol];

    /// A walk before its first day.
    ///
    /// # Errors
    /// The symbol cannot be walked through.
    fn begin(&self, place: usize) -> Result<Self::Walk, Self::Error>;

    /// Gives the bars of an interval that begin on some trading days, in order of time. The days follow those of the calls before.
    ///
    /// # Errors
    /// The bars cannot be made or read.
    fn bars(
        &self,
        walk: &mut Self::Walk,
        interval: Interval,
        days: &[NaiveDate],
        take: &mut dyn FnMut(&[Bar]) -> Flow,
    ) -> Result<(), Self::Error>;

    /// Gives the trades and quotes of the minutes of some trading days, in order of time. The days follow those of the calls before.
    ///
    /// # Errors
    /// The minutes cannot be made or read.
    fn ticks(
        &self,
        walk: &mut Self::Walk,
        days: &[NaiveDate],
        take: &mut dyn FnMut(&MinuteTicks) -> Flow,
    ) -> Result<(), Self::Error>;
}
