//! The server and its symbols as a chart asks for them: configuration, search, quotes, time.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use chrono::NaiveTime;
use serde_json::{Value, json};

use super::answers::{UNKNOWN_SYMBOL, UdfAnswer, UdfError, UdfQuery, answer};
use super::resolutions;
use crate::access::faults::Freshness;
use crate::query::PriceList;
use crate::serve::server::Server;
use crate::store::PriceRow;
use klined_market::calendar::Hours;

const EXCHANGE: &str = "KLINED";
/// Hundredths.
const PRICE_SCALE: u32 = 100;
const FOUND_USUAL: u16 = 30;
const FOUND_MOST: u16 = 1000;
/// The most symbols that are quoted at once.
const QUOTES_MOST: usize = 100;

/// The sessions of a day as a chart reads them.
fn session(hours: Hours) -> String {
    if hours.has_weekends() {
        return "24x7".to_owned();
    }
    let text = |(opens, closes): (NaiveTime, NaiveTime)| format!("{}-{}", opens.format("%H%M"), closes.format("%H%M"));
    hours.sessions_by_clock().into_iter().map(text).collect::<Vec<_>>().join(",")
}

/// A stock by its ticker, in any case, with or without the exchange before it.
pub fn find<'b>(prices: &'b PriceList, name: &str) -> Result<&'b PriceRow, UdfError> {
    let bare = name.split_once(':').filter(|(exchange, _)| exchange.eq_ignore_ascii_case(EXCHANGE));
    let found = prices.find_any_case(name).or_else(|| prices.find_any_case(bare?.1));
    found.ok_or_else(UdfError::unknown_symbol)
}

/// What the server can do.
pub async fn config(_: UdfQuery) -> UdfAnswer {
    answer(&json!({
        "supports_search": true,
        "supports_group_request": false,
        "supports_marks": true,
        "supports_timescale_marks": true,
        "supports_time": true,
        "exchanges": [
            {"value": "", "name": "All", "desc": ""},
            {"value": EXCHANGE, "name": EXCHANGE, "desc": "klined's synthetic market"},
        ],
        "symbols_types": [{"name": "All", "value": ""}, {"name": "Stock", "value": "stock"}],
        "supported_resolutions": resolutions::names(),
    }))
}

/// One symbol.
pub async fn symbol(State(server): State<Arc<Server>>, parameters: UdfQuery) -> UdfAnswer {
    let prices = server.reader.price_list().await?;
    let row = find(&prices, parameters.required("symbol")?)?;
    let (hours, session) = (server.hours(), session(server.hours()));
    answer(&json!({
        "name": row.symbol.as_str(),
        "ticker": row.symbol.as_str(),
        "full_name": format!("{EXCHANGE}:{}", row.symbol),
        "description": row.name,
        "type": "stock",
        "session": session,
        "session-regular": session,
        "timezone": hours.zone().name(),
        "exchange": EXCHANGE,
        "listed_exchange": EXCHANGE,
        "exchange-traded": EXCHANGE,
        "exchange-listed": EXCHANGE,
        "format": "price",
        "minmov": 1,
        "minmov2": 0,
        "minmovement": 1,
        "minmovement2": 0,
        "pricescale": PRICE_SCALE,
        "pointvalue": 1,
        "has_intraday": true,
        "has_daily": true,
        "has_weekly_and_monthly": true,
        "has_no_volume": false,
        "visible_plots_set": "ohlcv",
        "intraday_multipliers": resolutions::minutes(),
        "daily_multipliers": ["1"],
        "weekly_multipliers": ["1"],
        "monthly_multipliers": ["1"],
        "supported_resolutions": resolutions::names(),
        "volume_precision": 0,
        "data_status": "streaming",
        "expired": !row.is_active,
        "sector": row.sector,
    }))
}

/// All symbols of a group, as columns. The groups are the exchange and its sectors.
pub async fn symbol_info(State(server): State<Arc<Server>>, parameters: UdfQuery) -> UdfAnswer {
    let prices = server.reader.price_list().await?;
    let group = parameters.get("group").filter(|group| !group.eq_ignore_ascii_case(EXCHANGE));
    let is_in = |row: &&PriceRow| group.is_none_or(|group| row.sector.eq_ignore_ascii_case(group));
    let rows: Vec<&PriceRow> = prices.rows.iter().filter(is_in).collect();
    if rows.is_empty() && group.is_some() {
        return Err(UdfError("unknown_group".to_owned()));
    }
    let names: Vec<&str> = rows.iter().map(|row| row.symbol.as_str()).collect();
    answer(&json!({
        "symbol": names,
        "ticker": names,
        "description": rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(),
        "exchange-listed": EXCHANGE,
        "exchange-traded": EXCHANGE,
        "type": "stock",
        "minmovement": 1,
        "minmovement2": 0,
        "pricescale": PRICE_SCALE,
        "pointvalue": 1,
        "has-intraday": true,
        "has-daily": true,
        "has-weekly-and-monthly": true,
        "has-no-volume": false,
        "timezone": server.hours().zone().name(),
        "session-regular": session(server.hours()),
        "intraday-multipliers": resolutions::minutes(),
        "supported-resolutions": resolutions::names(),
        "volume-precision": 0,
    }))
}

