//! Tushare Pro: one POST for every API, `{api_name, token, params, fields}`, answered with rows of the fields that are asked for.
//!
//! All of it is under `/tushare`, with or without the API's name after it, as the versions of the vendor's client send it.

mod answers;
mod api;
mod basics;
mod call;
mod columns;
mod days;
mod limits;
mod minutes;
mod realtime;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::post;

use self::answers::{TushareAnswer, TushareError};
use self::api::ApiName;
use self::call::Call;
use super::kit::dialect::{Dialect, Routes};
use super::server::Server;
use crate::access::guard::{KeyPlaces, Rules, whole_body};

/// The dialect's row.
pub const DIALECT: Dialect = Dialect {
    rules: Rules { owns, refused: answers::refused, keys: KeyPlaces::Body(call::token) },
    headers: &[],
    parameters: &[],
    routes,
    encoders: &[],
    #[cfg(test)]
    parsers: &[|bytes| drop((call::token(bytes), Call::read(bytes, None))), call::values],
};

/// Whether a path is this dialect's.
fn owns(path: &str) -> bool {
    path.strip_prefix("/tushare").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn routes() -> Routes {
    Routes::default()
        .post(
            "/tushare",
            r#"{"api_name":"daily","token":"any","params":{"ts_code":"AAPL"},"fields":""}"#,
            post(call_named),
        )
        .post("/tushare/{api_name}", r#"{"api_name":"stock_basic","token":"any","params":{}}"#, post(call_at_path))
}

async fn call_named(State(server): State<Arc<Server>>, body: axum::body::Body) -> TushareAnswer {
    answered(&server, body, None).await
}

async fn call_at_path(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    body: axum::body::Body,
) -> TushareAnswer {
    answered(&server, body, Some(&name)).await
}

/// Answers a call; the name that the path has is that of the body.
async fn answered(server: &Server, body: axum::body::Body, name: Option<&str>) -> Result<Response, TushareError> {
    let call = Call::read(&whole_body(body).await?, name)?;
    match call.api {
        ApiName::TradeCal => basics::trade_cal(server, &call).await,
        ApiName::StockBasic => basics::stock_basic(server, &call).await,
        ApiName::Daily => days::daily(server, &call).await,
        ApiName::Weekly | ApiName::Monthly => days::longer(server, &call).await,
        ApiName::StkMins => minutes::stk_mins(server, &call).await,
        ApiName::AdjFactor => days::adj_factor(server, &call).await,
        ApiName::DailyBasic => days::daily_basic(server, &call).await,
        ApiName::StkLimit => limits::stk_limit(server, &call).await,
        ApiName::RtK => realtime::rt_k(server, &call).await,
    }
}
