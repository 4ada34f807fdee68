//! Pages of bars.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{ErrorBody, Meta, NativeAnswer, enveloped};
use super::arrow::{ArrowBody, arrow, require};
use super::csv::csv;
use super::parameters::{
    FillName, FormatName, LabelName, NativeQuery, OrderName, Ticker, limit, page_token, range, ticker, timeframe,
};
use crate::query::errors::Refusal;
use crate::query::{BarPage, BarQuery, Label, PageKey, Shape, ShownBar};
use crate::serve::kit::answers::{encoded, json};
use crate::serve::server::Server;
use klined_market::base::{Interval, Timeframe, Traded, UnixSeconds};
use klined_market::calendar::Calendar;

/// The parameters of a page of bars.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BarParameters {
    /// A number of m, h, d, w, M, q or y: 1m 5m 15m 30m 60m 120m 1d 1w 1M are stored, others are sums of those [default: 1m]
    #[param(pattern = "^[0-9]{1,4}(m|h|H|d|D|w|W|M|mo|q|Q|y|Y)$")]
    timeframe: Option<String>,
    /// First bar's start: RFC 3339 (without a zone the exchange's), a date of the exchange, Unix seconds or milliseconds. Without it: the latest bars
    start: Option<String>,
    /// Last bar's start, included; a date means all of that day
    end: Option<String>,
    /// [default: 500]
    #[param(minimum = 1, maximum = 5000)]
    limit: Option<u32>,
    /// [default: asc]
    #[param(inline)]
    order: Option<OrderName>,
    /// Minutes without a bar, as in a halt, are left out or filled with a flat bar without volume [default: skip]
    #[param(inline)]
    fill: Option<FillName>,
    /// Whether a bar's time is the start of its first minute or the end of its last [default: start]
    #[param(inline)]
    label: Option<LabelName>,
    /// `csv` and `arrow` (a stream of Arrow, if the server was built with it) have the columns and numbers of `klined export bars`, and the next page's token in the header `X-Next-Page-Token` [default: json]
    #[param(inline)]
    format: Option<FormatName>,
    /// `meta.next_page_token` of the previous page
    page_token: Option<String>,
}

/// The parameters of a page of 1-minute bars.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryParameters {
    /// First bar's start: RFC 3339 (without a zone the exchange's), a date of the exchange, Unix seconds or milliseconds. Without it: the latest bars
    start: Option<String>,
    /// Last bar's start, included; a date means all of that day
    end: Option<String>,
    /// [default: 1000]
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<u32>,
    /// `csv` and `arrow` (a stream of Arrow, if the server was built with it) have the columns and numbers of `klined export bars`, and the next page's token in the header `X-Next-Page-Token` [default: json]
    #[param(inline)]
    format: Option<FormatName>,
    /// `meta.next_page_token` of the previous page
    page_token: Option<String>,
}

/// The parameters of the chart page's bars.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct KlineParameters {
    symbol: String,
    /// A number of m, h, d, w, M, q or y: 1m 5m 15m 30m 60m 120m 1d 1w 1M are stored, others are sums of those [default: 1m]
    #[param(pattern = "^[0-9]{1,4}(m|h|H|d|D|w|W|M|mo|q|Q|y|Y)$")]
    interval: Option<String>,
    /// [default: 200]
    #[param(minimum = 1, maximum = 5000)]
    limit: Option<u32>,
    /// Only bars that start then or earlier
    end: Option<String>,
}

/// A bar
#[derive(Debug, Serialize, ToSchema)]
pub struct BarBody {
    /// Unix seconds: the start of its first minute, or with label=end the end of its last
    pub time: i64,
    #[schema(example = "150.25")]
    pub open: String,
    pub high: String,
    pub low: String,
    pub close: String,
    /// Shares
    pub volume: i64,
    /// Sum of price times size of the trades; null in bars of earlier versions, as is `trades`
    #[schema(example = "1860350.50")]
    pub turnover: Option<String>,
    /// Number of trades
    pub trades: Option<i64>,
}

/// Bars
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described")]
pub struct BarsBody {
    success: bool,
    data: Vec<BarBody>,
    meta: Meta,
}

/// A bar as the chart page takes it
#[derive(Debug, Serialize, ToSchema)]
pub struct KlineBody<'a> {
    pub symbol: &'a str,
    pub interval: &'a str,
    /// Start of its first minute, Unix seconds
    pub time: i64,
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    /// Shares
    pub volume: i64,
    /// Sum of price times size of the trades; null in bars of earlier versions, as is `trades`
    pub turnover: Option<f64>,
    /// Number of trades
    pub trades: Option<i64>,
}

/// A price in an answer: hundredths are stored.
pub fn decimal(price: f64) -> String {
    format!("{price:.2}")
}

fn encode(page: &BarPage, timeframe: Timeframe, label: Label, calendar: &Calendar) -> Result<Bytes, Refusal> {
    let body = |bar: &ShownBar| BarBody {
        time: bar.time(timeframe, label, calendar).get(),
        open: decimal(bar.open),
        high: decimal(bar.high),
        low: decimal(bar.low),
        close: decimal(bar.close),
        volume: bar.volume,
        turnover: bar.traded.map(|traded| decimal(traded.turnover_units())),
        trades: bar.traded.map(Traded::trades),
    };
    let bars: Vec<BarBody> = page.bars.iter().map(body).collect();
    let next_page_token = page.next.as_ref().map(ToString::to_string);
    enveloped(&bars, &Meta { count: Some(bars.len()), next_page_token, ..Meta::default() })
}

