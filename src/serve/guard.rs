//! What every request passes before its route: the address's allowance, the request's size, the key and its allowance; and
//! what is measured of it.

use std::sync::Arc;

use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use serde::Deserialize;
use tokio::time::Instant;

use super::faults::{CHAOS, befall};
use super::{Server, refused_at};
use crate::access::chaos::Chaos;
use crate::access::keys::Holder;
use crate::query::errors::Refusal;
use klined_service::net::http::Peer;

/// The most bytes of a request's body: no route reads one.
pub const BODY_BYTES_MAX: u64 = 16 * 1024;
/// How many requests may follow at once.
pub const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
/// The header that a key comes in.
pub const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The same as Binance's clients name it.
pub const BINANCE_KEY: HeaderName = HeaderName::from_static("x-mbx-apikey");
/// The segment of a path that a key follows, for clients that can be told nothing but a URL.
const KEY_SEGMENT: &str = "/key/";

/// Measures a request, and holds its address to its allowance.
pub async fn receive(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let refused = refused_at(request.uri().path());
    let taken = peer.map_or(Ok(u32::MAX), |address| server.addresses.take(address));
    let (remaining, refusal) = match taken {
        Ok(remaining) => (remaining, refuse_body(request.headers()).err()),
        Err(refusal) => (0, Some(refusal)),
    };
    let mut response = match refusal {
        None => next.run(request).await,
        Some(refusal) => refused(&refusal),
    };
    response.headers_mut().entry(REMAINING).or_insert(HeaderValue::from(remaining));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    match response.headers().get(CHAOS).and_then(|fault| fault.to_str().ok()) {
        // It says nothing of how the server fares.
        Some(fault) => server.metrics.befell("request", fault),
        None => {
            let (route, status) = (route.as_deref().unwrap_or("other"), response.status().as_u16());
            server.metrics.answered(route, status, began.elapsed().as_secs_f64());
        }
    }
    response
}

/// Lets in whoever has a key.
pub async fn let_in(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let entered = holder(&server, request.headers(), request.uri());
    pass(entered, request, next).await
}

/// Answers a key's holder, who is held to what the key may, and whose answer bears the faults that the key asks for.
pub async fn pass(entered: Result<Option<Arc<Holder>>, Refusal>, mut request: Request, next: Next) -> Response {
    let refused = refused_at(request.uri().path());
    let holder = match entered {
        Ok(Some(holder)) => holder,
        Ok(None) => return next.run(request).await,
        Err(refusal) => return refused(&refusal),
    };
    // A WebSocket has faults of its own. What is refused counts as well: the n-th request is the n-th that the client sends.
    let chaos = holder.chaos.as_ref().filter(|_| !request.headers().contains_key(header::UPGRADE));
    let fault = chaos.and_then(Chaos::next_request);
    let (remaining, mut response) = match holder.take() {
        Ok(remaining) => {
            request.extensions_mut().insert(holder);
            let response = match fault {
                Some(fault) => befall(fault, refused, request, next).await,
                None => next.run(request).await,
            };
            (remaining, response)
        }
        Err(refusal) => (0, refused(&refusal)),
    };
    response.headers_mut().insert(REMAINING, HeaderValue::from(remaining));
    response
}

/// Who asks; none where no key is needed.
pub fn holder(server: &Server, headers: &HeaderMap, uri: &Uri) -> Result<Option<Arc<Holder>>, Refusal> {
    if server.keys.is_none() {
        return Ok(None);
    }
    let key = given(headers, uri).ok_or(Refusal::NoKey)?;
    server.holder_of(&key).map(Some).ok_or(Refusal::WrongKey)
}

#[derive(Deserialize)]
struct KeyParameter {
    /// `apiKey` is how Polygon's clients name it.
    #[serde(alias = "apiKey")]
    api_key: Option<String>,
}

/// The key that a request gives, in the first place that has one.
fn given(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let bearer = || {
        let (scheme, key) = text(header::AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
    };
    let parameter = || Query::<KeyParameter>::try_from_uri(uri).ok()?.0.api_key;
    let in_path = || Some(uri.path().split_once(KEY_SEGMENT)?.1.split('/').next()?.to_owned());
    let header = || text(API_KEY).or_else(|| text(BINANCE_KEY)).map(str::to_owned);
    header().or_else(bearer).or_else(parameter).or_else(in_path)
}

fn refuse_body(headers: &HeaderMap) -> Result<(), Refusal> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let is_endless = headers.contains_key(header::TRANSFER_ENCODING);
    if is_endless || length.unwrap_or(0) > BODY_BYTES_MAX { Err(Refusal::TooLarge(BODY_BYTES_MAX)) } else { Ok(()) }
}
