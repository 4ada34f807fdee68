//! The truth behind the bars, for testers.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{ErrorBody, Meta, NativeAnswer, answer};
use super::parameters::{NativeQuery, Ticker, range};
use crate::query::errors::Refusal;
use crate::query::{TRUTH_DAYS_MAX, truth as find};
use crate::serve::server::Server;
use klined_market::base::Seconds;
use klined_market::model::Effect;

/// The parameters of the truth.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TruthParameters {
    /// First minute: RFC 3339 (without a zone the exchange's), a date of the exchange, Unix seconds or milliseconds. Without it: the day of `end`
    start: Option<String>,
    /// Last minute, at most 31 days later; a date means all of that day. Without it: the last bar
    end: Option<String>,
}

/// Consecutive minutes of one regime
#[derive(Debug, Serialize, ToSchema)]
pub struct RegimeBody {
    /// Start of the first minute, Unix seconds
    pub from: i64,
    /// End of the last, Unix seconds
    pub until: i64,
    /// bull, bear or sideways
    pub regime: &'static str,
}

/// An event that a scenario forced upon the stock
#[derive(Debug, Serialize, ToSchema)]
pub struct EventBody {
    pub scenario: String,
    /// market, sector NAME or symbol NAME
    pub scope: String,
    /// regime, move, halt, gap or volatility
    pub kind: &'static str,
    pub regime: Option<&'static str>,
    /// Per cent of a move or gap, factor of a volatility
    pub amount: Option<f64>,
    /// Start of the first minute touched, Unix seconds
    pub from: i64,
    /// End of the last, Unix seconds
    pub until: i64,
}

/// The truth behind some minutes
#[derive(Debug, Serialize, ToSchema)]
pub struct TruthBody<'a> {
    pub symbol: &'a str,
    pub from: i64,
    pub until: i64,
    /// Whether the bars made again are those stored; if not, the regimes may not be theirs either
    pub exact: bool,
    pub regimes: Vec<RegimeBody>,
    pub events: Vec<EventBody>,
}

/// The truth
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described")]
pub struct OneTruthBody<'a> {
    success: bool,
    data: TruthBody<'a>,
    meta: Meta,
}

/// The regime of each minute and the events forced upon it
#[utoipa::path(get, path = "/api/v2/truth/{ticker}", tag = "market", params(("ticker" = String, Path), TruthParameters),
    responses((status = 200, body = OneTruthBody), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn truth(
    State(server): State<Arc<Server>>,
    Ticker(symbol): Ticker,
    NativeQuery(asked): NativeQuery<TruthParameters>,
) -> NativeAnswer {
    let (start, end) = range(server.hours(), asked.start.as_deref(), asked.end.as_deref())?;
    let row = server.reader.price(symbol).await?;
    let until = end.unwrap_or(row.last_update);
    let calendar = server.reader.calendar();
    let day_of = |instant| calendar.date_of(instant).and_then(|date| calendar.midnight(date)).map_err(Refusal::from);
    let from = start.map_or_else(|| day_of(until), Ok)?;
    if until.saturating_since(from) > Seconds::DAY * TRUTH_DAYS_MAX {
        return Err(Refusal::Invalid(format!("start and end must be at most {TRUTH_DAYS_MAX} days apart")).into());
    }
    let market = server.ticks.market();
    let found = server.reader.ask(move |_, _| find(&market, symbol, &row.sector, from, until)).await?;
    let regimes = found.regimes.iter().map(|span| RegimeBody {
        from: span.from.get(),
        until: span.until.get(),
        regime: span.regime.as_str(),
    });
    let events = found.events.iter().map(|(scenario, event)| EventBody {
        scenario: scenario.clone(),
        scope: event.scope.to_string(),
        kind: event.effect.kind().as_str(),
        regime: match event.effect {
            Effect::Regime(regime) => Some(regime.as_str()),
            _ => None,
        },
        amount: event.effect.amount(),
        from: event.from.get(),
        until: event.until.get(),
    });
    let (regimes, events) = (regimes.collect(), events.collect());
    let (from, until) = (from.get(), until.get());
    let body = TruthBody { symbol: symbol.as_str(), from, until, exact: found.is_exact, regimes, events };
    answer(&body, &Meta::default())
}
