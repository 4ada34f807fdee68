//! Stocks and the market's state.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{json, plain};
use crate::serve::Server;

/// Whether the server can serve
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthBody {
    /// `ok` or `unavailable`
    pub status: &'static str,
    pub version: &'static str,
    /// End of the last minute that is committed, Unix seconds
    pub market_time: Option<i64>,
}

/// Whether the server and its database answer
#[utoipa::path(get, path = "/health", tag = "market",
    responses((status = 200, body = HealthBody), (status = 503, body = HealthBody)))]
pub async fn health(State(server): State<Arc<Server>>) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    match server.reader.status().await {
        Ok(status) => {
            let market_time = status.map(|status| status.last_update);
            json(plain(HealthBody { status: "ok", version, market_time }).unwrap_or_default())
        }
        Err(refusal) => {
            let body = plain(HealthBody { status: "unavailable", version, market_time: None }).unwrap_or_default();
            (refusal.status(), json(body)).into_response()
        }
    }
}
