//! Stocks with their last prices and figures.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{ErrorBody, Meta, NativeAnswer, answer};
use super::bars::decimal;
use super::parameters::{NativeQuery, NoParameters, Ticker, limit, ticker};
use crate::access::faults::Freshness;
use crate::query::errors::Refusal;
use crate::query::{DayFigures, Period, PeriodFigures};
use crate::serve::server::Server;
use crate::store::PriceRow;
use klined_market::bars::ticks::Level;

/// The parameters of a list of tickers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TickerParameters {
    /// Only stocks whose ticker begins with this text or whose name contains it; upper and lower case are the same
    search: Option<String>,
    /// Only stocks of this sector; upper and lower case are the same
    sector: Option<String>,
    /// [default: 100]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `meta.next_after` of the page before
    after: Option<String>,
}

/// A stock with its last price
#[derive(Debug, Serialize, ToSchema)]
pub struct TickerBody<'a> {
    pub symbol: &'a str,
    pub name: &'a str,
    pub sector: &'a str,
    /// free, main, chinext, star or beijing
    pub board: &'a str,
    /// Close of the last minute
    #[schema(example = "150.25")]
    pub price: String,
    /// Against the close of the trading day before; null after a crash of the database until the next minute
    pub change_percent: Option<f64>,
    /// Shares traded since the day's open; null like change_percent
    pub volume: Option<i64>,
    /// Start of the last minute, Unix seconds
    pub last_update: i64,
    /// Whether its trade is halted
    pub halted: bool,
    /// Whether it will trade on coming days
    pub active: bool,
}

/// Stocks
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described")]
pub struct TickersBody<'a> {
    success: bool,
    data: Vec<TickerBody<'a>>,
    meta: Meta,
}

fn ticker_body(row: &PriceRow) -> TickerBody<'_> {
    TickerBody {
        symbol: row.symbol.as_str(),
        name: &row.name,
        sector: &row.sector,
        board: &row.board,
        price: decimal(row.price),
        change_percent: row.change_percent,
        volume: row.volume,
        last_update: row.last_update.get(),
        halted: row.is_halted,
        active: row.is_active,
    }
}

/// Stocks, in order of ticker
#[utoipa::path(get, path = "/api/v2/tickers", tag = "market", params(TickerParameters),
    responses((status = 200, body = TickersBody), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn tickers(
    State(server): State<Arc<Server>>,
    NativeQuery(asked): NativeQuery<TickerParameters>,
) -> NativeAnswer {
    let limit = usize::from(limit(asked.limit, 100, 1000)?);
    let wrong = |_| Refusal::Invalid("after must be the next_after of the page before".to_owned());
    let after = asked.after.as_deref().map(|text| ticker(text).map_err(wrong)).transpose()?;
    let (search, sector) = (asked.search.map(|text| text.to_lowercase()), asked.sector.map(|text| text.to_lowercase()));
    let is_listed = |row: &&PriceRow| {
        let is_found = |search: &String| {
            row.symbol.as_str().to_lowercase().starts_with(search) || row.name.to_lowercase().contains(search)
        };
        after.is_none_or(|after| row.symbol > after)
            && search.as_ref().is_none_or(is_found)
            && sector.as_ref().is_none_or(|sector| row.sector.to_lowercase() == *sector)
    };
    let prices = server.reader.price_list().await?;
    let mut found = prices.rows.iter().filter(is_listed);
    let bodies: Vec<TickerBody<'_>> = found.by_ref().take(limit).map(ticker_body).collect();
    let has_more = found.next().is_some();
    let next_after = bodies.last().filter(|_| has_more).map(|last| last.symbol.to_owned());
    answer(&bodies, &Meta { count: Some(bodies.len()), next_after, ..Meta::default() })
}

/// A stock's price and its day so far
#[derive(Debug, Serialize, ToSchema)]
pub struct QuoteBody<'a> {
    pub symbol: &'a str,
    /// Of the last trade, the open minute's included
    #[schema(example = "150.25")]
    pub price: String,
    /// Null where a price limit leaves the side empty
    pub bid: Option<String>,
    pub bid_size: Option<i64>,
    pub ask: Option<String>,
    pub ask_size: Option<i64>,
    /// Against the previous close; null on the first day that is kept
    pub change: Option<String>,
    pub change_percent: Option<f64>,
    /// Of the trading day before; null on the first day that is kept
    pub previous_close: Option<String>,
    pub open: String,
    pub high: String,
    pub low: String,
    /// Shares traded since the day's open
    pub volume: i64,
    /// Start of the minute of the last trade, Unix seconds
    pub time: i64,
    pub halted: bool,
}