/// Answers with a page; the latest bars, as they are asked for without bounds, may be ready.
async fn page(server: &Server, query: BarQuery, label: Label, format: Option<FormatName>) -> NativeAnswer {
    let BarQuery { symbol, timeframe, start, end, order, empty_minutes, limit, after } = query;
    match format.unwrap_or_default() {
        FormatName::Json => {}
        FormatName::Csv => {
            let found = server.reader.bars(query).await?;
            return Ok(csv(&found, &symbol, timeframe, label, &server.reader.calendar()));
        }
        FormatName::Arrow => {
            require()?;
            let found = server.reader.bars(query).await?;
            return Ok(arrow(&found, &symbol, timeframe, label, &server.reader.calendar())?);
        }
    }
    let made = async {
        let found = server.reader.bars(query).await?;
        encode(&found, timeframe, label, &server.reader.calendar())
    };
    let body = match (start, end, after) {
        (None, None, None) => {
            let key = PageKey { symbol, timeframe, limit, shape: Shape::Native(order, empty_minutes, label) };
            server.reader.page(key, made).await?
        }
        _ => made.await?,
    };
    Ok(json(body))
}

/// A page of bars
///
/// Without `start` these are the latest bars up to `end`, in ascending order as well; `order=desc` goes on to older ones page
/// after page.
#[utoipa::path(get, path = "/api/v2/bars/{ticker}", tag = "bars",
    params(("ticker" = String, Path), BarParameters),
    responses((status = 200, content((BarsBody = "application/json"), (String = "text/csv"), (ArrowBody = "application/vnd.apache.arrow.stream"))), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn bars(
    State(server): State<Arc<Server>>,
    Ticker(symbol): Ticker,
    NativeQuery(asked): NativeQuery<BarParameters>,
) -> NativeAnswer {
    let (start, end) = range(server.hours(), asked.start.as_deref(), asked.end.as_deref())?;
    let query = BarQuery {
        symbol,
        timeframe: timeframe("timeframe", asked.timeframe.as_deref())?,
        start,
        end,
        order: asked.order.unwrap_or_default().into(),
        empty_minutes: asked.fill.unwrap_or_default().into(),
        limit: limit(asked.limit, 500, 5000)?,
        after: page_token(asked.page_token.as_deref())?.map(UnixSeconds::new),
    };
    page(&server, query, asked.label.unwrap_or_default().into(), asked.format).await
}

/// A page of 1-minute bars
#[utoipa::path(get, path = "/api/v2/history/{ticker}", tag = "bars",
    params(("ticker" = String, Path), HistoryParameters),
    responses((status = 200, content((BarsBody = "application/json"), (String = "text/csv"), (ArrowBody = "application/vnd.apache.arrow.stream"))), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn history(
    State(server): State<Arc<Server>>,
    Ticker(symbol): Ticker,
    NativeQuery(asked): NativeQuery<HistoryParameters>,
) -> NativeAnswer {
    let (start, end) = range(server.hours(), asked.start.as_deref(), asked.end.as_deref())?;
    let (limit, after) =
        (limit(asked.limit, 1000, 10_000)?, page_token(asked.page_token.as_deref())?.map(UnixSeconds::new));
    let query = BarQuery { start, end, limit, after, ..BarQuery::latest(symbol, Interval::Minute1) };
    page(&server, query, Label::Start, asked.format).await
}

/// The latest bars as a chart takes them: ascending, numbers
#[utoipa::path(get, path = "/api/klines", tag = "bars", params(KlineParameters),
    responses((status = 200, body = Vec<KlineBody>), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn klines(
    State(server): State<Arc<Server>>,
    NativeQuery(asked): NativeQuery<KlineParameters>,
) -> NativeAnswer {
    let (symbol, timeframe) = (ticker(&asked.symbol)?, timeframe("interval", asked.interval.as_deref())?);
    let name = timeframe.to_string();
    let limit = limit(asked.limit, 200, 5000)?;
    let (_, end) = range(server.hours(), None, asked.end.as_deref())?;
    let made = async {
        let found = server.reader.bars(BarQuery { end, limit, ..BarQuery::latest(symbol, timeframe) }).await?;
        let row = |bar: &ShownBar| {
            let ShownBar { start, open, high, low, close, volume, traded } = *bar;
            KlineBody {
                symbol: symbol.as_str(),
                interval: &name,
                time: start.get(),
                open,
                high,
                low,
                close,
                volume,
                turnover: traded.map(Traded::turnover_units),
                trades: traded.map(Traded::trades),
            }
        };
        encoded(&found.bars.iter().map(row).collect::<Vec<_>>())
    };
    let body = match end {
        None => server.reader.page(PageKey { symbol, timeframe, limit, shape: Shape::Klines }, made).await?,
        Some(_) => made.await?,
    };
    Ok(json(body))
}
