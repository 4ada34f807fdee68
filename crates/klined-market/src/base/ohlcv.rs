//! Open, high, low, close and volume, and what the trades add up to besides: the content of a bar of any interval.

use thiserror::Error;

use super::Price;
use super::price::TICKS_PER_UNIT;

/// One bar's prices and volume, with `low ≤ open, close ≤ high` and `volume ≥ 0`, and its [`Traded`] where it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ohlcv {
    open: Price,
    high: Price,
    low: Price,
    close: Price,
    volume: i64,
    traded: Option<Traded>,
}

/// Turnover and number of trades of a bar.
///
/// They are known of every bar that a symbol's run makes, and of sums of such bars. Rows of earlier versions do not have them. A turnover above [`Traded::TURNOVER_MAX`] is not known either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traded {
    turnover: i64,
    trades: i64,
}

/// Numbers that are not the turnover and the number of trades of any bar.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "turnover {turnover} hundredths with {trades} trades is not of a bar: neither may be negative, nor the turnover above {}",
    Traded::TURNOVER_MAX
)]
pub struct InvalidTraded {
    /// Hundredths of the currency unit.
    pub turnover: i64,
    /// Number of trades.
    pub trades: i64,
}

impl Traded {
    /// The largest turnover, in hundredths of the currency unit: 9,999,999,999,999.99 units. It has 15 digits, as many as a double holds, so
    /// SQLite and JSON give every turnover back to the last hundredth.
    pub const TURNOVER_MAX: i64 = 999_999_999_999_999;
    /// Of a bar without a trade.
    pub const NOTHING: Self = Self { turnover: 0, trades: 0 };

    /// A turnover in hundredths of the currency unit, which is the sum of price in ticks times shares, and a number of trades.
    ///
    /// # Errors
    /// One of them is negative, or the turnover is above [`Traded::TURNOVER_MAX`].
    pub fn new(turnover: i64, trades: i64) -> Result<Self, InvalidTraded> {
        if (0..=Self::TURNOVER_MAX).contains(&turnover) && trades >= 0 {
            Ok(Self { turnover, trades })
        } else {
            Err(InvalidTraded { turnover, trades })
        }
    }

    /// The sum of price times shares, in hundredths of the currency unit.
    #[must_use]
    pub fn turnover(self) -> i64 {
        self.turnover
    }

    /// The turnover as the double nearest to it in currency units.
    #[must_use]
    pub fn turnover_units(self) -> f64 {
        self.turnover as f64 / TICKS_PER_UNIT as f64
    }

    /// The number of trades.
    #[must_use]
    pub fn trades(self) -> i64 {
        self.trades
    }

    /// Both sums; none when one of them is too large.
    #[must_use]
    pub fn plus(self, more: Self) -> Option<Self> {
        Self::new(self.turnover + more.turnover, self.trades.checked_add(more.trades)?).ok()
    }
}

/// Prices and a volume that are not those of any bar.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "open {open}, high {high}, low {low}, close {close}, volume {volume} is not a bar: \
     it must have low ≤ open, close ≤ high and volume ≥ 0"
)]
pub struct InvalidOhlcv {
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Shares traded.
    pub volume: i64,
}

impl Ohlcv {
    /// A bar from its prices and its volume in shares. Its turnover and number of trades are not known.
    ///
    /// # Errors
    /// The prices are not `low ≤ open, close ≤ high`, or the volume is negative.
    pub fn new(open: Price, high: Price, low: Price, close: Price, volume: i64) -> Result<Self, InvalidOhlcv> {
        if low <= open.min(close) && open.max(close) <= high && volume >= 0 {
            Ok(Self { open, high, low, close, volume, traded: None })
        } else {
            Err(InvalidOhlcv { open, high, low, close, volume })
        }
    }

    /// A bar from its open and close, and from extremes that are widened to include both. A volume above `i64::MAX` becomes
    /// that number. Its turnover and number of trades are not known.
    #[must_use]
    pub fn spanning(open: Price, close: Price, high: Price, low: Price, volume: u64) -> Self {
        Self {
            open,
            high: high.max(open).max(close),
            low: low.min(open).min(close),
            close,
            volume: i64::try_from(volume).unwrap_or(i64::MAX),
            traded: None,
        }
    }

    /// The same prices and volume with this turnover and number of trades, or without. They are not compared with the prices.
    #[must_use]
    pub fn with_traded(self, traded: Option<Traded>) -> Self {
        Self { traded, ..self }
    }

    /// This bar and the one that follows it, as one: first open, highest high, lowest low, last close, and the sums of volume,
    /// turnover and trades. The last two are known if they are known of both.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        Self {
            open: self.open,
            high: self.high.max(later.high),
            low: self.low.min(later.low),
            close: later.close,
            volume: self.volume.saturating_add(later.volume),
            traded: self.traded.zip(later.traded).and_then(|(traded, more)| traded.plus(more)),
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

    /// Turnover and number of trades, where they are known.
    #[must_use]
    pub fn traded(&self) -> Option<Traded> {
        self.traded
    }

    /// Whether it has the prices and the volume of another bar, and its turnover and number of trades, if they are known of this one.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        *self == other.with_traded(other.traded.filter(|_| self.traded.is_some()))
    }

    /// The volume-weighted mean price in currency units: turnover by volume. None without a volume, or where the turnover is not
    /// known.
    #[must_use]
    pub fn mean_price(&self) -> Option<f64> {
        let traded = self.traded.filter(|_| self.volume > 0)?;
        Some(traded.turnover as f64 / (TICKS_PER_UNIT as f64 * self.volume as f64))
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

    #[test]
    fn turnover_and_trades_are_summed_where_both_are_known() {
        let bar = |traded| Ohlcv::new(price(10), price(10), price(10), price(10), 100).unwrap().with_traded(traded);
        let traded = |turnover, trades| Some(Traded::new(turnover, trades).unwrap());
        let sum = |first, second| bar(first).then(bar(second)).traded();
        assert_eq!(sum(traded(1_000, 2), traded(1_000, 1)), traded(2_000, 3));
        assert_eq!(sum(traded(1_000, 2), None), None);
        assert_eq!(sum(traded(Traded::TURNOVER_MAX, 1), traded(1, 1)), None);
        assert_eq!(sum(traded(Traded::TURNOVER_MAX - 1, 1), traded(1, i64::MAX)), None);
        assert_eq!(bar(traded(1_000, 2)).mean_price(), Some(0.1));
        assert_eq!(bar(None).mean_price(), None);
        let known = bar(traded(1_000, 2));
        assert!(known.agrees_with(&known) && bar(None).agrees_with(&known));
        assert!(!known.agrees_with(&bar(None)) && !known.agrees_with(&bar(traded(1_000, 1))));
    }

    #[test]
    fn refuses_turnovers_that_a_double_does_not_hold() {
        for (turnover, trades) in [(-1, 0), (0, -1), (Traded::TURNOVER_MAX + 1, 1)] {
            assert_eq!(Traded::new(turnover, trades), Err(InvalidTraded { turnover, trades }));
        }
    }
}
