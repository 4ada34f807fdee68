//! The market's clock and session, the server's health and its metrics.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::NaiveTime;
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{ErrorBody, Meta, NativeAnswer, answer};
use super::parameters::{NativeQuery, NoParameters};
use crate::query::errors::Refusal;
use crate::relay::{LinkState, LinkStatus, Relay};
use crate::serve::kit::answers::{json, message};
use crate::serve::server::Server;
use klined_market::base::{Pace, UnixSeconds};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The most synthetic symbols that `/health` lists.
const SYNTHETIC_SHOWN: usize = 1_000;

/// The market's clock and session
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusBody {
    /// live: with the clock, in the exchange's hours; test: without closed hours; null before the generator's first minute
    pub pace: Option<&'static str>,
    /// Minutes of the market in one of the wall clock
    pub speed: Option<f64>,
    /// The market's time, Unix milliseconds
    pub now: Option<i64>,
    /// Start of the minute that is being traded or that comes next, Unix seconds
    pub open_minute: Option<i64>,
    /// Whether trade is open
    pub is_trading: bool,
    /// morning, afternoon, regular (of a market without a break) or closed
    pub session: &'static str,
    /// Of the present session, or of the next one while it is closed; Unix seconds
    pub session_start: i64,
    pub session_end: i64,
    /// End of the last committed minute, or the instant at which the state changed since; Unix seconds
    pub market_time: i64,
    /// Start of the newest 1-minute bar, Unix seconds
    pub last_bar: Option<i64>,
    /// Stocks with bars
    pub tickers: usize,
    /// The last day whose holidays are known and not projected
    pub calendar_known_until: String,
    /// sse, nyse, 24x7 or fx
    pub calendar: &'static str,
    /// Time zone of the market's clocks, a name of the tz database
    pub time_zone: &'static str,
    /// Sessions of a regular day by the market's clocks; a session that closes no later than it opens begins on the evening before
    pub sessions: Vec<SessionBody>,
}

/// A session by the market's clocks
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionBody {
    /// HH:MM
    pub open: String,
    /// HH:MM, the end of its last minute
    pub close: String,
}

impl SessionBody {
    fn of((opens, closes): (NaiveTime, NaiveTime)) -> Self {
        let [open, close] = [opens, closes].map(|time| time.format("%H:%M").to_string());
        Self { open, close }
    }
}

/// The market's state
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described")]
pub struct MarketStatusBody {
    success: bool,
    data: StatusBody,
    meta: Meta,
}

/// The market's clock and session
#[utoipa::path(get, path = "/api/v2/status", tag = "market",
    responses((status = 200, body = MarketStatusBody), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn status(State(server): State<Arc<Server>>, _: NativeQuery<NoParameters>) -> NativeAnswer {
    let (prices, standing) = (server.reader.price_list().await?, server.reader.standing().await?);
    let Some(status) = standing.status else { return Err(Refusal::NoMarket.into()) };
    let (pace, speed) = match standing.clock.map(|clock| clock.pace) {
        None => (None, None),
        Some(Pace::Live) => (Some("live"), Some(1.0)),
        Some(Pace::Test { speed }) => (Some("test"), Some(speed)),
    };
    let now = standing.clock.map(|clock| clock.now(server.clock.now_nanos()).millis());
    let hours = server.hours();
    let body = StatusBody {
        pace,
        speed,
        now,
        open_minute: standing.clock.map(|clock| clock.open_minute.get()),
        is_trading: status.is_trading(),
        session: status.span.session.as_str(),
        session_start: status.span.start.get(),
        session_end: status.span.end.get(),
        market_time: status.last_update.get(),
        last_bar: prices.newest.map(UnixSeconds::get),
        tickers: prices.rows.len(),
        calendar_known_until: server.reader.calendar().known_until().to_string(),
        calendar: hours.as_str(),
        time_zone: hours.zone().name(),
        sessions: hours.sessions_by_clock().into_iter().map(SessionBody::of).collect(),
    };
    answer(&body, &Meta::default())
}

/// Whether the server can serve
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthBody {
    /// `ok` or `unavailable`
    pub status: &'static str,
    pub version: &'static str,
    /// End of the last minute that is committed, Unix seconds
    pub market_time: Option<i64>,
    /// What is passed on to real vendors; absent where nothing is
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelayBody>,
}

/// What is passed on to real vendors, and what is not
#[derive(Debug, Serialize, ToSchema)]
pub struct RelayBody {
    /// Symbols of the synthetic market, as many as there are
    pub synthetic_count: usize,
    /// The first 1,000 of them. All other symbols are the vendors'
    pub synthetic_symbols: Vec<String>,
    /// Each connection to a vendor's feed
    pub links: Vec<LinkBody>,
}

/// A connection to a vendor's feed
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkBody {
    /// alpaca or polygon
    pub vendor: &'static str,
    pub feed: String,
    /// idle, connecting, connected or lost
    pub state: &'static str,
    /// How often it was opened again after a loss
    pub reconnects: u64,
    /// Clients with a subscription there
    pub clients: usize,
    /// Subscriptions at the vendor
    pub topics: usize,
}

impl RelayBody {
    fn of(relay: &Relay) -> Self {
        let synthetic = relay.synthetic();
        let link = |LinkStatus { vendor, feed, state, reconnects, clients, topics, .. }| LinkBody {
            vendor,
            feed,
            state: LinkState::as_str(state),
            reconnects,
            clients,
            topics,
        };
        Self {
            synthetic_count: synthetic.len(),
            synthetic_symbols: synthetic.iter().take(SYNTHETIC_SHOWN).map(ToString::to_string).collect(),
            links: relay.status().into_iter().map(link).collect(),
        }
    }
}

/// Whether the server and its database answer; needs no key
#[utoipa::path(get, path = "/health", tag = "market", security(()),
    responses((status = 200, body = HealthBody), (status = 429, body = ErrorBody), (status = 503, body = HealthBody)))]
pub async fn health(State(server): State<Arc<Server>>) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    let relay = server.options.relay.as_deref().map(RelayBody::of);
    match server.reader.standing().await {
        Ok(standing) => {
            let market_time = standing.status.map(|status| status.last_update.get());
            json(message(&HealthBody { status: "ok", version, market_time, relay }))
        }
        Err(refusal) => {
            let body = HealthBody { status: "unavailable", version, market_time: None, relay };
            (refusal.status(), json(message(&body))).into_response()
        }
    }
}

/// The metrics of the server, as OpenMetrics text.
pub async fn metrics(State(server): State<Arc<Server>>, _: NativeQuery<NoParameters>) -> NativeAnswer {
    let text =
        server.metrics.text(server.reader.hits_and_misses(), server.hub.counts()).map_err(|_| Refusal::Internal(0))?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}
