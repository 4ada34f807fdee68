//! The shapes of Polygon's answers: `{"status":"OK","request_id":…,"results":…}`, and its ways to refuse.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::query::errors::Refusal;
use crate::serve::kit::answers::{encoded, json as json_body, refusal};

/// An error of a route.
pub enum PolygonError {
    Shared(Refusal),
    /// There is no such thing, in the vendor's words.
    NotFound(&'static str),
}

/// The answer of a route.
pub type PolygonAnswer = Result<Response, PolygonError>;

impl From<Refusal> for PolygonError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownTicker(_) | Refusal::NoMarket => Self::NotFound("Ticker not found."),
            other => Self::Shared(other),
        }
    }
}

/// A parameter is not what it must be.
pub fn invalid(message: impl Into<String>) -> PolygonError {
    PolygonError::Shared(Refusal::Invalid(message.into()))
}

/// A number for each answer.
pub fn request_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("{:032x}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A list, with the link to the next page.
#[derive(Debug, Serialize)]
struct ResultsBody<T> {
    results: T,
    status: &'static str,
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_url: Option<String>,
}

/// JSON as it stands.
pub fn plain(data: impl Serialize) -> PolygonAnswer {
    Ok(json_body(encoded(&data)?))
}

/// One result.
pub fn result(results: impl Serialize) -> PolygonAnswer {
    result_page(results, None)
}

/// One result that another page continues.
pub fn result_page(results: impl Serialize, next_url: Option<String>) -> PolygonAnswer {
    plain(ResultsBody { results, status: "OK", request_id: request_id(), count: None, next_url })
}

/// A page of results. Its list is there even when nothing is in it: clients that join pages rely on that.
pub fn page<T: Serialize>(results: &[T], is_counted: bool, next_url: Option<String>) -> PolygonAnswer {
    let count = is_counted.then_some(results.len());
    plain(ResultsBody { results, status: "OK", request_id: request_id(), count, next_url })
}

#[derive(Debug, Serialize)]
struct AggregatesBody<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ticker: Option<&'a str>,
    #[serde(rename = "queryCount")]
    query_count: usize,
    #[serde(rename = "resultsCount")]
    results_count: usize,
    adjusted: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    results: &'a [T],
    status: &'static str,
    request_id: String,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_url: Option<String>,
}

/// Bars of one ticker or of many.
pub fn aggregates<T: Serialize>(ticker: Option<&str>, results: &[T], adjusted: Option<bool>) -> PolygonAnswer {
    aggregates_page(ticker, results, adjusted, results.len(), None)
}

/// A page of bars, which are made of so many of the vendor's base aggregates.
pub fn aggregates_page<T: Serialize>(
    ticker: Option<&str>,
    results: &[T],
    adjusted: Option<bool>,
    query_count: usize,
    next_url: Option<String>,
) -> PolygonAnswer {
    let (count, adjusted, request_id) = (results.len(), adjusted.unwrap_or(true), request_id());
    let status = "OK";
    plain(AggregatesBody {
        ticker,
        query_count,
        results_count: count,
        adjusted,
        results,
        status,
        request_id,
        count,
        next_url,
    })
}

/// A refusal in this dialect's shape.
pub fn refused(refused: &Refusal) -> Response {
    let error = match refused {
        // As the vendor's proxy says it.
        Refusal::NoRoute => return (StatusCode::NOT_FOUND, "404 page not found").into_response(),
        Refusal::NoKey => "API Key was not provided".to_owned(),
        Refusal::WrongKey => "Unknown API Key".to_owned(),
        Refusal::TooMany { .. } => format!("You've exceeded the maximum requests per second: {refused}"),
        other => other.to_string(),
    };
    let body = json!({"status": "ERROR", "request_id": request_id(), "error": error});
    refusal(refused.status(), json_body(body.to_string()), refused)
}

impl IntoResponse for PolygonError {
    fn into_response(self) -> Response {
        match self {
            Self::Shared(refusal) => refused(&refusal),
            Self::NotFound(message) => {
                let body = json!({"status": "NOT_FOUND", "request_id": request_id(), "message": message});
                (StatusCode::NOT_FOUND, json_body(body.to_string())).into_response()
            }
        }
    }
}