/// A quote
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described")]
pub struct OneQuoteBody<'a> {
    success: bool,
    data: QuoteBody<'a>,
    meta: Meta,
}

/// A stock's price and its day so far
#[utoipa::path(get, path = "/api/v2/quote/{ticker}", tag = "market", params(("ticker" = String, Path)),
    responses((status = 200, body = OneQuoteBody), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn quote(
    State(server): State<Arc<Server>>,
    freshness: Freshness,
    Ticker(symbol): Ticker,
    _: NativeQuery<NoParameters>,
) -> NativeAnswer {
    let row = server.reader.price(symbol).await?;
    let (day, present) = (server.reader.day(symbol).await?, server.open_minute(symbol, freshness.age()).await?);
    let DayFigures { last, open, high, low, close, volume, previous_close, .. } =
        present.of_day(day, &server.reader.calendar());
    let (bid, ask) = present.quote.map_or((None, None), |quote| (quote.bid, quote.ask));
    let price = |level: Option<Level>| level.map(|level| level.price.to_string());
    // Sums of hundredths: rounded to a hundredth they are exact.
    let change = previous_close.map(|previous| decimal(close - previous));
    let change_percent = previous_close.map(|previous| thousandths((close / previous - 1.0) * 100.0));
    let body = QuoteBody {
        symbol: symbol.as_str(),
        price: decimal(close),
        bid: price(bid),
        bid_size: bid.map(|level| level.shares),
        ask: price(ask),
        ask_size: ask.map(|level| level.shares),
        change,
        change_percent,
        previous_close: previous_close.map(decimal),
        open: decimal(open),
        high: decimal(high),
        low: decimal(low),
        volume,
        time: last.get(),
        halted: row.is_halted,
    };
    answer(&body, &Meta::default())
}

/// A number of per cent as `stock_realtime_price` keeps it.
fn thousandths(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// The parameters of figures.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatsParameters {
    /// The last 60 trading minutes, or this many trading days including the present one [default: 1d]
    #[param(inline)]
    period: Option<PeriodName>,
}

/// A time that ends with the market's newest minute
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
pub enum PeriodName {
    #[serde(rename = "1h")]
    Hour,
    #[default]
    #[serde(rename = "1d")]
    Day,
    #[serde(rename = "7d")]
    Days7,
    #[serde(rename = "30d")]
    Days30,
}

impl StatsParameters {
    /// The period that is asked for.
    pub fn period(&self) -> PeriodName {
        self.period.unwrap_or_default()
    }
}

impl From<PeriodName> for Period {
    fn from(name: PeriodName) -> Self {
        match name {
            PeriodName::Hour => Self::Minutes(60),
            PeriodName::Day => Self::Days(1),
            PeriodName::Days7 => Self::Days(7),
            PeriodName::Days30 => Self::Days(30),
        }
    }
}

/// Figures of a stock over a time
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsBody<'a> {
    pub symbol: &'a str,
    pub period: PeriodName,
    /// Start of the first and of the last minute with a bar, Unix seconds
    pub from: i64,
    pub to: i64,
    /// Minutes with a bar
    pub bars: usize,
    pub open: String,
    pub high: String,
    pub low: String,
    pub close: String,
    /// Of the minutes' closes
    pub mean: String,
    /// Shares
    pub volume: i64,
    /// From the first open to the last close, per cent
    pub change_percent: f64,
    /// Root of the squared log returns from close to close, scaled to the minutes of a trading day (0.02 = 2 %)
    pub volatility: f64,
}

/// Figures
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described")]
pub struct OneStatsBody<'a> {
    success: bool,
    data: StatsBody<'a>,
    meta: Meta,
}

/// High, low, mean, volume, change and volatility of the last minutes or days
#[utoipa::path(get, path = "/api/v2/stats/{ticker}", tag = "market", params(("ticker" = String, Path), StatsParameters),
    responses((status = 200, body = OneStatsBody), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn stats(
    State(server): State<Arc<Server>>,
    Ticker(symbol): Ticker,
    NativeQuery(asked): NativeQuery<StatsParameters>,
) -> NativeAnswer {
    let period = asked.period();
    let PeriodFigures { from, to, bars, open, high, low, close, mean, volume, volatility, .. } =
        server.reader.figures(symbol, period.into()).await?;
    let body = StatsBody {
        symbol: symbol.as_str(),
        period,
        from: from.get(),
        to: to.get(),
        bars,
        open: decimal(open),
        high: decimal(high),
        low: decimal(low),
        close: decimal(close),
        mean: decimal(mean),
        volume,
        change_percent: thousandths((close / open - 1.0) * 100.0),
        volatility,
    };
    answer(&body, &Meta::default())
}
