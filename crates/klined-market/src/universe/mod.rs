//! Universes: the stocks that an empty `stock_metadata` can be filled with.
//!
//! Ten familiar stocks ([`demo`]), the five of the first market data API ([`synth()`]), an invented A-share market of up to 5,429
//! ([`ashare()`]), or a CSV file ([`csv`]). Pure functions: the caller reads the files.

mod ashare;
mod choice;
mod codes;
pub mod csv;
mod names;
mod sampling;
mod sectors;
mod synth;

pub use ashare::{InvalidStockCount, StockCount, ashare};
pub use choice::{InvalidUniverse, Universe, UniverseChoice};
pub use synth::synth;

use crate::base::instrument::DEFAULT_BETA;
use crate::base::{Board, Instrument, InvalidInstrument, SectorKey};

/// A row of `stock_metadata` before it is checked: an operator may have written any text and number.
#[derive(Debug, Clone, PartialEq)]
pub struct UniverseRow {
    /// The text of a [`Symbol`](crate::base::Symbol).
    pub symbol: String,
    /// The company's name.
    pub name: String,
    /// The sector's name.
    pub sector: String,
    /// Currency units.
    pub base_price: f64,
    /// Daily standard deviation.
    pub base_volatility: f64,
    /// The name of a [`Board`].
    pub board: String,
    /// Whether it is under special treatment.
    pub is_st: bool,
    /// Sensitivity to the market factor.
    pub beta: f64,
    /// Currency units.
    pub daily_turnover: f64,
    /// Whether bars are made for it.
    pub is_active: bool,
    /// Expected return, a fraction per year.
    pub drift: f64,
    /// The lowest price, in currency units; none without one.
    pub min_price: Option<f64>,
    /// The highest price, in currency units; none without one.
    pub max_price: Option<f64>,
}

impl UniverseRow {
    /// The instrument that the row describes.
    ///
    /// # Errors
    /// A value is out of range.
    pub fn instrument(&self) -> Result<Instrument, InvalidInstrument> {
        let instrument = Instrument::parse(&self.symbol, self.base_price, self.base_volatility)?
            .with_market(self.beta, self.daily_turnover)?
            .with_drift(self.drift)?
            .within(self.min_price, self.max_price)?;
        let board =
            self.board.parse().map_err(|source| InvalidInstrument::Board { symbol: self.symbol.clone(), source })?;
        Ok(Instrument { board, is_st: self.is_st, sector: SectorKey::of(&self.sector), ..instrument })
    }
}

/// Symbol, name, sector, base price in currency units, daily volatility, and daily turnover in currency units: the base price
/// times the number of shares that the company trades on a usual day of the years 2021 to 2023, such as 50 million of Apple.
const DEMO_STOCKS: [(&str, &str, &str, f64, f64, f64); 10] = [
    ("AAPL", "Apple Inc.", "Technology", 150.00, 0.025, 7.5e9),
    ("TSLA", "Tesla Inc.", "Automotive", 200.00, 0.035, 20.0e9),
    ("MSFT", "Microsoft Corporation", "Technology", 300.00, 0.020, 6.6e9),
    ("AMZN", "Amazon.com Inc.", "E-commerce", 130.00, 0.028, 5.9e9),
    ("GOOGL", "Alphabet Inc.", "Technology", 140.00, 0.022, 3.8e9),
    ("META", "Meta Platforms Inc.", "Technology", 350.00, 0.030, 5.3e9),
    ("NVDA", "NVIDIA Corporation", "Technology", 450.00, 0.032, 20.0e9),
    ("BRK.B", "Berkshire Hathaway Inc.", "Finance", 380.00, 0.015, 1.3e9),
    ("JPM", "JPMorgan Chase & Co.", "Finance", 160.00, 0.018, 1.5e9),
    ("V", "Visa Inc.", "Finance", 250.00, 0.020, 1.6e9),
];

/// Ten familiar stocks on no exchange's board: no price limits, β 1.
#[must_use]
pub fn demo() -> Vec<UniverseRow> {
    DEMO_STOCKS
        .iter()
        .map(|&(symbol, name, sector, base_price, base_volatility, daily_turnover)| UniverseRow {
            symbol: symbol.to_owned(),
            name: name.to_owned(),
            sector: sector.to_owned(),
            base_price,
            base_volatility,
            board: Board::Free.to_string(),
            is_st: false,
            beta: DEFAULT_BETA,
            daily_turnover,
            is_active: true,
            drift: 0.0,
            min_price: None,
            max_price: None,
        })
        .collect()
}
