//! TradingView's UDF: what its charts ask over HTTP for configuration, symbols, history, marks and quotes.
//!
//! All of it is under `/udf`, and under `/udf/key/KEY` for a chart that can be told nothing but a URL.

mod answers;
mod history;
mod marks;
mod symbols;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

pub use answers::refused;

use super::Server;

const ROOTS: [&str; 2] = ["/udf", "/udf/key/{key}"];

/// Whether a path is this dialect's.
pub fn owns(path: &str) -> bool {
    path.strip_prefix("/udf").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The dialect's routes.
pub fn routes() -> Router<Arc<Server>> {
    ROOTS.into_iter().fold(Router::new(), |routes, root| {
        let at = |path: &str| format!("{root}{path}");
        routes
            .route(&at("/config"), get(symbols::config))
            .route(&at("/symbol_info"), get(symbols::symbol_info))
            .route(&at("/symbols"), get(symbols::symbol))
            .route(&at("/search"), get(symbols::search))
            .route(&at("/time"), get(symbols::time))
            .route(&at("/quotes"), get(symbols::quotes))
            .route(&at("/history"), get(history::history))
            .route(&at("/marks"), get(marks::marks))
            .route(&at("/timescale_marks"), get(marks::timescale_marks))
    })
}
