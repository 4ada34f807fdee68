//! REST in the vendor's shapes. A pair is `C:EURUSD`; days are days of UTC.

mod aggregates;
mod quotes;
mod reference;
mod snapshots;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use chrono::NaiveDate;
use klined::serve::polygon::parameters::Days;
use klined_fx::base::{NANOS_PER_SECOND, Pair};
use klined_market::base::UnixNanos;

use crate::server::FxServer;
use crate::windows::midnight;

/// The routes, all of which need a key where the server has any.
pub fn routes() -> Router<Arc<FxServer>> {
    Router::new()
        .route("/v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{from}/{to}", get(aggregates::range))
        .route("/v2/aggs/ticker/{ticker}/prev", get(aggregates::previous))
        .route("/v2/aggs/grouped/locale/{locale}/market/{market}/{date}", get(aggregates::grouped))
        .route("/v3/quotes/{ticker}", get(quotes::quotes))
        .route("/v1/last_quote/currencies/{from}/{to}", get(quotes::last))
        .route("/v1/conversion/{from}/{to}", get(quotes::conversion))
        .route("/v2/snapshot/locale/global/markets/forex/tickers", get(snapshots::all))
        .route("/v2/snapshot/locale/global/markets/forex/tickers/{ticker}", get(snapshots::one))
        .route("/v2/snapshot/locale/global/markets/forex/{direction}", get(snapshots::movers))
        .route("/v3/reference/tickers", get(reference::tickers))
        .route("/v3/reference/tickers/{ticker}", get(reference::ticker_details))
        .route("/v3/reference/exchanges", get(reference::exchanges))
        .route("/v1/marketstatus/now", get(reference::status))
        .route("/v1/marketstatus/upcoming", get(reference::upcoming))
}

/// The pair that a ticker such as `C:EURUSD` names.
fn pair_of(ticker: &str) -> Option<Pair> {
    let name = ticker.strip_prefix("C:")?;
    Pair::all().into_iter().find(|pair| pair.symbol() == name)
}

/// The ticker of a pair.
fn ticker_of(pair: Pair) -> String {
    format!("C:{pair}")
}

/// Dates as days of UTC.
#[derive(Debug, Clone, Copy)]
struct UtcDays;

impl Days for UtcDays {
    fn first_instant(self, date: NaiveDate) -> Option<UnixNanos> {
        midnight(date).checked_mul(NANOS_PER_SECOND).map(UnixNanos::new)
    }
}
