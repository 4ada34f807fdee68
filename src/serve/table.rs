//! The table of dialects, and the server that is composed of it. A new dialect is a folder beside this file and a row here.

use std::any::Any;
use std::io;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::kit::dialect::{Dialect, RouteExample, Routes};
use super::kit::front;
use super::kit::protocol::SocketRequest;
use super::kit::relaying::{self, RelayRules};
use super::server::{Server, ServerOptions};
use super::{alpaca, binance, native, page, polygon, quote_lines, tdx, tushare, udf};
use crate::access::guard::{RequestGuard, Rules};
use crate::access::keys::Keys;
use crate::access::visitors::is_upgrade;
use crate::feed::ENCODINGS;
use crate::jobs::Market;
use crate::query::errors::{Failure, Refusal};
use crate::relay::Relay;
use klined_market::base::Clock;

/// Nothing from another site. Swagger's page writes styles into its elements and has small pictures in its style sheet.
const DOCS_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; object-src 'none'";

async fn with_docs_policy(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCS_POLICY));
    response
}

/// A WebSocket at `/` is Polygon's; what else is asked there is the page.
async fn stream_at_root(server: Arc<Server>, request: Request, next: Next) -> Response {
    if request.uri().path() != "/" || !is_upgrade(request.headers()) {
        return next.run(request).await;
    }
    let upgrade = SocketRequest::from_request_parts(&mut request.into_parts().0, &()).await;
    polygon::socket::open_for(server, upgrade).into_response()
}

/// Every dialect. A path is the first one's that owns it; those that none owns are the native dialect's.
static DIALECTS: [Dialect; 7] = [
    native::DIALECT,
    binance::DIALECT,
    polygon::DIALECT,
    alpaca::DIALECT,
    udf::DIALECT,
    tushare::DIALECT,
    quote_lines::DIALECT,
];

/// The dialects whose requests a vendor may answer, in the order of [`DIALECTS`].
static RELAYED: [(Rules, RelayRules); 2] =
    [(polygon::DIALECT.rules, polygon::relaying::RELAY), (alpaca::DIALECT.rules, alpaca::relaying::RELAY)];

/// Whether each place among the feed's encodings has one dialect at most.
const fn are_encoders_apart(dialects: &[&[usize]]) -> bool {
    let (mut taken, mut at) = ([false; ENCODINGS], 0);
    while at < dialects.len() {
        let mut of = 0;
        while of < dialects[at].len() {
            let place = dialects[at][of];
            if place >= ENCODINGS || taken[place] {
                return false;
            }
            taken[place] = true;
            of += 1;
        }
        at += 1;
    }
    true
}

const _: () = assert!(are_encoders_apart(&[
    native::DIALECT.encoders,
    binance::DIALECT.encoders,
    alpaca::DIALECT.encoders,
    polygon::DIALECT.encoders,
    udf::DIALECT.encoders,
    tushare::DIALECT.encoders,
    quote_lines::DIALECT.encoders,
]));

/// Every route of every dialect, with an example of its use.
#[must_use]
pub fn routes() -> Vec<RouteExample> {
    let of = |dialect: &Dialect| {
        let names = dialect.parameters;
        let with_names = move |mut example: RouteExample| {
            example.parameters.extend(names.iter().map(|name| (*name).to_owned()));
            example
        };
        (dialect.routes)().examples.into_iter().map(with_names).collect::<Vec<_>>()
    };
    DIALECTS.iter().flat_map(of).collect()
}

