//! The native dialect's envelope: `{"success":true,"data":…,"meta":{…}}` or `{"success":false,"error":{…}}`.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::errors::Refusal;
use crate::serve::kit::answers::{encoded, json, message, refusal};
use crate::serve::kit::parameters::RouteError;

/// An error of a route.
pub struct NativeError(pub Refusal);

impl RouteError for NativeError {
    /// Each route documents its own, which [`super::parameters::NativeQuery`] knows.
    const KNOWN: &'static [&'static str] = &[];

    /// [`super::parameters::NativeQuery`] has looked at them.
    fn check(_route: &str, _names: &[Cow<'_, str>]) -> Result<(), Self> {
        Ok(())
    }
}

impl From<Refusal> for NativeError {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for NativeError {
    fn into_response(self) -> Response {
        refused(&self.0)
    }
}

/// The answer of a route.
pub type NativeAnswer = Result<Response, NativeError>;

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

/// Facts about the data
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Meta {
    /// How many entries `data` has
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// `page_token` of the next page, with the same parameters otherwise; absent on the last page
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
    /// `after` of the next page; absent on the last page
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_after: Option<String>,
}

#[derive(Debug, Serialize)]
struct Envelope<'a, T> {
    success: bool,
    data: T,
    meta: &'a Meta,
}

/// Data in the envelope, encoded.
pub fn enveloped(data: impl Serialize, meta: &Meta) -> Result<Bytes, Refusal> {
    encoded(&Envelope { success: true, data, meta })
}

/// Data in the envelope.
pub fn answer(data: impl Serialize, meta: &Meta) -> NativeAnswer {
    Ok(json(enveloped(data, meta)?))
}

/// A refusal in this dialect's shape.
pub fn refused(refused: &Refusal) -> Response {
    let error = Problem { code: refused.code(), message: refused.to_string() };
    refusal(refused.status(), json(message(&ErrorBody { success: false, error })), refused)
}
