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
use crate::query::{Age, DayFigures, LatestTicks, ShownBar};
use crate::serve::server::Server;
use crate::store::BarRange;
use klined_market::base::{Interval, Symbol, UnixSeconds};
use klined_market::calendar::Calendar;

async fn latest_bar(server: &Server, symbol: Symbol) -> Result<BarShape<'static>, Refusal> {
    let ticks = server.ticks.clone();
    let newest = BarRange { symbol, interval: Interval::Minute1, from: UnixSeconds::EPOCH, to: UnixSeconds::MAX };
    let made = server.reader.ask(move |store, _| {
        let Some(bar) = store.last_bars(&[newest], 1)?.pop() else { return Ok(None) };
        let of_minute = ticks.past(symbol, &bar)?;
        Ok(Some(BarShape::shown(&ShownBar::from(bar)).with_ticks(of_minute.as_ref())))
    });
    made.await?.ok_or_else(|| Refusal::UnknownTicker(symbol.to_string()))
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
    let DayFigures { last, open, high, low, close, volume, .. } = *day;
    let opened = calendar.date_of(last).and_then(|date| calendar.open_of(date));
    let start = opened.map_or(last, |minute| minute.start());
    BarShape::shown(&ShownBar { start, open, high, low, close, volume })
}

async fn snapshot_of(server: &Server, symbol: Symbol) -> Result<SnapshotShape, Refusal> {
    let calendar = &server.reader.calendar();
    let day = server.reader.day(symbol).await?;
    let present = server.open_minute(symbol, Age::Present).await?;
    let so_far = present.of_day(day, calendar);
    let minute_bar = match present.minute {
        Some((minute, bar)) => BarShape::of(MessageName::default(), minute.start(), &bar),
        None => latest_bar(server, symbol).await?,
    };
    let committed = server.reader.days(vec![symbol]).await?.pop();
    let committed = committed.ok_or_else(|| Refusal::UnknownTicker(symbol.to_string()))?;
    // The open minute may be the first of a day.
    let is_new_day = calendar.date_of(so_far.last) != calendar.date_of(committed.minute.start);
    let previous = if is_new_day { Some(committed.day) } else { committed.previous };
    Ok(SnapshotShape {
        latest_trade: NewestTick::of(&server.latest_ticks(symbol, Age::Present).await?),
        latest_quote: present.quote.map(|quote| QuoteShape::of(MessageName::default(), &quote)),
        minute_bar: Some(minute_bar),
        daily_bar: Some(day_bar(&so_far, calendar)),
        prev_daily_bar: previous.as_ref().map(BarShape::shown),
    })
}

/// What there is; nothing of a symbol that is not known.
fn known<T>(found: Result<Option<T>, Refusal>) -> Result<Option<T>, Refusal> {
    match found {
        Err(Refusal::UnknownTicker(_)) => Ok(None),
        found => found,
    }
}

pub async fn bars(State(server): State<Arc<Server>>, asked: AlpacaQuery) -> AlpacaAnswer {
    let mut found = BTreeMap::new();
    for symbol in asked.symbols()? {
        found.extend(known(latest_bar(&server, symbol).await.map(Some))?.map(|shape| (symbol, shape)));
    }
    answer(&LatestBody { key: "bars", content: Content::Many(found) })
}

pub async fn bar(State(server): State<Arc<Server>>, Path(name): Path<String>, _: AlpacaQuery) -> AlpacaAnswer {
    let symbol = symbol(&name)?;
    answer(&LatestBody { key: "bars", content: Content::One(symbol, latest_bar(&server, symbol).await?) })
}

pub async fn ticks<T: NewestTick>(
    State(server): State<Arc<Server>>,
    freshness: Freshness,
    asked: AlpacaQuery,
) -> AlpacaAnswer {
    let mut found = BTreeMap::new();
    for symbol in asked.symbols()? {
        let newest = known(server.latest_ticks(symbol, freshness.age()).await.map(Some))?;
        found.extend(newest.as_ref().and_then(T::of).map(|shape| (symbol, shape)));
    }
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
    let shape = T::of(&newest).ok_or_else(|| Refusal::UnknownTicker(symbol.to_string()))?;
    answer(&LatestBody { key: T::KEY, content: Content::One(symbol, shape) })
}

pub async fn snapshots(State(server): State<Arc<Server>>, asked: AlpacaQuery) -> AlpacaAnswer {
    let mut found = BTreeMap::new();
    for symbol in asked.symbols()? {
        found.extend(known(snapshot_of(&server, symbol).await.map(Some))?.map(|shape| (symbol, shape)));
    }
    answer(&BySymbol(&found))
}

pub async fn snapshot(State(server): State<Arc<Server>>, Path(name): Path<String>, _: AlpacaQuery) -> AlpacaAnswer {
    answer(&snapshot_of(&server, symbol(&name)?).await?)
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
