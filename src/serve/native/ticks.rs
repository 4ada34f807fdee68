//! Pages of trades and quotes.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{ErrorBody, Meta, NativeAnswer, answer};
use super::parameters::{NativeQuery, Ticker, limit, page_token, range};
use crate::query::{Tick, TickQuery, TimeOrder};
use crate::serve::server::Server;
use klined_market::bars::ticks::{BestQuote, Level, Side, TickId, Trade};
use klined_market::base::Symbol;

/// The parameters of a page of trades or quotes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TickParameters {
    /// First second: RFC 3339 (without a zone the exchange's), a date of the exchange, Unix seconds or milliseconds. Without it: the latest
    start: Option<String>,
    /// Last second, included; a date means all of that day
    end: Option<String>,
    /// [default: 1000]
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<u32>,
    /// `meta.next_page_token` of the previous page
    page_token: Option<String>,
}

/// A trade
#[derive(Debug, Serialize, ToSchema)]
pub struct TradeBody {
    /// Unique for the ticker, and increasing
    pub id: u64,
    /// Unix nanoseconds
    pub timestamp: i64,
    #[schema(example = "150.25")]
    pub price: String,
    /// Shares; 0 is less than one
    pub volume: i64,
    /// Side of the order that was executed at once: buy or sell
    pub side: &'static str,
}

/// Trades
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described")]
pub struct TradesBody {
    success: bool,
    data: Vec<TradeBody>,
    meta: Meta,
}

/// The best bid and ask from an instant on
#[derive(Debug, Serialize, ToSchema)]
pub struct BestQuoteBody {
    /// That of the trade that it stands before
    pub id: u64,
    /// Unix nanoseconds
    pub timestamp: i64,
    /// Null where a price limit leaves the side empty
    pub bid: Option<String>,
    pub bid_size: Option<i64>,
    pub ask: Option<String>,
    pub ask_size: Option<i64>,
}

/// Quotes
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described")]
pub struct BestQuotesBody {
    success: bool,
    data: Vec<BestQuoteBody>,
    meta: Meta,
}

async fn page<T: Tick, Body: Serialize>(
    server: &Server,
    symbol: Symbol,
    asked: TickParameters,
    body: impl Fn(&T) -> Body,
) -> NativeAnswer {
    let (start, end) = range(server.hours(), asked.start.as_deref(), asked.end.as_deref())?;
    let limit = limit(asked.limit, 1000, 10_000)?;
    let after = page_token(asked.page_token.as_deref())?.map(|number| TickId::from_number(number.cast_unsigned()));
    server.reader.price(symbol).await?;
    let is_latest = start.is_none() && after.is_none();
    let order = if is_latest { TimeOrder::Descending } else { TimeOrder::Ascending };
    let query = TickQuery { order, after, ..TickQuery::newest(symbol, limit) }.within(start, end);
    let mut found = server.tick_page::<T>(query).await?;
    if is_latest {
        // They end with the newest: nothing follows.
        found.ticks.reverse();
        found.next = None;
    }
    let bodies: Vec<Body> = found.ticks.iter().map(body).collect();
    let next_page_token = found.next.map(|id| id.number().to_string());
    answer(&bodies, &Meta { count: Some(bodies.len()), next_page_token, ..Meta::default() })
}

/// A page of trades, in order of time
#[utoipa::path(get, path = "/api/v2/trades/{ticker}", tag = "ticks", params(("ticker" = String, Path), TickParameters),
    responses((status = 200, body = TradesBody), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn trades(
    State(server): State<Arc<Server>>,
    Ticker(symbol): Ticker,
    NativeQuery(asked): NativeQuery<TickParameters>,
) -> NativeAnswer {
    let body = |trade: &Trade| TradeBody {
        id: trade.id().number(),
        timestamp: trade.at.get(),
        price: trade.price.to_string(),
        volume: trade.shares,
        side: match trade.side {
            Side::Buy => "buy",
            Side::Sell => "sell",
        },
    };
    page(&server, symbol, asked, body).await
}

/// A page of quotes, in order of time
#[utoipa::path(get, path = "/api/v2/quotes/{ticker}", tag = "ticks", params(("ticker" = String, Path), TickParameters),
    responses((status = 200, body = BestQuotesBody), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub async fn quotes(
    State(server): State<Arc<Server>>,
    Ticker(symbol): Ticker,
    NativeQuery(asked): NativeQuery<TickParameters>,
) -> NativeAnswer {
    let price = |level: Option<Level>| level.map(|level| level.price.to_string());
    let size = |level: Option<Level>| level.map(|level| level.shares);
    let body = |quote: &BestQuote| BestQuoteBody {
        id: quote.id().number(),
        timestamp: quote.at.get(),
        bid: price(quote.bid),
        bid_size: size(quote.bid),
        ask: price(quote.ask),
        ask_size: size(quote.ask),
    };
    page(&server, symbol, asked, body).await
}
