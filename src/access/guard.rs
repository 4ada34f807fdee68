//! What every request passes before its route: the allowance of its address, the limit of its body, its key and the allowance of that.
//! The guard knows no dialect: it is handed the [`Rules`] of each.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::chaos::Chaos;
use super::faults::{CHAOS, inject};
use super::keys::{Holder, Keys};
use super::limits::{Addresses, Rate, UnreadBytes};
use super::metrics::GuardMetrics;
pub use super::visitors::text;
use super::visitors::{Visitors, is_upgrade};
use crate::query::errors::Refusal;
use klined_service::net::held::holding;
use klined_service::net::http::Peer;

/// The longest body of a request, in bytes.
pub const BODY_BYTES_MAX: u64 = 16 * 1024;
/// How long a body may take to come.
const BODY_WAIT: Duration = Duration::from_secs(10);
/// How much of a body that is too long is read and dropped before the refusal, in bytes, and how long that may take. A client that is still sending when the
/// connection closes does not get the answer.
const DROPPED_BYTES_MAX: usize = 1024 * 1024;
const DROPPED_WAIT: Duration = Duration::from_secs(1);
/// The answer's header that says how many requests may follow at once.
pub const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
/// Answers up to this length are sent however much an address has not read: the number of its connections bounds them.
const SMALL_BYTES: u64 = 4 * 1024;
/// The segment of a path that a key follows, for clients that can be configured with a URL only.
const KEY_SEGMENT: &str = "/key/";
/// The names under which a query string may have a key.
pub const KEY_PARAMETERS: [&str; 2] = ["api_key", "apiKey"];

/// A key as a client gives it.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// `ID.SECRET`.
    Whole(String),
    Pair {
        id: String,
        secret: String,
    },
    /// Something stands where a key belongs, and it is none.
    Malformed,
}

/// A secret is in no log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// Where a dialect's clients put their key.
#[derive(Debug, Clone, Copy)]
pub enum KeyPlaces {
    /// The whole key is in one of these headers. All dialects with whole keys take each other's headers, and besides them
    /// `Authorization: Bearer`, `api_key` or `apiKey` in the query string, and a segment of the path after `/key/`.
    Shared(&'static [HeaderName]),
    /// The key is where this function finds it; the headers are those that it reads besides `Authorization`.
    Own { headers: &'static [HeaderName], find: fn(&HeaderMap) -> Option<Credentials> },
    /// The key is in a request's body, where this function finds it, or else in a shared place.
    Body(fn(&[u8]) -> Option<Credentials>),
}

/// What the guard knows of a dialect.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Whether a path belongs to the dialect, though no route may be there.
    pub owns: fn(&str) -> bool,
    /// A refusal in the dialect's shape.
    pub refused: fn(&Refusal) -> Response,
    pub keys: KeyPlaces,
}

impl Rules {
    /// The headers that carry a key or a part of one.
    #[must_use]
    pub fn key_headers(&self) -> &'static [HeaderName] {
        match self.keys {
            KeyPlaces::Shared(headers) | KeyPlaces::Own { headers, .. } => headers,
            KeyPlaces::Body(_) => &[],
        }
    }
}

/// The guard of one server.
pub struct RequestGuard {
    /// None where no key is needed.
    keys: Option<RwLock<Keys>>,
    visitors: Visitors,
    addresses: Addresses,
    /// The first row has every path that no other owns.
    rules: Vec<&'static Rules>,
    /// The headers of whole keys, of all dialects.
    headers: Vec<HeaderName>,
    /// What each address has not read yet.
    pub unread: UnreadBytes,
    pub metrics: GuardMetrics,
}

/// What one address may take, of all its connections together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressLimits {
    pub rate: Rate,
    /// The most bytes of answers and messages that it has been sent and has not read.
    pub unread_bytes: usize,
}

