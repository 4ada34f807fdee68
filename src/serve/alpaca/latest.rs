//! The latest bar, trade and quote, snapshots, and what the letters of exchanges and conditions mean.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use serde::Serialize;

use super::answers::{AlpacaAnswer, answer};
use super::parameters::{AlpacaQuery, symbol};
use super::shapes::{
    BarShape, BySymbol, Content, EXCHANGE, LatestBody, MessageName, QUOTE_CONDITION, QuoteShape, SnapshotShape,
    TRADE_CONDITION, TradeShape,
};
use crate::access::faults::Freshness;
use crate::query::errors::Refusal;
use crate::query::{DayFigures, LatestTicks, ShownBar, StockSnapshot};
use crate::serve::server::Server;
use crate::store::StoredBar;
use klined_market::bars::ticks::MinuteTicks;
use klined_market::base::Symbol;
use klined_market::calendar::Calendar;

/// The last bars of those of these symbols that have one.
async fn latest_bars(server: &Server, symbols: Vec<Symbol>) -> Result<BTreeMap<Symbol, BarShape<'static>>, Refusal> {
    let ticks = server.ticks.clone();
    let newest = server.reader.ask(move |_, _| ticks.last_traded_minutes(&symbols)).await?;
    let shape = |(symbol, bar, ticks): (Symbol, StoredBar, Option<MinuteTicks>)| {
        (symbol, BarShape::shown(&ShownBar::from(bar)).with_ticks(ticks.as_ref()))
    };
    Ok(newest.into_iter().map(shape).collect())
}

fn unknown(symbol: Symbol) -> Refusal {
    Refusal::UnknownTicker(symbol.to_string())
}

/// A trade or a quote as the newest of a stock is shown.
pub trait NewestTick: Serialize + Sized {
    /// What answers name it.
    const KEY: &'static str;

    /// None before the first.
    fn of(newest: &LatestTicks) -> Option<Self>;
}

impl NewestTick for TradeShape<'_> {
    const KEY: &'static str = "trades";

    fn of(newest: &LatestTicks) -> Option<Self> {
        newest.trade.map(|trade| Self::of(MessageName::default(), &trade))
    }
}

impl NewestTick for QuoteShape<'_> {
    const KEY: &'static str = "quotes";

    fn of(newest: &LatestTicks) -> Option<Self> {
        newest.quote.map(|quote| Self::of(MessageName::default(), &quote))
    }
}

/// The day so far as a bar, named by the open of its day.
pub fn day_bar<'a>(day: &DayFigures, calendar: &Calendar) -> BarShape<'a> {
    let DayFigures { last, open, high, low, close, volume, traded, .. } = *day;
    let opened = calendar.date_of(last).and_then(|date| calendar.open_of(date));
    let start = opened.map_or(last, |minute| minute.start());
    BarShape::shown(&ShownBar { start, open, high, low, close, volume, traded })
}

fn shape_of(snapshot: &StockSnapshot, calendar: &Calendar) -> SnapshotShape {
    let StockSnapshot { days, minute, present, latest } = snapshot;
    let so_far = present.of_day(days.figures(), calendar);
    let minute_bar = match present.minute {
        Some((minute, bar)) => Some(BarShape::of(MessageName::default(), minute.start(), &bar)),
        // The ticks are those of the last minute, which may have no trade.
        None => days.traded.map(|traded| {
            BarShape::shown(&traded).with_ticks(minute.as_ref().filter(|_| traded.start == days.minute.start))
        }),
    };
    // The open minute may be the first of a day.
    let is_new_day = calendar.date_of(so_far.last) != calendar.date_of(days.minute.start);
    let previous = if is_new_day { Some(days.day) } else { days.previous };
    SnapshotShape {
        latest_trade: NewestTick::of(latest),
        latest_quote: present.quote.map(|quote| QuoteShape::of(MessageName::default(), &quote)),
        minute_bar,
        daily_bar: Some(day_bar(&so_far, calendar)),
        prev_daily_bar: previous.as_ref().map(BarShape::shown),
    }
}

async fn snapshots_of(server: &Server, symbols: Vec<Symbol>) -> Result<BTreeMap<Symbol, SnapshotShape>, Refusal> {
    let calendar = server.reader.calendar();
    let found = server.snapshots(symbols).await?;
    Ok(found.iter().map(|snapshot| (snapshot.days.symbol, shape_of(snapshot, &calendar))).collect())
}

pub async fn bars(State(server): State<Arc<Server>>, asked: AlpacaQuery) -> AlpacaAnswer {
    let found = latest_bars(&server, asked.symbols()?.into_iter().collect()).await?;
    answer(&LatestBody { key: "bars", content: Content::Many(found) })
}

pub async fn bar(State(server): State<Arc<Server>>, Path(name): Path<String>, _: AlpacaQuery) -> AlpacaAnswer {
    let symbol = symbol(&name)?;
    let found = latest_bars(&server, vec![symbol]).await?.remove(&symbol);
    answer(&LatestBody { key: "bars", content: Content::One(symbol, found.ok_or_else(|| unknown(symbol))?) })
}

pub async fn ticks<T: NewestTick>(
    State(server): State<Arc<Server>>,
    freshness: Freshness,
    asked: AlpacaQuery,
) -> AlpacaAnswer {
    let newest = server.latest_ticks_of_many(asked.symbols()?.into_iter().collect(), freshness.age()).await?;
    let found = newest.iter().filter_map(|(symbol, newest)| Some((*symbol, T::of(newest)?))).collect();
    answer(&LatestBody { key: T::KEY, content: Content::Many(found) })
}

pub async fn tick<T: NewestTick>(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    freshness: Freshness,
    _: AlpacaQuery,
) -> AlpacaAnswer {
    let symbol = symbol(&name)?;
    let newest = server.latest_ticks(symbol, freshness.age()).await?;
    let shape = T::of(&newest).ok_or_else(|| unknown(symbol))?;
    answer(&LatestBody { key: T::KEY, content: Content::One(symbol, shape) })
}

pub async fn snapshots(State(server): State<Arc<Server>>, asked: AlpacaQuery) -> AlpacaAnswer {
    answer(&BySymbol(&snapshots_of(&server, asked.symbols()?.into_iter().collect()).await?))
}

pub async fn snapshot(State(server): State<Arc<Server>>, Path(name): Path<String>, _: AlpacaQuery) -> AlpacaAnswer {
    let symbol = symbol(&name)?;
    answer(&snapshots_of(&server, vec![symbol]).await?.remove(&symbol).ok_or_else(|| unknown(symbol))?)
}

pub async fn conditions(Path(kind): Path<String>, _: AlpacaQuery) -> AlpacaAnswer {
    match kind.as_str() {
        "trade" => answer(&BTreeMap::from([(TRADE_CONDITION, "Regular Sale")])),
        "quote" => answer(&BTreeMap::from([(QUOTE_CONDITION, "Regular, two-sided open")])),
        _ => Err(Refusal::Invalid("invalid ticktype: use trade or quote".to_owned()).into()),
    }
}

pub async fn exchanges(_: AlpacaQuery) -> AlpacaAnswer {
    answer(&BTreeMap::from([(EXCHANGE, "IEX")]))
}
