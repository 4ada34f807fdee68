//! Quotes of a pair in pages, the last one of two currencies, and what an amount is in another currency.

use std::sync::Arc;

use axum::extract::State;
use klined::query::TimeOrder;
use klined::query::errors::Refusal;
use klined::query::parameters::repeated;
use klined::serve::kit::parameters::{QueryMap, QueryOf, Segments};
use klined::serve::polygon::answers::{PolygonAnswer, PolygonError, invalid, page, plain, request_id};
use klined::serve::polygon::parameters::{External, PolygonPath, PolygonQuery, limit};
use klined::serve::polygon::timestamps::TimestampParameters;
use klined_fx::base::{Currency, Pair};
use klined_fx::market::Quote;
use serde::Serialize;
use serde_json::json;

use super::{UtcDays, pair_of};
use crate::feed::EXCHANGE;
use crate::present::Present;
use crate::prices::{QuoteQuery, micros_of};
use crate::server::FxServer;

/// The largest amount that is converted.
const AMOUNT_MAX: f64 = 1e15;
/// The most decimals of a converted amount.
const PRECISION_MAX: u8 = 4;

/// A quote in long names.
#[derive(Debug, Serialize)]
struct LongQuote {
    ask_exchange: u8,
    ask_price: f64,
    bid_exchange: u8,
    bid_price: f64,
    /// Unix nanoseconds.
    participant_timestamp: i64,
}

impl LongQuote {
    fn of(quote: &Quote) -> Self {
        let Quote { micros, bid, ask } = *quote;
        let (ask_exchange, bid_exchange) = (EXCHANGE, EXCHANGE);
        Self { ask_exchange, ask_price: ask, bid_exchange, bid_price: bid, participant_timestamp: micros * 1000 }
    }
}

/// Quotes of a pair.
pub async fn quotes(
    State(server): State<Arc<FxServer>>,
    External(external): External,
    Segments(ticker, ..): PolygonPath<String>,
    QueryOf(asked, ..): PolygonQuery<TimestampParameters>,
) -> PolygonAnswer {
    let (span, limit, sort) = (asked.span(UtcDays)?, limit(asked.limit, 1000, 50_000)?, asked.order()?);
    // A ticker that is not known has no quotes, as at the vendor.
    let Some(pair) = pair_of(&ticker) else { return page::<LongQuote>(&[], false, None) };
    // The first whole microsecond, and the last one.
    let (mut from, mut to) = (micros_of(span.from.get().saturating_add(999)), micros_of(span.to.get()));
    to = to.min(server.now_micros());
    let order = TimeOrder::from(sort);
    match (asked.cursor.map(|cursor| micros_of(cursor.max(0))), order) {
        (Some(cursor), TimeOrder::Ascending) => from = from.max(cursor + 1),
        (Some(cursor), TimeOrder::Descending) => to = to.min(cursor - 1),
        (None, _) => {}
    }
    let query = QuoteQuery { from, to, order, limit: usize::from(limit) };
    let (found, next) = server.ask(vec![pair], move |question| question.quotes(&query)).await?;
    let bodies: Vec<LongQuote> = found.iter().map(LongQuote::of).collect();
    let next_url = next
        .map(|next| format!("{external}/v3/quotes/{ticker}?{}", asked.next(sort, limit, next.unsigned_abs() * 1000)));
    page(&bodies, false, next_url)
}

/// The best prices between two currencies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct LastQuote {
    ask: f64,
    bid: f64,
    exchange: u8,
    /// Unix milliseconds.
    timestamp: i64,
}

/// A currency by its code.
fn currency(code: &str) -> Result<Currency, PolygonError> {
    let known = Currency::LEGS.into_iter().chain([Currency::Usd]).find(|currency| currency.code() == code);
    known.ok_or_else(|| PolygonError::from(Refusal::UnknownTicker(repeated(code))))
}

/// The price of the one currency in the other, of a pair or its inverse.
fn of_pair(present: &Present, from: Currency, to: Currency) -> Option<LastQuote> {
    let find = |base, quote| {
        let is_it = |pair: &Pair| (pair.facts().base, pair.facts().quote) == (base, quote);
        present.pairs[Pair::all().into_iter().find(is_it)?.index()].quote
    };
    let at = |quote: Quote| quote.micros / 1000;
    if let Some(quote) = find(from, to) {
        return Some(LastQuote { ask: quote.ask, bid: quote.bid, exchange: EXCHANGE, timestamp: at(quote) });
    }
    let quote = find(to, from)?;
    let inverse = LastQuote { ask: 1.0 / quote.bid, bid: 1.0 / quote.ask, exchange: EXCHANGE, timestamp: at(quote) };
    Some(inverse.rounded())
}

impl LastQuote {
    /// To eight decimals, which a yen in dollars needs.
    fn rounded(self) -> Self {
        let round = |price: f64| (price * 1e8).round() / 1e8;
        Self { ask: round(self.ask), bid: round(self.bid), ..self }
    }
}

/// The price of one currency in another: that of their pair, and else through the dollar.
fn rate(present: &Present, from: Currency, to: Currency) -> Option<LastQuote> {
    of_pair(present, from, to).or_else(|| {
        let (first, second) = (of_pair(present, from, Currency::Usd)?, of_pair(present, Currency::Usd, to)?);
        let (ask, bid) = (first.ask * second.ask, first.bid * second.bid);
        let timestamp = first.timestamp.max(second.timestamp);
        Some(LastQuote { ask, bid, exchange: EXCHANGE, timestamp }.rounded())
    })
}

fn last_of(server: &FxServer, from: &str, to: &str) -> Result<LastQuote, PolygonError> {
    let (from, to) = (currency(from)?, currency(to)?);
    if from == to {
        return Err(PolygonError::NotFound("Data not found."));
    }
    let present = server.present()?;
    rate(&present, from, to).ok_or(PolygonError::NotFound("Data not found."))
}

/// The last quote of two currencies.
pub async fn last(
    State(server): State<Arc<FxServer>>,
    Segments((from, to), ..): PolygonPath<(String, String)>,
) -> PolygonAnswer {
    let last = last_of(&server, &from, &to)?;
    plain(json!({"last": last, "request_id": request_id(), "status": "success", "symbol": format!("{from}/{to}")}))
}

/// What an amount of one currency is in another, at the bid.
pub async fn conversion(
    State(server): State<Arc<FxServer>>,
    Segments((from, to), ..): PolygonPath<(String, String)>,
    query: QueryMap<PolygonError>,
) -> PolygonAnswer {
    let amount = match query.get("amount") {
        None => 1.0,
        Some(text) => {
            let amount = text.parse::<f64>().ok().filter(|amount| (0.0..=AMOUNT_MAX).contains(amount));
            let wrong = || invalid(format!("'amount' must be a number from 0 to 1e15, not \"{}\"", repeated(text)));
            amount.ok_or_else(wrong)?
        }
    };
    let precision = match query.get("precision") {
        None => 2,
        Some(text) => {
            let precision = text.parse::<u8>().ok().filter(|precision| *precision <= PRECISION_MAX);
            let wrong = || invalid(format!("'precision' must be from 0 to 4, not \"{}\"", repeated(text)));
            precision.ok_or_else(wrong)?
        }
    };
    let last = last_of(&server, &from, &to)?;
    let scale = 10_f64.powi(i32::from(precision));
    let converted = (amount * last.bid * scale).round() / scale;
    plain(
        json!({"converted": converted, "from": from, "initialAmount": amount, "last": last, "request_id": request_id(),
        "status": "success", "symbol": format!("{from}/{to}"), "to": to}),
    )
}
