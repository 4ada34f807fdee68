//! Instruments: the content of a row of `stock_metadata` after it has been checked.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::fnv::fnv1a_128;
use super::price::TICKS_PER_UNIT;
use super::{Board, Price, PriceBounds, Symbol, UnknownBoard};

/// The standard deviation of a stock's return over one whole trading day (0.02 = 2 %), above 0 and at most 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct DailyVolatility(f64);

/// Expected return over one year (0.15 = +15 %), continuously compounded: a price grows by exp(drift) a year on average.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub struct AnnualDrift(pub f64);

/// Why a row of `stock_metadata` is not an instrument.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum InvalidInstrument {
    /// The symbol is not valid.
    #[error(transparent)]
    Symbol(#[from] super::InvalidSymbol),
    /// The base price is out of range or not a whole number of ticks.
    #[error("stock {symbol}: base_price {value} must be above 0 and at most 99999999.99, in whole ticks of 0.01")]
    BasePrice {
        /// The row's symbol.
        symbol: String,
        /// The price that was given.
        value: String,
    },
    /// Beta or the daily turnover is out of range.
    #[error(
        "stock {symbol}: {column} {value} is out of range (beta above 0 and at most 5, daily_turnover above 0 and at most 10000000000000)"
    )]
    OutOfRange {
        /// The row's symbol.
        symbol: String,
        /// `beta` or `daily_turnover`.
        column: &'static str,
        /// The number that was given.
        value: f64,
    },
    /// The base volatility is out of range.
    #[error("stock {symbol}: base_volatility {value} must be above 0 and at most 1 (a daily standard deviation)")]
    BaseVolatility {
        /// The row's symbol.
        symbol: String,
        /// The number that was given.
        value: f64,
    },
    /// The drift is out of range.
    #[error(
        "stock {symbol}: drift {value} must be from -{DRIFT_MAX} to {DRIFT_MAX} (a fraction per year, 0.05 for 5 %)"
    )]
    Drift {
        /// The row's symbol.
        symbol: String,
        /// The number that was given.
        value: f64,
    },
    /// The lowest or the highest price is not a price, or they do not enclose the base price.
    #[error(
        "stock {symbol}: min_price {min} and max_price {max} must be whole ticks of 0.01 from 0.01 to 99999999.99, with base_price {base_price} between them"
    )]
    Bounds {
        /// The row's symbol.
        symbol: String,
        /// The lowest price that was given.
        min: String,
        /// The highest price that was given.
        max: String,
        /// The base price.
        base_price: Price,
    },
    /// No board has this name.
    #[error("stock {symbol}: board {source}")]
    Board {
        /// The row's symbol.
        symbol: String,
        /// The name that was given.
        source: UnknownBoard,
    },
}

impl DailyVolatility {
    /// A volatility from a fraction, such as 0.02 for 2 %.
    ///
    /// # Errors
    /// The value itself, if it is not above 0 and at most 1.
    pub fn new(value: f64) -> Result<Self, f64> {
        if value > 0.0 && value <= 1.0 { Ok(Self(value)) } else { Err(value) }
    }

    /// Standard deviation of one trading day's return, as a fraction.
    #[must_use]
    pub fn per_day(self) -> f64 {
        self.0
    }
}

/// The identity of a sector: the 128-bit FNV-1a hash of the sector's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SectorKey(u128);

impl From<SectorKey> for String {
    /// In hexadecimal: many readers of JSON round numbers of 128 bits.
    fn from(key: SectorKey) -> Self {
        format!("{:032x}", key.0)
    }
}

impl TryFrom<String> for SectorKey {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u128::from_str_radix(&text, 16).map(Self)
    }
}

impl SectorKey {
    /// The key of a name; names that are equal to the byte have equal keys.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(fnv1a_128(name))
    }

    /// The key's bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }
}

