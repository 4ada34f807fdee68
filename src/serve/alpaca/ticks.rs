//! Pages of trades and quotes, of one symbol or of many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use serde::Serialize;

use super::answers::{AlpacaAnswer, answer};
use super::parameters::{AlpacaQuery, start_or_today, symbol};
use super::shapes::{Content, MessageName, PageBody, QuoteShape, TradeShape};
use crate::query::errors::Refusal;
use crate::query::{Tick, TickQuery};
use crate::serve::kit::pages::{SymbolCursor, over_symbols};
use crate::serve::server::Server;
use klined_market::bars::ticks::{BestQuote, TickId, Trade};
use klined_market::base::{Symbol, UnixNanos};

/// A tick with its shape in an answer.
pub trait ShapedTick: Tick {
    /// `trades` or `quotes`.
    const KEY: &'static str;
    type Body: Serialize + Send;
    fn shape(&self) -> Self::Body;
}

impl ShapedTick for Trade {
    const KEY: &'static str = "trades";
    type Body = TradeShape<'static>;

    fn shape(&self) -> Self::Body {
        TradeShape::of(MessageName::default(), self)
    }
}

impl ShapedTick for BestQuote {
    const KEY: &'static str = "quotes";
    type Body = QuoteShape<'static>;

    fn shape(&self) -> Self::Body {
        QuoteShape::of(MessageName::default(), self)
    }
}

/// Ticks of each symbol on a page, and where the next one begins.
type TickPages<T> = (BTreeMap<Symbol, Vec<T>>, Option<SymbolCursor>);

/// Ticks of the symbols, in order of symbol and then of time, up to the limit over all of them.
async fn found<T: ShapedTick>(
    server: &Server,
    symbols: BTreeSet<Symbol>,
    asked: &AlpacaQuery,
) -> Result<TickPages<T::Body>, Refusal> {
    let (limit, (start, end), cursor) = (asked.limit()?, asked.range(server.hours())?, asked.page_token()?);
    let (from, to) = (start_or_today(server, start).await?, end.unwrap_or(UnixNanos::MAX));
    let (order, prices) = (asked.order()?, server.reader.price_list().await?);
    let known = symbols.into_iter().filter(|symbol| prices.find(symbol).is_some());
    over_symbols(known, limit, cursor, |symbol, limit, after| async move {
        let after = after.map(|after| TickId::from_number(after.cast_unsigned()));
        let page = server.tick_page::<T>(TickQuery { symbol, from, to, order, limit, after }).await?;
        let next = page.next.map(|next| next.number().cast_signed());
        Ok((page.ticks.iter().map(T::shape).collect(), next))
    })
    .await
}

pub async fn of_many<T: ShapedTick>(State(server): State<Arc<Server>>, asked: AlpacaQuery) -> AlpacaAnswer {
    let (pages, next) = found::<T>(&server, asked.symbols()?, &asked).await?;
    answer(&PageBody { key: T::KEY, content: Content::Many(pages), next })
}

pub async fn of_one<T: ShapedTick>(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    asked: AlpacaQuery,
) -> AlpacaAnswer {
    let symbol = symbol(&name)?;
    let (mut pages, next) = found::<T>(&server, BTreeSet::from([symbol]), &asked).await?;
    answer(&PageBody { key: T::KEY, content: Content::One(symbol, pages.remove(&symbol).unwrap_or_default()), next })
}
