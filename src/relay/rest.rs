//! A vendor's REST: requests are passed on with our key, and answers come back as they are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use http_body_util::Empty;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::UpstreamOptions;
use super::answer::{Head, RestError, SharedAnswer, WAIT};
use super::connection::Connector;
use super::metrics::{Asked, RelayMetrics};
use super::vendor::Vendor;

/// The most requests on their way to a vendor at once. Others wait.
const REQUESTS_MAX: usize = 16;
/// Connections that are kept open between requests.
const IDLE_MAX: usize = 8;
/// Headers that belong to one connection, or that only the vendor's own site has a use for.
const KEPT_BACK: [HeaderName; 8] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::UPGRADE,
    header::TRAILER,
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
];

/// A vendor's answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body, as it comes.
    pub body: Body,
}

/// Passes requests on to a vendor.
pub struct RestUpstream {
    vendor: Vendor,
    base: String,
    key: Vec<(HeaderName, HeaderValue)>,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    /// Requests on their way, by target.
    in_flight: Arc<Mutex<HashMap<String, Weak<SharedAnswer>>>>,
    places: Arc<Semaphore>,
    metrics: Arc<RelayMetrics>,
}

impl RestUpstream {
    pub(super) fn new(options: &UpstreamOptions, connector: Connector, metrics: Arc<RelayMetrics>) -> Self {
        Self {
            vendor: options.vendor,
            base: options.address.rest.clone(),
            key: options.vendor.key_headers(&options.key),
            client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(IDLE_MAX).build(connector.0),
            in_flight: Arc::default(),
            places: Arc::new(Semaphore::new(REQUESTS_MAX)),
            metrics,
        }
    }

    /// The vendor's base URL, without a slash at its end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Asks for a path with its query string. A request that is the same as one on its way gets the answer of that one.
    ///
    /// # Errors
    /// There is no answer. Errors of the vendor's own are answers.
    pub async fn get(&self, target: &str) -> Result<Answer, RestError> {
        let (answer, is_new) = self.shared(target);
        self.metrics.asked(self.vendor, if is_new { Asked::Sent } else { Asked::Shared });
        if is_new {
            self.send(target, answer.clone());
        }
        let head = answer.head().await.inspect_err(|_| self.metrics.asked(self.vendor, Asked::Failed))?;
        Ok(Answer { status: head.status, headers: head.headers, body: answer.body() })
    }

    /// The answer to a request on its way, or a new one.
    fn shared(&self, target: &str) -> (Arc<SharedAnswer>, bool) {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = in_flight.get(target).and_then(Weak::upgrade) {
            return (answer, false);
        }
        let answer = SharedAnswer::new();
        in_flight.insert(target.to_owned(), Arc::downgrade(&answer));
        (answer, true)
    }

    fn send(&self, target: &str, answer: Arc<SharedAnswer>) {
        let (client, places, in_flight) = (self.client.clone(), self.places.clone(), self.in_flight.clone());
        let (request, target) = (self.request(target), target.to_owned());
        tokio::spawn(async move {
            match request {
                Ok(request) => fetch(&client, &places, request, &answer).await,
                Err(error) => answer.fail(error),
            }
            in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&target);
        });
    }

    fn request(&self, target: &str) -> Result<Request<Empty<Bytes>>, RestError> {
        let mut request = Request::get(format!("{}{target}", self.base));
        for (name, value) in &self.key {
            request = request.header(name, value);
        }
        request = request.header(header::ACCEPT, "application/json").header(header::USER_AGENT, "klined");
        request.body(Empty::new()).map_err(|error| RestError::Invalid(error.to_string()))
    }
}

async fn fetch(
    client: &Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    places: &Semaphore,
    request: Request<Empty<Bytes>>,
    answer: &SharedAnswer,
) {
    let Ok(Ok(_place)) = timeout(WAIT, places.acquire()).await else { return answer.fail(RestError::Busy) };
    let response = match timeout(WAIT, client.request(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
            let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
            return answer.fail(RestError::Unreachable(text));
        }
        Err(_) => return answer.fail(RestError::Slow),
    };
    let (parts, body) = response.into_parts();
    let mut headers = parts.headers;
    KEPT_BACK.iter().for_each(|name| drop(headers.remove(name)));
    answer.fill(Head { status: parts.status, headers }, body).await;
}
