//! Alpaca's market data: REST under `/v2/stocks`, and the stream `/v2/{feed}` in JSON and MessagePack.

mod answers;
mod bars;
mod latest;
mod messages;
mod parameters;
mod shapes;
mod socket;
mod telling;
mod ticks;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub use self::answers::refused;
use self::shapes::{QuoteShape, TradeShape};
use super::Server;
use super::guard;
use crate::access::keys::Holder;
use crate::query::errors::Refusal;
use klined_market::bars::ticks::{BestQuote, Trade};

/// The headers that the two parts of a key come in.
pub const KEY_ID: HeaderName = HeaderName::from_static("apca-api-key-id");
pub const SECRET_KEY: HeaderName = HeaderName::from_static("apca-api-secret-key");

/// The routes, with the key that they ask for.
pub fn routes(server: &Arc<Server>) -> Router<Arc<Server>> {
    Router::new()
        .route("/v2/stocks/bars", get(bars::of_many))
        .route("/v2/stocks/{symbol}/bars", get(bars::of_one))
        .route("/v2/stocks/trades", get(ticks::of_many::<Trade>))
        .route("/v2/stocks/{symbol}/trades", get(ticks::of_one::<Trade>))
        .route("/v2/stocks/quotes", get(ticks::of_many::<BestQuote>))
        .route("/v2/stocks/{symbol}/quotes", get(ticks::of_one::<BestQuote>))
        .route("/v2/stocks/bars/latest", get(latest::bars))
        .route("/v2/stocks/{symbol}/bars/latest", get(latest::bar))
        .route("/v2/stocks/trades/latest", get(latest::ticks::<TradeShape>))
        .route("/v2/stocks/{symbol}/trades/latest", get(latest::tick::<TradeShape>))
        .route("/v2/stocks/quotes/latest", get(latest::ticks::<QuoteShape>))
        .route("/v2/stocks/{symbol}/quotes/latest", get(latest::tick::<QuoteShape>))
        .route("/v2/stocks/snapshots", get(latest::snapshots))
        .route("/v2/stocks/{symbol}/snapshot", get(latest::snapshot))
        .route("/v2/stocks/meta/conditions/{kind}", get(latest::conditions))
        .route("/v2/stocks/meta/exchanges", get(latest::exchanges))
        .method_not_allowed_fallback(|| async { refused(&Refusal::WrongMethod) })
        .layer(middleware::from_fn_with_state(server.clone(), let_in))
        // Its key may come in the first message.
        .route("/v2/{feed}", get(socket::open))
}

/// Lets in whoever has a key.
async fn let_in(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let entered = holder(&server, request.headers());
    guard::pass(entered, request, next).await
}

/// Whether a path is one of this dialect, though there may be nothing there.
pub fn owns(path: &str) -> bool {
    let first = path.strip_prefix("/v2/").and_then(|rest| rest.split('/').next());
    first.is_some_and(|first| first == "stocks" || socket::FEEDS.contains(&first))
}

/// Who asks; none where no key is needed.
fn holder(server: &Server, headers: &HeaderMap) -> Result<Option<Arc<Holder>>, Refusal> {
    if server.keys.is_none() {
        return Ok(None);
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let found = match (text(KEY_ID), text(SECRET_KEY), text(header::AUTHORIZATION)) {
        (Some(id), Some(secret), _) => server.holder_of_pair(id, secret),
        (_, _, Some(authorization)) => match authorization.split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => server.holder_of(key.trim()),
            Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
                let decoded = STANDARD.decode(pair.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                decoded.and_then(|pair| pair.split_once(':').and_then(|(id, secret)| server.holder_of_pair(id, secret)))
            }
            _ => None,
        },
        _ => return Err(Refusal::NoKey),
    };
    found.map(Some).ok_or(Refusal::WrongKey)
}
