//! Snapshots: a stock's day, the day before, its last minute, and its last trade and quote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answers::{PolygonAnswer, PolygonError, invalid, page, plain, request_id};
use super::listing::{TickerSpan, count};
use super::parameters::{External, NoParameters, PolygonPath, PolygonQuery, Sort, by_ticker, is_stocks, limit, ticker};
use super::ticks::{LastQuote, LastTrade};
use crate::query::{DayBars, LatestTicks, ShownBar};
use crate::serve::kit::links::escaped;
use crate::serve::kit::parameters::{QueryOf, Segments};
use crate::serve::server::Server;
use klined_market::base::{Symbol, Traded, UnixNanos};
use klined_market::calendar;

/// The most stocks of a snapshot with the last trade and quote of each; in a larger one they are left out, as the vendor's
/// smaller plans do.
const WITH_TICKS_MAX: usize = 250;

/// A day of a snapshot.
#[derive(Debug, Serialize)]
struct SnapshotDay {
    o: f64,
    h: f64,
    l: f64,
    c: f64,
    v: i64,
    /// Mean price by volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    vw: Option<f64>,
}

impl SnapshotDay {
    fn of(bar: &ShownBar) -> Self {
        Self { o: bar.open, h: bar.high, l: bar.low, c: bar.close, v: bar.volume, vw: bar.mean_price() }
    }
}

