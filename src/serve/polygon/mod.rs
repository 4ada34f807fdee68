//! Polygon's dialect (the vendor is called Massive now): REST under `/v1`, `/v2` and `/v3`, and the WebSocket `/stocks`.

mod aggregates;
mod answers;
mod messages;
mod parameters;
mod reference;
mod seconds;
mod snapshots;
mod socket;
mod tallies;
mod ticks;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

pub use answers::refused;
pub use socket::open as open_socket;

use super::Server;

/// What the paths of this dialect begin with.
const PREFIXES: [&str; 8] =
    ["/v1/", "/v3/", "/vX/", "/v2/aggs/", "/v2/last/", "/v2/snapshot/", "/v2/reference/", "/stocks"];

/// Whether a path is one of this dialect, though there may be nothing there.
pub fn owns(path: &str) -> bool {
    PREFIXES.iter().any(|prefix| path.starts_with(prefix))
}

/// The routes that need a key.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{from}/{to}", get(aggregates::range))
        .route("/v2/aggs/ticker/{ticker}/prev", get(aggregates::previous))
        .route("/v2/aggs/grouped/locale/{locale}/market/{market}/{date}", get(aggregates::grouped))
        .route("/v1/open-close/{ticker}/{date}", get(aggregates::open_close))
        .route("/v3/trades/{ticker}", get(ticks::trades))
        .route("/v3/quotes/{ticker}", get(ticks::quotes))
        .route("/v2/last/trade/{ticker}", get(ticks::last_trade))
        .route("/v2/last/nbbo/{ticker}", get(ticks::last_quote))
        .route("/v2/snapshot/locale/us/markets/stocks/tickers", get(snapshots::all))
        .route("/v2/snapshot/locale/us/markets/stocks/tickers/{ticker}", get(snapshots::one))
        .route("/v3/snapshot", get(snapshots::universal))
        .route("/v3/reference/tickers", get(reference::tickers))
        .route("/v3/reference/tickers/types", get(reference::types))
        .route("/v3/reference/tickers/{ticker}", get(reference::ticker_details))
        .route("/v3/reference/splits", get(reference::nothing))
        .route("/v3/reference/dividends", get(reference::nothing))
        .route("/v3/reference/exchanges", get(reference::exchanges))
        .route("/v3/reference/conditions", get(reference::nothing))
        .route("/v1/marketstatus/now", get(reference::status))
        .route("/v1/marketstatus/upcoming", get(reference::upcoming))
}
