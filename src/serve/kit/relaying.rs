//! Requests about symbols outside the market: which of them a vendor answers, and answers that are made of both.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tracing::warn;

use super::answers::json;
use super::host::Host;
use crate::access::guard::KEY_PARAMETERS;
use crate::query::errors::Refusal;
use crate::relay::{Answer, RestError, RestUpstream, Vendor};
use crate::serve::server::Server;
use klined_market::base::Symbol;

/// The most bytes of an answer that is joined with another.
const JOINED_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Where a request is answered.
#[derive(Debug, Clone)]
pub enum Plan {
    /// By this server.
    Here,
    /// By the vendor.
    Upstream,
    /// By both, each for its symbols; `join` makes one answer of the two.
    Both { here: String, upstream: String, join: fn(Value, Value) -> Value },
    /// By this server first, page after page, and then by the vendor.
    Paged(Pages),
}

/// Pages about symbols of the market, which come first, and about other ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Pages {
    /// The targets without token and limit; each has a query string.
    pub here: String,
    pub upstream: String,
    /// The object of lists by symbol in an answer.
    pub lists: String,
    /// The names of the token in answers and of token and limit in requests.
    pub names: PageNames,
    pub limit: usize,
    pub token: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageNames {
    pub next: &'static str,
    pub token: &'static str,
    pub limit: &'static str,
}

/// What a dialect says of requests that a vendor may answer.
pub struct RelayRules {
    pub vendor: Vendor,
    /// Where a request is answered, by the symbols of the market.
    pub plan: fn(&Uri, &BTreeSet<Symbol>) -> Plan,
    /// Patterns of the vendor's further paths, which this server does not have.
    pub others: &'static [&'static str],
}

/// Answers a request of a dialect, here or by its vendor. `refused` is a refusal in the dialect's shape.
pub async fn relay(
    server: &Arc<Server>,
    rules: &RelayRules,
    refused: fn(&Refusal) -> Response,
    request: Request,
    next: Next,
) -> Response {
    let Some(relay) = server.options.relay.clone() else { return next.run(request).await };
    let Some(rest) = relay.rest(rules.vendor) else { return next.run(request).await };
    let synthetic = match server.synthetic(&relay).await {
        Ok(synthetic) => synthetic,
        Err(refusal) => return refused(&refusal),
    };
    let back = Rebase { from: rest.base().to_owned(), to: external(server, request.headers()) };
    let failed = |error: &RestError| {
        warn!(vendor = rules.vendor.as_str(), "a request could not be passed on: {error}");
        refused(&Refusal::Upstream)
    };
    match (rules.plan)(request.uri(), &synthetic) {
        Plan::Here => next.run(request).await,
        Plan::Upstream => match rest.get(&without_key(request.uri())).await {
            Ok(answer) => passed_on(answer, &back),
            Err(error) => failed(&error),
        },
        Plan::Both { here, upstream, join } => {
            let asked = async { (read_here(request, next, &here).await, read_upstream(rest, &upstream, &back).await) };
            match asked.await {
                (Read::Json(ours), Ok(Read::Json(theirs))) => json(join(ours, theirs).to_string()),
                (_, Ok(Read::Other(response))) | (Read::Other(response), Ok(_)) => response,
                (_, Err(error)) => failed(&error),
            }
        }
        Plan::Paged(pages) => match page(rest, &back, pages, request, next).await {
            Ok(response) => response,
            Err(error) => failed(&error),
        },
    }
}