/// The last minute of a snapshot.
#[derive(Debug, Serialize)]
struct SnapshotMinute {
    /// Shares of the day so far.
    av: i64,
    /// Start, Unix milliseconds.
    t: i64,
    /// Number of trades.
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<i64>,
    #[serde(flatten)]
    bar: SnapshotDay,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SnapshotBody {
    ticker: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    todays_change: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    todays_change_perc: Option<f64>,
    /// Unix nanoseconds.
    updated: i64,
    day: SnapshotDay,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_quote: Option<LastQuote>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_trade: Option<LastTrade>,
    /// The last minute with a trade.
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<SnapshotMinute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_day: Option<SnapshotDay>,
}

/// The price now, and what it is against the day before: in hundredths, and in per cent.
fn change(bars: &DayBars, last: &LatestTicks) -> (f64, Option<(f64, f64)>) {
    let price = last.trade.map_or(bars.day.close, |trade| trade.price.units());
    let change = bars.previous.map(|previous| {
        let (change, percent) = (price - previous.close, (price / previous.close - 1.0) * 100.0);
        ((change * 100.0).round() / 100.0, (percent * 1000.0).round() / 1000.0)
    });
    (price, change)
}

/// When a minute is committed.
fn committed(minute: &ShownBar) -> UnixNanos {
    calendar::Minute::end_of(minute.start).saturating_nanos()
}

fn updated(bars: &DayBars, last: &LatestTicks) -> UnixNanos {
    last.trade.map_or(committed(&bars.minute), |trade| trade.at)
}

impl SnapshotBody {
    fn of(bars: &DayBars, last: &LatestTicks) -> Self {
        let (_, change) = change(bars, last);
        Self {
            ticker: bars.symbol.to_string(),
            todays_change: change.map(|(change, _)| change),
            todays_change_perc: change.map(|(_, percent)| percent),
            updated: updated(bars, last).get(),
            day: SnapshotDay::of(&bars.day),
            last_quote: last.quote.map(|quote| LastQuote::of(None, &quote)),
            last_trade: last.trade.map(|trade| LastTrade::of(None, &trade)),
            min: bars.traded.as_ref().map(|traded| SnapshotMinute {
                av: bars.day.volume,
                t: traded.start.millis(),
                n: traded.traded.map(Traded::trades),
                bar: SnapshotDay::of(traded),
            }),
            prev_day: bars.previous.as_ref().map(SnapshotDay::of),
        }
    }
}

/// The days of some stocks with their last ticks, as far as those are shown.
async fn look(server: &Server, symbols: Vec<Symbol>) -> Result<Vec<(DayBars, LatestTicks)>, PolygonError> {
    if symbols.len() > WITH_TICKS_MAX {
        let days = server.reader.days(symbols).await?;
        return Ok(days.into_iter().map(|day| (day, LatestTicks::default())).collect());
    }
    let snapshots = server.snapshots(symbols).await?;
    Ok(snapshots.into_iter().map(|snapshot| (snapshot.days, snapshot.latest)).collect())
}

/// Which stocks a snapshot is asked for.
#[derive(Debug, Deserialize)]
pub struct SnapshotParameters {
    tickers: Option<String>,
    /// No stock is traded over the counter.
    #[serde(rename = "include_otc")]
    _include_otc: Option<bool>,
}

/// The parameter of a list of movers.
#[derive(Debug, Deserialize)]
pub struct OtcParameters {
    /// No stock is traded over the counter.
    #[serde(rename = "include_otc")]
    _include_otc: Option<bool>,
}

/// Snapshots of the stocks named, or of all.
pub async fn all(
    State(server): State<Arc<Server>>,
    QueryOf(asked, ..): PolygonQuery<SnapshotParameters>,
) -> PolygonAnswer {
    let named: Option<BTreeSet<Symbol>> = asked.tickers.filter(|tickers| !tickers.is_empty()).map(|tickers| {
        // Those that there are not are left out.
        tickers.split(',').filter_map(|ticker| ticker.trim().parse().ok()).collect()
    });
    let prices = server.reader.price_list().await?;
    let is_asked = |symbol: &Symbol| named.as_ref().is_none_or(|named| named.contains(symbol));
    let symbols = prices.rows.iter().map(|row| row.symbol).filter(is_asked).collect();
    let found = look(&server, symbols).await?;
    let tickers: Vec<SnapshotBody> = found.iter().map(|(bars, last)| SnapshotBody::of(bars, last)).collect();
    plain(json!({"status": "OK", "request_id": request_id(), "count": tickers.len(), "tickers": tickers}))
}

/// How many stocks there are in a list of those that have moved most.
const MOVERS: usize = 20;

/// Snapshots of the stocks that have gained or lost most on the present day, the largest change first.
pub async fn movers(
    State(server): State<Arc<Server>>,
    Segments(direction, ..): PolygonPath<String>,
    _: PolygonQuery<OtcParameters>,
) -> PolygonAnswer {
    let sign = match direction.as_str() {
        "gainers" => 1.0,
        "losers" => -1.0,
        _ => return Err(PolygonError::NotFound("404 page not found")),
    };
    let prices = server.reader.price_list().await?;
    let days = server.reader.days(prices.rows.iter().map(|row| row.symbol).collect()).await?;
    let gain = |day: &DayBars| Some((day.day.close / day.previous?.close - 1.0) * sign);
    let mut moved: Vec<(f64, Symbol)> =
        days.iter().filter_map(|day| Some((gain(day).filter(|gain| *gain > 0.0)?, day.symbol))).collect();
    moved.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    let symbols = moved.iter().take(MOVERS).map(|(_, symbol)| *symbol).collect();
    let found = look(&server, symbols).await?;
    let tickers: Vec<SnapshotBody> = found.iter().map(|(bars, last)| SnapshotBody::of(bars, last)).collect();
    plain(json!({"status": "OK", "request_id": request_id(), "tickers": tickers}))
}

/// A snapshot of one stock.
pub async fn one(
    State(server): State<Arc<Server>>,
    Segments(text, ..): PolygonPath<String>,
    _: PolygonQuery<NoParameters>,
) -> PolygonAnswer {
    let symbol = ticker(&text)?;
    server.reader.price(symbol).await?;
    let found = look(&server, vec![symbol]).await?;
    let (bars, last) = found.first().ok_or(PolygonError::NotFound("Ticker not found."))?;
    plain(json!({"status": "OK", "request_id": request_id(), "ticker": SnapshotBody::of(bars, last)}))
}

/// The most tickers that a universal snapshot may name.
const ANY_OF_MAX: usize = 250;

/// The tickers of a list.
fn listed(tickers: &str) -> Result<Vec<String>, PolygonError> {
    let names: Vec<String> = tickers.split(',').map(|ticker| ticker.trim().to_owned()).collect();
    if names.len() > ANY_OF_MAX {
        return Err(invalid(format!("'ticker.any_of' may have at most {ANY_OF_MAX} tickers")));
    }
    Ok(names)
}

/// What universal snapshots are asked for with.
#[derive(Debug, Deserialize)]
pub struct UniversalParameters {
    #[serde(rename = "ticker.any_of")]
    any_of: Option<String>,
    #[serde(flatten)]
    span: TickerSpan,
    #[serde(rename = "type")]
    kind: Option<String>,
    order: Option<Sort>,
    sort: Option<String>,
    limit: Option<String>,
}

fn universal_body(name: &str, market_status: &str, bars: &DayBars, last: &LatestTicks) -> Value {
    let ((price, change), day) = (change(bars, last), &bars.day);
    let mut session = json!({"price": price, "close": day.close, "high": day.high, "low": day.low, "open": day.open,
        "volume": day.volume});
    if let (Some((change, percent)), Some(previous)) = (change, bars.previous) {
        session["change"] = change.into();
        session["change_percent"] = percent.into();
        session["previous_close"] = previous.close.into();
    }
    let mut body = json!({"ticker": bars.symbol.as_str(), "name": name, "type": "stocks", "market_status": market_status,
        "session": session});
    if let Some(minute) = &bars.traded {
        body["last_minute"] = json!({"open": minute.open, "high": minute.high, "low": minute.low, "close": minute.close,
            "volume": minute.volume, "last_updated": committed(minute)});
    }
    if let Some(trade) = last.trade {
        body["last_trade"] = json!({"id": trade.id().number().to_string(), "price": trade.price.units(), "size": trade.shares,
            "exchange": super::ticks::EXCHANGE, "conditions": [], "sip_timestamp": trade.at, "last_updated": trade.at,
            "timeframe": "REAL-TIME"});
    }
    if let Some(quote) = last.quote {
        let mut body_of_quote = json!({"last_updated": quote.at, "timeframe": "REAL-TIME"});
        for (side, level) in [("bid", quote.bid), ("ask", quote.ask)] {
            if let Some(level) = level {
                body_of_quote[side] = level.price.units().into();
                body_of_quote[format!("{side}_size")] = level.shares.into();
            }
        }
        body["last_quote"] = body_of_quote;
    }
    body
}

/// Snapshots in pages, or of the stocks named.
pub async fn universal(
    State(server): State<Arc<Server>>,
    External(external): External,
    QueryOf(asked, ..): PolygonQuery<UniversalParameters>,
) -> PolygonAnswer {
    // A list that is named is answered as a whole unless a limit is.
    let usual = if asked.any_of.is_some() { 250 } else { 10 };
    let limit = usize::from(limit(count(asked.limit.as_deref())?, usual, 250)?);
    by_ticker(asked.sort.as_deref())?;
    let prices = server.reader.price_list().await?;
    if !is_stocks("type", asked.kind.as_deref())? {
        return page::<Value>(&[], false, None);
    }
    let status = server.reader.standing().await?.status;
    let market_status = if status.is_some_and(|status| status.is_trading()) { "open" } else { "closed" };
    // A ticker that there is not has a body of its own.
    let (mut names, next): (Vec<String>, _) = match &asked.any_of {
        Some(tickers) => {
            let (mut names, mut next) = (listed(tickers)?, None);
            names.retain(|name| asked.span.has(name));
            match asked.order {
                Some(Sort::Asc) => names.sort(),
                Some(Sort::Desc) => names.sort_by(|a, b| b.cmp(a)),
                None => {}
            }
            if names.len() > limit {
                let rest = names.split_off(limit).join(",");
                let rest = escaped(&rest);
                next = Some(format!("{external}/v3/snapshot?limit={limit}&type=stocks&ticker.any_of={rest}"));
            }
            (names, next)
        }
        None => {
            let order = asked.order.unwrap_or(Sort::Asc);
            let (rows, has_more) = asked.span.page(&prices.rows, |row| row.symbol.as_str(), order, limit, |_| true);
            let names: Vec<String> = rows.iter().map(|row| row.symbol.to_string()).collect();
            let next = names.last().filter(|_| has_more).map(|last| {
                let span = asked.span.after(order, last);
                format!("{external}/v3/snapshot?limit={limit}&order={}&type=stocks{span}", order.as_str())
            });
            (names, next)
        }
    };
    names.dedup();
    let symbols: Vec<Symbol> = names.iter().filter_map(|name| name.parse().ok()).collect();
    let symbols = symbols.into_iter().filter(|symbol| prices.find(symbol).is_some()).collect();
    let found: BTreeMap<String, (DayBars, LatestTicks)> =
        look(&server, symbols).await?.into_iter().map(|found| (found.0.symbol.to_string(), found)).collect();
    let body = |name: &String| match found.get(name) {
        Some((bars, last)) => {
            let name = prices.find(&bars.symbol).map_or("", |row| row.name.as_str());
            universal_body(name, market_status, bars, last)
        }
        None => {
            json!({"ticker": crate::query::parameters::repeated(name), "error": "NOT_FOUND", "message": "Ticker not found."})
        }
    };
    let bodies: Vec<Value> = names.iter().map(body).collect();
    page(&bodies, false, next)
}
