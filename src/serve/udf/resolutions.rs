//! TradingView's names of the intervals.

use super::answers::UdfError;
use klined_market::base::Interval;

/// Every resolution that there is, shortest first, by TradingView's name.
const RESOLUTIONS: [(&str, Interval); 9] = [
    ("1", Interval::Minute1),
    ("5", Interval::Minute5),
    ("15", Interval::Minute15),
    ("30", Interval::Minute30),
    ("60", Interval::Minute60),
    ("120", Interval::Minute120),
    ("1D", Interval::Day),
    ("1W", Interval::Week),
    ("1M", Interval::Month),
];

/// An interval by its name; `D` is `1D`.
pub fn interval(name: &str) -> Option<Interval> {
    let is_it = |known: &str| known == name || (name.len() == 1 && known.strip_prefix('1') == Some(name));
    RESOLUTIONS.iter().find(|(known, _)| is_it(known)).map(|(_, interval)| *interval)
}

/// An interval by its name.
///
/// # Errors
/// There is none of that name.
pub fn parse(name: &str) -> Result<Interval, UdfError> {
    interval(name).ok_or_else(|| UdfError(format!("resolution must be one of {}", names().join(" "))))
}

/// The names of all resolutions, shortest first.
pub fn names() -> Vec<&'static str> {
    RESOLUTIONS.iter().map(|(name, _)| *name).collect()
}

/// The names of those that are shorter than a day, in minutes.
pub fn minutes() -> Vec<&'static str> {
    RESOLUTIONS.iter().filter(|(_, interval)| interval.trading_minutes().is_some()).map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolutions_are_tradingviews() {
        for (name, stored) in
            [("1", Interval::Minute1), ("120", Interval::Minute120), ("D", Interval::Day), ("1M", Interval::Month)]
        {
            assert_eq!(interval(name), Some(stored), "{name}");
        }
        for name in ["", "1m", "60m", "2", "240", "2D", "1S", "d", "5D"] {
            assert_eq!(interval(name), None, "{name}");
        }
    }
}
