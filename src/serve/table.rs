//! The table of dialects, and the server that is composed of it. A new dialect is a folder beside this file and a row here.

use std::any::Any;
use std::io;
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::kit::dialect::{Dialect, RouteExample, Routes};
use super::kit::front;
use super::server::{Server, ServerOptions};
use super::{alpaca, binance, native, page, polygon, udf};
use crate::access::guard::{RequestGuard, Rules};
use crate::access::keys::Keys;
use crate::feed::ENCODINGS;
use crate::jobs::Market;
use crate::query::errors::{Failure, Refusal};
use klined_market::base::Clock;

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
        // The validator of another site is not asked.
        let looks = Config::from("/openapi.json").validator_url("none").persist_authorization(true);
        let docs = SwaggerUi::new("/docs").config(looks).url("/openapi.json", all.document.unwrap_or_default());
        let docs = Router::<Arc<Self>>::from(docs).layer(middleware::map_response(with_docs_policy));
        let page = page::routes(&self.guard.page_key(), self.options.page_key);
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
