//! The rest of the market data over REST: time, symbols, last prices, trades.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::answers::{BinanceAnswer, BinanceError, answer, encoded};
use super::klines::{count, quote_volume, unit};
use super::parameters::BinanceQuery;
use crate::access::faults::Freshness;
use crate::access::limits::RatePeriod;
use crate::query::{Age, TickQuery, mean_price};
use crate::serve::server::Server;
use crate::store::PriceRow;
use klined_market::bars::ticks::{BestQuote, Level, Side, Trade};
use klined_market::calendar::Minute;

/// The most symbols whose figures are worked out for one answer.
const FIGURES_MOST: usize = 100;

/// The fields of a day's figures that `type=MINI` leaves out.
const FULL_ONLY: [&str; 9] = [
    "priceChange",
    "priceChangePercent",
    "weightedAvgPrice",
    "prevClosePrice",
    "lastQty",
    "bidPrice",
    "bidQty",
    "askPrice",
    "askQty",
];

/// Nothing, from a server that answers.
pub async fn ping(_: BinanceQuery) -> BinanceAnswer {
    Ok(encoded("{}"))
}

/// The market's time.
pub async fn time(State(server): State<Arc<Server>>, headers: HeaderMap, _: BinanceQuery) -> BinanceAnswer {
    let now = server.market_time_or_wall().await?;
    answer(&json!({"serverTime": now.count_of(unit(&headers))}))
}

