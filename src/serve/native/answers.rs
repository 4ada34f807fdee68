//! The native dialect's envelope: `{"success":true,"data":…,"meta":{…}}` or `{"success":false,"error":{…}}`.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::errors::Refusal;

/// A refusal in this dialect.
pub struct Refused(pub Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

/// What an answer of this dialect is.
pub type Answer = Result<Response, Refused>;

#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A fixed word for programs
    #[schema(example = "unknown_ticker")]
    pub code: &'static str,
    /// What is wrong and what to do
    pub message: String,
}

/// An error
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// Always false
    pub success: bool,
    pub error: Problem,
}

/// What is told besides the data
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Meta {
    /// How many entries `data` has
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// Give it as `page_token` with the same parameters for the page that follows; absent on the last page
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
    /// Give it as `after` for the page that follows; absent on the last page
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_after: Option<String>,
}

#[derive(Debug, Serialize)]
struct Envelope<'a, T> {
    success: bool,
    data: T,
    meta: &'a Meta,
}

/// A body of JSON.
pub fn json(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body.into()).into_response()
}

/// Data in the envelope, encoded.
pub fn encoded(data: impl Serialize, meta: &Meta) -> Result<Bytes, Refusal> {
    plain(Envelope { success: true, data, meta })
}

/// JSON as it stands.
pub fn plain(data: impl Serialize) -> Result<Bytes, Refusal> {
    // Only a map with keys that are no texts cannot be encoded, and there is none.
    serde_json::to_vec(&data).map(Bytes::from).map_err(|_| Refusal::Internal(0))
}

/// Data in the envelope.
pub fn answer(data: impl Serialize, meta: &Meta) -> Answer {
    Ok(json(encoded(data, meta)?))
}

/// A refusal as this dialect tells it.
pub fn refused(refusal: &Refusal) -> Response {
    let error = Problem { code: refusal.code(), message: refusal.to_string() };
    let body = plain(ErrorBody { success: false, error }).unwrap_or_default();
    let mut response = (refusal.status(), json(body)).into_response();
    if let Some(seconds) = refusal.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        refused(&self.0)
    }
}
