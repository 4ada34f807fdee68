//! The five stocks of the first market data API.

use super::UniverseRow;
use crate::base::Board;
use crate::base::instrument::DEFAULT_BETA;

/// Symbol, name, sector, first price in currency units, and annual volatility.
const STOCKS: [(&str, &str, &str, f64, f64); 5] = [
    ("ENERGY", "Energy Solutions", "Energy", 65.0, 0.25),
    ("FINANCE", "Finance Holdings", "Finance", 85.0, 0.15),
    ("HEALTH", "Healthcare Partners", "Healthcare", 180.0, 0.18),
    ("SYNTH", "Synthetic Corp", "Technology", 150.0, 0.20),
    ("TECH", "Tech Innovations", "Technology", 320.0, 0.30),
];
/// Trading days of a year, for the daily volatility.
const DAYS_PER_YEAR: f64 = 252.0;
/// Shares that each of them trades on a usual day: some 12,000 in each of the ten trades of a second.
const DAILY_SHARES: f64 = 1.75e9;

/// Five invented stocks with no price limits, β 1, and about ten trades a second under the full model.
#[must_use]
pub fn synth() -> Vec<UniverseRow> {
    let row = |&(symbol, name, sector, base_price, volatility): &(&str, &str, &str, f64, f64)| UniverseRow {
        symbol: symbol.to_owned(),
        name: name.to_owned(),
        sector: sector.to_owned(),
        base_price,
        // As many decimals as stock_metadata keeps.
        base_volatility: (volatility / DAYS_PER_YEAR.sqrt() * 10_000.0).round() / 10_000.0,
        board: Board::Free.to_string(),
        is_st: false,
        beta: DEFAULT_BETA,
        daily_turnover: base_price * DAILY_SHARES,
        is_active: true,
    };
    STOCKS.iter().map(row).collect()
}
