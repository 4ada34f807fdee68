//! The server behind its guard: all routes on one listener.

use std::any::Any;
use std::sync::Arc;

use axum::http::{HeaderName, StatusCode};
use axum::response::Response;
use klined::query::errors::Refusal;
use klined::serve::kit::front;
use klined::serve::polygon::answers;
use klined_service::net::http;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::server::FxServer;

/// Serves on a listener until `stop` is cancelled, and then until every request is answered.
pub async fn serve(server: Arc<FxServer>, listener: TcpListener, stop: CancellationToken) {
    let (guard, options, draining) = server.front();
    let (stopping, draining) = (stop.clone(), draining.clone());
    tokio::spawn(async move {
        stopping.cancelled().await;
        draining.cancel();
    });
    let (open, closed) = (crate::socket::routes(), crate::routes::routes());
    let cors = (&options.visitors.origins, Vec::<HeaderName>::new());
    let router = front::behind_guard(guard, open, closed, cors, panicked).with_state(server.clone());
    let of_head = guard.clone();
    let refuse = move |status: StatusCode, path: &str| of_head.refused(path, &Refusal::of_head(status));
    http::serve(listener, router, options.bounds, Some(Arc::new(refuse)), stop).await;
}

/// A handler that panicked is a bug.
fn panicked(_panic: Box<dyn Any + Send>) -> Response {
    error!("a handler panicked; this is a bug, please report it");
    answers::refused(&Refusal::Internal(0))
}
