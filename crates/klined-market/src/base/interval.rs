//! The intervals of bars.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The length of a bar. Written `1m 5m 15m 30m 60m 120m 1d 1w 1M`; case matters (`1m` is a minute, `1M` a month).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interval {
    /// One trading minute, `1m`.
    Minute1,
    /// 5 trading minutes, `5m`.
    Minute5,
    /// 15 trading minutes, `15m`.
    Minute15,
    /// 30 trading minutes, `30m`.
    Minute30,
    /// 60 trading minutes, `60m`.
    Minute60,
    /// 120 trading minutes, `120m`: one session.
    Minute120,
    /// One trading day, `1d`.
    Day,
    /// The trading days from Monday to Sunday, `1w`.
    Week,
    /// The trading days of a calendar month, `1M`.
    Month,
}

/// A text that is not the name of an interval.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not an interval: use one of 1m 5m 15m 30m 60m 120m 1d 1w 1M")]
pub struct UnknownInterval(pub String);

impl Interval {
    /// Every interval, shortest first.
    pub const ALL: [Self; 9] = [
        Self::Minute1,
        Self::Minute5,
        Self::Minute15,
        Self::Minute30,
        Self::Minute60,
        Self::Minute120,
        Self::Day,
        Self::Week,
        Self::Month,
    ];

    /// The intervals that are rolled up from 1-minute bars, shortest first.
    pub const ROLLED: [Self; 8] = [
        Self::Minute5,
        Self::Minute15,
        Self::Minute30,
        Self::Minute60,
        Self::Minute120,
        Self::Day,
        Self::Week,
        Self::Month,
    ];

    /// The fixed name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute1 => "1m",
            Self::Minute5 => "5m",
            Self::Minute15 => "15m",
            Self::Minute30 => "30m",
            Self::Minute60 => "60m",
            Self::Minute120 => "120m",
            Self::Day => "1d",
            Self::Week => "1w",
            Self::Month => "1M",
        }
    }

    /// Trading minutes in one bar of an intraday interval; none for a day and longer, because their length depends on the
    /// calendar.
    #[must_use]
    pub fn trading_minutes(self) -> Option<u16> {
        match self {
            Self::Minute1 => Some(1),
            Self::Minute5 => Some(5),
            Self::Minute15 => Some(15),
            Self::Minute30 => Some(30),
            Self::Minute60 => Some(60),
            Self::Minute120 => Some(120),
            Self::Day | Self::Week | Self::Month => None,
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Interval {
    type Err = UnknownInterval;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|interval| interval.as_str() == text).ok_or_else(|| UnknownInterval(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fixed_and_distinguished_by_case() {
        for interval in Interval::ALL {
            assert_eq!(interval.as_str().parse(), Ok(interval));
        }
        assert_ne!("1m".parse::<Interval>(), "1M".parse());
        assert_eq!("1h".parse::<Interval>(), Err(UnknownInterval("1h".to_owned())));
    }
}
