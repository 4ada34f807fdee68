//! The lengths of bars that clients ask for: stored intervals, and sums of them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::Interval;

/// The unit that a timeframe counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeUnit {
    /// Trading minutes.
    Minute,
    /// Trading days.
    Day,
    /// Weeks from Monday to Sunday.
    Week,
    /// Calendar months.
    Month,
}

impl TimeUnit {
    /// The most units of one bar: no session is longer than a day of minutes, and the others are a little more than a year, and ten years.
    #[must_use]
    pub fn most(self) -> u16 {
        match self {
            Self::Minute => 1440,
            Self::Day => 366,
            Self::Week => 53,
            Self::Month => 120,
        }
    }

    /// The letter in names; `m` is a minute, `M` a month.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::Minute => "m",
            Self::Day => "d",
            Self::Week => "w",
            Self::Month => "M",
        }
    }
}

/// The length of a bar: a whole number of units, from one to [`TimeUnit::most`]. Every stored interval is one; the others are exact
/// sums of stored bars. Where the bars lie is [`crate::calendar::Calendar::bucket`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeframe {
    unit: TimeUnit,
    count: u16,
}

/// A text that is not the name of a timeframe.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "\"{0}\" is not a timeframe: use a number of m, d, w or M, such as 3m, 240m, 2d or 3M; at most 1440m, 366d, 53w or 120M"
)]
pub struct UnknownTimeframe(pub String);

impl Timeframe {
    /// A timeframe of so many units; none where that is no unit, or more of them than [`TimeUnit::most`].
    #[must_use]
    pub fn new(unit: TimeUnit, count: u32) -> Option<Self> {
        let count = u16::try_from(count).ok()?;
        (1..=unit.most()).contains(&count).then_some(Self { unit, count })
    }

    /// What it counts.
    #[must_use]
    pub fn unit(self) -> TimeUnit {
        self.unit
    }

    /// How many units it has, at least one.
    #[must_use]
    pub fn count(self) -> u16 {
        self.count
    }

    /// Trading minutes in one bar of an intraday timeframe; none for a day and longer, because their length depends on the calendar.
    #[must_use]
    pub fn trading_minutes(self) -> Option<u16> {
        (self.unit == TimeUnit::Minute).then_some(self.count)
    }

    /// The longest stored interval whose bars make up its bars, and the most of them in one bar. A count of one is a stored interval.
    #[must_use]
    pub fn parts(self) -> (Interval, u16) {
        match self.unit {
            TimeUnit::Minute => {
                let fits = |interval: &Interval| {
                    interval.trading_minutes().is_some_and(|minutes| self.count.is_multiple_of(minutes))
                };
                let interval = Interval::ALL.into_iter().rev().find(fits).unwrap_or(Interval::Minute1);
                (interval, self.count / interval.trading_minutes().unwrap_or(1))
            }
            TimeUnit::Day => (Interval::Day, self.count),
            TimeUnit::Week => (Interval::Week, self.count),
            TimeUnit::Month => (Interval::Month, self.count),
        }
    }

    /// The stored interval that it is; none where its bars are sums of several stored ones.
    #[must_use]
    pub fn stored(self) -> Option<Interval> {
        let (interval, parts) = self.parts();
        (parts == 1).then_some(interval)
    }
}

impl From<Interval> for Timeframe {
    fn from(interval: Interval) -> Self {
        let (unit, count) = match interval {
            Interval::Day => (TimeUnit::Day, 1),
            Interval::Week => (TimeUnit::Week, 1),
            Interval::Month => (TimeUnit::Month, 1),
            intraday => (TimeUnit::Minute, intraday.trading_minutes().unwrap_or(1)),
        };
        Self { unit, count }
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{}", self.count, self.unit.letter()))
    }
}

impl FromStr for Timeframe {
    type Err = UnknownTimeframe;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownTimeframe(text.to_owned());
        let (count, letter) = text.split_at(text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len());
        let units = [TimeUnit::Minute, TimeUnit::Day, TimeUnit::Week, TimeUnit::Month];
        let unit = units.into_iter().find(|unit| unit.letter() == letter).ok_or_else(unknown)?;
        Self::new(unit, count.parse().map_err(|_| unknown())?).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_interval_keeps_its_name() {
        for interval in Interval::ALL {
            let timeframe = Timeframe::from(interval);
            assert_eq!((timeframe.to_string(), timeframe.stored()), (interval.to_string(), Some(interval)));
            assert_eq!(interval.as_str().parse(), Ok(timeframe));
            assert_eq!(timeframe.trading_minutes(), interval.trading_minutes());
        }
    }

    #[test]
    fn a_bar_is_made_of_the_longest_stored_bars_that_fit() {
        for (name, interval, count) in [
            ("3m", Interval::Minute1, 3),
            ("10m", Interval::Minute5, 2),
            ("45m", Interval::Minute15, 3),
            ("90m", Interval::Minute30, 3),
            ("180m", Interval::Minute60, 3),
            ("240m", Interval::Minute120, 2),
            ("1439m", Interval::Minute1, 1439),
            ("3d", Interval::Day, 3),
            ("2w", Interval::Week, 2),
            ("3M", Interval::Month, 3),
        ] {
            let timeframe: Timeframe = name.parse().unwrap();
            assert_eq!((timeframe.parts(), timeframe.stored()), ((interval, count), None), "{name}");
        }
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for text in ["", "m", "0m", "1441m", "367d", "54w", "121M", "1h", "-1m", "1 m", "1.5m", "99999999999m", "３m"]
        {
            assert!(text.parse::<Timeframe>().is_err(), "{text}");
        }
    }
}
