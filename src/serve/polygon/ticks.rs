//! Trades and quotes over REST: nanoseconds, in either order, in pages.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::answers::{PolygonAnswer, PolygonError, invalid, page, result};
use super::parameters::{External, NanosSpan, NoParameters, PolygonPath, PolygonQuery, Sort, limit, moment, ticker};
use crate::access::faults::Freshness;
use crate::query::{LatestTicks, Tick, TickQuery};
use crate::serve::kit::links::escaped;
use crate::serve::kit::parameters::{QueryOf, Segments};
use crate::serve::server::Server;
use klined_market::bars::ticks::{BestQuote, Level, TickId, Trade};
use klined_market::base::{Nanos, Symbol};
use klined_market::calendar::Hours;

/// The exchange of all trades and quotes.
pub const EXCHANGE: u8 = 1;
/// The tape of all trades and quotes, C: of the stocks whose halts the vendor reports.
pub const TAPE: u8 = 3;

/// What ticks are asked for with.
#[derive(Debug, Deserialize)]
pub struct TimestampParameters {
    timestamp: Option<String>,
    #[serde(rename = "timestamp.gt")]
    gt: Option<String>,
    #[serde(rename = "timestamp.gte")]
    gte: Option<String>,
    #[serde(rename = "timestamp.lt")]
    lt: Option<String>,
    #[serde(rename = "timestamp.lte")]
    lte: Option<String>,
    order: Option<Sort>,
    sort: Option<String>,
    limit: Option<i64>,
    /// Where the page before ended: the number of its last tick.
    cursor: Option<i64>,
}

impl TimestampParameters {
    /// The instants asked for. A date is all of its day, and what is later than it begins with the next.
    pub fn span(&self, hours: Hours) -> Result<NanosSpan, PolygonError> {
        let mut span = NanosSpan::ALL;
        if let Some(text) = &self.timestamp {
            span = span.and(moment(hours, "timestamp", text, Nanos::NANOSECOND)?);
        }
        if let Some(text) = &self.gte {
            span.from = span.from.max(moment(hours, "timestamp.gte", text, Nanos::NANOSECOND)?.from);
        }
        if let Some(text) = &self.gt {
            span.from = span.from.max(moment(hours, "timestamp.gt", text, Nanos::NANOSECOND)?.to.next());
        }
        if let Some(text) = &self.lte {
            span.to = span.to.min(moment(hours, "timestamp.lte", text, Nanos::NANOSECOND)?.to);
        }
        if let Some(text) = &self.lt {
            span.to = span.to.min(moment(hours, "timestamp.lt", text, Nanos::NANOSECOND)?.from.previous());
        }
        Ok(span)
    }

    /// The query string of the page that follows.
    fn next(&self, order: Sort, limit: u16, next: TickId) -> String {
        let mut text = format!("limit={limit}&order={}&sort=timestamp&cursor={}", order.as_str(), next.number());
        let bounds = [
            ("timestamp", &self.timestamp),
            ("timestamp.gt", &self.gt),
            ("timestamp.gte", &self.gte),
            ("timestamp.lt", &self.lt),
            ("timestamp.lte", &self.lte),
        ];
        for (name, bound) in bounds {
            // Each was parsed: it has nothing that would have to be escaped but a sign.
            if let Some(bound) = bound {
                let _ = write!(text, "&{name}={}", bound.trim_start_matches('+'));
            }
        }
        text
    }
}

/// A trade.
#[derive(Debug, Serialize)]
struct LongTrade {
    conditions: [u8; 0],
    exchange: u8,
    id: String,
    participant_timestamp: i64,
    price: f64,
    sequence_number: u64,
    sip_timestamp: i64,
    size: i64,
    tape: u8,
}

impl LongTrade {
    fn of(trade: &Trade) -> Self {
        let number = trade.id().number();
        Self {
            conditions: [],
            exchange: EXCHANGE,
            id: number.to_string(),
            participant_timestamp: trade.at.get(),
            price: trade.price.units(),
            sequence_number: number,
            sip_timestamp: trade.at.get(),
            size: trade.shares,
            tape: TAPE,
        }
    }
}

/// A quote. A side that a price limit leaves empty is not there.
#[derive(Debug, Serialize)]
struct LongQuote {
    #[serde(skip_serializing_if = "Option::is_none")]
    ask_exchange: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask_price: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask_size: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bid_exchange: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bid_price: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bid_size: Option<i64>,
    participant_timestamp: i64,
    sequence_number: u64,
    sip_timestamp: i64,
    tape: u8,
}

impl LongQuote {
    fn of(quote: &BestQuote) -> Self {
        let price = |level: Option<Level>| level.map(|level| level.price.units());
        let size = |level: Option<Level>| level.map(|level| level.shares);
        Self {
            ask_exchange: quote.ask.map(|_| EXCHANGE),
            ask_price: price(quote.ask),
            ask_size: size(quote.ask),
            bid_exchange: quote.bid.map(|_| EXCHANGE),
            bid_price: price(quote.bid),
            bid_size: size(quote.bid),
            participant_timestamp: quote.at.get(),
            sequence_number: quote.id().number(),
            sip_timestamp: quote.at.get(),
            tape: TAPE,
        }
    }
}

