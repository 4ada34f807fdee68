//! Binance's dialect, as far as its clients' market data goes: klines and prices over REST under `/api/v3`, klines and trades
//! on `/ws/…` and `/stream`.
//!
//! Everything is there under `/binance` as well, where `/ws` alone is Binance's and not the native dialect's, and under
//! `/binance/key/KEY`, for a client that can be told nothing but a URL.

mod answers;
mod candles;
mod klines;
mod market;
mod messages;
mod parameters;
mod socket;
mod streams;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

pub use answers::refused;

use super::Server;

/// Where the dialect is besides the root.
const OWN: &str = "/binance";
const OWN_WITH_KEY: &str = "/binance/key/{key}";

/// Whether a path is this dialect's.
pub fn owns(path: &str) -> bool {
    let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below("/api/v3") || below("/stream") || below(OWN) || path.starts_with("/ws/")
}

/// The dialect's routes.
pub fn routes() -> Router<Arc<Server>> {
    let routes = ["", OWN, OWN_WITH_KEY].into_iter().fold(Router::new(), |routes, root| {
        let at = |path: &str| format!("{root}{path}");
        routes
            .route(&at("/api/v3/ping"), get(market::ping))
            .route(&at("/api/v3/time"), get(market::time))
            .route(&at("/api/v3/exchangeInfo"), get(market::exchange_info))
            .route(&at("/api/v3/klines"), get(klines::klines))
            .route(&at("/api/v3/uiKlines"), get(klines::klines))
            .route(&at("/api/v3/trades"), get(market::trades))
            .route(&at("/api/v3/ticker/price"), get(market::ticker_price))
            .route(&at("/api/v3/ticker/bookTicker"), get(market::book_ticker))
            .route(&at("/api/v3/ticker/24hr"), get(market::ticker_day))
            .route(&at("/ws/{streams}"), get(socket::open))
            .route(&at("/stream"), get(socket::open))
    });
    routes.route("/binance/ws", get(socket::open)).route("/binance/key/{key}/ws", get(socket::open))
}
