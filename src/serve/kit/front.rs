//! What stands before the routes of every server: the guard, and what browsers and panics need.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, Method, Uri, header};
use axum::response::Response;
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::access::faults::CHAOS;
use crate::access::guard::{self, REMAINING, RequestGuard};
use crate::access::visitors::Origins;
use crate::query::errors::Refusal;
use crate::serve::kit::answers::NEXT_PAGE;

/// How long a browser may remember what other sites may ask.
const CORS_AGE: Duration = Duration::from_secs(3600);

/// Routes that need no key, and `closed` ones, which pass the guard. `headers` are those that pages of the sites in `origins` may send
/// besides the usual ones; `panicked` is the answer of a handler that panicked.
pub fn behind_guard<S: Clone + Send + Sync + 'static>(
    guard: &Arc<RequestGuard>,
    open: Router<S>,
    closed: Router<S>,
    (origins, headers): (&Origins, Vec<HeaderName>),
    panicked: impl Fn(Box<dyn Any + Send>) -> Response + Clone + Send + Sync + 'static,
) -> Router<S> {
    let (nothing, wrong) = (guard.clone(), guard.clone());
    let wrong_method = move |uri: Uri| async move { wrong.refused(uri.path(), &Refusal::WrongMethod) };
    let nothing_here = move |uri: Uri| async move { nothing.refused(uri.path(), &Refusal::NoRoute) };
    let let_in = middleware::from_fn_with_state(guard.clone(), guard::let_in);
    let router = open
        .merge(closed.method_not_allowed_fallback(wrong_method).layer(let_in))
        .fallback(nothing_here)
        .layer(middleware::from_fn_with_state(guard.clone(), guard::receive))
        .layer(CatchPanicLayer::custom(panicked));
    match cors(origins, headers) {
        Some(cors) => router.layer(cors),
        None => router,
    }
    .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}

fn cors(origins: &Origins, headers: Vec<HeaderName>) -> Option<CorsLayer> {
    if *origins == Origins::None {
        return None;
    }
    let origins = origins.clone();
    // The page may hold a key, and no other site reads it.
    let origin = AllowOrigin::predicate(move |origin, asked| asked.uri.path() != "/" && origins.has(origin));
    let usual = [header::AUTHORIZATION, header::CONTENT_TYPE];
    let cors = CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET])
        .allow_headers(headers.into_iter().chain(usual).collect::<Vec<_>>())
        .expose_headers([REMAINING, header::RETRY_AFTER, CHAOS, NEXT_PAGE])
        .max_age(CORS_AGE);
    Some(cors)
}
