//! Pages of trades and quotes, of one symbol or of many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use serde::Serialize;

use super::answers::{Answer, answer};
use super::bars::today;
use super::parameters::{PageToken, Parameters, symbol};
use super::shapes::{Content, Name, Page, QuoteShape, TradeShape};
use crate::query::errors::Refusal;
use crate::query::{Tick, TickQuery};
use crate::serve::Server;
use klined_market::bars::ticks::{BestQuote, TickId, Trade};
use klined_market::base::{Symbol, UnixNanos};

/// A tick as it is shown.
pub trait Shown: Tick {
    /// `trades` or `quotes`.
    const KEY: &'static str;
    type Shape: Serialize + Send;
    fn shape(&self) -> Self::Shape;
}

impl Shown for Trade {
    const KEY: &'static str = "trades";
    type Shape = TradeShape<'static>;

    fn shape(&self) -> Self::Shape {
        TradeShape::of(Name::default(), self)
    }
}

impl Shown for BestQuote {
    const KEY: &'static str = "quotes";
    type Shape = QuoteShape<'static>;

    fn shape(&self) -> Self::Shape {
        QuoteShape::of(Name::default(), self)
    }
}

/// Ticks of the symbols, in order of symbol and then of time, up to the limit over all of them.
async fn found<T: Shown>(
    server: &Server,
    symbols: &BTreeSet<Symbol>,
    asked: &Parameters,
) -> Result<(BTreeMap<Symbol, Vec<T::Shape>>, Option<String>), Refusal> {
    let (limit, (start, end), token) = (asked.limit()?, asked.range()?, asked.page_token()?);
    let start = match start {
        Some(start) => start,
        None => today(server).await?,
    };
    let order = asked.order()?;
    let board = server.reader.board().await?;
    let (mut pages, mut left) = (BTreeMap::new(), limit);
    for &symbol in symbols.iter().filter(|symbol| token.is_none_or(|token| **symbol >= token.symbol)) {
        if board.find(&symbol).is_none() {
            continue;
        }
        if left == 0 {
            return Ok((pages, Some(PageToken { symbol, after: None }.text())));
        }
        let after = token.filter(|token| token.symbol == symbol).and_then(|token| token.after);
        let query = TickQuery {
            symbol,
            from: start,
            to: end.unwrap_or(UnixNanos::MAX),
            order,
            limit: left,
            after: after.map(|after| TickId::from_number(after.cast_unsigned())),
        };
        let ticks = server.ticks.clone();
        let page = server.reader.ask(move |_, _| ticks.page::<T>(&query)).await?;
        let shapes: Vec<T::Shape> = page.ticks.iter().map(T::shape).collect();
        left -= u16::try_from(page.ticks.len()).unwrap_or(left).min(left);
        if !shapes.is_empty() {
            pages.insert(symbol, shapes);
        }
        if let Some(next) = page.next {
            return Ok((pages, Some(PageToken { symbol, after: Some(next.number().cast_signed()) }.text())));
        }
    }
    Ok((pages, None))
}

pub async fn of_many<T: Shown>(State(server): State<Arc<Server>>, asked: Parameters) -> Answer {
    let (pages, next) = found::<T>(&server, &asked.symbols()?, &asked).await?;
    answer(&Page { key: T::KEY, content: Content::Many(pages), next })
}

pub async fn of_one<T: Shown>(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    asked: Parameters,
) -> Answer {
    let symbol = symbol(&name)?;
    let (mut pages, next) = found::<T>(&server, &BTreeSet::from([symbol]), &asked).await?;
    answer(&Page { key: T::KEY, content: Content::One(symbol, pages.remove(&symbol).unwrap_or_default()), next })
}
