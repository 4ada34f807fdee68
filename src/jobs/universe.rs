//! The ten default stocks, and reading the universe with its faults.

use std::collections::BTreeMap;

use tracing::warn;

use super::JobError;
use crate::base::{Instrument, Symbol};
use crate::store::{BarStore, UniverseRow};

/// Symbol, name, sector, base price in currency units, daily volatility.
const DEFAULT_STOCKS: [(&str, &str, &str, f64, f64); 10] = [
    ("AAPL", "Apple Inc.", "Technology", 150.00, 0.025),
    ("TSLA", "Tesla Inc.", "Automotive", 200.00, 0.035),
    ("MSFT", "Microsoft Corporation", "Technology", 300.00, 0.020),
    ("AMZN", "Amazon.com Inc.", "E-commerce", 130.00, 0.028),
    ("GOOGL", "Alphabet Inc.", "Technology", 140.00, 0.022),
    ("META", "Meta Platforms Inc.", "Technology", 350.00, 0.030),
    ("NVDA", "NVIDIA Corporation", "Technology", 450.00, 0.032),
    ("BRK.B", "Berkshire Hathaway Inc.", "Finance", 380.00, 0.015),
    ("JPM", "JPMorgan Chase & Co.", "Finance", 160.00, 0.018),
    ("V", "Visa Inc.", "Finance", 250.00, 0.020),
];

/// What an empty `stock_metadata` is filled with.
#[must_use]
pub fn default_universe() -> Vec<UniverseRow> {
    DEFAULT_STOCKS
        .iter()
        .map(|&(symbol, name, sector, base_price, base_volatility)| UniverseRow {
            symbol: symbol.to_owned(),
            name: name.to_owned(),
            sector: sector.to_owned(),
            base_price,
            base_volatility,
            is_active: true,
        })
        .collect()
}

/// The stocks that are to be traded: active and valid. What is not valid is reported and left out.
pub(super) type Roster = BTreeMap<Symbol, Instrument>;

/// Reads the roster as it is now.
pub(super) fn roster(store: &dyn BarStore) -> Result<Roster, JobError> {
    let mut roster = Roster::new();
    for row in store.universe()?.iter().filter(|row| row.is_active) {
        match row.instrument() {
            Ok(instrument) => {
                roster.insert(instrument.symbol, instrument);
            }
            Err(error) => warn!(symbol = row.symbol, "left out of the market: {error}"),
        }
    }
    Ok(roster)
}

/// Fails unless every symbol wanted is on the roster.
pub(super) fn require(store: &dyn BarStore, roster: &Roster, wanted: &[Symbol]) -> Result<(), JobError> {
    let Some(&missing) = wanted.iter().find(|symbol| !roster.contains_key(symbol)) else { return Ok(()) };
    let known: Vec<String> = store.universe()?.into_iter().map(|row| row.symbol).collect();
    if known.iter().any(|symbol| symbol == missing.as_str()) {
        return Err(JobError::InactiveSymbol(missing));
    }
    let shown = known.iter().take(20).cloned().collect::<Vec<_>>().join(", ");
    let known = if known.len() > 20 { format!("{shown}, … ({} in all)", known.len()) } else { shown };
    Err(JobError::UnknownSymbol { symbol: missing, known })
}