/// A page, and where the next one begins: `here.` with a token of this server, or `upstream.` with one of the vendor.
async fn page(
    rest: &RestUpstream,
    back: &Rebase,
    pages: Pages,
    request: Request,
    next: Next,
) -> Result<Response, RestError> {
    let PageNames { next: next_name, token: token_name, limit: limit_name } = pages.names;
    let target = |base: &str, limit: usize, token: &str| match token {
        "" => format!("{base}&{limit_name}={limit}"),
        token => format!("{base}&{limit_name}={limit}&{token_name}={}", super::links::escaped(token)),
    };
    let following =
        |side: &str, token: &Value| token.as_str().map_or(Value::Null, |token| format!("{side}.{token}").into());
    let upstream = |limit: usize, token: String| {
        let target = target(&pages.upstream, limit, &token);
        async move { read_upstream(rest, &target, back).await }
    };
    if let Some(token) = pages.token.as_deref().and_then(|token| token.strip_prefix("upstream.")) {
        return Ok(match upstream(pages.limit, token.to_owned()).await? {
            Read::Json(mut theirs) => {
                theirs[next_name] = following("upstream", &theirs[next_name]);
                json(theirs.to_string())
            }
            Read::Other(response) => response,
        });
    }
    let token = pages.token.as_deref().map_or("", |token| token.strip_prefix("here.").unwrap_or(token));
    let mut ours = match read_here(request, next, &target(&pages.here, pages.limit, token)).await {
        Read::Json(ours) => ours,
        Read::Other(response) => return Ok(response),
    };
    if ours[next_name].is_string() {
        ours[next_name] = following("here", &ours[next_name]);
        return Ok(json(ours.to_string()));
    }
    let lists = ours[&pages.lists].as_object().into_iter().flat_map(|lists| lists.values());
    let rows: usize = lists.filter_map(Value::as_array).map(Vec::len).sum();
    if rows >= pages.limit {
        ours[next_name] = "upstream.".into();
        return Ok(json(ours.to_string()));
    }
    Ok(match upstream(pages.limit - rows, String::new()).await? {
        Read::Json(mut theirs) => {
            let next = following("upstream", &theirs[next_name]);
            let theirs = theirs[&pages.lists].take();
            extend(&mut ours[&pages.lists], theirs);
            ours[next_name] = next;
            json(ours.to_string())
        }
        Read::Other(response) => response,
    })
}

/// Adds the entries of an object or of a list to another one.
pub fn extend(all: &mut Value, more: Value) {
    match (all, more) {
        (Value::Object(all), Value::Object(more)) => all.extend(more),
        (Value::Array(all), Value::Array(more)) => all.extend(more),
        // The vendor's lists may be null where nothing is in them.
        (all @ Value::Null, more) => *all = more,
        _ => {}
    }
}

/// An answer that is read whole: an object, or something that goes to the client as it is.
enum Read {
    Json(Value),
    Other(Response),
}

async fn read_here(request: Request, next: Next, target: &str) -> Read {
    let (mut parts, body) = request.into_parts();
    // A target that is no URI cannot be made of one and of escaped parts.
    if let Ok(uri) = target.parse() {
        parts.uri = uri;
    }
    // The routes read the target that they were found by.
    let response = next.run(Request::from_parts(parts, body)).await;
    let (parts, body) = response.into_parts();
    if parts.status != StatusCode::OK {
        return Read::Other(Response::from_parts(parts, body));
    }
    match read_body(body).await {
        Some(value) => Read::Json(value),
        None => Read::Other(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    }
}

async fn read_upstream(rest: &RestUpstream, target: &str, back: &Rebase) -> Result<Read, RestError> {
    let answer = rest.get(target).await?;
    if answer.status != StatusCode::OK {
        return Ok(Read::Other(passed_on(answer, back)));
    }
    let body = Body::from_stream(back.applied_to(answer.body));
    read_body(body).await.map(Read::Json).ok_or_else(|| RestError::Broken("it is no JSON".to_owned()))
}

async fn read_body(body: Body) -> Option<Value> {
    let bytes = to_bytes(body, JOINED_BYTES_MAX).await.ok()?;
    serde_json::from_slice::<Value>(&bytes).ok().filter(Value::is_object)
}

/// The vendor's answer as it comes, with links that lead here.
fn passed_on(answer: Answer, back: &Rebase) -> Response {
    let mut response = Response::new(Body::from_stream(back.applied_to(answer.body)));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// Where the client reaches this server.
fn external(server: &Server, headers: &HeaderMap) -> String {
    let host = || headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    server.external_url().map_or_else(|| format!("http://{}", host()), str::to_owned)
}

/// Path and query string without a client's key.
#[must_use]
pub fn without_key(uri: &Uri) -> String {
    // A name with escapes, such as `api%5Fkey`, gives a key as well.
    let is_key =
        |pair: &&str| form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| KEY_PARAMETERS.contains(&name.as_ref()));
    let pairs: Vec<&str> =
        uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !is_key(pair)).collect();
    if pairs.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), pairs.join("&")) }
}

/// Parameters of a query string, decoded, without keys.
#[must_use]
pub fn parameters(uri: &Uri) -> Vec<(String, String)> {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned();
    pairs.filter(|(name, _)| !KEY_PARAMETERS.contains(&name.as_str())).collect()
}

/// A target with one parameter changed, and without those that are left out. It has a query string.
#[must_use]
pub fn target(uri: &Uri, changed: (&str, &str), left_out: &[&str]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let kept = |(name, _): &(String, String)| name != changed.0 && !left_out.contains(&name.as_str());
    parameters(uri).into_iter().filter(kept).for_each(|(name, value)| {
        query.append_pair(&name, &value);
    });
    format!("{}?{}", uri.path(), query.append_pair(changed.0, changed.1).finish())
}