/// A stock as the model needs it: its name, the price it starts at, how much it moves, and by which rules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Instrument {
    /// The name it trades under.
    pub symbol: Symbol,
    /// The open of its first bar, in ticks.
    pub base_price: Price,
    /// Its daily standard deviation before any regime's factor.
    pub base_volatility: DailyVolatility,
    /// Whose rules it trades by.
    pub board: Board,
    /// Whether it is under special treatment, which may narrow its price limits.
    pub is_st: bool,
    /// The sector whose factor it shares.
    pub sector: SectorKey,
    /// Its sensitivity to the market factor, above 0 and at most 5.
    pub beta: f64,
    /// Its typical daily turnover, in currency units, above 0.
    pub daily_turnover: f64,
    /// Its expected return besides that of the regimes, which is 0 in the long run.
    pub drift: AnnualDrift,
    /// The prices that it never leaves.
    pub bounds: PriceBounds,
}

/// β of a stock for which none is given.
pub const DEFAULT_BETA: f64 = 1.0;
/// Daily turnover, in currency units, of a stock for which none is given: the median of the A-shares in 2025 and 2026.
pub const DEFAULT_DAILY_TURNOVER: f64 = 149.0e6;
/// The largest β of an instrument.
pub const BETA_MAX: f64 = 5.0;
/// The largest daily turnover of an instrument, in currency units.
pub const DAILY_TURNOVER_MAX: f64 = 1.0e13;
/// The largest drift of an instrument in either direction, a fraction per year.
pub const DRIFT_MAX: f64 = 10.0;

impl Instrument {
    /// A stock without rules of its own: free board, β 1, the typical turnover, a sector without a name, no drift and no bounds.
    ///
    /// # Errors
    /// The first value that is out of range; the error names its column.
    pub fn parse(symbol: &str, base_price_units: f64, base_volatility: f64) -> Result<Self, InvalidInstrument> {
        let name: Symbol = symbol.parse()?;
        let base_price = Price::from_units(base_price_units).map_err(|_| InvalidInstrument::BasePrice {
            symbol: symbol.to_owned(),
            value: base_price_units.to_string(),
        })?;
        let base_volatility = DailyVolatility::new(base_volatility)
            .map_err(|value| InvalidInstrument::BaseVolatility { symbol: symbol.to_owned(), value })?;
        Ok(Self {
            symbol: name,
            base_price,
            base_volatility,
            board: Board::Free,
            is_st: false,
            sector: SectorKey::of(""),
            beta: DEFAULT_BETA,
            daily_turnover: DEFAULT_DAILY_TURNOVER,
            drift: AnnualDrift::default(),
            bounds: PriceBounds::NONE,
        })
    }

    /// The same stock with β and turnover of its own.
    ///
    /// # Errors
    /// A value is out of range.
    pub fn with_market(self, beta: f64, daily_turnover: f64) -> Result<Self, InvalidInstrument> {
        let invalid = |column, value| InvalidInstrument::OutOfRange { symbol: self.symbol.to_string(), column, value };
        if !(beta > 0.0 && beta <= BETA_MAX) {
            return Err(invalid("beta", beta));
        }
        if !(daily_turnover > 0.0 && daily_turnover <= DAILY_TURNOVER_MAX) {
            return Err(invalid("daily_turnover", daily_turnover));
        }
        Ok(Self { beta, daily_turnover, ..self })
    }

    /// The same stock with a drift, a fraction per year.
    ///
    /// # Errors
    /// It is not between −[`DRIFT_MAX`] and [`DRIFT_MAX`].
    pub fn with_drift(self, drift: f64) -> Result<Self, InvalidInstrument> {
        if drift.abs() <= DRIFT_MAX {
            Ok(Self { drift: AnnualDrift(drift), ..self })
        } else {
            Err(InvalidInstrument::Drift { symbol: self.symbol.to_string(), value: drift })
        }
    }

