//! What there is: tickers, the market's state and holidays, and the lists of which this market has nothing.

use std::sync::Arc;

use axum::extract::State;
use chrono::{Datelike, NaiveDate, SecondsFormat, Weekday};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::aggregates::today;
use super::answers::{PolygonAnswer, PolygonError, invalid, page, plain, result};
use super::listing::{ListingParameters, count};
use super::parameters::{
    External, NoParameters, PolygonPath, PolygonQuery, Sort, by_ticker, is_stocks, limit, same_as_path, ticker,
};
use crate::query::parameters::repeated;
use crate::serve::kit::links::escaped;
use crate::serve::kit::parameters::{QueryOf, Segments};
use crate::serve::server::Server;
use crate::store::PriceRow;
use klined_market::base::UnixSeconds;
use klined_market::calendar::{Calendar, Hours};

/// The one exchange, in the place of a market identifier code.
const EXCHANGE: &str = "KLINED";
/// How many days ahead holidays are listed.
const HOLIDAYS_AHEAD: usize = 366;

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
    let (rows, has_more) = asked.span.page(
        &prices.rows,
        |row| row.symbol.as_str(),
        order,
        usize::from(limit),
        |row| {
            let has = |search: &String| {
                row.symbol.as_str().to_lowercase().contains(search) || row.name.to_lowercase().contains(search)
            };
            !is_elsewhere && row.is_active == is_active && search.as_ref().is_none_or(has)
        },
    );
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
    let of = |hours| if server.hours() == hours { state } else { "closed" };
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
        "currencies": {"crypto": of(Hours::AroundTheClock), "fx": of(Hours::Fx)},
        "serverTime": time,
    }))
}

/// The exchanges whose holidays those of a market are.
fn exchanges_of(hours: Hours) -> &'static [&'static str] {
    match hours {
        Hours::Sse => &["SSE"],
        Hours::Nyse => &["NYSE", "NASDAQ"],
        Hours::AroundTheClock | Hours::Fx => &[],
    }
}

/// What a calendar has of a weekday that differs from a regular day.
fn holiday(calendar: &Calendar, day: NaiveDate) -> Option<Value> {
    if matches!(day.weekday(), Weekday::Sat | Weekday::Sun) {
        return None;
    }
    if !calendar.is_trading_day(day) {
        return Some(json!({"date": day.to_string(), "name": "Exchange holiday", "status": "closed"}));
    }
    if calendar.minutes_on(day) == calendar.hours().minutes_per_day() {
        return None;
    }
    let utc = |at: UnixSeconds| {
        chrono::DateTime::from_timestamp(at.get(), 0).map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true))
    };
    let (opens, closes) = (calendar.sessions_of(day).next()?.start, calendar.sessions_of(day).last()?.end);
    Some(
        json!({"date": day.to_string(), "name": "Early close", "status": "early-close", "open": utc(opens)?, "close": utc(closes)?}),
    )
}

/// The weekdays of the next year on which the exchange is closed or closes early.
pub async fn upcoming(State(server): State<Arc<Server>>, _: PolygonQuery<NoParameters>) -> PolygonAnswer {
    let (today, calendar) = (today(&server).await?, server.reader.calendar());
    let days = today.iter_days().skip(1).take(HOLIDAYS_AHEAD).take_while(|day| *day <= calendar.last_day());
    let at = |exchange: &&str, mut body: Value| {
        body["exchange"] = (*exchange).into();
        body
    };
    let exchanges = exchanges_of(calendar.hours());
    let found = days.filter_map(|day| holiday(&calendar, day));
    plain(found.flat_map(|body| exchanges.iter().map(move |exchange| at(exchange, body.clone()))).collect::<Vec<_>>())
}
