//! `/healthz`, `/readyz` and `/metrics` over HTTP. Nothing that is asked here reaches the database, so nobody who asks can
//! hold a job up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use super::Health;

/// The most connections served at once; others wait in the system's queue.
const CONNECTIONS_MAX: usize = 16;
/// How long a connection may last. Each serves one request.
const CONNECTION_LIFE: Duration = Duration::from_secs(10);
const HEADER_WAIT: Duration = Duration::from_secs(5);
/// The most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The pause after the system would give no connection, as when there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves a process's health from now on, when an address is given.
///
/// # Errors
/// The address cannot be listened on.
pub async fn serve(address: Option<SocketAddr>, health: Arc<Health>) -> anyhow::Result<()> {
    let Some(address) = address else { return Ok(()) };
    let context = || format!("cannot serve health on {address}; choose another --health-addr");
    let listener = TcpListener::bind(address).await.with_context(context)?;
    info!(address = %listener.local_addr().with_context(context)?, "serving /healthz, /readyz and /metrics");
    tokio::spawn(accept(listener, routes(health)));
    Ok(())
}

fn routes(health: Arc<Health>) -> Router {
    Router::new()
        .route(
            "/healthz",
            get(|State(health): State<Arc<Health>>| async move { verdict("live", &health.standstills()) }),
        )
        .route(
            "/readyz",
            get(|State(health): State<Arc<Health>>| async move { verdict("ready", &health.objections()) }),
        )
        .route("/metrics", get(metrics))
        .with_state(health)
}

/// 200 and the word, or 503 and why not, a reason a line.
fn verdict(word: &str, objections: &[String]) -> (StatusCode, String) {
    match objections {
        [] => (StatusCode::OK, format!("{word}\n")),
        _ => (StatusCode::SERVICE_UNAVAILABLE, format!("not {word}\n{}\n", objections.join("\n"))),
    }
}

async fn metrics(State(health): State<Arc<Health>>) -> Response {
    match health.metrics_text() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn accept(listener: TcpListener, routes: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // The semaphore is never closed.
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let routes = routes.clone();
                tokio::spawn(async move {
                    let served = timeout(CONNECTION_LIFE, converse(stream, routes)).await;
                    if let Ok(Err(error)) = served {
                        debug!("a request for health ended early: {error}");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                debug!("no connection for health: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, routes: Router) -> hyper::Result<()> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WAIT)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes))
        .await
}
