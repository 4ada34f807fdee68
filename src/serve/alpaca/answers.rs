//! Answers and errors as Alpaca gives them: plain JSON, and `{"code":…,"message":…}`.

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::query::errors::Refusal;

/// A refusal in this dialect.
pub struct Refused(pub Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        refused(&self.0)
    }
}

/// What an answer of this dialect is.
pub type Answer = Result<Response, Refused>;

#[derive(Serialize)]
struct Problem<'a> {
    /// The status, and below it what Alpaca counts its reasons by.
    code: u32,
    message: &'a str,
}

/// Encodes an answer.
pub fn encoded(body: &impl Serialize) -> Result<Bytes, Refusal> {
    // Only a map with keys that are no texts cannot be encoded, and there is none.
    serde_json::to_vec(body).map(Bytes::from).map_err(|_| Refusal::Internal(0))
}

/// A body of JSON.
pub fn json(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// Encodes and answers.
pub fn answer(body: &impl Serialize) -> Answer {
    Ok(json(encoded(body)?))
}

/// A refusal as this dialect tells it. Its clients ask again after 429 and 504, and after nothing else.
pub fn refused(refusal: &Refusal) -> Response {
    let (status, message) = match refusal {
        Refusal::NoKey | Refusal::WrongKey => (StatusCode::FORBIDDEN, "forbidden.".to_owned()),
        Refusal::UnknownTicker(symbol) => (StatusCode::NOT_FOUND, format!("symbol not found: {symbol}")),
        Refusal::NoRoute => (StatusCode::NOT_FOUND, "endpoint not found.".to_owned()),
        Refusal::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too many requests.".to_owned()),
        Refusal::Busy | Refusal::TooSlow | Refusal::Unavailable => (StatusCode::GATEWAY_TIMEOUT, refusal.to_string()),
        _ => (refusal.status(), refusal.to_string()),
    };
    let problem = Problem { code: u32::from(status.as_u16()) * 100_000 + 10_000, message: &message };
    let mut response = (status, json(encoded(&problem).unwrap_or_default())).into_response();
    if let Some(seconds) = refusal.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