impl RequestGuard {
    /// A guard that asks for one of these keys, or for none, and allows each address so much. Paths that none of the other dialects
    /// owns are those of the first one.
    #[must_use]
    pub fn new(
        keys: Option<Keys>,
        visitors: Visitors,
        limits: AddressLimits,
        first: &'static Rules,
        others: &[&'static Rules],
    ) -> Self {
        let rules: Vec<_> = std::iter::once(first).chain(others.iter().copied()).collect();
        let shared = rules.iter().filter(|rules| matches!(rules.keys, KeyPlaces::Shared(_)));
        let headers = shared.flat_map(|rules| rules.key_headers()).cloned().collect();
        let (keys, addresses) = (keys.map(RwLock::new), Addresses::new(limits.rate));
        let unread = UnreadBytes::new(limits.unread_bytes);
        Self { keys, visitors, addresses, rules, headers, unread, metrics: GuardMetrics::default() }
    }

    /// Takes other keys from now on, but the chart page's own stays. Connections that are open stay open. A guard that asked for no
    /// key asks for none.
    pub fn change_keys(&self, new: Keys) {
        if let Some(keys) = &self.keys {
            let mut keys = keys.write().unwrap_or_else(PoisonError::into_inner);
            *keys = new.with_page_of(&keys);
        }
    }

    /// The chart page's key; empty where none is needed.
    #[must_use]
    pub fn page_key(&self) -> String {
        let page = |keys: &RwLock<Keys>| keys.read().unwrap_or_else(PoisonError::into_inner).page().to_owned();
        self.keys.as_ref().map_or_else(String::new, page)
    }

    /// A refusal in the shape of the dialect that a path belongs to.
    #[must_use]
    pub fn refused(&self, path: &str, refusal: &Refusal) -> Response {
        (self.rules_of(path).refused)(refusal)
    }

    fn rules_of(&self, path: &str) -> &'static Rules {
        let owner = self.rules.iter().skip(1).find(|rules| (rules.owns)(path));
        // There is a first one.
        owner.unwrap_or(&self.rules[0])
    }

    /// Takes a request from an address's allowance. Gives how many more there may be at once.
    ///
    /// # Errors
    /// Its allowance is used up.
    pub fn take(&self, address: IpAddr) -> Result<u32, Refusal> {
        self.addresses.take(address)
    }

    /// The holder of a key; none where no key is needed.
    ///
    /// # Errors
    /// No holder has such a key.
    pub fn admit(&self, credentials: &Credentials) -> Result<Option<Arc<Holder>>, Refusal> {
        let Some(keys) = &self.keys else { return Ok(None) };
        let keys = keys.read().unwrap_or_else(PoisonError::into_inner);
        let holder = match credentials {
            Credentials::Whole(key) => keys.find(key),
            Credentials::Pair { id, secret } => keys.find_pair(id, secret),
            Credentials::Malformed => None,
        };
        holder.map(Some).ok_or(Refusal::WrongKey)
    }

    /// The holder of the key in a request's head; none where no key is needed.
    ///
    /// # Errors
    /// There is no key in it, or no holder has such a key.
    pub fn holder(&self, headers: &HeaderMap, uri: &Uri) -> Result<Option<Arc<Holder>>, Refusal> {
        if self.keys.is_none() {
            return Ok(None);
        }
        let credentials = match self.rules_of(uri.path()).keys {
            KeyPlaces::Shared(_) | KeyPlaces::Body(_) => self.shared_credentials(headers, uri),
            KeyPlaces::Own { find, .. } => find(headers),
        };
        self.admit(&credentials.ok_or(Refusal::NoKey)?)
    }

    /// The key in the first shared place that has one.
    fn shared_credentials(&self, headers: &HeaderMap, uri: &Uri) -> Option<Credentials> {
        let in_header = || self.headers.iter().find_map(|name| text(headers, name)).map(str::to_owned);
        let bearer = || Some(authorization(headers, "bearer")?.to_owned());
        let parameter = || Query::<KeyParameter>::try_from_uri(uri).ok()?.0.api_key;
        let in_path = || Some(uri.path().split_once(KEY_SEGMENT)?.1.split('/').next()?.to_owned());
        in_header().or_else(bearer).or_else(parameter).or_else(in_path).map(Credentials::Whole)
    }
}

#[derive(Deserialize)]
struct KeyParameter {
    #[serde(alias = "apiKey")]
    api_key: Option<String>,
}

/// What `Authorization` gives under a scheme, in any case.
#[must_use]
pub fn authorization<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let (given, credentials) = text(headers, &header::AUTHORIZATION)?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| credentials.trim())
}