/// The last trade, in short names.
#[derive(Debug, Serialize)]
pub struct LastTrade {
    #[serde(rename = "T", skip_serializing_if = "Option::is_none")]
    ticker: Option<String>,
    c: [u8; 0],
    i: String,
    p: f64,
    q: u64,
    s: i64,
    /// Unix nanoseconds.
    t: i64,
    x: u8,
    y: i64,
    z: u8,
}

impl LastTrade {
    pub fn of(ticker: Option<Symbol>, trade: &Trade) -> Self {
        let (ticker, q) = (ticker.map(|ticker| ticker.to_string()), trade.id().number());
        let (i, p, s, t) = (q.to_string(), trade.price.units(), trade.shares, trade.at.get());
        Self { ticker, c: [], i, p, q, s, t, x: EXCHANGE, y: t, z: TAPE }
    }
}

/// The quote that stands, in short names: capitals are the ask.
#[derive(Debug, Serialize)]
pub struct LastQuote {
    #[serde(rename = "T", skip_serializing_if = "Option::is_none")]
    ticker: Option<String>,
    #[serde(rename = "P", skip_serializing_if = "Option::is_none")]
    ask: Option<f64>,
    #[serde(rename = "S", skip_serializing_if = "Option::is_none")]
    ask_size: Option<i64>,
    #[serde(rename = "X", skip_serializing_if = "Option::is_none")]
    ask_exchange: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<u8>,
    q: u64,
    /// Unix nanoseconds.
    t: i64,
    y: i64,
    z: u8,
}

impl LastQuote {
    pub fn of(ticker: Option<Symbol>, quote: &BestQuote) -> Self {
        let LongQuote { ask_exchange, ask_price, ask_size, bid_exchange, bid_price, bid_size, .. } =
            LongQuote::of(quote);
        Self {
            ticker: ticker.map(|ticker| ticker.to_string()),
            ask: ask_price,
            ask_size,
            ask_exchange,
            p: bid_price,
            s: bid_size,
            x: bid_exchange,
            q: quote.id().number(),
            t: quote.at.get(),
            y: quote.at.get(),
            z: TAPE,
        }
    }
}

async fn pages<T: Tick, Body: Serialize>(
    server: &Server,
    external: &str,
    (what, ticker): (&str, &str),
    asked: TimestampParameters,
    body: impl Fn(&T) -> Body,
) -> PolygonAnswer {
    let (span, limit, order) =
        (asked.span(server.hours())?, limit(asked.limit, 1000, 50_000)?, asked.order.unwrap_or(Sort::Desc));
    if asked.sort.as_deref().is_some_and(|sort| sort != "timestamp") {
        return Err(invalid("'sort' must be timestamp"));
    }
    let after = asked.cursor.map(|cursor| TickId::from_number(cursor.max(0).cast_unsigned()));
    // A ticker that is not known has no trades, as at the vendor.
    let symbol = ticker.parse::<Symbol>().ok();
    let prices = server.reader.price_list().await?;
    let Some(symbol) = symbol.filter(|symbol| prices.find(symbol).is_some()) else {
        return page::<Body>(&[], false, None);
    };
    let query = TickQuery { symbol, from: span.from, to: span.to, order: order.into(), limit, after };
    let found = server.tick_page::<T>(query).await?;
    let bodies: Vec<Body> = found.ticks.iter().map(body).collect();
    let next_url = found
        .next
        .map(|next| format!("{external}/v3/{what}/{}?{}", escaped(symbol.as_str()), asked.next(order, limit, next)));
    page(&bodies, false, next_url)
}

/// Trades of a ticker.
pub async fn trades(
    State(server): State<Arc<Server>>,
    External(external): External,
    Segments(ticker, ..): PolygonPath<String>,
    QueryOf(asked, ..): PolygonQuery<TimestampParameters>,
) -> PolygonAnswer {
    pages(&server, &external, ("trades", &ticker), asked, LongTrade::of).await
}

/// Quotes of a ticker.
pub async fn quotes(
    State(server): State<Arc<Server>>,
    External(external): External,
    Segments(ticker, ..): PolygonPath<String>,
    QueryOf(asked, ..): PolygonQuery<TimestampParameters>,
) -> PolygonAnswer {
    pages(&server, &external, ("quotes", &ticker), asked, LongQuote::of).await
}

async fn last(server: &Server, freshness: &Freshness, text: &str) -> Result<(Symbol, LatestTicks), PolygonError> {
    let symbol = ticker(text)?;
    Ok((symbol, server.latest_ticks(symbol, freshness.age()).await?))
}

/// The last trade of a ticker.
pub async fn last_trade(
    State(server): State<Arc<Server>>,
    freshness: Freshness,
    Segments(text, ..): PolygonPath<String>,
    _: PolygonQuery<NoParameters>,
) -> PolygonAnswer {
    let (symbol, last) = last(&server, &freshness, &text).await?;
    result(LastTrade::of(Some(symbol), &last.trade.ok_or(PolygonError::NotFound("Data not found."))?))
}

/// The best bid and ask of a ticker.
pub async fn last_quote(
    State(server): State<Arc<Server>>,
    freshness: Freshness,
    Segments(text, ..): PolygonPath<String>,
    _: PolygonQuery<NoParameters>,
) -> PolygonAnswer {
    let (symbol, last) = last(&server, &freshness, &text).await?;
    result(LastQuote::of(Some(symbol), &last.quote.ok_or(PolygonError::NotFound("Data not found."))?))
}
