//! Pages of bars, of one symbol or of many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};

use super::answers::{AlpacaAnswer, answer};
use super::parameters::{AlpacaQuery, start_or_today, symbol};
use super::shapes::{BarShape, Content, PageBody};
use crate::query::errors::Refusal;
use crate::query::{BarQuery, EmptyMinutes};
use crate::serve::kit::pages::{SymbolCursor, over_symbols};
use crate::serve::server::Server;
use klined_market::base::{Symbol, UnixNanos, UnixSeconds};

/// Bars of each symbol on a page, and where the next one begins.
type BarPages = (BTreeMap<Symbol, Vec<BarShape<'static>>>, Option<SymbolCursor>);

/// Bars of the symbols, in order of symbol and then of time, up to the limit over all of them.
async fn found(server: &Server, symbols: BTreeSet<Symbol>, asked: &AlpacaQuery) -> Result<BarPages, Refusal> {
    let (timeframe, limit, order) = (asked.timeframe()?, asked.limit()?, asked.order()?);
    let ((start, end), cursor) = (asked.range(server.hours())?, asked.page_token()?);
    // Whole seconds that lie inside the range: bars start on one.
    let (start, end) = (Some(start_or_today(server, start).await?.seconds_ceil()), end.map(UnixNanos::seconds));
    over_symbols(symbols, limit, cursor, |symbol, limit, after| async move {
        let after = after.map(UnixSeconds::new);
        let query =
            BarQuery { symbol, timeframe, start, end, order, empty_minutes: EmptyMinutes::Untraded, limit, after };
        match server.reader.bars(query).await {
            Ok(page) => Ok((page.bars.iter().map(BarShape::shown).collect(), page.next.map(UnixSeconds::get))),
            Err(Refusal::UnknownTicker(_)) => Ok((vec![], None)),
            Err(refusal) => Err(refusal),
        }
    })
    .await
}

pub async fn of_many(State(server): State<Arc<Server>>, asked: AlpacaQuery) -> AlpacaAnswer {
    let (pages, next) = found(&server, asked.symbols()?, &asked).await?;
    answer(&PageBody { key: "bars", content: Content::Many(pages), next })
}

pub async fn of_one(State(server): State<Arc<Server>>, Path(name): Path<String>, asked: AlpacaQuery) -> AlpacaAnswer {
    let symbol = symbol(&name)?;
    let (mut pages, next) = found(&server, BTreeSet::from([symbol]), &asked).await?;
    answer(&PageBody { key: "bars", content: Content::One(symbol, pages.remove(&symbol).unwrap_or_default()), next })
}
