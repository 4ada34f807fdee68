//! What clients ask first: time, symbols and their rules.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::answers::{BinanceAnswer, answer, encoded};
use super::klines::unit;
use super::pairs::{NamedRow, Pairs};
use super::parameters::BinanceQuery;
use crate::access::limits::RatePeriod;
use crate::serve::server::Server;
use klined_market::base::Price;

/// The types of orders that clients look for before they take a market for one of spot trading. No order is served.
const ORDER_TYPES: [&str; 5] = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"];

/// Nothing, from a server that answers.
pub async fn ping(_: BinanceQuery) -> BinanceAnswer {
    Ok(encoded("{}"))
}

/// The market's time.
pub async fn time(State(server): State<Arc<Server>>, headers: HeaderMap, _: BinanceQuery) -> BinanceAnswer {
    let now = server.market_time_or_wall().await?;
    answer(&json!({"serverTime": now.count_of(unit(&headers))}))
}

/// The rules that an order would follow: prices in cents, sizes in shares, at least a unit of money.
fn filters() -> Value {
    let (least, step) = (Price::MIN.to_string(), Price::MIN.to_string());
    json!([
        {"filterType": "PRICE_FILTER", "minPrice": least, "maxPrice": Price::MAX.to_string(), "tickSize": step},
        {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "9000000000", "stepSize": "1"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "1", "maxQty": "9000000000", "stepSize": "1"},
        {"filterType": "MIN_NOTIONAL", "minNotional": "1.00", "applyToMarket": true, "avgPriceMins": 5},
        {"filterType": "NOTIONAL", "minNotional": "1.00", "applyMinToMarket": true, "maxNotional": "9000000000.00",
            "applyMaxToMarket": false, "avgPriceMins": 5},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    ])
}

fn symbol_info(named: &NamedRow<'_>) -> Value {
    let row = named.row;
    let status = match (row.is_active, row.is_halted) {
        (false, _) => "BREAK",
        (true, true) => "HALT",
        (true, false) => "TRADING",
    };
    json!({
        "symbol": named.name(),
        "status": status,
        "baseAsset": row.symbol.as_str(),
        "baseAssetPrecision": 0,
        "quoteAsset": named.quote_asset,
        "quotePrecision": 2,
        "quoteAssetPrecision": 2,
        "baseCommissionPrecision": 2,
        "quoteCommissionPrecision": 2,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": false,
        "ocoAllowed": false,
        "otoAllowed": false,
        "quoteOrderQtyMarketAllowed": false,
        "allowTrailingStop": false,
        "cancelReplaceAllowed": false,
        "isSpotTradingAllowed": true,
        "isMarginTradingAllowed": false,
        "filters": filters(),
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    })
}

/// The symbols, and what a client may ask.
pub async fn exchange_info(State(server): State<Arc<Server>>, parameters: BinanceQuery) -> BinanceAnswer {
    let prices = Pairs::of(&server).await?;
    let symbols: Vec<Value> = parameters.symbols_or_all(&prices)?.iter().map(symbol_info).collect();
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

/// The fees of trades, which are none.
pub async fn trade_fee(State(server): State<Arc<Server>>, parameters: BinanceQuery) -> BinanceAnswer {
    let prices = Pairs::of(&server).await?;
    let fee = |named: &NamedRow<'_>| json!({"symbol": named.name(), "makerCommission": "0", "takerCommission": "0"});
    answer(&parameters.symbols_or_all(&prices)?.iter().map(fee).collect::<Vec<_>>())
}
