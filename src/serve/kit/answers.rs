//! Answers as dialects write them.

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::query::errors::Refusal;

/// The token of the next page, in answers that have no place for it in their body; absent on the last page.
pub const NEXT_PAGE: HeaderName = HeaderName::from_static("x-next-page-token");

/// A body that is JSON already.
pub fn json(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body.into()).into_response()
}

/// A value as JSON.
///
/// # Errors
/// A map has keys that are no texts. No dialect has such a map.
pub fn encoded(value: &impl Serialize) -> Result<Bytes, Refusal> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|_| Refusal::Internal(0))
}

/// A value as JSON for a WebSocket; empty where [`encoded`] would fail.
pub fn message(value: &impl Serialize) -> Bytes {
    encoded(value).unwrap_or_default()
}

/// A refusal's body under its status, with the time to wait where waiting helps.
pub fn refusal(status: StatusCode, body: Response, refusal: &Refusal) -> Response {
    let mut response = (status, body).into_response();
    if let Some(seconds) = refusal.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
