//! TradingView's names of timeframes: a number of minutes, or of `D`, `W` or `M`.

use super::answers::UdfError;
use crate::serve::kit::parameters::counted;
use klined_market::base::{TimeUnit, Timeframe};

/// The resolutions that a chart offers, shortest first. Any other number is answered too.
const OFFERED: [&str; 20] = [
    "1", "3", "5", "10", "15", "30", "45", "60", "120", "180", "240", "1D", "2D", "3D", "1W", "2W", "1M", "3M", "6M",
    "12M",
];

/// A timeframe by its name; `D` is `1D`.
pub fn timeframe(name: &str) -> Option<Timeframe> {
    let (count, unit) = if ["D", "W", "M"].contains(&name) { (1, name) } else { counted(name)? };
    let unit = match unit {
        "" => TimeUnit::Minute,
        "D" => TimeUnit::Day,
        "W" => TimeUnit::Week,
        "M" => TimeUnit::Month,
        _ => return None,
    };
    Timeframe::new(unit, count)
}

/// A timeframe by its name.
///
/// # Errors
/// There is none of that name.
pub fn parse(name: &str) -> Result<Timeframe, UdfError> {
    let of = "a number of minutes up to 1440, of D up to 366, of W up to 53 or of M up to 120";
    timeframe(name).ok_or_else(|| UdfError(format!("resolution must be {of}, such as {}", OFFERED.join(" "))))
}

/// The names of the resolutions that a chart offers, shortest first.
pub fn names() -> Vec<&'static str> {
    OFFERED.to_vec()
}

/// The names of those that are shorter than a day, in minutes.
pub fn minutes() -> Vec<&'static str> {
    OFFERED.into_iter().filter(|name| name.bytes().all(|letter| letter.is_ascii_digit())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolutions_are_tradingviews() {
        for (name, same) in
            [("1", "1m"), ("120", "120m"), ("240", "240m"), ("D", "1d"), ("2D", "2d"), ("M", "1M"), ("12M", "12M")]
        {
            assert_eq!(timeframe(name).map(|named| named.to_string()).as_deref(), Some(same), "{name}");
        }
        for name in ["", "1m", "60m", "0", "1441", "1S", "d", "0D", "367D", "121M", "-1"] {
            assert_eq!(timeframe(name), None, "{name}");
        }
        assert!(names().iter().all(|name| timeframe(name).is_some()));
        assert_eq!(minutes().last(), Some(&"240"));
    }
}
