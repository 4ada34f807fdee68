//! The shapes of Polygon's answers: `{"status":"OK","request_id":…,"results":…}`, and its ways to refuse.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::query::errors::Refusal;

/// A refusal in this dialect.
pub enum Refused {
    Shared(Refusal),
    /// There is no such thing, in the vendor's words.
    NotFound(&'static str),
}

/// What an answer of this dialect is.
pub type Answer = Result<Response, Refused>;

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownTicker(_) | Refusal::NoMarket => Self::NotFound("Ticker not found."),
            other => Self::Shared(other),
        }
    }
}

/// A parameter is not what it must be.
pub fn invalid(message: impl Into<String>) -> Refused {
    Refused::Shared(Refusal::Invalid(message.into()))
}

/// A number for each answer.
pub fn request_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("{:032x}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A list, with the way to the page that follows.
#[derive(Debug, Serialize)]
struct Page<T> {
    results: T,
    status: &'static str,
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_url: Option<String>,
}

fn body(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body.into()).into_response()
}

/// JSON as it stands.
pub fn plain(data: impl Serialize) -> Answer {
    // Only a map with keys that are no texts cannot be encoded, and there is none.
    let encoded = serde_json::to_vec(&data).map(Bytes::from).map_err(|_| Refused::Shared(Refusal::Internal(0)))?;
    Ok(body(encoded))
}

/// One result.
pub fn result(results: impl Serialize) -> Answer {
    plain(Page { results, status: "OK", request_id: request_id(), count: None, next_url: None })
}

/// A page of results. Its list is there even when nothing is in it: clients that join pages rely on that.
pub fn page<T: Serialize>(results: &[T], is_counted: bool, next_url: Option<String>) -> Answer {
    let count = is_counted.then_some(results.len());
    plain(Page { results, status: "OK", request_id: request_id(), count, next_url })
}

/// A refusal as this dialect tells it.
pub fn refused(refusal: &Refusal) -> Response {
    let error = match refusal {
        // As the vendor's proxy says it.
        Refusal::NoRoute => return (StatusCode::NOT_FOUND, "404 page not found").into_response(),
        Refusal::NoKey => "API Key was not provided".to_owned(),
        Refusal::WrongKey => "Unknown API Key".to_owned(),
        Refusal::TooMany { .. } => format!("You've exceeded the maximum requests per second: {refusal}"),
        other => other.to_string(),
    };
    let said = json!({"status": "ERROR", "request_id": request_id(), "error": error});
    let mut response = (refusal.status(), body(said.to_string())).into_response();
    if let Some(seconds) = refusal.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Shared(refusal) => refused(&refusal),
            Self::NotFound(message) => {
                let said = json!({"status": "NOT_FOUND", "request_id": request_id(), "message": message});
                (StatusCode::NOT_FOUND, body(said.to_string())).into_response()
            }
        }
    }
}
