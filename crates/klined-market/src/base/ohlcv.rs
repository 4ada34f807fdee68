//! Open, high, low, close and volume: what a bar says, whatever its interval.

use thiserror::Error;

use super::Price;

/// One bar's prices and volume. Holds `low ≤ open, close ≤ high` and `volume ≥ 0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ohlcv {
    open: Price,
    high: Price,
    low: Price,
    close: Price,
    volume: i64,
}

/// Prices and volume that no bar can have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "open {open}, high {high}, low {low}, close {close}, volume {volume} is no bar: \
     it must hold low ≤ open, close ≤ high and volume ≥ 0"
)]
pub struct InvalidOhlcv {
    pub open: Price,
    pub high: Price,
    pub low: Price,
    pub close: Price,
    pub volume: i64,
}

impl Ohlcv {
    /// Prices in ticks, volume in shares.
    ///
    /// # Errors
    /// The invariant does not hold.
    pub fn new(open: Price, high: Price, low: Price, close: Price, volume: i64) -> Result<Self, InvalidOhlcv> {
        if low <= open.min(close) && open.max(close) <= high && volume >= 0 {
            Ok(Self { open, high, low, close, volume })
        } else {
            Err(InvalidOhlcv { open, high, low, close, volume })
        }
    }

    /// A bar from its open and close and from extremes that are widened to hold both.
    #[must_use]
    pub fn spanning(open: Price, close: Price, high: Price, low: Price, volume: u64) -> Self {
        Self {
            open,
            high: high.max(open).max(close),
            low: low.min(open).min(close),
            close,
            volume: i64::try_from(volume).unwrap_or(i64::MAX),
        }
    }

    /// This bar and the one that follows it, as one: first open, highest high, lowest low, last close, summed volume.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        Self {
            open: self.open,
            high: self.high.max(later.high),
            low: self.low.min(later.low),
            close: later.close,
            volume: self.volume.saturating_add(later.volume),
        }
    }

    /// First price, in ticks.
    #[must_use]
    pub fn open(&self) -> Price {
        self.open
    }

    /// Highest price, in ticks.
    #[must_use]
    pub fn high(&self) -> Price {
        self.high
    }

    /// Lowest price, in ticks.
    #[must_use]
    pub fn low(&self) -> Price {
        self.low
    }

    /// Last price, in ticks.
    #[must_use]
    pub fn close(&self) -> Price {
        self.close
    }

    /// Shares traded.
    #[must_use]
    pub fn volume(&self) -> i64 {
        self.volume
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(ticks: i64) -> Price {
        Price::from_ticks(ticks).unwrap()
    }

    #[test]
    fn refuses_extremes_that_do_not_hold_open_and_close() {
        let refused = |high, low, volume| {
            let (open, high, low, close) = (price(10), price(high), price(low), price(11));
            assert_eq!(
                Ohlcv::new(open, high, low, close, volume),
                Err(InvalidOhlcv { open, high, low, close, volume })
            );
        };
        assert!(Ohlcv::new(price(10), price(12), price(9), price(11), 0).is_ok());
        refused(10, 9, 0);
        refused(12, 11, 0);
        refused(12, 9, -1);
    }

    #[test]
    fn joins_with_the_bar_that_follows() {
        let first = Ohlcv::new(price(10), price(15), price(9), price(11), 300).unwrap();
        let second = Ohlcv::new(price(11), price(12), price(5), price(7), 200).unwrap();
        assert_eq!(first.then(second), Ohlcv::new(price(10), price(15), price(5), price(7), 500).unwrap());
    }
}
