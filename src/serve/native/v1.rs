//! Version 1 of the REST API: tickers, the last tick, ticks, bars and figures, in the shapes that its clients were written for. Times are ISO 8601
//! in UTC with milliseconds, and prices are text.

use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{ErrorBody, Meta, NativeAnswer, answer};
use super::bars::decimal;
use super::market::{PeriodName, StatsParameters};
use super::parameters::{NativeQuery, NoParameters, Ticker, limit, timeframe};
use crate::access::faults::Freshness;
use crate::query::errors::Refusal;
use crate::query::time::{Edge, precise};
use crate::query::{BarQuery, Period, PeriodFigures, QuotedTrade, ShownBar, TickQuery, TimeOrder, mean_price};
use crate::serve::server::Server;
use klined_market::bars::ticks::Level;
use klined_market::base::{Symbol, Traded, UnixNanos, UnixSeconds};
use klined_market::calendar::Hours;

/// Trading minutes of the ticks that are answered where nothing is said.
const HISTORY_MINUTES: u16 = 60;

/// A stock
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedTicker {
    pub ticker: String,
    pub name: String,
    pub sector: String,
    /// Price that the stock began with
    #[schema(example = "150.00")]
    pub initial_price: String,
}

/// Stocks
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described")]
pub struct ListedTickers {
    success: bool,
    data: Vec<ListedTicker>,
    meta: Meta,
}

