//! Binance's dialect, as far as its clients' market data goes: klines and prices over REST under `/api/v3`, klines and trades
//! on `/ws/…` and `/stream`.
//!
//! Everything is there under `/binance` as well, where `/ws` alone is Binance's and not the native dialect's, and under
//! `/binance/key/KEY`, for a client that can be configured with a URL only.

mod answers;
mod klines;
mod market;
mod messages;
mod pairs;
mod parameters;
mod running;
mod socket;
mod streams;
mod tickers;
mod trades;
mod watched;
mod windows;

use axum::http::HeaderName;
use axum::routing::get;

use super::kit::dialect::{Dialect, Routes};
#[cfg(test)]
use super::kit::parsers::{query, text};
use crate::access::guard::{KeyPlaces, Rules};

/// The header with the unit of times.
static HEADERS: [HeaderName; 1] = [HeaderName::from_static("x-mbx-time-unit")];

/// The dialect's row.
pub const DIALECT: Dialect = Dialect {
    rules: Rules { owns, refused: answers::refused, keys: KeyPlaces::Shared(&KEY_HEADERS) },
    headers: &HEADERS,
    parameters: &parameters::KNOWN,
    routes,
    encoders: &[],
    #[cfg(test)]
    parsers: &[
        |bytes| text(bytes, messages::parse),
        |bytes| text(bytes, |text| (streams::StreamName::parse(text).is_some(), parameters::zone(text))),
        |bytes| query::<parameters::BinanceQuery>(bytes).iter().for_each(parameters::BinanceQuery::all),
    ],
};

static KEY_HEADERS: [HeaderName; 1] = [HeaderName::from_static("x-mbx-apikey")];

/// Where the dialect is found, as well as at the root.
const OWN: &str = "/binance";
const OWN_WITH_KEY: &str = "/binance/key/{key}";

/// What its paths begin with. Accounts, wallets, margin and derivatives are not served.
const NAMES: [&str; 11] =
    [OWN, "/api/v3", "/stream", "/sapi", "/fapi", "/dapi", "/eapi", "/papi", "/wapi", "/futures/data", "/ws-api"];

/// Whether a path is this dialect's.
fn owns(path: &str) -> bool {
    let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    NAMES.iter().any(|root| below(root)) || path.starts_with("/ws/")
}

fn routes() -> Routes {
    let routes = ["", OWN, OWN_WITH_KEY].into_iter().fold(Routes::default(), |routes, root| {
        let at = |path: &str| format!("{root}{path}");
        routes
            .get(&at("/api/v3/ping"), "", get(market::ping))
            .get(&at("/api/v3/time"), "", get(market::time))
            .get(&at("/api/v3/exchangeInfo"), "", get(market::exchange_info))
            .get(&at("/api/v3/klines"), "symbol=AAPL&interval=1m", get(klines::klines))
            .get(&at("/api/v3/uiKlines"), "symbol=AAPL&interval=1m", get(klines::klines))
            .get(&at("/api/v3/depth"), "symbol=AAPL", get(tickers::depth))
            .get(&at("/api/v3/trades"), "symbol=AAPL", get(trades::trades))
            .get(&at("/api/v3/historicalTrades"), "symbol=AAPL", get(trades::trades))
            .get(&at("/api/v3/aggTrades"), "symbol=AAPL", get(trades::aggregate))
            .get(&at("/api/v3/avgPrice"), "symbol=AAPL", get(tickers::average_price))
            .get(&at("/api/v3/ticker"), "symbol=AAPL", get(tickers::window))
            .get(&at("/api/v3/ticker/price"), "", get(tickers::price))
            .get(&at("/api/v3/ticker/bookTicker"), "symbol=AAPL", get(tickers::best_quotes))
            .get(&at("/api/v3/ticker/24hr"), "symbol=AAPL", get(tickers::day))
            .get(&at("/api/v3/ticker/tradingDay"), "symbol=AAPL", get(tickers::trading_day))
            .get(&at("/sapi/v1/asset/tradeFee"), "", get(market::trade_fee))
            .socket(&at("/ws/{*streams}"), get(socket::open))
            .socket(&at("/stream"), get(socket::open))
    });
    routes.socket("/binance/ws", get(socket::open)).socket("/binance/key/{key}/ws", get(socket::open))
}