fn symbol_info(row: &PriceRow) -> Value {
    let status = match (row.is_active, row.is_halted) {
        (false, _) => "BREAK",
        (true, true) => "HALT",
        (true, false) => "TRADING",
    };
    json!({
        "symbol": row.symbol.as_str(),
        "status": status,
        "baseAsset": row.symbol.as_str(),
        "baseAssetPrecision": 0,
        // Stocks here have no currency.
        "quoteAsset": "",
        "quotePrecision": 2,
        "quoteAssetPrecision": 2,
        "orderTypes": [],
        "icebergAllowed": false,
        "ocoAllowed": false,
        "isSpotTradingAllowed": false,
        "isMarginTradingAllowed": false,
        "filters": [{"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "99999999.99", "tickSize": "0.01"}],
        "permissions": [],
        "permissionSets": [],
    })
}

/// The symbols, and what a client may ask.
pub async fn exchange_info(State(server): State<Arc<Server>>, parameters: BinanceQuery) -> BinanceAnswer {
    let prices = server.reader.price_list().await?;
    let found = parameters.symbols(&prices)?;
    let symbols: Vec<Value> = match found {
        Some(rows) => rows.into_iter().map(symbol_info).collect(),
        None => prices.rows.iter().map(symbol_info).collect(),
    };
    let rate = server.options.of_address.rate;
    let interval = match rate.period {
        RatePeriod::Second => "SECOND",
        RatePeriod::Minute => "MINUTE",
    };
    answer(&json!({
        "timezone": "UTC",
        "serverTime": server.market_time_or_wall().await?.millis(),
        "rateLimits": [{"rateLimitType": "RAW_REQUESTS", "interval": interval, "intervalNum": 1, "limit": rate.requests}],
        "exchangeFilters": [],
        "symbols": symbols,
    }))
}

/// One object where `symbol` was given, a list otherwise.
fn one_or_list(parameters: &BinanceQuery, mut bodies: Vec<Value>) -> BinanceAnswer {
    match (parameters.get("symbol"), bodies.pop()) {
        (Some(_), Some(body)) => answer(&body),
        (_, last) => {
            bodies.extend(last);
            answer(&bodies)
        }
    }
}

/// Last prices: of `symbol` that of the last trade, of more the closes of the last minute.
pub async fn ticker_price(
    State(server): State<Arc<Server>>,
    freshness: Freshness,
    parameters: BinanceQuery,
) -> BinanceAnswer {
    let prices = server.reader.price_list().await?;
    let found = parameters.symbols(&prices)?;
    let body = |row: &PriceRow, price: f64| json!({"symbol": row.symbol.as_str(), "price": format!("{price:.2}")});
    if parameters.get("symbol").is_some()
        && let Some([row]) = found.as_deref()
    {
        let minute = server.open_minute(row.symbol, freshness.age()).await?.minute;
        return answer(&body(row, minute.map_or(row.price, |(_, bar)| bar.close().units())));
    }
    let rows = found.unwrap_or_else(|| prices.rows.iter().collect());
    answer(&rows.iter().map(|row| body(row, row.price)).collect::<Vec<_>>())
}

/// The rows whose figures are asked for, which may not be all there are.
fn few(rows: Option<Vec<&PriceRow>>) -> Result<Vec<&PriceRow>, BinanceError> {
    let rows = rows.ok_or(BinanceError::Missing("symbol"))?;
    if rows.len() > FIGURES_MOST { Err(BinanceError::NotValid("symbols")) } else { Ok(rows) }
}

fn level(level: Option<Level>) -> (String, String) {
    level.map_or_else(
        || ("0.00".to_owned(), "0".to_owned()),
        |level| (level.price.to_string(), level.shares.to_string()),
    )
}

fn sides(quote: Option<BestQuote>) -> [(String, String); 2] {
    [level(quote.and_then(|quote| quote.bid)), level(quote.and_then(|quote| quote.ask))]
}

/// Best bids and asks.
pub async fn book_ticker(
    State(server): State<Arc<Server>>,
    freshness: Freshness,
    parameters: BinanceQuery,
) -> BinanceAnswer {
    let prices = server.reader.price_list().await?;
    let mut bodies = Vec::new();
    for row in few(parameters.symbols(&prices)?)? {
        let [(bid, bid_size), (ask, ask_size)] = sides(server.open_minute(row.symbol, freshness.age()).await?.quote);
        bodies.push(json!({"symbol": row.symbol.as_str(), "bidPrice": bid, "bidQty": bid_size, "askPrice": ask, "askQty": ask_size}));
    }
    one_or_list(&parameters, bodies)
}

/// The trading day so far, where Binance has 24 hours.
pub async fn ticker_day(State(server): State<Arc<Server>>, parameters: BinanceQuery) -> BinanceAnswer {
    let is_mini = match parameters.get("type") {
        None | Some("FULL") => false,
        Some("MINI") => true,
        Some(_) => return Err(BinanceError::NotValid("type")),
    };
    let prices = server.reader.price_list().await?;
    let mut bodies = Vec::new();
    for row in few(parameters.symbols(&prices)?)? {
        let (day, present) =
            (server.reader.day(row.symbol).await?, server.open_minute(row.symbol, Age::Present).await?);
        let calendar = &server.reader.calendar();
        let day = present.of_day(day, calendar);
        let open = calendar.date_of(day.last).and_then(|date| calendar.open_of(date));
        let open_at = open.map_or(day.last, |minute| minute.start());
        let previous = day.previous_close.unwrap_or(day.open);
        let [(bid, bid_size), (ask, ask_size)] = sides(present.quote);
        let price = |price: f64| format!("{price:.2}");
        let mut body = json!({
            "symbol": row.symbol.as_str(),
            "priceChange": price(day.close - previous),
            "priceChangePercent": format!("{:.3}", (day.close / previous - 1.0) * 100.0),
            "weightedAvgPrice": mean_price(day.traded, day.volume).map_or_else(|| "0.00".to_owned(), |mean| format!("{mean:.4}")),
            "prevClosePrice": price(previous),
            "lastPrice": price(day.close),
            "lastQty": "0",
            "bidPrice": bid,
            "bidQty": bid_size,
            "askPrice": ask,
            "askQty": ask_size,
            "openPrice": price(day.open),
            "highPrice": price(day.high),
            "lowPrice": price(day.low),
            "volume": day.volume.to_string(),
            "quoteVolume": quote_volume(day.traded),
            "openTime": open_at.millis(),
            "closeTime": Minute::end_of(day.last).millis() - 1,
            "firstId": -1,
            "lastId": -1,
            "count": count(day.traded),
        });
        if let Some(body) = body.as_object_mut().filter(|_| is_mini) {
            body.retain(|name, _| !FULL_ONLY.contains(&name.as_str()));
        }
        bodies.push(body);
    }
    one_or_list(&parameters, bodies)
}

/// The latest trades.
pub async fn trades(State(server): State<Arc<Server>>, headers: HeaderMap, parameters: BinanceQuery) -> BinanceAnswer {
    let prices = server.reader.price_list().await?;
    let symbol = parameters.symbol(&prices)?.symbol;
    let limit = parameters.limit(500, 1000)?;
    let page = server.tick_page::<Trade>(TickQuery::newest(symbol, limit)).await?;
    let unit = unit(&headers);
    let body = |trade: &Trade| {
        json!({
            "id": trade.id().number(),
            "price": trade.price.to_string(),
            "qty": trade.shares.to_string(),
            // Exact: hundredths times shares.
            "quoteQty": format!("{:.2}", trade.price.units() * trade.shares as f64),
            "time": trade.at.count_of(unit),
            "isBuyerMaker": trade.side == Side::Sell,
            "isBestMatch": true,
        })
    };
    answer(&page.ticks.iter().rev().map(body).collect::<Vec<_>>())
}
