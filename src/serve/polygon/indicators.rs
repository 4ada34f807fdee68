//! Technical indicators: the moving averages SMA and EMA, MACD, and RSI, each computed from stored bars.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::aggregates::{AggregateBody, window};
use super::answers::{PolygonAnswer, PolygonError, invalid, result_page};
use super::parameters::{External, NanosSpan, PolygonPath, PolygonQuery, Sort, limit};
use super::timestamps::TimestampBounds;
use crate::query::errors::Refusal;
use crate::query::{BarPrice, Indicator, IndicatorPage, IndicatorQuery, IndicatorValue, WINDOW_MOST};
use crate::serve::kit::links::escaped;
use crate::serve::kit::parameters::{QueryOf, Segments};
use crate::serve::server::Server;
use klined_market::base::{Nanos, Symbol, UnixSeconds};
use klined_market::calendar::Hours;

/// Values on a page, where the client does not ask for a number of them.
const LIMIT: u16 = 10;
const LIMIT_MOST: u16 = 5000;
/// The most base aggregates of a page of aggregates.
const AGGREGATES_MOST: usize = 50_000;
/// The windows where the client names none.
const WINDOW: u16 = 50;
const WINDOW_OF_STRENGTH: u16 = 14;
const WINDOWS_OF_MACD: [u16; 3] = [12, 26, 9];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Series {
    Open,
    High,
    Low,
    Close,
}

impl Series {
    fn name_and_price(self) -> (&'static str, BarPrice) {
        match self {
            Self::Open => ("open", BarPrice::Open),
            Self::High => ("high", BarPrice::High),
            Self::Low => ("low", BarPrice::Low),
            Self::Close => ("close", BarPrice::Close),
        }
    }
}

/// What an indicator is asked for with.
#[derive(Debug, Deserialize)]
pub struct IndicatorParameters {
    #[serde(flatten)]
    bounds: TimestampBounds,
    timespan: Option<String>,
    adjusted: Option<bool>,
    window: Option<i64>,
    short_window: Option<i64>,
    long_window: Option<i64>,
    signal_window: Option<i64>,
    series_type: Option<Series>,
    expand_underlying: Option<bool>,
    order: Option<Sort>,
    limit: Option<i64>,
    /// Where the page before ended: the start of its last value's bar.
    cursor: Option<i64>,
}

impl IndicatorParameters {
    /// The instants asked for, whose numbers are milliseconds.
    pub fn span(&self, hours: Hours) -> Result<NanosSpan, PolygonError> {
        self.bounds.span(hours, Nanos::MILLISECOND)
    }
}

/// The length of a window in bars.
fn bars(name: &str, asked: Option<i64>, usual: u16) -> Result<u16, PolygonError> {
    let Some(asked) = asked else { return Ok(usual) };
    let found = u16::try_from(asked).ok().filter(|bars| (1..=WINDOW_MOST).contains(bars));
    found.ok_or_else(|| invalid(format!("'{name}' must be from 1 to {WINDOW_MOST} bars")))
}

#[derive(Debug, Serialize)]
struct ValueBody {
    /// Start of its bar, Unix milliseconds.
    timestamp: i64,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    histogram: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Underlying {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregates: Option<Vec<AggregateBody>>,
}

#[derive(Debug, Serialize)]
struct IndicatorBody {
    underlying: Underlying,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<ValueBody>,
}

/// A route of indicators, as the next page asks it again.
struct Route<'a> {
    name: &'a str,
    ticker: &'a str,
    /// The windows, as a query string has them.
    windows: String,
    indicator: Indicator,
}

