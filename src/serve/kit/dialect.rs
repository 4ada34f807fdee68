//! What the server knows of a dialect: one row of the table, and the routes that it adds.

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderName;
use axum::routing::MethodRouter;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr, Required};
use utoipa_axum::router::OpenApiRouter;

use crate::access::guard::Rules;
use crate::serve::server::Server;

/// The value in examples of each segment of a path that varies.
const SEGMENTS: [(&str, &str); 17] = [
    ("ticker", "AAPL"),
    ("symbol", "AAPL"),
    ("multiplier", "1"),
    ("timespan", "minute"),
    ("from", "2026-03-02"),
    ("to", "2026-03-03"),
    ("locale", "us"),
    ("market", "stocks"),
    ("date", "2026-03-02"),
    ("kind", "trade"),
    ("feed", "iex"),
    ("*streams", "aapl@trade"),
    ("key", "ID.SECRET"),
    ("direction", "gainers"),
    ("sina", "list=AAPL"),
    ("tencent", "q=AAPL"),
    ("api_name", "stock_basic"),
];

/// A dialect: one row of the server's table.
pub struct Dialect {
    /// What the guard has to know.
    pub rules: Rules,
    /// The headers that its clients send besides those of keys, which pages of other sites may send too.
    pub headers: &'static [HeaderName],
    /// The names that a query string of the dialect may have.
    pub parameters: &'static [&'static str],
    pub routes: fn() -> Routes,
    /// The places at which the dialect encodes the feed's events, each below [`crate::feed::ENCODINGS`] and no other dialect's.
    pub encoders: &'static [usize],
    /// Every parser of what clients write.
    #[cfg(test)]
    pub parsers: &'static [super::parsers::Parser],
}

/// A route that a client can ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteExample {
    /// The pattern, with `{name}` for a segment that varies.
    pub pattern: String,
    /// A path with a query string that is answered with 200 by a market of `AAPL`; a WebSocket's is answered with 400 or 404.
    pub example: String,
    /// The names that the query string may have.
    pub parameters: Vec<String>,
    pub is_socket: bool,
    /// The body that the example is posted with; empty where it is got.
    pub body: &'static str,
}

/// The routes of a dialect.
#[derive(Default)]
pub struct Routes {
    /// Routes behind the guard.
    pub closed: Router<Arc<Server>>,
    /// Routes that need no key, or look for one themselves.
    pub open: Router<Arc<Server>>,
    pub examples: Vec<RouteExample>,
    pub document: Option<OpenApi>,
}

impl Routes {
    /// Routes that describe themselves in an OpenAPI document.
    #[must_use]
    pub fn documented(closed: OpenApiRouter<Arc<Server>>, open: OpenApiRouter<Arc<Server>>) -> Self {
        let (closed, mut document) = closed.split_for_parts();
        let (open, of_open) = open.split_for_parts();
        document.merge(of_open);
        let gets = document.paths.paths.iter().filter_map(|(path, item)| Some((path, item.get.as_ref()?)));
        let examples = gets.map(|(path, operation)| documented_example(path, operation)).collect();
        Self { closed, open, examples, document: Some(document) }
    }

    /// Adds a route behind the guard, with the query string of its example.
    #[must_use]
    pub fn get(self, pattern: &str, query: &str, route: MethodRouter<Arc<Server>>) -> Self {
        let closed = self.closed.route(pattern, route);
        Self { closed, ..self }.listed(pattern, query, false)
    }

    /// Adds a route behind the guard that is posted to, with the body of its example.
    #[must_use]
    pub fn post(self, pattern: &str, body: &'static str, route: MethodRouter<Arc<Server>>) -> Self {
        let closed = self.closed.route(pattern, route);
        let mut added = Self { closed, ..self }.listed(pattern, "", false);
        if let Some(example) = added.examples.last_mut() {
            example.body = body;
        }
        added
    }

    /// Adds a WebSocket behind the guard.
    #[must_use]
    pub fn socket(self, pattern: &str, route: MethodRouter<Arc<Server>>) -> Self {
        let closed = self.closed.route(pattern, route);
        Self { closed, ..self }.listed(pattern, "", true)
    }

    /// Adds a WebSocket that looks for a key itself.
    #[must_use]
    pub fn open_socket(self, pattern: &str, route: MethodRouter<Arc<Server>>) -> Self {
        let open = self.open.route(pattern, route);
        Self { open, ..self }.listed(pattern, "", true)
    }

    fn listed(mut self, pattern: &str, query: &str, is_socket: bool) -> Self {
        self.examples.push(RouteExample {
            example: example(pattern, query),
            pattern: pattern.to_owned(),
            is_socket,
            ..RouteExample::default()
        });
        self
    }
}

/// A path with the usual value of each segment, and a query string.
fn example(pattern: &str, query: &str) -> String {
    let path =
        SEGMENTS.iter().fold(pattern.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
    format!("{path}?{query}")
}

/// The example of a route that the document describes: a ticker wherever a value is required.
fn documented_example(pattern: &str, operation: &Operation) -> RouteExample {
    let of_query = |parameter: &RefOr<Parameter>| match parameter {
        RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter.clone()),
        _ => None,
    };
    let parameters: Vec<Parameter> = operation.parameters.iter().flatten().filter_map(of_query).collect();
    let required = parameters.iter().filter(|parameter| parameter.required == Required::True);
    let query: Vec<String> = required.map(|parameter| format!("{}=AAPL", parameter.name)).collect();
    RouteExample {
        pattern: pattern.to_owned(),
        example: example(pattern, &query.join("&")),
        parameters: parameters.into_iter().map(|parameter| parameter.name).collect(),
        is_socket: false,
        body: "",
    }
}
