//! Alpaca's market data: REST under `/v2/stocks`, and the stream `/v2/{feed}` in JSON and MessagePack. Of its trading API the clock,
//! the calendar and the assets.

mod answers;
mod assets;
mod bars;
mod events;
mod hours;
mod latest;
mod messages;
mod parameters;
mod recoding;
pub mod relaying;
mod shapes;
mod socket;
mod ticks;

use axum::http::{HeaderMap, HeaderName, header};
use axum::routing::get;
use data_encoding::BASE64;

use self::shapes::{QuoteShape, TradeShape};
use super::kit::dialect::{Dialect, Routes};
#[cfg(test)]
use super::kit::{
    pages::SymbolCursor,
    parsers::{query, text as text_of},
};
use crate::access::guard::{Credentials, KeyPlaces, Rules, authorization, text};
use klined_market::bars::ticks::{BestQuote, Trade};

/// The dialect's row.
pub const DIALECT: Dialect = Dialect {
    rules: Rules { owns, refused: answers::refused, keys: KeyPlaces::Own { headers: &KEY_HEADERS, find: credentials } },
    headers: &[],
    parameters: &parameters::KNOWN,
    routes,
    encoders: &[messages::JSON_ENCODER, messages::MESSAGE_PACK_ENCODER],
    #[cfg(test)]
    parsers: &[
        |bytes| drop((messages::Codec::Json.read(bytes), messages::Codec::MessagePack.read(bytes))),
        |bytes| query::<parameters::AlpacaQuery>(bytes).iter().for_each(parameters::AlpacaQuery::all),
        |bytes| text_of(bytes, |text| (parameters::symbol(text), SymbolCursor::parse(text))),
    ],
};

/// The headers with the two parts of a key.
static KEY_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("apca-api-key-id"), HeaderName::from_static("apca-api-secret-key")];

fn routes() -> Routes {
    Routes::default()
        .get("/v2/stocks/bars", "symbols=AAPL&timeframe=1Min&start=2026-03-02", get(bars::of_many))
        .get("/v2/stocks/{symbol}/bars", "timeframe=1Min&start=2026-03-02", get(bars::of_one))
        .get("/v2/stocks/trades", "symbols=AAPL", get(ticks::of_many::<Trade>))
        .get("/v2/stocks/{symbol}/trades", "", get(ticks::of_one::<Trade>))
        .get("/v2/stocks/quotes", "symbols=AAPL", get(ticks::of_many::<BestQuote>))
        .get("/v2/stocks/{symbol}/quotes", "", get(ticks::of_one::<BestQuote>))
        .get("/v2/stocks/bars/latest", "symbols=AAPL", get(latest::bars))
        .get("/v2/stocks/{symbol}/bars/latest", "", get(latest::bar))
        .get("/v2/stocks/trades/latest", "symbols=AAPL", get(latest::ticks::<TradeShape>))
        .get("/v2/stocks/{symbol}/trades/latest", "", get(latest::tick::<TradeShape>))
        .get("/v2/stocks/quotes/latest", "symbols=AAPL", get(latest::ticks::<QuoteShape>))
        .get("/v2/stocks/{symbol}/quotes/latest", "", get(latest::tick::<QuoteShape>))
        .get("/v2/stocks/snapshots", "symbols=AAPL", get(latest::snapshots))
        .get("/v2/stocks/{symbol}/snapshot", "", get(latest::snapshot))
        .get("/v2/stocks/meta/conditions/{kind}", "", get(latest::conditions))
        .get("/v2/stocks/meta/exchanges", "", get(latest::exchanges))
        .get("/v2/stocks/auctions", "symbols=AAPL", get(assets::auctions_of_many))
        .get("/v2/stocks/{symbol}/auctions", "", get(assets::auctions_of_one))
        .get("/v1beta1/news", "", get(assets::news))
        .get("/v1/corporate-actions", "", get(assets::corporate_actions))
        .get("/v1beta1/corporate-actions", "", get(assets::corporate_actions))
        .get("/v2/assets", "", get(assets::many))
        .get("/v2/assets/{symbol}", "", get(assets::one))
        .get("/v2/clock", "", get(hours::clock))
        .get("/v2/calendar", "start=2026-03-02&end=2026-03-06", get(hours::calendar))
        // Its key may come in the first message.
        .open_socket("/v2/{feed}", get(socket::open))
}

/// What the vendor's other paths begin with. Those of its trading and of its further data are not served.
const PREFIXES: [&str; 5] = ["/v2/", "/v1/corporate-actions", "/v1beta1/", "/v1beta2/", "/v1beta3/"];

/// Whether a path is one of this dialect, though there may be nothing there. Below `/v2/` Polygon has some of its own.
fn owns(path: &str) -> bool {
    PREFIXES.iter().any(|prefix| path.starts_with(prefix))
}

/// The key in a request's head.
fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let [id, secret] = &KEY_HEADERS;
    if let Some((id, secret)) = text(headers, id).zip(text(headers, secret)) {
        return Some(pair(id, secret));
    }
    text(headers, &header::AUTHORIZATION)?;
    if let Some(key) = authorization(headers, "bearer") {
        return Some(Credentials::Whole(key.to_owned()));
    }
    let decoded = authorization(headers, "basic").and_then(|encoded| BASE64.decode(encoded.as_bytes()).ok());
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let parts = decoded.as_deref().and_then(|decoded| decoded.split_once(':'));
    Some(parts.map_or(Credentials::Malformed, |(id, secret)| pair(id, secret)))
}

fn pair(id: &str, secret: &str) -> Credentials {
    Credentials::Pair { id: id.to_owned(), secret: secret.to_owned() }
}