/// Answers paths at the root that belong below one, because a route of theirs would own every name at the root.
fn with_roots(routes: Router) -> Router {
    let moved = |mut request: Request| async move {
        let path = request.uri().path_and_query().map(PathAndQuery::as_str);
        if let Some(Ok(path)) = path.and_then(quote_lines::at_root).map(|path| path.parse::<PathAndQuery>()) {
            let mut parts = request.uri().clone().into_parts();
            parts.path_and_query = Some(path);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
        request
    };
    Router::new().fallback_service(routes).layer(middleware::map_request(moved))
}

impl Server {
    /// A server of a market. Without `keys` no client needs a key.
    ///
    /// # Errors
    /// No thread can be had for the feed.
    pub fn new(
        market: Market,
        clock: Arc<dyn Clock>,
        keys: Option<Keys>,
        options: ServerOptions,
    ) -> io::Result<Arc<Self>> {
        let [first, others @ ..] = &DIALECTS;
        let others: Vec<&'static Rules> = others.iter().map(|dialect| &dialect.rules).collect();
        Self::behind(
            RequestGuard::new(keys, options.visitors.clone(), options.of_address, &first.rules, &others),
            market,
            clock,
            options,
        )
    }

    /// Serves on a listener until `stop` is cancelled, and then until every request is answered; TDX on one of its own.
    pub async fn run(self: Arc<Self>, listener: TcpListener, tdx: Option<TcpListener>, stop: CancellationToken) {
        let of_tdx = tdx.map(|listener| tokio::spawn(tdx::serve(self.clone(), listener, stop.clone())));
        self.run_http(listener, stop).await;
        if let Some(of_tdx) = of_tdx {
            let _ = of_tdx.await;
        }
    }

    async fn run_http(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let (stopping, draining) = (stop.clone(), self.draining.clone());
        tokio::spawn(async move {
            stopping.cancelled().await;
            draining.cancel();
        });
        if let Some(relay) = self.options.relay.clone() {
            let server = self.clone();
            tokio::spawn(async move { server.keep_synthetic(&relay).await });
        }
        let guard = self.guard.clone();
        let refuse = move |status: StatusCode, path: &str| guard.refused(path, &Refusal::of_head(status));
        let (router, bounds) = (with_roots(self.router()), self.options.bounds);
        klined_service::net::http::serve(listener, router, bounds, Some(Arc::new(refuse)), stop).await;
    }

    /// A request of a dialect that has a vendor is answered by that vendor where its symbols are no symbols of the market.
    async fn relayed(self: Arc<Self>, request: Request, next: Next) -> Response {
        let path = request.uri().path();
        let relayed = RELAYED.iter().find(|(rules, _)| (rules.owns)(path));
        match relayed.filter(|_| request.method() == Method::GET) {
            Some((rules, relay)) => relaying::relay(&self, relay, rules.refused, request, next).await,
            None => next.run(request).await,
        }
    }

    /// Routes for the paths that only vendors have.
    fn of_vendors(self: &Arc<Self>, relay: &Relay) -> Router<Arc<Self>> {
        let rules = RELAYED.iter().map(|(_, rules)| rules);
        let others = rules.filter(|rules| relay.rest(rules.vendor).is_some()).flat_map(|rules| rules.others);
        let guard = self.guard.clone();
        let nothing = get(move |uri: Uri| async move { guard.refused(uri.path(), &Refusal::NoRoute) });
        others.fold(Router::new(), |router, pattern| router.route(pattern, nothing.clone()))
    }

    fn router(self: &Arc<Self>) -> Router {
        let mut all = Routes::default();
        for dialect in &DIALECTS {
            let Routes { closed, open, document, .. } = (dialect.routes)();
            (all.closed, all.open) = (all.closed.merge(closed), all.open.merge(open));
            all.document = all.document.or(document);
        }
        if let Some(relay) = &self.options.relay {
            let server = self.clone();
            let relayed = move |request, next| server.clone().relayed(request, next);
            all.closed = all.closed.merge(self.of_vendors(relay)).layer(middleware::from_fn(relayed));
        }
        // The validator of another site is not asked.
        let looks = Config::from("/openapi.json").validator_url("none").persist_authorization(true);
        let docs = SwaggerUi::new("/docs").config(looks).url("/openapi.json", all.document.unwrap_or_default());
        let docs = Router::<Arc<Self>>::from(docs).layer(middleware::map_response(with_docs_policy));
        let mut page = page::routes(&self.guard.page_key(), self.options.page_key);
        if self.options.has_stream_at_root() {
            let server = self.clone();
            let at_root = move |request, next| stream_at_root(server.clone(), request, next);
            page = page.layer(middleware::from_fn(at_root));
        }
        let of_dialects = |dialect: &'static Dialect| dialect.rules.key_headers().iter().chain(dialect.headers);
        let headers = DIALECTS.iter().flat_map(of_dialects).cloned().collect();
        let cors = (&self.options.visitors.origins, headers);
        let server = self.clone();
        let panicked = move |panic| server.panicked(panic);
        front::behind_guard(&self.guard, all.open.merge(docs).merge(page), all.closed, cors, panicked)
            .with_state(self.clone())
    }

    /// A handler that panicked is a bug: it is in the log under a number, which the client receives.
    fn panicked(&self, _panic: Box<dyn Any + Send>) -> Response {
        (DIALECTS[0].rules.refused)(&self.reader.refusal(Failure::Panicked))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::serve::kit::parsers::written;

    proptest! {
        #[test]
        fn no_text_breaks_a_parser(text in written(names())) {
            for parse in DIALECTS.iter().flat_map(|dialect| dialect.parsers) {
                parse(&text);
            }
        }
    }

    /// Every name that a query string of some dialect may have.
    fn names() -> Vec<String> {
        routes().into_iter().flat_map(|route| route.parameters).collect()
    }

    #[test]
    fn every_route_is_owned_by_its_dialect() {
        for (at, dialect) in DIALECTS.iter().enumerate().skip(1) {
            for RouteExample { example, .. } in (dialect.routes)().examples {
                let path = example.split('?').next().unwrap_or_default();
                let owner = (1..DIALECTS.len()).find(|other| (DIALECTS[*other].rules.owns)(path));
                assert_eq!(owner, Some(at), "{path}");
            }
        }
        for RouteExample { example, .. } in (DIALECTS[0].routes)().examples {
            let path = example.split('?').next().unwrap_or_default();
            assert!(DIALECTS.iter().skip(1).all(|other| !(other.rules.owns)(path)), "{path}");
        }
    }
}
