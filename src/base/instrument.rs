//! Instruments: what `stock_metadata` says of a stock, once it has been checked.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Price, Symbol};

/// The standard deviation of a stock's return over one whole trading day (0.02 = 2 %), above 0 and at most 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct DailyVolatility(f64);

/// What a row of `stock_metadata` lacks to be an instrument.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum InvalidInstrument {
    #[error(transparent)]
    Symbol(#[from] super::InvalidSymbol),
    #[error("stock {symbol}: base_price {value} must be above 0 and at most 99999999.99, in whole ticks of 0.01")]
    BasePrice { symbol: String, value: String },
    #[error("stock {symbol}: base_volatility {value} must be above 0 and at most 1 (a daily standard deviation)")]
    BaseVolatility { symbol: String, value: f64 },
}

impl DailyVolatility {
    /// # Errors
    /// The value itself, when it is not above 0 and at most 1.
    pub fn new(value: f64) -> Result<Self, f64> {
        if value > 0.0 && value <= 1.0 { Ok(Self(value)) } else { Err(value) }
    }

    /// Standard deviation of one trading day's return, as a fraction.
    #[must_use]
    pub fn per_day(self) -> f64 {
        self.0
    }
}

/// A stock as the model needs it: its name, the price it starts at, how much it moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Instrument {
    /// The name it trades under.
    pub symbol: Symbol,
    /// The open of its first bar, in ticks.
    pub base_price: Price,
    /// Its daily standard deviation before a regime's factor; over all regimes it moves about 1.19 times as much.
    pub base_volatility: DailyVolatility,
}

impl Instrument {
    /// Checks a row's values.
    ///
    /// # Errors
    /// The first value that is out of range, by the column's name.
    pub fn parse(symbol: &str, base_price_units: f64, base_volatility: f64) -> Result<Self, InvalidInstrument> {
        let name: Symbol = symbol.parse()?;
        let base_price = Price::from_units(base_price_units).map_err(|_| InvalidInstrument::BasePrice {
            symbol: symbol.to_owned(),
            value: base_price_units.to_string(),
        })?;
        let base_volatility = DailyVolatility::new(base_volatility)
            .map_err(|value| InvalidInstrument::BaseVolatility { symbol: symbol.to_owned(), value })?;
        Ok(Self { symbol: name, base_price, base_volatility })
    }
}

/// How an instrument's parameters are kept beside a day's opening state, so that a resumed day uses the very
/// values it began with even when `stock_metadata` has been edited since.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FrozenParameters {
    /// [`Instrument::base_price`] in ticks.
    pub base_price_ticks: i64,
    /// [`Instrument::base_volatility`] as a fraction.
    pub base_volatility: f64,
}

impl FrozenParameters {
    /// The parameters of an instrument.
    #[must_use]
    pub fn of(instrument: &Instrument) -> Self {
        Self { base_price_ticks: instrument.base_price.ticks(), base_volatility: instrument.base_volatility.per_day() }
    }

    /// The instrument they belong to.
    ///
    /// # Errors
    /// A value is out of range: the stored text was changed by hand.
    pub fn thaw(self, symbol: Symbol) -> Result<Instrument, InvalidInstrument> {
        Ok(Instrument {
            symbol,
            base_price: Price::from_ticks(self.base_price_ticks).map_err(|_| InvalidInstrument::BasePrice {
                symbol: symbol.to_string(),
                value: format!("{} ticks", self.base_price_ticks),
            })?,
            base_volatility: DailyVolatility::new(self.base_volatility)
                .map_err(|value| InvalidInstrument::BaseVolatility { symbol: symbol.to_string(), value })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_column_that_is_wrong() {
        assert!(Instrument::parse("AAPL", 150.0, 0.025).is_ok());
        let wrong = |price, volatility| Instrument::parse("AAPL", price, volatility).unwrap_err().to_string();
        assert!(wrong(0.0, 0.025).contains("base_price 0 "));
        assert!(wrong(-3.0, 0.025).contains("base_price -3 "));
        for volatility in [0.0, -0.1, 1.01, f64::NAN] {
            assert!(wrong(150.0, volatility).contains("base_volatility"));
        }
    }
}
