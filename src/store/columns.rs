//! Values on their way into columns, where both databases keep them alike.

use super::StoreError;
use klined_market::bars::{Checkpoint, SymbolSnapshot};

/// What `stock_state` and `stock_realtime_price` keep of a quote, rounded to the columns' decimals.
pub(super) struct QuoteColumns {
    pub volatility: f64,
    pub trend: f64,
    pub change_percent: f64,
}

impl From<&SymbolSnapshot> for QuoteColumns {
    fn from(quote: &SymbolSnapshot) -> Self {
        let round = |value: f64, scale: f64| (value * scale).round() / scale;
        Self {
            volatility: round(quote.volatility, 1e4),
            trend: round(quote.trend.0, 1e4),
            change_percent: round(quote.change_percent, 1e3).clamp(-999.999, 999.999),
        }
    }
}

/// The JSON that `model_checkpoint.opening` keeps.
pub(super) fn opening_json(checkpoint: &Checkpoint) -> Result<String, StoreError> {
    serde_json::to_string(&checkpoint.opening).map_err(|error| StoreError::Corrupt {
        what: format!("the state of {}", checkpoint.symbol),
        reason: error.to_string(),
    })
}