/// Measures a request, and holds its address to its allowance.
pub async fn receive(State(guard): State<Arc<RequestGuard>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let taken = peer.map_or(Ok(u32::MAX), |address| guard.take(address));
    let (remaining, refusal) = match taken {
        Ok(remaining) => {
            let known = guard.visitors.check(request.version(), request.uri(), request.headers());
            (remaining, known.and_then(|()| refuse_body(request.headers())).err())
        }
        Err(refusal) => (0, Some(refusal)),
    };
    let (path, is_upgrade) = (request.uri().path().to_owned(), is_upgrade(request.headers()));
    let mut response = match refusal {
        None => match bounded(&guard, &path, peer, next.run(request).await) {
            // A page or an answer in place of a WebSocket is taken for a fault of the network.
            answer if is_upgrade && answer.status().is_success() => guard.refused(&path, &no_socket()),
            answer => answer,
        },
        Some(refusal) => {
            let is_open = !matches!(refusal, Refusal::TooLarge(_)) || drop_body(request).await;
            let mut answer = guard.refused(&path, &refusal);
            if !is_open {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            answer
        }
    };
    response.headers_mut().entry(REMAINING).or_insert(HeaderValue::from(remaining));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    match response.headers().get(CHAOS).and_then(|fault| fault.to_str().ok()) {
        // A fault on demand says nothing about the server.
        Some(fault) => guard.metrics.injected("request", fault),
        None => {
            let (route, status) = (route.as_deref().unwrap_or("other"), response.status().as_u16());
            guard.metrics.answered(route, status, began.elapsed().as_secs_f64());
        }
    }
    response
}

/// An answer that counts among the bytes of its address until it is read, or the refusal where the address has too many.
fn bounded(guard: &RequestGuard, path: &str, peer: Option<IpAddr>, answer: Response) -> Response {
    let length = answer.body().size_hint().lower();
    let Some(peer) = peer.filter(|_| length > SMALL_BYTES) else { return answer };
    match guard.unread.hold(peer, usize::try_from(length).unwrap_or(usize::MAX)) {
        Some(held) => holding(answer, held),
        None => guard.refused(path, &Refusal::Unread),
    }
}

/// Lets a request with a key pass, as often as the key allows, and injects the faults that the key asks for.
pub async fn let_in(State(guard): State<Arc<RequestGuard>>, mut request: Request, next: Next) -> Response {
    let rules = guard.rules_of(request.uri().path());
    let mut held = guard.holder(request.headers(), request.uri());
    if let (Err(Refusal::NoKey), KeyPlaces::Body(find)) = (&held, rules.keys) {
        let (credentials, same) = match in_body(request, find).await {
            Ok(found) => found,
            Err(refusal) => return (rules.refused)(&refusal),
        };
        request = same;
        held = credentials.ok_or(Refusal::NoKey).and_then(|credentials| guard.admit(&credentials));
    }
    let holder = match held {
        Ok(Some(holder)) => holder,
        Ok(None) => return next.run(request).await,
        Err(refusal) => return (rules.refused)(&refusal),
    };
    // A WebSocket has faults of its own. What is refused counts as well: the n-th request is the n-th that the client sends.
    let chaos = holder.chaos.as_ref().filter(|_| !request.headers().contains_key(header::UPGRADE));
    let fault = chaos.and_then(Chaos::next_request);
    let (remaining, mut response) = match holder.take() {
        Ok(remaining) => {
            request.extensions_mut().insert(holder);
            let response = match fault {
                Some(fault) => inject(fault, rules.refused, request, next).await,
                None => next.run(request).await,
            };
            (remaining, response)
        }
        Err(refusal) => (0, (rules.refused)(&refusal)),
    };
    response.headers_mut().insert(REMAINING, HeaderValue::from(remaining));
    response
}

/// The key in a request's body, and the request as it was.
async fn in_body(
    request: Request,
    find: fn(&[u8]) -> Option<Credentials>,
) -> Result<(Option<Credentials>, Request), Refusal> {
    let (head, body) = request.into_parts();
    let bytes = whole_body(body).await?;
    Ok((find(&bytes), Request::from_parts(head, Body::from(bytes))))
}

/// All of a request's body.
///
/// # Errors
/// It is longer than [`BODY_BYTES_MAX`], or does not come in time.
pub async fn whole_body(body: Body) -> Result<Bytes, Refusal> {
    match timeout(BODY_WAIT, to_bytes(body, BODY_BYTES_MAX as usize)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Refusal::TooLarge(BODY_BYTES_MAX)),
        Err(_) => Err(Refusal::NoRequest),
    }
}

fn no_socket() -> Refusal {
    Refusal::Invalid("there is no WebSocket at this path; ask for it without an upgrade".to_owned())
}

fn refuse_body(headers: &HeaderMap) -> Result<(), Refusal> {
    let length = text(headers, &header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    let is_endless = headers.contains_key(header::TRANSFER_ENCODING);
    if is_endless || length.unwrap_or(0) > BODY_BYTES_MAX { Err(Refusal::TooLarge(BODY_BYTES_MAX)) } else { Ok(()) }
}

/// Reads the body of a request and drops it, so that the client can send all of it and then read the answer. Returns false if a part of it was not read:
/// the connection cannot have another request then. A client that waits for `100 Continue` does not get it.
async fn drop_body(request: Request) -> bool {
    if request.headers().contains_key(header::EXPECT) {
        return false;
    }
    let mut parts = request.into_body().into_data_stream();
    let mut left = DROPPED_BYTES_MAX;
    let all = async {
        while let Some(part) = parts.next().await {
            match part.ok().and_then(|part| left.checked_sub(part.len())) {
                Some(less) => left = less,
                None => return false,
            }
        }
        true
    };
    timeout(DROPPED_WAIT, all).await.unwrap_or(false)
}
