//! The lowest and the highest price of a stock, whatever its model.

use super::Price;

/// The prices between which a stock stays, both included.
///
/// Unlike [`PriceLimits`](super::PriceLimits) they are the same on every day, and the price behind the printed one obeys them
/// too: it is held at a bound and comes back with the next move in the other direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceBounds {
    min: Price,
    max: Price,
}

impl PriceBounds {
    /// All prices that there are.
    pub const NONE: Self = Self { min: Price::MIN, max: Price::MAX };

    /// The prices from `min` to `max`; none if `min` is above `max`.
    #[must_use]
    pub fn new(min: Price, max: Price) -> Option<Self> {
        (min <= max).then_some(Self { min, max })
    }

    /// The lowest price.
    #[must_use]
    pub fn min(self) -> Price {
        self.min
    }

    /// The highest price.
    #[must_use]
    pub fn max(self) -> Price {
        self.max
    }

    /// Whether they exclude no price.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Whether a price lies in them.
    #[must_use]
    pub fn contains(self, price: Price) -> bool {
        (self.min..=self.max).contains(&price)
    }

    /// The price in them that is nearest to a price.
    #[must_use]
    pub fn hold(self, price: Price) -> Price {
        price.clamp(self.min, self.max)
    }

    /// The unrounded price in them, in ticks, that is nearest to an unrounded price.
    #[must_use]
    #[inline]
    pub fn hold_ticks(self, ticks: f64) -> f64 {
        ticks.clamp(self.min.ticks() as f64, self.max.ticks() as f64)
    }

    /// The price in them on which an unrounded price, in ticks, is printed.
    #[must_use]
    #[inline]
    pub fn print(self, ticks: f64) -> Price {
        self.hold(Price::nearest(ticks))
    }
}

impl Default for PriceBounds {
    fn default() -> Self {
        Self::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_held_at_the_nearer_bound() {
        let price = |text: &str| text.parse::<Price>().unwrap();
        let bounds = PriceBounds::new(price("10"), price("1000")).unwrap();
        for (ticks, printed) in [(3.0, "10.00"), (999.6, "10.00"), (1000.6, "10.01"), (1e12, "1000.00")] {
            assert_eq!(bounds.print(ticks).to_string(), printed);
            assert!(bounds.contains(Price::nearest(bounds.hold_ticks(ticks))));
        }
        assert_eq!(PriceBounds::new(price("10"), price("9.99")), None);
        assert!(PriceBounds::NONE.is_none() && !bounds.is_none());
    }
}
