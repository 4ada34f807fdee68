//! Prices as whole ticks of 0.01, so that comparing, rolling up and storing them is exact.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Ticks in one unit of currency: the tick is 0.01.
pub const TICKS_PER_UNIT: i64 = 100;

/// A price in whole ticks of 0.01, at least one tick and at most 99,999,999.99 (what `numeric(10,2)` holds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(i64);

/// A number that is no price.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0} is not a price: it must be a whole number of ticks of 0.01, from 0.01 to 99999999.99")]
pub struct InvalidPrice(pub String);

impl Price {
    /// One tick: 0.01.
    pub const MIN: Self = Self(1);
    /// The largest storable price: 99,999,999.99.
    pub const MAX: Self = Self(9_999_999_999);

    /// The price of so many ticks.
    ///
    /// # Errors
    /// Fewer than one tick or more than [`Price::MAX`].
    pub fn from_ticks(ticks: i64) -> Result<Self, InvalidPrice> {
        if (Self::MIN.0..=Self::MAX.0).contains(&ticks) {
            Ok(Self(ticks))
        } else {
            Err(InvalidPrice(format!("{ticks} ticks")))
        }
    }

    /// The tick nearest to `ticks` (half away from zero), held within [`Price::MIN`] and [`Price::MAX`].
    ///
    /// This is how a model's continuous price is printed; monotone, so low ≤ open, close ≤ high survives it.
    #[must_use]
    pub fn nearest(ticks: f64) -> Self {
        // The cast cuts towards zero, and what is not positive ends at the smallest price anyway.
        Self(((ticks + 0.5) as i64).clamp(Self::MIN.0, Self::MAX.0))
    }

    /// The price behind a decimal number that a database or a person gave as floating point.
    ///
    /// # Errors
    /// The number is more than a millionth of a unit away from a whole tick, or out of range.
    pub fn from_units(units: f64) -> Result<Self, InvalidPrice> {
        let ticks = libm::round(units * TICKS_PER_UNIT as f64);
        if !units.is_finite() || libm::fabs(units * TICKS_PER_UNIT as f64 - ticks) > 1e-4 {
            return Err(InvalidPrice(units.to_string()));
        }
        Self::from_ticks(ticks as i64).map_err(|_| InvalidPrice(units.to_string()))
    }

    /// Whole ticks of 0.01.
    #[must_use]
    pub fn ticks(self) -> i64 {
        self.0
    }

    /// The double nearest to the price in currency units; its shortest decimal form has at most two decimals.
    #[must_use]
    pub fn units(self) -> f64 {
        self.0 as f64 / TICKS_PER_UNIT as f64
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / TICKS_PER_UNIT, self.0 % TICKS_PER_UNIT)
    }
}

impl FromStr for Price {
    type Err = InvalidPrice;

    /// Reads a plain decimal with at most two decimals, such as `150`, `150.2` or `150.25`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidPrice(format!("\"{text}\""));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 8 || fraction.len() > 2 || !digits(whole) || !digits(fraction) {
            return Err(invalid());
        }
        format!("{whole}{fraction:0<2}").parse().ok().and_then(|ticks| Self::from_ticks(ticks).ok()).ok_or_else(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        for text in ["0.01", "150.00", "99999999.99"] {
            assert_eq!(text.parse::<Price>().unwrap().to_string(), text);
        }
        assert_eq!("7.5".parse::<Price>().unwrap().ticks(), 750);
    }

    #[test]
    fn refuses_what_is_no_price() {
        for text in ["", ".", "0", "0.00", "-1", "1.234", "100000000", "1e3", "1_0", "+1", "NaN"] {
            assert_eq!(text.parse::<Price>(), Err(InvalidPrice(format!("\"{text}\""))));
        }
        for units in [0.0, -1.0, 1.005, f64::NAN, f64::INFINITY, 1e9] {
            assert_eq!(Price::from_units(units), Err(InvalidPrice(units.to_string())));
        }
    }

    #[test]
    fn every_tick_survives_the_way_through_a_double() {
        for ticks in (1..2_000_000).chain(9_999_000_000..=9_999_999_999) {
            let price = Price::from_ticks(ticks).unwrap();
            assert_eq!(Price::from_units(price.units()), Ok(price));
        }
    }
}
