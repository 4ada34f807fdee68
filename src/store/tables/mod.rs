//! The tables' rows, and the statements on them that both databases take, by subject.

pub(super) mod identity;
pub(super) mod inspect;
pub(super) mod mending;
pub(super) mod minutes;
pub(super) mod parameters;
pub(super) mod rollups;
pub(super) mod scenarios;
pub(super) mod symbols;

use klined_market::base::Symbol;

use super::error::StoreError;

/// Empties the whole market but not its universe.
pub(super) const MARKET_TABLES: [&str; 14] = [
    "rollup_watermark",
    "market_klines",
    "rollup_dirty",
    "stock_state",
    "stock_realtime_price",
    "model_checkpoint",
    "stock_listing",
    "stock_halt",
    "stock_parameters",
    "scenario_event",
    "market_scenario",
    "market_status",
    "market_clock",
    "market_identity",
];
/// The tables that hold rows of a symbol, the changed bars' notes last.
pub(super) const SYMBOL_TABLES: [&str; 9] = [
    "rollup_watermark",
    "market_klines",
    "stock_state",
    "stock_realtime_price",
    "model_checkpoint",
    "stock_listing",
    "stock_halt",
    "stock_parameters",
    "rollup_dirty",
];

pub(super) fn corrupt(what: &str, of: &str, reason: impl ToString) -> StoreError {
    StoreError::Corrupt { what: format!("{what} of {of}"), reason: reason.to_string() }
}

pub(super) fn symbol(text: &str, table: &str) -> Result<Symbol, StoreError> {
    text.parse().map_err(|error| corrupt("a symbol", table, error))
}