/// Symbols by the beginning of their ticker or a part of their name.
pub async fn search(State(server): State<Arc<Server>>, parameters: UdfQuery) -> UdfAnswer {
    let prices = server.reader.price_list().await?;
    let query = parameters.get("query").unwrap_or_default().to_lowercase();
    let limit = usize::from(parameters.count("limit", FOUND_MOST)?.unwrap_or(FOUND_USUAL));
    let is_ours = |name: &str, own: &str| parameters.get(name).is_none_or(|asked| asked.eq_ignore_ascii_case(own));
    let is_any = is_ours("type", "stock") && is_ours("exchange", EXCHANGE);
    let by_ticker = |row: &&PriceRow| row.symbol.as_str().to_lowercase().starts_with(&query);
    let by_name = |row: &&PriceRow| !by_ticker(row) && row.name.to_lowercase().contains(&query);
    let found = prices.rows.iter().filter(by_ticker).chain(prices.rows.iter().filter(by_name));
    let body = |row: &PriceRow| {
        json!({
            "symbol": row.symbol.as_str(),
            "full_name": format!("{EXCHANGE}:{}", row.symbol),
            "description": row.name,
            "exchange": EXCHANGE,
            "ticker": row.symbol.as_str(),
            "type": "stock",
        })
    };
    answer(&found.filter(|_| is_any).take(limit).map(body).collect::<Value>())
}

/// The market's time in Unix seconds, as text.
pub async fn time(State(server): State<Arc<Server>>, _: UdfQuery) -> UdfAnswer {
    let now = server.market_time_or_wall().await?.seconds();
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], now.to_string()).into_response())
}

/// Prices of symbols.
pub async fn quotes(State(server): State<Arc<Server>>, freshness: Freshness, parameters: UdfQuery) -> UdfAnswer {
    let prices = server.reader.price_list().await?;
    let names: Vec<&str> = parameters.required("symbols")?.split(',').filter(|name| !name.is_empty()).collect();
    if names.len() > QUOTES_MOST {
        return Err(UdfError(format!("at most {QUOTES_MOST} symbols are quoted at once")));
    }
    let mut bodies = Vec::with_capacity(names.len());
    for name in names {
        let Ok(row) = find(&prices, name) else {
            bodies.push(json!({"s": "error", "n": name, "errmsg": UNKNOWN_SYMBOL, "v": {}}));
            continue;
        };
        let symbol = row.symbol;
        let (day, present) = (server.reader.day(symbol).await?, server.open_minute(symbol, freshness.age()).await?);
        let day = present.of_day(day, &server.reader.calendar());
        // Hundredths, as the sums and differences of them are.
        let hundredths = |number: f64| (number * 100.0).round() / 100.0;
        let (bid, ask) = present.quote.map_or((None, None), |quote| (quote.bid, quote.ask));
        let (bid, ask) = (bid.map(|level| level.price.units()), ask.map(|level| level.price.units()));
        let change = day.previous_close.map(|previous| hundredths(day.close - previous));
        let percent = day.previous_close.map(|previous| hundredths((day.close / previous - 1.0) * 100.0));
        bodies.push(json!({"s": "ok", "n": name, "v": {
            "ch": change,
            "chp": percent,
            "short_name": symbol.as_str(),
            "exchange": EXCHANGE,
            "original_name": format!("{EXCHANGE}:{symbol}"),
            "description": row.name,
            "lp": day.close,
            "ask": ask,
            "bid": bid,
            "spread": bid.zip(ask).map(|(bid, ask)| hundredths(ask - bid)),
            "open_price": day.open,
            "high_price": day.high,
            "low_price": day.low,
            "prev_close_price": day.previous_close,
            "volume": day.volume,
        }}));
    }
    answer(&json!({"s": "ok", "d": bodies}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_written_for_each_kind_of_market() {
        let texts = Hours::ALL.map(session);
        assert_eq!(texts, ["0930-1130,1300-1500", "0930-1600", "24x7", "1700-1700"]);
    }
}
