//! Pages of bars, of one symbol or of many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};

use super::answers::{Answer, answer};
use super::parameters::{PageToken, Parameters, symbol};
use super::shapes::{BarShape, Content, Page};
use crate::query::errors::Refusal;
use crate::query::{BarPage, BarQuery, Fill};
use crate::serve::Server;
use klined_market::base::{Symbol, UnixNanos, UnixSeconds};
use klined_market::calendar::Calendar;

/// The first instant of the market's present day: where a page begins when nobody says.
pub async fn today(server: &Server) -> Result<UnixNanos, Refusal> {
    let newest = server.reader.board().await?.newest;
    let now = match server.reader.standing().await?.clock {
        Some(clock) => clock.now(server.clock.now_nanos()).seconds(),
        None => newest.unwrap_or(UnixSeconds::EPOCH),
    };
    Ok(Calendar::midnight(server.reader.calendar().date_of(now)?)?.saturating_nanos())
}

/// Bars of the symbols, in order of symbol and then of time, up to the limit over all of them.
async fn found(
    server: &Server,
    symbols: &BTreeSet<Symbol>,
    asked: &Parameters,
) -> Result<(BTreeMap<Symbol, Vec<BarShape<'static>>>, Option<String>), Refusal> {
    let (interval, limit, order) = (asked.timeframe()?, asked.limit()?, asked.order()?);
    let ((start, end), token) = (asked.range()?, asked.page_token()?);
    // Whole seconds that lie inside the range: bars start on one.
    let start = match start {
        Some(start) => start,
        None => today(server).await?,
    };
    let (start, end) = (start.seconds_ceil(), end.map(UnixNanos::seconds));
    let (mut pages, mut left) = (BTreeMap::new(), limit);
    for &symbol in symbols.iter().filter(|symbol| token.is_none_or(|token| **symbol >= token.symbol)) {
        if left == 0 {
            return Ok((pages, Some(PageToken { symbol, after: None }.text())));
        }
        let after = token.filter(|token| token.symbol == symbol).and_then(|token| token.after).map(UnixSeconds::new);
        let query = BarQuery { symbol, interval, start: Some(start), end, order, fill: Fill::Skip, limit: left, after };
        let page = match server.reader.bars(query).await {
            Ok(page) => page,
            Err(Refusal::UnknownTicker(_)) => BarPage { bars: vec![], next: None },
            Err(refusal) => return Err(refusal),
        };
        // No page is longer than its limit.
        left -= u16::try_from(page.bars.len()).unwrap_or(left).min(left);
        if !page.bars.is_empty() {
            pages.insert(symbol, page.bars.iter().map(BarShape::shown).collect());
        }
        if let Some(after) = page.next {
            return Ok((pages, Some(PageToken { symbol, after: Some(after.get()) }.text())));
        }
    }
    Ok((pages, None))
}

pub async fn of_many(State(server): State<Arc<Server>>, asked: Parameters) -> Answer {
    let (pages, next) = found(&server, &asked.symbols()?, &asked).await?;
    answer(&Page { key: "bars", content: Content::Many(pages), next })
}

pub async fn of_one(State(server): State<Arc<Server>>, Path(name): Path<String>, asked: Parameters) -> Answer {
    let symbol = symbol(&name)?;
    let (mut pages, next) = found(&server, &BTreeSet::from([symbol]), &asked).await?;
    answer(&Page { key: "bars", content: Content::One(symbol, pages.remove(&symbol).unwrap_or_default()), next })
}