/// Whether a name as a client writes it is one of the market's symbols. A vendor may take names in any case.
#[must_use]
pub fn is_synthetic(name: &str, synthetic: &BTreeSet<Symbol>) -> bool {
    let is_known = |name: &str| name.parse().is_ok_and(|symbol| synthetic.contains(&symbol));
    is_known(name.trim()) || is_known(&name.trim().to_ascii_uppercase())
}

/// Names in a list with commas: those of the market, and the other ones.
#[must_use]
pub fn divided(names: &str, synthetic: &BTreeSet<Symbol>) -> (String, String) {
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let (here, upstream): (Vec<&str>, Vec<&str>) = names.partition(|name| is_synthetic(name, synthetic));
    (here.join(","), upstream.join(","))
}

/// Links to the vendor become links to this server.
struct Rebase {
    from: String,
    to: String,
}

impl Rebase {
    /// The body with every link changed, whatever pieces it comes in.
    fn applied_to(&self, body: Body) -> impl futures_util::Stream<Item = Result<Bytes, axum::Error>> + Send + 'static {
        let (from, to) = (self.from.clone().into_bytes(), self.to.clone().into_bytes());
        let begin = (body.into_data_stream(), Vec::new(), false);
        let pieces = stream::unfold(begin, move |(mut pieces, mut held, is_over)| {
            let (from, to) = (from.clone(), to.clone());
            async move {
                if is_over {
                    return None;
                }
                match pieces.next().await {
                    Some(Ok(piece)) => {
                        held.extend_from_slice(&piece);
                        let done = replaced(&mut held, &from, &to);
                        Some((Ok(Bytes::from(done)), (pieces, held, false)))
                    }
                    Some(Err(error)) => Some((Err(error), (pieces, held, true))),
                    None => Some((Ok(Bytes::from(std::mem::take(&mut held))), (pieces, held, true))),
                }
            }
        });
        // A piece without bytes would be an end to what compresses the body.
        let is_empty = |piece: &Result<Bytes, axum::Error>| piece.as_ref().is_ok_and(Bytes::is_empty);
        pieces.filter(move |piece| std::future::ready(!is_empty(piece))).fuse()
    }
}

/// The bytes that are complete, with each occurrence replaced. What may be the beginning of one stays behind.
fn replaced(held: &mut Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut done, mut at) = (Vec::with_capacity(held.len()), 0);
    while at < held.len() {
        let rest = &held[at..];
        if rest.starts_with(from) {
            done.extend_from_slice(to);
            at += from.len();
        } else if from.starts_with(rest) {
            break;
        } else {
            // The first byte does not begin an occurrence; the next that may is looked for.
            let step = rest[1..].iter().position(|byte| Some(byte) == from.first()).map_or(rest.len(), |next| next + 1);
            done.extend_from_slice(&rest[..step]);
            at += step;
        }
    }
    held.drain(..at);
    done
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn synthetic() -> BTreeSet<Symbol> {
        ["AAPL", "V"].iter().map(|symbol| symbol.parse().unwrap()).collect()
    }

    #[test]
    fn names_are_divided_and_keys_left_out() {
        let both = |here: &str, upstream: &str| (here.to_owned(), upstream.to_owned());
        assert_eq!(divided("AAPL, TECH,v,,BRK.B", &synthetic()), both("AAPL,v", "TECH,BRK.B"));
        let uri: Uri = "/v2/x?symbols=A,B&api_key=k.s&limit=5&apiKey=k".parse().unwrap();
        assert_eq!(without_key(&uri), "/v2/x?symbols=A,B&limit=5");
        assert_eq!(target(&uri, ("symbols", "A"), &["limit"]), "/v2/x?symbols=A");
        assert_eq!(without_key(&"/v2/x?apiKey=k".parse().unwrap()), "/v2/x");
        assert_eq!(without_key(&"/v2/x?api%5Fkey=k.s&a=%2B".parse().unwrap()), "/v2/x?a=%2B");
    }

    proptest! {
        #[test]
        fn links_are_replaced_whatever_the_pieces(text in "[ah:/.]{0,40}", cuts in prop::collection::vec(0usize..41, 0..8)) {
            let (from, to) = ("a:/h", "http://here");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let (mut held, mut done) = (Vec::new(), Vec::new());
            for piece in cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]) {
                held.extend_from_slice(piece);
                done.extend(replaced(&mut held, from.as_bytes(), to.as_bytes()));
            }
            done.extend(held);
            prop_assert_eq!(String::from_utf8(done).unwrap(), text.replace(from, to));
        }
    }
}
