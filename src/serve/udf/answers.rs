//! What this dialect answers: JSON, and errors as `{"s":"error","errmsg":…}`, with HTTP 200 where a route has been reached.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::query::errors::Refusal;
use crate::query::parameters::read;
use klined_market::base::UnixSeconds;

/// What a chart is told of a symbol that there is not.
pub const UNKNOWN_SYMBOL: &str = "unknown_symbol";

/// An error of a route.
pub struct Problem(pub String);

/// What an answer of this dialect is.
pub type Answer = Result<Response, Problem>;

impl Problem {
    pub fn unknown_symbol() -> Self {
        Self(UNKNOWN_SYMBOL.to_owned())
    }
}

fn words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::UnknownTicker(_) => UNKNOWN_SYMBOL.to_owned(),
        refusal => refusal.to_string(),
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self(words(&refusal))
    }
}

fn error(message: &str) -> Response {
    json(json!({"s": "error", "errmsg": message}).to_string())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        error(&self.0)
    }
}

/// A refusal before a route was reached: here the status tells it as well.
pub fn refused(refusal: &Refusal) -> Response {
    let mut response = (refusal.status(), error(&words(refusal))).into_response();
    if let Some(seconds) = refusal.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A body that is JSON already.
pub fn json(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body.into()).into_response()
}

/// A body.
pub fn answer(body: &Value) -> Answer {
    Ok(json(body.to_string()))
}

/// The query string: what is there twice counts once.
pub struct Parameters(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        read(&parts.uri).map(Self).map_err(|refusal| Problem(refusal.to_string()))
    }
}

impl Parameters {
    /// A parameter that has a value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A parameter that must be there.
    pub fn required(&self, name: &str) -> Result<&str, Problem> {
        self.get(name).ok_or_else(|| Problem(format!("{name} is missing")))
    }

    /// An instant in Unix seconds.
    pub fn seconds(&self, name: &str) -> Result<Option<UnixSeconds>, Problem> {
        // Far from where sums of instants end.
        let within = |seconds: &i64| (-(1 << 40)..1 << 40).contains(seconds);
        let parse = |text: &str| text.parse().ok().filter(within).map(UnixSeconds::new);
        let wrong = || Problem(format!("{name} must be Unix seconds"));
        self.get(name).map(|text| parse(text).ok_or_else(wrong)).transpose()
    }

    /// How many, at least one.
    pub fn count(&self, name: &str, most: u16) -> Result<Option<u16>, Problem> {
        let parse = |text: &str| text.parse().ok().filter(|count| (1..=most).contains(count));
        let wrong = || Problem(format!("{name} must be from 1 to {most}"));
        self.get(name).map(|text| parse(text).ok_or_else(wrong)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_parameter_breaks_its_parser(text in "(\\PC{0,40}|[0-9-]{0,30})") {
            let parameters = Parameters(BTreeMap::from([("x".to_owned(), text)]));
            let _ = (parameters.seconds("x").is_ok(), parameters.count("x", 20_000).is_ok());
        }
    }
}
