//! The five stocks of the first market data API.

use super::UniverseRow;
use crate::base::Board;
use crate::base::instrument::DEFAULT_BETA;
use crate::calendar::Hours;

/// Symbol, name, sector, first price in currency units, annual drift and annual volatility.
const STOCKS: [(&str, &str, &str, f64, f64, f64); 5] = [
    ("ENERGY", "Energy Solutions", "Energy", 65.0, 0.02, 0.25),
    ("FINANCE", "Finance Holdings", "Finance", 85.0, 0.03, 0.15),
    ("HEALTH", "Healthcare Partners", "Healthcare", 180.0, 0.06, 0.18),
    ("SYNTH", "Synthetic Corp", "Technology", 150.0, 0.05, 0.20),
    ("TECH", "Tech Innovations", "Technology", 320.0, 0.08, 0.30),
];
/// The prices that none of them leaves, in currency units.
const PRICES: (f64, f64) = (10.0, 1000.0);
/// Shares that each of them trades in a usual minute: some 16,000 in each of the ten trades of a second.
const MINUTE_SHARES: f64 = 9.8e6;

/// Five invented stocks with no price limits, β 1, and about ten trades a second, in a market with these hours.
#[must_use]
pub fn synth(hours: Hours) -> Vec<UniverseRow> {
    let row =
        |&(symbol, name, sector, base_price, drift, volatility): &(&str, &str, &str, f64, f64, f64)| UniverseRow {
            symbol: symbol.to_owned(),
            name: name.to_owned(),
            sector: sector.to_owned(),
            base_price,
            // As many decimals as stock_metadata keeps.
            base_volatility: libm::round(volatility / hours.days_per_year().sqrt() * 10_000.0) / 10_000.0,
            board: Board::Free.to_string(),
            is_st: false,
            beta: DEFAULT_BETA,
            daily_turnover: base_price * MINUTE_SHARES * f64::from(hours.minutes_per_day()),
            is_active: true,
            drift,
            min_price: Some(PRICES.0),
            max_price: Some(PRICES.1),
        };
    STOCKS.iter().map(row).collect()
}
