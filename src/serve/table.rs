//! The table of dialects, and the server that is composed of it. A new dialect is a folder beside this file and a row here.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::kit::dialect::{Dialect, RouteExample, Routes};
use super::server::{Server, ServerOptions};
use super::{alpaca, binance, native, page, polygon, udf};
use crate::access::guard::{self, RequestGuard, Rules};
use crate::access::keys::Keys;
use crate::access::visitors::Origins;
use crate::access::{faults, guard::REMAINING};
use crate::feed::ENCODINGS;
use crate::jobs::Market;
use crate::query::errors::{Failure, Refusal};
use klined_market::base::Clock;

/// How long a browser may remember what other sites may ask.
const CORS_AGE: Duration = Duration::from_secs(3600);

/// Nothing from another site. Swagger's page writes styles into its elements and has small pictures in its style sheet.
const DOCS_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; object-src 'none'";

async fn with_docs_policy(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCS_POLICY));
    response
}

/// Every dialect. A path is the first one's that owns it; those that none owns are the native dialect's.
static DIALECTS: [Dialect; 5] = [native::DIALECT, binance::DIALECT, polygon::DIALECT, alpaca::DIALECT, udf::DIALECT];

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

    /// Serves on a listener until `stop` is cancelled, and then until every request is answered.
    pub async fn run(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let (stopping, draining) = (stop.clone(), self.draining.clone());
        tokio::spawn(async move {
            stopping.cancelled().await;
            draining.cancel();
        });
        let guard = self.guard.clone();
        let refuse = move |status: StatusCode, path: &str| guard.refused(path, &Refusal::of_head(status));
        let (router, bounds) = (self.router(), self.options.bounds);
        klined_service::net::http::serve(listener, router, bounds, Some(Arc::new(refuse)), stop).await;
    }

    fn router(self: &Arc<Self>) -> Router {
        let mut all = Routes::default();
        for dialect in &DIALECTS {
            let Routes { closed, open, document, .. } = (dialect.routes)();
            (all.closed, all.open) = (all.closed.merge(closed), all.open.merge(open));
            all.document = all.document.or(document);
        }
        let (guard, wrong) = (self.guard.clone(), self.guard.clone());
        let wrong_method = move |uri: Uri| async move { wrong.refused(uri.path(), &Refusal::WrongMethod) };
        let nothing_here = move |uri: Uri| async move { guard.refused(uri.path(), &Refusal::NoRoute) };
        let let_in = middleware::from_fn_with_state(self.guard.clone(), guard::let_in);
        let closed = all.closed.method_not_allowed_fallback(wrong_method).layer(let_in);
        // The validator of another site is not asked.
        let looks = Config::from("/openapi.json").validator_url("none").persist_authorization(true);
        let docs = SwaggerUi::new("/docs").config(looks).url("/openapi.json", all.document.unwrap_or_default());
        let docs = Router::<Arc<Self>>::from(docs).layer(middleware::map_response(with_docs_policy));
        let page = page::routes(&self.guard.page_key(), self.options.page_key);
        let router = all
            .open
            .merge(docs)
            .merge(page)
            .merge(closed)
            .fallback(nothing_here)
            .layer(middleware::from_fn_with_state(self.guard.clone(), guard::receive))
            .layer(CatchPanicLayer::custom({
                let server = self.clone();
                move |panic| server.panicked(panic)
            }));
        match self.cors() {
            Some(cors) => router.layer(cors),
            None => router,
        }
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .with_state(self.clone())
    }

    fn cors(&self) -> Option<CorsLayer> {
        let origins = self.options.visitors.origins.clone();
        if origins == Origins::None {
            return None;
        }
        // The page may hold a key, and no other site reads it.
        let origin = AllowOrigin::predicate(move |origin, asked| asked.uri.path() != "/" && origins.has(origin));
        let of_dialects = |dialect: &'static Dialect| dialect.rules.key_headers().iter().chain(dialect.headers);
        let headers = DIALECTS.iter().flat_map(of_dialects).cloned();
        let cors = CorsLayer::new()
            .allow_origin(origin)
            .allow_methods([Method::GET])
            .allow_headers(headers.chain([header::AUTHORIZATION, header::CONTENT_TYPE]).collect::<Vec<_>>())
            .expose_headers([REMAINING, header::RETRY_AFTER, faults::CHAOS])
            .max_age(CORS_AGE);
        Some(cors)
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
