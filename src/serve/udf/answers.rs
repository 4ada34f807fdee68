//! Answers of JSON, and errors as `{"s":"error","errmsg":…}`, with HTTP 200 where a route has been reached.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use serde_json::{Value, json as value};

use crate::query::errors::Refusal;
use crate::serve::kit::answers::{json, refusal};
use crate::serve::kit::parameters::{QueryMap, RouteError, refuse_others};
use klined_market::base::UnixSeconds;

/// The error for a symbol that is not known.
pub const UNKNOWN_SYMBOL: &str = "unknown_symbol";

/// An error of a route.
pub struct UdfError(pub String);

/// The answer of a route.
pub type UdfAnswer = Result<Response, UdfError>;

impl UdfError {
    pub fn unknown_symbol() -> Self {
        Self(UNKNOWN_SYMBOL.to_owned())
    }
}

fn text(refusal: &Refusal) -> String {
    match refusal {
        Refusal::UnknownTicker(_) => UNKNOWN_SYMBOL.to_owned(),
        refusal => refusal.to_string(),
    }
}

impl From<Refusal> for UdfError {
    fn from(refusal: Refusal) -> Self {
        Self(text(&refusal))
    }
}

fn error(message: &str) -> Response {
    json(value!({"s": "error", "errmsg": message}).to_string())
}

impl IntoResponse for UdfError {
    fn into_response(self) -> Response {
        error(&self.0)
    }
}

/// A refusal before a route was reached: here the status is that of the refusal.
pub fn refused(refused: &Refusal) -> Response {
    refusal(refused.status(), error(&text(refused)), refused)
}

/// A body.
pub fn answer(body: &Value) -> UdfAnswer {
    Ok(json(body.to_string()))
}

/// The query string's parameters.
pub type UdfQuery = QueryMap<UdfError>;

/// Every name that a query string may have.
pub const KNOWN: [&str; 11] =
    ["symbol", "symbols", "resolution", "from", "to", "countback", "group", "query", "type", "exchange", "limit"];

const MARKS: &[&str] = &["symbol", "from", "to", "resolution"];
/// The names that each route takes.
const OF_ROUTE: [(&str, &[&str]); 9] = [
    ("config", &[]),
    ("time", &[]),
    ("symbols", &["symbol"]),
    ("symbol_info", &["group"]),
    ("search", &["query", "type", "exchange", "limit"]),
    ("history", &["symbol", "resolution", "from", "to", "countback"]),
    ("quotes", &["symbols"]),
    ("marks", MARKS),
    ("timescale_marks", MARKS),
];

impl RouteError for UdfError {
    const KNOWN: &'static [&'static str] = &KNOWN;

    fn check(route: &str, names: &[Cow<'_, str>]) -> Result<(), Self> {
        let name = route.rsplit('/').next().unwrap_or_default();
        let known = OF_ROUTE.iter().find(|(known, _)| *known == name).map_or(&KNOWN[..], |(_, known)| known);
        Ok(refuse_others(names, known)?)
    }
}

impl UdfQuery {
    /// A parameter that must be there.
    pub fn required(&self, name: &str) -> Result<&str, UdfError> {
        self.get(name).ok_or_else(|| UdfError(format!("{name} is missing")))
    }

    /// An instant in Unix seconds.
    pub fn seconds(&self, name: &str) -> Result<Option<UnixSeconds>, UdfError> {
        // Far from where sums of instants end.
        let within = |seconds: &i64| (-(1 << 40)..1 << 40).contains(seconds);
        let parse = |text: &str| text.parse().ok().filter(within).map(UnixSeconds::new);
        let wrong = || UdfError(format!("{name} must be Unix seconds"));
        self.get(name).map(|text| parse(text).ok_or_else(wrong)).transpose()
    }

    /// How many, at least one.
    pub fn count(&self, name: &str, most: u16) -> Result<Option<u16>, UdfError> {
        let parse = |text: &str| text.parse().ok().filter(|count| (1..=most).contains(count));
        let wrong = || UdfError(format!("{name} must be from 1 to {most}"));
        self.get(name).map(|text| parse(text).ok_or_else(wrong)).transpose()
    }
}

#[cfg(test)]
impl UdfQuery {
    /// Reads every parameter.
    pub fn all(&self) {
        let _ = (self.seconds("from").is_ok(), self.seconds("to").is_ok(), self.required("symbol").is_ok());
        let _ = (self.count("countback", 20_000).is_ok(), self.count("limit", 1000).is_ok());
    }
}