    /// The same stock with a lowest and a highest price in currency units, as far as they are given.
    ///
    /// # Errors
    /// One is not a price, or the base price does not lie between them.
    pub fn within(self, min: Option<f64>, max: Option<f64>) -> Result<Self, InvalidInstrument> {
        let price = |units: Option<f64>, or: Price| units.map_or(Ok(or), Price::from_units).ok();
        let bounds =
            price(min, Price::MIN).zip(price(max, Price::MAX)).and_then(|(min, max)| PriceBounds::new(min, max));
        match bounds.filter(|bounds| bounds.contains(self.base_price)) {
            Some(bounds) => Ok(Self { bounds, ..self }),
            None => {
                let shown = |units: Option<f64>| units.map_or_else(|| "(none)".to_owned(), |units| units.to_string());
                let (symbol, base_price) = (self.symbol.to_string(), self.base_price);
                Err(InvalidInstrument::Bounds { symbol, min: shown(min), max: shown(max), base_price })
            }
        }
    }
}

/// An instrument's parameters as they are stored beside a day's opening state. A resumed day uses the values that it began
/// with, even if `stock_metadata` has been edited since.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct InstrumentParameters {
    /// [`Instrument::base_price`] in ticks.
    pub base_price_ticks: i64,
    /// [`Instrument::base_volatility`] as a fraction.
    pub base_volatility: f64,
    /// [`Instrument::board`] by its name.
    pub board: Board,
    /// [`Instrument::is_st`].
    pub is_st: bool,
    /// [`Instrument::sector`].
    pub sector: SectorKey,
    /// [`Instrument::beta`].
    pub beta: f64,
    /// [`Instrument::daily_turnover`] in currency units.
    pub daily_turnover: f64,
    /// [`Instrument::drift`] as a fraction per year. Where it is 0 it is left out of the JSON, as are bounds that exclude no price.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub drift: f64,
    /// The lowest of [`Instrument::bounds`] in ticks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_price_ticks: Option<i64>,
    /// The highest of [`Instrument::bounds`] in ticks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_price_ticks: Option<i64>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl InstrumentParameters {
    /// The parameters of an instrument.
    #[must_use]
    pub fn of(instrument: &Instrument) -> Self {
        let given = |price: Price, none: Price| (price != none).then(|| price.ticks());
        Self {
            base_price_ticks: instrument.base_price.ticks(),
            base_volatility: instrument.base_volatility.per_day(),
            board: instrument.board,
            is_st: instrument.is_st,
            sector: instrument.sector,
            beta: instrument.beta,
            daily_turnover: instrument.daily_turnover,
            drift: instrument.drift.0,
            min_price_ticks: given(instrument.bounds.min(), Price::MIN),
            max_price_ticks: given(instrument.bounds.max(), Price::MAX),
        }
    }

    /// The instrument with this symbol and these parameters.
    ///
    /// # Errors
    /// A value is out of range: the stored text was changed by hand.
    pub fn instrument(self, symbol: Symbol) -> Result<Instrument, InvalidInstrument> {
        let Self { base_price_ticks, base_volatility, board, is_st, sector, beta, daily_turnover, .. } = self;
        let base_price = Price::from_ticks(base_price_ticks).map_err(|_| InvalidInstrument::BasePrice {
            symbol: symbol.to_string(),
            value: format!("{base_price_ticks} ticks"),
        })?;
        let base_volatility = DailyVolatility::new(base_volatility)
            .map_err(|value| InvalidInstrument::BaseVolatility { symbol: symbol.to_string(), value })?;
        let (drift, bounds) = (AnnualDrift::default(), PriceBounds::NONE);
        let plain = Instrument {
            symbol,
            base_price,
            base_volatility,
            board,
            is_st,
            sector,
            beta,
            daily_turnover,
            drift,
            bounds,
        };
        let units = |ticks: Option<i64>| ticks.map(|ticks| ticks as f64 / TICKS_PER_UNIT as f64);
        plain
            .with_market(beta, daily_turnover)?
            .with_drift(self.drift)?
            .within(units(self.min_price_ticks), units(self.max_price_ticks))
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
