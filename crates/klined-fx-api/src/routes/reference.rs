//! What there is: the pairs, whether the market is open, and its holidays.

use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, Datelike, SecondsFormat, Weekday};
use klined::serve::kit::links::escaped;
use klined::serve::kit::parameters::{QueryOf, Segments};
use klined::serve::polygon::answers::{PolygonAnswer, PolygonError, page, plain, result};
use klined::serve::polygon::listing::{ListingParameters, count};
use klined::serve::polygon::parameters::{External, PolygonPath, PolygonQuery, Sort, limit};
use klined_fx::base::{Currency, Hours, Pair};
use serde::Serialize;
use serde_json::json;

use super::{pair_of, ticker_of};
use crate::feed::EXCHANGE;
use crate::server::FxServer;

/// How many days ahead holidays are listed.
const HOLIDAYS_AHEAD: usize = 366;

#[derive(Debug, Serialize)]
struct TickerEntry {
    ticker: String,
    name: String,
    market: &'static str,
    locale: &'static str,
    active: bool,
    currency_symbol: &'static str,
    currency_name: &'static str,
    base_currency_symbol: &'static str,
    base_currency_name: &'static str,
}

impl TickerEntry {
    fn of(pair: Pair) -> Self {
        let (base, quote) = (pair.facts().base, pair.facts().quote);
        Self {
            ticker: ticker_of(pair),
            name: format!("{} - {}", name(base), name(quote)),
            market: "fx",
            locale: "global",
            active: true,
            currency_symbol: quote.code(),
            currency_name: name(quote),
            base_currency_symbol: base.code(),
            base_currency_name: name(base),
        }
    }
}

/// A currency's name.
fn name(currency: Currency) -> &'static str {
    match currency {
        Currency::Eur => "Euro",
        Currency::Gbp => "British Pound Sterling",
        Currency::Jpy => "Japanese Yen",
        Currency::Chf => "Swiss Franc",
        Currency::Aud => "Australian Dollar",
        Currency::Nzd => "New Zealand Dollar",
        Currency::Cad => "Canadian Dollar",
        Currency::Sek => "Swedish Krona",
        Currency::Nok => "Norwegian Krone",
        Currency::Mxn => "Mexican Peso",
        Currency::Sgd => "Singapore Dollar",
        Currency::Hkd => "Hong Kong Dollar",
        Currency::Zar => "South African Rand",
        Currency::Try => "Turkish Lira",
        Currency::Usd => "United States Dollar",
    }
}

/// Pairs, in order of ticker.
pub async fn tickers(
    External(external): External,
    QueryOf(asked, ..): PolygonQuery<ListingParameters>,
) -> PolygonAnswer {
    let limit = limit(count(asked.limit.as_deref())?, 100, 1000)?;
    let order = asked.order.unwrap_or(Sort::Asc);
    let search = asked.search.as_deref().filter(|search| !search.is_empty()).map(str::to_lowercase);
    let given = |asked: &Option<String>| asked.as_ref().is_some_and(|text| !text.is_empty());
    let is_here = asked.market.as_deref().is_none_or(|market| ["", "fx"].contains(&market))
        && !given(&asked.kind)
        && asked.active.as_deref() != Some("false");
    let mut entries: Vec<TickerEntry> = Pair::all().into_iter().map(TickerEntry::of).collect();
    entries.sort_by(|a, b| a.ticker.cmp(&b.ticker));
    let (rows, has_more) = asked.span.page(
        &entries,
        |entry| &entry.ticker,
        order,
        usize::from(limit),
        |entry| {
            let has = |search: &String| {
                entry.ticker.to_lowercase().contains(search) || entry.name.to_lowercase().contains(search)
            };
            is_here && search.as_ref().is_none_or(has)
        },
    );
    let next_url = rows.last().filter(|_| has_more).map(|last| {
        let search = search.as_deref().map(|search| format!("&search={}", escaped(search))).unwrap_or_default();
        let (order_name, span) = (order.as_str(), asked.span.after(order, &last.ticker));
        format!("{external}/v3/reference/tickers?market=fx&limit={limit}&order={order_name}{search}{span}")
    });
    page(&rows, true, next_url)
}

/// One pair.
pub async fn ticker_details(Segments(ticker, ..): PolygonPath<String>) -> PolygonAnswer {
    result(TickerEntry::of(pair_of(&ticker).ok_or(PolygonError::NotFound("Ticker not found."))?))
}

/// Where quotes come from.
pub async fn exchanges() -> PolygonAnswer {
    page(
        &[json!({"id": EXCHANGE, "type": "exchange", "asset_class": "fx", "locale": "global", "name": "klined"})],
        true,
        None,
    )
}

/// Whether the market is open.
pub async fn status(State(server): State<Arc<FxServer>>) -> PolygonAnswer {
    let now = server.now();
    let state = if server.prices.is_open(now) { "open" } else { "closed" };
    let time = DateTime::from_timestamp(now, 0).map(|now| now.to_rfc3339_opts(SecondsFormat::Secs, true));
    plain(json!({
        "market": state,
        "afterHours": false,
        "earlyHours": false,
        "exchanges": {"nasdaq": "closed", "nyse": "closed", "otc": "closed"},
        "currencies": {"crypto": "closed", "fx": state},
        "serverTime": time,
    }))
}

/// The weekdays of the next year on which the market is closed.
pub async fn upcoming(State(server): State<Arc<FxServer>>) -> PolygonAnswer {
    let today = DateTime::from_timestamp(server.now(), 0).unwrap_or_default().date_naive();
    let hours = server.prices.market.settings.hours;
    let is_holiday = |day: &chrono::NaiveDate| {
        hours == Hours::Week && !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && hours.day(*day).is_none()
    };
    let holidays = today.iter_days().skip(1).take(HOLIDAYS_AHEAD).filter(is_holiday);
    let body = |day| json!({"date": day, "exchange": "FX", "name": "Holiday", "status": "closed"});
    plain(holidays.map(|day| body(day.to_string())).collect::<Vec<_>>())
}
