//! Answers and errors as Alpaca gives them: plain JSON, and `{"code":…,"message":…}`.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::query::errors::Refusal;
use crate::serve::kit::answers::{encoded, json, message, refusal};

/// An error of a route.
pub struct AlpacaError(pub Refusal);

impl From<Refusal> for AlpacaError {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for AlpacaError {
    fn into_response(self) -> Response {
        refused(&self.0)
    }
}

/// The answer of a route.
pub type AlpacaAnswer = Result<Response, AlpacaError>;

#[derive(Serialize)]
struct AlpacaProblem<'a> {
    /// The status, and below it what Alpaca counts its reasons by.
    code: u32,
    message: &'a str,
}

/// Encodes and answers.
pub fn answer(body: &impl Serialize) -> AlpacaAnswer {
    Ok(json(encoded(body)?))
}

/// A refusal in this dialect's shape. Its clients ask again after 429 and 504, and after nothing else.
pub fn refused(refused: &Refusal) -> Response {
    let (status, text) = match refused {
        Refusal::NoKey | Refusal::WrongKey => (StatusCode::FORBIDDEN, "forbidden.".to_owned()),
        Refusal::UnknownTicker(symbol) => (StatusCode::NOT_FOUND, format!("symbol not found: {symbol}")),
        Refusal::NoRoute => (StatusCode::NOT_FOUND, "endpoint not found.".to_owned()),
        Refusal::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too many requests.".to_owned()),
        Refusal::Busy | Refusal::TooSlow | Refusal::Overloaded | Refusal::Unavailable => {
            (StatusCode::GATEWAY_TIMEOUT, refused.to_string())
        }
        _ => (refused.status(), refused.to_string()),
    };
    let problem = AlpacaProblem { code: u32::from(status.as_u16()) * 100_000 + 10_000, message: &text };
    refusal(status, json(message(&problem)), refused)
}