/// The values of an indicator.
async fn page(server: &Server, external: &str, route: Route<'_>, asked: IndicatorParameters) -> PolygonAnswer {
    let timespan = asked.timespan.as_deref().filter(|text| !text.is_empty()).unwrap_or("day");
    let (timeframe, base) = window("1", timespan)?;
    let span = asked.span(server.hours())?;
    let (limit, order) = (limit(asked.limit, LIMIT, LIMIT_MOST)?, asked.order.unwrap_or(Sort::Desc));
    let (series, price) = asked.series_type.unwrap_or(Series::Close).name_and_price();
    let found = match route.ticker.parse::<Symbol>() {
        Ok(symbol) => {
            let query = IndicatorQuery {
                symbol,
                timeframe,
                indicator: route.indicator,
                price,
                from: span.from.seconds_ceil(),
                to: span.to.seconds().next(),
                order: order.into(),
                limit,
                after: asked.cursor.map(|cursor| UnixSeconds::new(cursor.clamp(0, i64::MAX - 1))),
            };
            server.reader.indicator(query).await.or_else(|refusal| match refusal {
                // A ticker that is not known has no values, as at the vendor.
                Refusal::UnknownTicker(_) => Ok(IndicatorPage::default()),
                other => Err(other),
            })?
        }
        Err(_) => IndicatorPage::default(),
    };
    let (adjusted, is_expanded) = (asked.adjusted.unwrap_or(true), asked.expand_underlying.unwrap_or(false));
    let ticker = escaped(route.ticker);
    let order = order.as_str();
    let next_url = found.next.map(|next| {
        let mut query = format!("timespan={timespan}&adjusted={adjusted}&{}&series_type={series}", route.windows);
        let _ = write!(query, "&expand_underlying={is_expanded}&order={order}&limit={limit}&cursor={next}");
        asked.bounds.add_to(&mut query);
        format!("{external}/v1/indicators/{}/{ticker}?{query}", route.name)
    });
    let ends = (found.bars.first(), found.bars.last());
    let (from, to) = match ends {
        (Some(one), Some(other)) => (one.start.min(other.start).millis(), one.start.max(other.start).millis()),
        _ => (span.from.millis(), span.to.millis()),
    };
    let most = found.bars.len().saturating_mul(usize::from(base)).clamp(1, AGGREGATES_MOST);
    let url = format!(
        "{external}/v2/aggs/ticker/{ticker}/range/1/{timespan}/{from}/{to}?adjusted={adjusted}&sort={order}&limit={most}"
    );
    let aggregates = is_expanded.then(|| found.bars.iter().map(AggregateBody::of).collect());
    let body = |(start, found): &(UnixSeconds, _)| {
        let IndicatorValue { value, signal } = *found;
        let histogram = signal.map(|signal| value - signal);
        ValueBody { timestamp: start.millis(), value, signal, histogram }
    };
    let values = found.values.iter().map(body).collect();
    result_page(IndicatorBody { underlying: Underlying { url, aggregates }, values }, next_url)
}

/// An indicator with one window.
async fn with_one_window(
    server: &Server,
    External(external): External,
    (name, ticker): (&str, &str),
    asked: IndicatorParameters,
    (usual, indicator): (u16, fn(u16) -> Indicator),
) -> PolygonAnswer {
    let window = bars("window", asked.window, usual)?;
    let route = Route { name, ticker, windows: format!("window={window}"), indicator: indicator(window) };
    page(server, &external, route, asked).await
}

/// The simple moving average.
pub async fn sma(
    State(server): State<Arc<Server>>,
    external: External,
    Segments(ticker, ..): PolygonPath<String>,
    QueryOf(asked, ..): PolygonQuery<IndicatorParameters>,
) -> PolygonAnswer {
    with_one_window(&server, external, ("sma", &ticker), asked, (WINDOW, |window| Indicator::Sma { window })).await
}

/// The exponential moving average.
pub async fn ema(
    State(server): State<Arc<Server>>,
    external: External,
    Segments(ticker, ..): PolygonPath<String>,
    QueryOf(asked, ..): PolygonQuery<IndicatorParameters>,
) -> PolygonAnswer {
    with_one_window(&server, external, ("ema", &ticker), asked, (WINDOW, |window| Indicator::Ema { window })).await
}

/// The relative strength index.
pub async fn rsi(
    State(server): State<Arc<Server>>,
    external: External,
    Segments(ticker, ..): PolygonPath<String>,
    QueryOf(asked, ..): PolygonQuery<IndicatorParameters>,
) -> PolygonAnswer {
    let strength: fn(u16) -> Indicator = |window| Indicator::Rsi { window };
    with_one_window(&server, external, ("rsi", &ticker), asked, (WINDOW_OF_STRENGTH, strength)).await
}

/// The moving average convergence and divergence.
pub async fn macd(
    State(server): State<Arc<Server>>,
    External(external): External,
    Segments(ticker, ..): PolygonPath<String>,
    QueryOf(asked, ..): PolygonQuery<IndicatorParameters>,
) -> PolygonAnswer {
    let [short, long, signal] = WINDOWS_OF_MACD;
    let short = bars("short_window", asked.short_window, short)?;
    let long = bars("long_window", asked.long_window, long)?;
    let signal = bars("signal_window", asked.signal_window, signal)?;
    if short >= long {
        return Err(invalid(format!("'short_window' must be shorter than 'long_window': {short} and {long}")));
    }
    let windows = format!("short_window={short}&long_window={long}&signal_window={signal}");
    let indicator = Indicator::Macd { short, long, signal };
    page(&server, &external, Route { name: "macd", ticker: &ticker, windows, indicator }, asked).await
}
