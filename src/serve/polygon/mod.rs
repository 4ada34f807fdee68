//! Polygon's dialect (the vendor is called Massive now): REST under `/v1`, `/v2` and `/v3`, and the WebSocket `/stocks`.

mod aggregates;
pub mod answers;
pub mod conversation;
mod indicators;
pub mod listing;
mod messages;
mod names;
pub mod parameters;
mod reference;
pub mod relaying;
mod seconds;
mod snapshots;
pub mod socket;
mod tallies;
mod ticks;
pub mod timestamps;

use axum::routing::get;

#[cfg(test)]
use self::parameters::{AdjustedParameter, PolygonQuery, RangeParameters, moment, number, ticker};
#[cfg(test)]
use self::timestamps::TimestampParameters;
use super::kit::dialect::{Dialect, Routes};
#[cfg(test)]
use super::kit::parsers::{query, read, text};
use crate::access::guard::{KeyPlaces, Rules};
#[cfg(test)]
use klined_market::base::Nanos;
#[cfg(test)]
use klined_market::calendar::Hours;

/// The dialect's row.
pub const DIALECT: Dialect = Dialect {
    rules: Rules { owns, refused: answers::refused, keys: KeyPlaces::Shared(&[]) },
    headers: &[],
    parameters: &names::KNOWN,
    routes,
    encoders: &[socket::ENCODER],
    #[cfg(test)]
    parsers: &[
        |bytes| text(bytes, |text| serde_json::from_str::<conversation::PolygonRequest>(text)),
        |bytes| {
            text(bytes, |text| {
                drop((messages::Topic::parse(text), ticker(text), moment(Hours::Sse, "to", text, Nanos::NANOSECOND)))
            })
        },
        |bytes| text(bytes, |text| (moment(Hours::Sse, "to", text, Nanos::MILLISECOND), number("multiplier", text))),
        read::<PolygonQuery<RangeParameters>>,
        read::<PolygonQuery<AdjustedParameter>>,
        |bytes| drop(query::<PolygonQuery<TimestampParameters>>(bytes).map(|query| query.0.span(Hours::Sse))),
        |bytes| {
            drop(query::<PolygonQuery<indicators::IndicatorParameters>>(bytes).map(|query| query.0.span(Hours::Sse)))
        },
        read::<PolygonQuery<listing::ListingParameters>>,
        read::<PolygonQuery<reference::ClassParameters>>,
        read::<PolygonQuery<snapshots::SnapshotParameters>>,
        read::<PolygonQuery<snapshots::OtcParameters>>,
        read::<PolygonQuery<snapshots::UniversalParameters>>,
    ],
};

/// What the paths of this dialect begin with.
const PREFIXES: [&str; 15] = [
    "/v1/",
    "/v3/",
    "/vX/",
    "/v2/aggs/",
    "/v2/last/",
    "/v2/snapshot/",
    "/v2/reference/",
    "/v2/ticks/",
    "/stocks",
    "/options",
    "/indices",
    "/forex",
    "/crypto",
    "/futures",
    "/benzinga/",
];

/// Whether a path is one of this dialect, though there may be nothing there.
fn owns(path: &str) -> bool {
    // Alpaca has this one among the first versions of its paths.
    !path.starts_with("/v1/corporate-actions") && PREFIXES.iter().any(|prefix| path.starts_with(prefix))
}

fn routes() -> Routes {
    Routes::default()
        .get("/v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{from}/{to}", "", get(aggregates::range))
        .get("/v2/aggs/ticker/{ticker}/prev", "", get(aggregates::previous))
        .get("/v2/aggs/grouped/locale/{locale}/market/{market}/{date}", "", get(aggregates::grouped))
        .get("/v1/open-close/{ticker}/{date}", "", get(aggregates::open_close))
        .get("/v1/indicators/sma/{ticker}", "", get(indicators::sma))
        .get("/v1/indicators/ema/{ticker}", "", get(indicators::ema))
        .get("/v1/indicators/rsi/{ticker}", "", get(indicators::rsi))
        .get("/v1/indicators/macd/{ticker}", "", get(indicators::macd))
        .get("/v3/trades/{ticker}", "", get(ticks::trades))
        .get("/v3/quotes/{ticker}", "", get(ticks::quotes))
        .get("/v2/last/trade/{ticker}", "", get(ticks::last_trade))
        .get("/v2/last/nbbo/{ticker}", "", get(ticks::last_quote))
        .get("/v2/snapshot/locale/us/markets/stocks/tickers", "", get(snapshots::all))
        .get("/v2/snapshot/locale/us/markets/stocks/tickers/{ticker}", "", get(snapshots::one))
        .get("/v2/snapshot/locale/us/markets/stocks/{direction}", "", get(snapshots::movers))
        .get("/v2/reference/news", "", get(reference::nothing))
        .get("/v3/snapshot", "", get(snapshots::universal))
        .get("/v3/reference/tickers", "", get(reference::tickers))
        .get("/v3/reference/tickers/types", "", get(reference::types))
        .get("/v3/reference/tickers/{ticker}", "", get(reference::ticker_details))
        .get("/v3/reference/splits", "", get(reference::nothing))
        .get("/v3/reference/dividends", "", get(reference::nothing))
        .get("/v3/reference/exchanges", "", get(reference::exchanges))
        .get("/v3/reference/conditions", "", get(reference::nothing))
        .get("/v1/marketstatus/now", "", get(reference::status))
        .get("/v1/marketstatus/upcoming", "", get(reference::upcoming))
        .open_socket("/stocks", get(socket::open))
}
