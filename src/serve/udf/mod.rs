//! TradingView's UDF: configuration, symbols, history, marks and quotes for its charts over HTTP.
//!
//! All of it is under `/udf`, and under `/udf/key/KEY` for a chart that can be configured with a URL only.

mod answers;
mod history;
mod marks;
mod resolutions;
mod symbols;

use axum::routing::get;

use super::kit::dialect::{Dialect, Routes};
#[cfg(test)]
use super::kit::parsers::{query, text};
use crate::access::guard::{KeyPlaces, Rules};

/// The dialect's row.
pub const DIALECT: Dialect = Dialect {
    rules: Rules { owns, refused: answers::refused, keys: KeyPlaces::Shared(&[]) },
    headers: &[],
    parameters: &answers::KNOWN,
    routes,
    encoders: &[],
    #[cfg(test)]
    parsers: &[
        |bytes| text(bytes, resolutions::timeframe),
        |bytes| query::<answers::UdfQuery>(bytes).iter().for_each(answers::UdfQuery::all),
    ],
};

const ROOTS: [&str; 2] = ["/udf", "/udf/key/{key}"];

/// Whether a path is this dialect's.
fn owns(path: &str) -> bool {
    path.strip_prefix("/udf").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn routes() -> Routes {
    ROOTS.into_iter().fold(Routes::default(), |routes, root| {
        let at = |path: &str| format!("{root}{path}");
        routes
            .get(&at("/config"), "", get(symbols::config))
            .get(&at("/symbol_info"), "", get(symbols::symbol_info))
            .get(&at("/symbols"), "symbol=AAPL", get(symbols::symbol))
            .get(&at("/search"), "", get(symbols::search))
            .get(&at("/time"), "", get(symbols::time))
            .get(&at("/quotes"), "symbols=AAPL", get(symbols::quotes))
            .get(&at("/history"), "symbol=AAPL&resolution=1&countback=3", get(history::history))
            .get(&at("/marks"), "symbol=AAPL", get(marks::marks))
            .get(&at("/timescale_marks"), "symbol=AAPL", get(marks::timescale_marks))
    })
}
