//! What there is: tickers, the market's state and holidays, and the lists of which this market has nothing.

use std::sync::Arc;

use axum::extract::State;
use chrono::{Datelike, Weekday};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::aggregates::today;
use super::answers::{PolygonAnswer, PolygonError, invalid, page, plain, result};
use super::parameters::{
    External, NoParameters, PolygonPath, PolygonQuery, Sort, by_ticker, is_stocks, limit, number, same_as_path, ticker,
};
use crate::query::parameters::repeated;
use crate::serve::kit::links::escaped;
use crate::serve::kit::parameters::{QueryOf, Segments};
use crate::serve::server::Server;
use crate::store::PriceRow;

/// The one exchange, in the place of a market identifier code.
const EXCHANGE: &str = "KLINED";
/// How many days ahead holidays are listed.
const HOLIDAYS_AHEAD: usize = 366;

/// A span of tickers. As part of other parameters its values are texts.
#[derive(Debug, Default, Deserialize)]
pub struct TickerSpan {
    ticker: Option<String>,
    #[serde(rename = "ticker.gt")]
    gt: Option<String>,
    #[serde(rename = "ticker.gte")]
    gte: Option<String>,
    #[serde(rename = "ticker.lt")]
    lt: Option<String>,
    #[serde(rename = "ticker.lte")]
    lte: Option<String>,
}

impl TickerSpan {
    /// Whether a ticker lies in the span.
    pub fn has(&self, name: &str) -> bool {
        // Polygon's clients give an empty ticker for none.
        self.ticker.as_deref().is_none_or(|ticker| ticker.is_empty() || ticker == name)
            && self.gt.as_deref().is_none_or(|bound| name > bound)
            && self.gte.as_deref().is_none_or(|bound| name >= bound)
            && self.lt.as_deref().is_none_or(|bound| name < bound)
            && self.lte.as_deref().is_none_or(|bound| name <= bound)
    }

    /// The rows of the span, in order of ticker; and whether there are more.
    pub fn page<'r>(
        &self,
        rows: &'r [PriceRow],
        order: Sort,
        limit: usize,
        is_listed: impl Fn(&PriceRow) -> bool,
    ) -> (Vec<&'r PriceRow>, bool) {
        let mut found: Vec<&PriceRow> =
            rows.iter().filter(|row| self.has(row.symbol.as_str()) && is_listed(row)).collect();
        if order == Sort::Desc {
            found.reverse();
        }
        let has_more = found.len() > limit;
        found.truncate(limit);
        (found, has_more)
    }

    /// The query string of what comes after a ticker.
    pub fn after(&self, order: Sort, last: &str) -> String {
        let mut bounds = [("gt", &self.gt), ("gte", &self.gte), ("lt", &self.lt), ("lte", &self.lte)].to_vec();
        let last = Some(last.to_owned());
        let (moved, closed) = if order == Sort::Asc { ("gt", "gte") } else { ("lt", "lte") };
        bounds.retain(|(name, _)| *name != moved && *name != closed);
        bounds.push((moved, &last));
        let bounds = bounds.iter().filter_map(|(name, bound)| bound.as_ref().map(|bound| (name, bound)));
        bounds.map(|(name, bound)| format!("&ticker.{name}={}", escaped(bound))).collect()
    }
}

/// A number that is given as a text.
pub fn count(text: Option<&str>) -> Result<Option<i64>, PolygonError> {
    text.map(|text| number("limit", text)).transpose()
}

/// What tickers are asked for with.
#[derive(Debug, Deserialize)]
pub struct ListingParameters {
    #[serde(flatten)]
    span: TickerSpan,
    #[serde(rename = "type")]
    kind: Option<String>,
    market: Option<String>,
    exchange: Option<String>,
    cusip: Option<String>,
    cik: Option<String>,
    search: Option<String>,
    active: Option<String>,
    order: Option<Sort>,
    sort: Option<String>,
    limit: Option<String>,
}

/// The ticker of a path once more.
#[derive(Debug, Deserialize)]
pub struct RepeatedTicker {
    ticker: Option<String>,
}

/// Which types and exchanges are asked for.
#[derive(Debug, Deserialize)]
pub struct ClassParameters {
    asset_class: Option<String>,
    locale: Option<String>,
}

impl ClassParameters {
    /// Whether those of this market are.
    fn has_ours(&self) -> Result<bool, PolygonError> {
        let is_us = match self.locale.as_deref().filter(|locale| !locale.is_empty()) {
            None | Some("us") => true,
            Some("global") => false,
            Some(other) => return Err(invalid(format!("'locale' must be us or global, not \"{}\"", repeated(other)))),
        };
        Ok(is_stocks("asset_class", self.asset_class.as_deref())? && is_us)
    }
}

#[derive(Debug, Serialize)]
struct TickerEntry<'a> {
    ticker: &'a str,
    name: &'a str,
    market: &'static str,
    locale: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    primary_exchange: &'static str,
    active: bool,
}

impl<'a> TickerEntry<'a> {
    fn of(row: &'a PriceRow) -> Self {
        let (ticker, name, active) = (row.symbol.as_str(), &row.name, row.is_active);
        Self { ticker, name, market: "stocks", locale: "us", kind: "CS", primary_exchange: EXCHANGE, active }
    }
}

