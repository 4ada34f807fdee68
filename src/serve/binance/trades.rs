//! Trades over REST: the latest, those from an id on, those of a time. Each trade is an aggregate trade of its own.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::answers::{BinanceAnswer, BinanceError, answer};
use super::klines::unit;
use super::messages::trade_money;
use super::pairs::Pairs;
use super::parameters::BinanceQuery;
use crate::query::{TickQuery, TimeOrder};
use crate::serve::server::Server;
use klined_market::bars::ticks::{Side, TickId, Trade};
use klined_market::base::Symbol;

const LIMIT_USUAL: u16 = 500;
const LIMIT_MOST: u16 = 1000;

/// The trades that are asked for, oldest first: from `fromId` on, within times, or the newest.
async fn found(server: &Server, symbol: Symbol, parameters: &BinanceQuery) -> Result<Vec<Trade>, BinanceError> {
    let limit = parameters.limit(LIMIT_USUAL, LIMIT_MOST)?;
    let (start, end) = parameters.instants()?;
    let from_id = parameters.number("fromId")?;
    if from_id.is_some() && (start.is_some() || end.is_some()) {
        return Err(BinanceError::Combination);
    }
    let newest = TickQuery::newest(symbol, limit);
    let order = if from_id.is_some() || start.is_some() { TimeOrder::Ascending } else { TimeOrder::Descending };
    let query = TickQuery {
        order,
        from: start.unwrap_or(newest.from),
        to: end.unwrap_or(newest.to),
        // The id before the first that is asked for.
        after: from_id.and_then(|id| id.checked_sub(1)).map(TickId::from_number),
        ..newest
    };
    let mut trades = server.tick_page::<Trade>(query).await?.ticks;
    if order == TimeOrder::Descending {
        trades.reverse();
    }
    Ok(trades)
}

/// The latest trades, or those from an id on.
pub async fn trades(State(server): State<Arc<Server>>, headers: HeaderMap, parameters: BinanceQuery) -> BinanceAnswer {
    let prices = Pairs::of(&server).await?;
    let symbol = parameters.symbol(&prices)?.row.symbol;
    let unit = unit(&headers);
    let body = |trade: &Trade| {
        json!({
            "id": trade.id().number(),
            "price": trade.price.to_string(),
            "qty": trade.shares.to_string(),
            "quoteQty": trade_money(trade),
            "time": trade.at.count_of(unit),
            "isBuyerMaker": trade.side == Side::Sell,
            "isBestMatch": true,
        })
    };
    answer(&found(&server, symbol, &parameters).await?.iter().map(body).collect::<Vec<_>>())
}

/// The same as aggregate trades.
pub async fn aggregate(
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
    parameters: BinanceQuery,
) -> BinanceAnswer {
    let prices = Pairs::of(&server).await?;
    let symbol = parameters.symbol(&prices)?.row.symbol;
    let unit = unit(&headers);
    let body = |trade: &Trade| -> Value {
        let id = trade.id().number();
        json!({
            "a": id,
            "p": trade.price.to_string(),
            "q": trade.shares.to_string(),
            "f": id,
            "l": id,
            "T": trade.at.count_of(unit),
            "m": trade.side == Side::Sell,
            "M": true,
        })
    };
    answer(&found(&server, symbol, &parameters).await?.iter().map(body).collect::<Vec<_>>())
}
