//! `/healthz`, `/readyz` and `/metrics` over HTTP. The pages are made of what is in memory, so a client can hold up no job.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::process::Health;
use crate::net::accept::Bounds;
use crate::net::http;

/// Each connection serves one request and lasts 10 s at most.
const BOUNDS: Bounds = Bounds {
    connections: 16,
    connections_of_address: 16,
    silence: Duration::from_secs(5),
    life: Some(Duration::from_secs(10)),
    drain: Duration::ZERO,
    reserve: 4,
};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves a process's health from now on, where an address is given.
///
/// # Errors
/// The address cannot be listened on.
pub async fn serve(address: Option<SocketAddr>, health: Arc<Health>) -> anyhow::Result<()> {
    let Some(address) = address else { return Ok(()) };
    let context = || format!("cannot serve health on {address}; choose another --health-addr");
    let listener = TcpListener::bind(address).await.with_context(context)?;
    info!(address = %listener.local_addr().with_context(context)?, "serving /healthz, /readyz and /metrics");
    // It ends with the process.
    tokio::spawn(http::serve(listener, routes(health), BOUNDS, None, CancellationToken::new()));
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

/// Status 200 and the word, or 503 and a line for each reason.
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
