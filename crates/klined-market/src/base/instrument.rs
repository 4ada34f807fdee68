//! Instruments: what `stock_metadata` says of a stock, once it has been checked.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Board, Price, Symbol, UnknownBoard};

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
    #[error(
        "stock {symbol}: {column} {value} is out of range (beta above 0 and at most 5, daily_turnover above 0 and at most 10000000000000)"
    )]
    OutOfRange { symbol: String, column: &'static str, value: f64 },
    #[error("stock {symbol}: base_volatility {value} must be above 0 and at most 1 (a daily standard deviation)")]
    BaseVolatility { symbol: String, value: f64 },
    #[error("stock {symbol}: board {source}")]
    Board { symbol: String, source: UnknownBoard },
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

/// A sector, as far as a model needs to tell it from others: 128 bits of FNV-1a over the sector's name.
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
        // Offset basis and prime of the 128-bit variant: Fowler, Noll, Vo, "The FNV Non-Cryptographic Hash Algorithm".
        const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        Self(name.bytes().fold(OFFSET_BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME)))
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
}

/// What a stock is worth to its market when nothing else is said: β 1, and the median daily turnover of an A-share in
/// currency units.
pub const DEFAULT_BETA: f64 = 1.0;
pub const DEFAULT_DAILY_TURNOVER: f64 = 149.0e6;
/// The largest β and turnover that an instrument may have.
pub const BETA_MAX: f64 = 5.0;
pub const DAILY_TURNOVER_MAX: f64 = 1.0e13;

impl Instrument {
    /// A stock without rules of its own: free board, β 1, the typical turnover, a sector without a name.
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
        Ok(Self {
            symbol: name,
            base_price,
            base_volatility,
            board: Board::Free,
            is_st: false,
            sector: SectorKey::of(""),
            beta: DEFAULT_BETA,
            daily_turnover: DEFAULT_DAILY_TURNOVER,
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
}

/// How an instrument's parameters are kept beside a day's opening state, so that a resumed day uses the very
/// values it began with even when `stock_metadata` has been edited since.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct InstrumentParameters {
    /// [`Instrument::base_price`] in ticks.
    pub base_price_ticks: i64,
    /// [`Instrument::base_volatility`] as a fraction.
    pub base_volatility: f64,
    /// [`Instrument::board`] by its name.
    pub board: Board,
    pub is_st: bool,
    pub sector: SectorKey,
    pub beta: f64,
    /// Currency units.
    pub daily_turnover: f64,
}

impl InstrumentParameters {
    /// The parameters of an instrument.
    #[must_use]
    pub fn of(instrument: &Instrument) -> Self {
        Self {
            base_price_ticks: instrument.base_price.ticks(),
            base_volatility: instrument.base_volatility.per_day(),
            board: instrument.board,
            is_st: instrument.is_st,
            sector: instrument.sector,
            beta: instrument.beta,
            daily_turnover: instrument.daily_turnover,
        }
    }

    /// The instrument they belong to.
    ///
    /// # Errors
    /// A value is out of range: the stored text was changed by hand.
    pub fn instrument(self, symbol: Symbol) -> Result<Instrument, InvalidInstrument> {
        let Self { base_price_ticks, base_volatility, board, is_st, sector, beta, daily_turnover } = self;
        let base_price = Price::from_ticks(base_price_ticks).map_err(|_| InvalidInstrument::BasePrice {
            symbol: symbol.to_string(),
            value: format!("{base_price_ticks} ticks"),
        })?;
        let base_volatility = DailyVolatility::new(base_volatility)
            .map_err(|value| InvalidInstrument::BaseVolatility { symbol: symbol.to_string(), value })?;
        let plain = Instrument { symbol, base_price, base_volatility, board, is_st, sector, beta, daily_turnover };
        plain.with_market(beta, daily_turnover)
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