/// Every stock that is traded, in order of ticker
#[utoipa::path(get, path = "/api/v1/tickers", tag = "v1",
    responses((status = 200, body = ListedTickers), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn tickers(State(server): State<Arc<Server>>, _: NativeQuery<NoParameters>) -> NativeAnswer {
    let universe = server.reader.ask(|store, _| Ok(store.universe()?)).await?;
    let listed = universe.into_iter().filter(|row| row.is_active && row.base_price.is_finite());
    let body = |row: klined_market::universe::UniverseRow| ListedTicker {
        ticker: row.symbol,
        name: row.name,
        sector: row.sector,
        initial_price: decimal(row.base_price),
    };
    let mut bodies: Vec<ListedTicker> = listed.map(body).collect();
    bodies.sort_by(|one, other| one.ticker.cmp(&other.ticker));
    answer(&bodies, &Meta { count: Some(bodies.len()), ..Meta::default() })
}

/// A tick: a trade with the best bid and ask
#[derive(Debug, Serialize, ToSchema)]
pub struct TickRow {
    #[schema(example = "2026-03-02T01:30:45.123Z")]
    pub time: String,
    pub ticker: String,
    #[schema(example = "152.34")]
    pub price: String,
    /// Shares; 0 is less than one
    pub volume: i64,
    /// Null where a price limit leaves the side empty
    pub bid: Option<String>,
    pub ask: Option<String>,
}

impl TickRow {
    fn of(symbol: Symbol, QuotedTrade { trade, quote }: &QuotedTrade) -> Self {
        let price = |level: Option<Level>| level.map(|level| level.price.to_string());
        Self {
            time: iso(trade.at),
            ticker: symbol.to_string(),
            price: trade.price.to_string(),
            volume: trade.shares,
            bid: price(quote.and_then(|quote| quote.bid)),
            ask: price(quote.and_then(|quote| quote.ask)),
        }
    }
}

/// A tick
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described")]
pub struct OneTick {
    success: bool,
    data: TickRow,
    meta: Meta,
}

/// Ticks
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described")]
pub struct ManyTicks {
    success: bool,
    data: Vec<TickRow>,
    meta: Meta,
}

/// An instant as ISO 8601 in UTC with milliseconds.
fn iso(at: UnixNanos) -> String {
    DateTime::from_timestamp_nanos(at.get()).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The last tick of a stock, with the bid and ask that stand now
#[utoipa::path(get, path = "/api/v1/quote/{ticker}", tag = "v1", params(("ticker" = String, Path)),
    responses((status = 200, body = OneTick), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn quote(
    State(server): State<Arc<Server>>,
    freshness: Freshness,
    Ticker(symbol): Ticker,
    _: NativeQuery<NoParameters>,
) -> NativeAnswer {
    let latest = server.latest_ticks(symbol, freshness.age()).await?;
    let trade = latest.trade.ok_or_else(|| Refusal::UnknownTicker(symbol.to_string()))?;
    let tick = TickRow::of(symbol, &QuotedTrade { trade, quote: latest.quote });
    answer(&tick, &Meta::default())
}

/// What ticks are asked for with.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TickRange {
    /// First instant: ISO 8601 (without a zone the exchange's), a date of the exchange, Unix seconds or milliseconds [default: an hour of
    /// trading before `end`]
    start: Option<String>,
    /// Last instant, included [default: now]
    end: Option<String>,
    /// [default: 1000]
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<u32>,
}

/// The first and the last instant that a client names.
fn range(
    hours: Hours,
    start: Option<&str>,
    end: Option<&str>,
) -> Result<(Option<UnixNanos>, Option<UnixNanos>), Refusal> {
    let parse = |name, text: Option<&str>, edge| {
        let instant = text.map(|text| precise(hours, name, text, edge)).transpose().map_err(Refusal::Invalid)?;
        Ok::<_, Refusal>(instant.map(|(seconds, fraction)| seconds.saturating_nanos().saturating_add(fraction)))
    };
    let (start, end) = (parse("start", start, Edge::Start)?, parse("end", end, Edge::End)?);
    if start.zip(end).is_some_and(|(start, end)| end < start) {
        return Err(Refusal::Invalid("end must not be earlier than start".to_owned()));
    }
    Ok((start, end))
}

/// Start of the trading minutes that end with an instant, or with the market's newest minute if that is earlier: so many of them, or those of
/// a trading day.
async fn default_start(server: &Server, minutes: Option<u16>, end: Option<UnixNanos>) -> Result<UnixSeconds, Refusal> {
    let newest = server.reader.price_list().await?.newest.ok_or(Refusal::NoMarket)?;
    let calendar = server.reader.calendar();
    let last = end.map_or(newest, |end| newest.min(end.seconds()));
    let Some(last) = calendar.last_starting_before(last.next())? else { return Ok(UnixSeconds::EPOCH) };
    let of_day = || u16::try_from(calendar.minutes_of(calendar.day_of(last)).count()).unwrap_or(u16::MAX);
    Ok(Period::Minutes(minutes.unwrap_or_else(of_day)).start(&calendar, last.start()))
}

/// Ticks of a stock, oldest first
///
/// With `start` these are the first ticks from there on, without it the last ones before `end`.
#[utoipa::path(get, path = "/api/v1/history/{ticker}", tag = "v1", params(("ticker" = String, Path), TickRange),
    responses((status = 200, body = ManyTicks), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn history(
    State(server): State<Arc<Server>>,
    Ticker(symbol): Ticker,
    NativeQuery(asked): NativeQuery<TickRange>,
) -> NativeAnswer {
    let ((start, end), limit) =
        (range(server.hours(), asked.start.as_deref(), asked.end.as_deref())?, limit(asked.limit, 1000, 10_000)?);
    server.reader.price(symbol).await?;
    let order = if start.is_some() { TimeOrder::Ascending } else { TimeOrder::Descending };
    let from = match start {
        Some(start) => start,
        None => default_start(&server, Some(HISTORY_MINUTES), end).await?.saturating_nanos(),
    };
    let query = TickQuery { from, to: end.unwrap_or(UnixNanos::MAX), order, ..TickQuery::newest(symbol, limit) };
    let mut found = Vec::new();
    let mut page = TickQuery { after: None, ..query };
    // A page ends early where minutes have few ticks. Each of its minutes has one, so the limit bounds the pages.
    loop {
        let left = usize::from(limit) - found.len();
        page.limit = u16::try_from(left).unwrap_or(limit);
        let part = server.tick_page::<QuotedTrade>(page).await?;
        found.extend(part.ticks);
        match part.next {
            Some(next) if found.len() < usize::from(limit) => page.after = Some(next),
            _ => break,
        }
    }
    if order == TimeOrder::Descending {
        found.reverse();
    }
    let rows: Vec<TickRow> = found.iter().map(|tick| TickRow::of(symbol, tick)).collect();
    answer(&rows, &Meta { count: Some(rows.len()), ..Meta::default() })
}

/// What bars are asked for with.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BarRange {
    /// A number of m, h, d, w, M, q or y: 1m 5m 15m 30m 60m 120m 1d 1w 1M are stored, others are sums of those [default: 1m]
    #[param(pattern = "^[0-9]{1,4}(m|h|H|d|D|w|W|M|mo|q|Q|y|Y)$")]
    timeframe: Option<String>,
    /// First bar's start: ISO 8601 (without a zone the exchange's), a date of the exchange, Unix seconds or milliseconds [default: a day of
    /// trading before `end`]
    start: Option<String>,
    /// Last bar's start, included [default: now]
    end: Option<String>,
    /// [default: 500]
    #[param(minimum = 1, maximum = 5000)]
    limit: Option<u32>,
}

/// A bar
#[derive(Debug, Serialize, ToSchema)]
pub struct BarRow {
    /// Start of its first minute
    #[schema(example = "2026-03-02T01:30:00.000Z")]
    pub time: String,
    pub ticker: String,
    /// As it was asked for
    pub timeframe: String,
    #[schema(example = "150.25")]
    pub open: String,
    pub high: String,
    pub low: String,
    pub close: String,
    /// Shares
    pub volume: i64,
}

/// Bars
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described")]
pub struct ManyBars {
    success: bool,
    data: Vec<BarRow>,
    meta: Meta,
}

/// Bars of a stock, oldest first
///
/// With `start` these are the first bars from there on, without it the last ones before `end`.
#[utoipa::path(get, path = "/api/v1/bars/{ticker}", tag = "v1", params(("ticker" = String, Path), BarRange),
    responses((status = 200, body = ManyBars), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn bars(
    State(server): State<Arc<Server>>,
    Ticker(symbol): Ticker,
    NativeQuery(asked): NativeQuery<BarRange>,
) -> NativeAnswer {
    let name = asked.timeframe.as_deref().unwrap_or("1m");
    let timeframe = timeframe("timeframe", Some(name))?;
    let ((start, end), limit) =
        (range(server.hours(), asked.start.as_deref(), asked.end.as_deref())?, limit(asked.limit, 500, 5000)?);
    let order = if start.is_some() { TimeOrder::Ascending } else { TimeOrder::Descending };
    let from = match start {
        Some(start) => start.seconds_ceil(),
        None => {
            server.reader.price(symbol).await?;
            let from = default_start(&server, None, end).await?;
            // The bar that a day of trading begins in belongs to it.
            let calendar = server.reader.calendar();
            calendar.minute_starting(from).map_or(from, |minute| calendar.bucket(minute, timeframe).first.start())
        }
    };
    let query = BarQuery {
        limit,
        order,
        start: Some(from),
        end: end.map(UnixNanos::seconds),
        ..BarQuery::latest(symbol, timeframe)
    };
    let mut page = server.reader.bars(query).await?;
    if order == TimeOrder::Descending {
        page.bars.reverse();
    }
    let row = |bar: &ShownBar| BarRow {
        time: iso(bar.start.saturating_nanos()),
        ticker: symbol.to_string(),
        timeframe: name.to_owned(),
        open: decimal(bar.open),
        high: decimal(bar.high),
        low: decimal(bar.low),
        close: decimal(bar.close),
        volume: bar.volume,
    };
    let rows: Vec<BarRow> = page.bars.iter().map(row).collect();
    answer(&rows, &Meta { count: Some(rows.len()), ..Meta::default() })
}

/// Figures of a stock over a period
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsRow {
    pub ticker: String,
    pub period: PeriodName,
    /// Trades
    pub tick_count: i64,
    #[schema(example = "150.25")]
    pub open: String,
    pub high: String,
    pub low: String,
    pub close: String,
    /// Mean of the trades' prices by their sizes
    pub avg_price: String,
    /// Shares
    pub total_volume: i64,
    /// Root of the squared log returns from close to close, scaled to a trading day (0.02 = 2 %)
    pub volatility: f64,
    /// From the first open to the last close
    pub change: String,
    /// The same in per cent
    pub change_pct: f64,
}

/// Figures
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described")]
pub struct OneStats {
    success: bool,
    data: StatsRow,
    meta: Meta,
}

/// Ticks, prices, volume and change of the last 60 trading minutes, or of 1, 7 or 30 trading days
#[utoipa::path(get, path = "/api/v1/stats/{ticker}", tag = "v1", params(("ticker" = String, Path), StatsParameters),
    responses((status = 200, body = OneStats), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn stats(
    State(server): State<Arc<Server>>,
    Ticker(symbol): Ticker,
    NativeQuery(asked): NativeQuery<StatsParameters>,
) -> NativeAnswer {
    let period = asked.period();
    let PeriodFigures { from, to, open, high, low, close, volume, traded, volatility, .. } =
        server.reader.figures(symbol, period.into()).await?;
    let traded = match traded {
        Some(traded) => Some(traded),
        None => {
            let ticks = server.ticks.clone();
            server.reader.ask(move |_, _| ticks.traded(symbol, from, to)).await?
        }
    };
    let row = StatsRow {
        ticker: symbol.to_string(),
        period,
        tick_count: traded.map_or(0, Traded::trades),
        open: decimal(open),
        high: decimal(high),
        low: decimal(low),
        close: decimal(close),
        avg_price: decimal(mean_price(traded, volume).unwrap_or(close)),
        total_volume: volume,
        volatility,
        change: decimal(close - open),
        change_pct: ((close / open - 1.0) * 100_000.0).round() / 1000.0,
    };
    answer(&row, &Meta::default())
}