/// Tickers, in order.
pub async fn tickers(
    State(server): State<Arc<Server>>,
    External(external): External,
    QueryOf(asked, ..): PolygonQuery<ListingParameters>,
) -> PolygonAnswer {
    let limit = limit(count(asked.limit.as_deref())?, 100, 1000)?;
    let order = asked.order.unwrap_or(Sort::Asc);
    let search = asked.search.as_deref().filter(|search| !search.is_empty()).map(str::to_lowercase);
    let is_other =
        |asked: &Option<String>, own: &str| asked.as_ref().is_some_and(|text| !text.is_empty() && text != own);
    by_ticker(asked.sort.as_deref())?;
    let is_ours = is_stocks("market", asked.market.as_deref().filter(|market| *market != "otc"))?;
    // No stock has a number of the registers.
    let is_elsewhere = !is_ours
        || asked.market.as_deref() == Some("otc")
        || is_other(&asked.kind, "CS")
        || is_other(&asked.exchange, EXCHANGE)
        || is_other(&asked.cusip, "")
        || is_other(&asked.cik, "");
    let is_active = match asked.active.as_deref() {
        None | Some("" | "true") => true,
        Some("false") => false,
        Some(other) => return Err(invalid(format!("'active' must be true or false, not \"{}\"", repeated(other)))),
    };
    let prices = server.reader.price_list().await?;
    let (rows, has_more) = asked.span.page(&prices.rows, order, usize::from(limit), |row| {
        let has = |search: &String| {
            row.symbol.as_str().to_lowercase().contains(search) || row.name.to_lowercase().contains(search)
        };
        !is_elsewhere && row.is_active == is_active && search.as_ref().is_none_or(has)
    });
    let bodies: Vec<TickerEntry<'_>> = rows.iter().map(|row| TickerEntry::of(row)).collect();
    let next_url = bodies.last().filter(|_| has_more).map(|last| {
        let search = search.as_deref().map(|search| format!("&search={}", escaped(search))).unwrap_or_default();
        let (order_name, span) = (order.as_str(), asked.span.after(order, last.ticker));
        format!("{external}/v3/reference/tickers?active={is_active}&limit={limit}&order={order_name}{search}{span}")
    });
    page(&bodies, true, next_url)
}

/// One ticker.
pub async fn ticker_details(
    State(server): State<Arc<Server>>,
    Segments(text, ..): PolygonPath<String>,
    QueryOf(asked, ..): PolygonQuery<RepeatedTicker>,
) -> PolygonAnswer {
    same_as_path("ticker", asked.ticker.as_deref(), &text)?;
    let row = server.reader.price(ticker(&text)?).await?;
    let mut body = json!(TickerEntry::of(&row));
    body["sic_description"] = row.sector.as_str().into();
    body["ticker_root"] = row.symbol.as_str().into();
    result(body)
}

/// The one kind of ticker.
pub async fn types(QueryOf(asked, ..): PolygonQuery<ClassParameters>) -> PolygonAnswer {
    if !asked.has_ours()? {
        return page::<Value>(&[], true, None);
    }
    page(&[json!({"asset_class": "stocks", "code": "CS", "description": "Common Stock", "locale": "us"})], true, None)
}

/// A list with nothing in it: there are no splits and no dividends, and no trade bears a condition.
pub async fn nothing(_: PolygonQuery<NoParameters>) -> PolygonAnswer {
    page::<Value>(&[], false, None)
}

/// The one exchange.
pub async fn exchanges(QueryOf(asked, ..): PolygonQuery<ClassParameters>) -> PolygonAnswer {
    if !asked.has_ours()? {
        return page::<Value>(&[], true, None);
    }
    let exchange = json!({"id": super::ticks::EXCHANGE, "type": "exchange", "asset_class": "stocks", "locale": "us",
        "name": "klined", "acronym": EXCHANGE, "mic": EXCHANGE});
    page(&[exchange], true, None)
}

/// Whether the market is open.
pub async fn status(State(server): State<Arc<Server>>, _: PolygonQuery<NoParameters>) -> PolygonAnswer {
    let standing = server.reader.standing().await?;
    let is_trading = standing.status.is_some_and(|status| status.is_trading());
    let state = if is_trading { "open" } else { "closed" };
    let now = match server.market_time().await? {
        Some(now) => now.seconds(),
        None => standing.status.map_or_else(|| server.clock.now(), |status| status.last_update),
    };
    let time = server.reader.calendar().hours().local(now).ok().map(|local| local.to_rfc3339());
    plain(json!({
        "market": state,
        "afterHours": false,
        "earlyHours": false,
        "exchanges": {"nasdaq": state, "nyse": state, "otc": "closed"},
        "currencies": {"crypto": "closed", "fx": "closed"},
        "serverTime": time,
    }))
}

/// The weekdays of the next year on which the exchange is closed.
pub async fn upcoming(State(server): State<Arc<Server>>, _: PolygonQuery<NoParameters>) -> PolygonAnswer {
    let (today, calendar) = (today(&server).await?, server.reader.calendar());
    let is_holiday = |day: &chrono::NaiveDate| {
        !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !calendar.is_trading_day(*day)
    };
    let days = today.iter_days().skip(1).take(HOLIDAYS_AHEAD).take_while(|day| *day <= calendar.last_day());
    let body = |day| json!({"date": day, "exchange": "SSE", "name": "Exchange holiday", "status": "closed"});
    plain(days.filter(is_holiday).map(|day: chrono::NaiveDate| body(day.to_string())).collect::<Vec<_>>())
}
