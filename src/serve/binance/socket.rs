//! The streams: `/ws/NAME`, `/ws/NAME/NAME`, `/stream?streams=NAME/NAME`, and what is subscribed to by message.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{RawPathParams, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::answers::Problem;
use super::candles::{Candles, Shown};
use super::market::market_now;
use super::messages::{self, Said, Wrong};
use super::parameters::Parameters;
use super::streams::{Kind, Stream};
use crate::access::keys::Holder;
use crate::access::limits::Rate;
use crate::feed::{Event, Last, MarketEvent, Round};
use crate::query::errors::Refusal;
use crate::query::parameters::repeated;
use crate::serve::Server;
use crate::serve::socket::{self, Heard, Line, Manners, Over, Words};
use crate::store::BarRange;
use klined_market::base::{Interval, Nanos, Symbol, UnixSeconds};

/// The most streams of a connection, as at Binance.
const STREAMS_MAX: usize = 1024;
/// Room for the names of as many streams; 5 messages a second, as at Binance; klines that have changed each second.
const MANNERS: Manners = Manners {
    bytes_max: 128 * 1024,
    rate: Rate { per_second: NonZeroU32::new(5).unwrap(), burst: NonZeroU32::new(10).unwrap() },
    due: Some(Duration::from_secs(1)),
};
/// The most 1-minute bars of a month, with room.
const MINUTES_MAX: usize = 31 * 240;

/// Opens a WebSocket.
pub async fn open(
    State(server): State<Arc<Server>>,
    holder: Option<Extension<Arc<Holder>>>,
    path: RawPathParams,
    uri: Uri,
    parameters: Parameters,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let connection = match holder.map(|Extension(holder)| holder.connect()) {
        None => None,
        Some(Some(connection)) => Some(connection),
        Some(None) => {
            let retry_after = Duration::from_secs(1);
            return Problem::from(Refusal::TooMany { retry_after }).into_response();
        }
    };
    let upgrade = match socket::asked(upgrade) {
        Ok(upgrade) => upgrade,
        Err(refusal) => return Problem::Refused(refusal).into_response(),
    };
    let is_combined = uri.path().ends_with("/stream");
    let in_path = path.iter().find(|(name, _)| *name == "streams").map(|(_, names)| names.to_owned());
    let names = in_path.or_else(|| parameters.get("streams").map(str::to_owned)).unwrap_or_default();
    let names: Vec<String> = names.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let is_fine = parameters.get("timeUnit").is_some_and(|unit| unit.eq_ignore_ascii_case("microsecond"));
    let unit = if is_fine { Nanos::MICROSECOND } else { Nanos::MILLISECOND };
    socket::open(upgrade, server, MANNERS, move |mut line| async move {
        if let Some(connection) = connection {
            line.take_place(connection);
        }
        let client = Client { line, streams: BTreeMap::new(), watched: BTreeMap::new(), is_combined, unit };
        client.run(&names).await
    })
}

/// What is told of a symbol.
#[derive(Default)]
struct Watched {
    klines: BTreeMap<Interval, BTreeSet<String>>,
    trades: BTreeSet<String>,
    candles: Candles,
}

/// One client.
struct Client {
    line: Line,
    /// Every stream by its name; none where there is no such symbol, of which nothing is heard.
    streams: BTreeMap<String, Option<(Symbol, Kind)>>,
    watched: BTreeMap<Symbol, Watched>,
    is_combined: bool,
    /// The unit of times.
    unit: Nanos,
}

impl Client {
    async fn run(mut self, names: &[String]) -> Result<(), Over> {
        if let Err(wrong) = self.subscribe(names).await {
            self.line.say([messages::error(&wrong, Value::Null)]).await?;
        }
        loop {
            match self.line.next().await? {
                Heard::Said(Words::Text(text)) => self.answer(&text).await?,
                Heard::Said(Words::Binary(bytes)) => self.answer(&String::from_utf8_lossy(&bytes)).await?,
                Heard::Round(round) => self.hear(&round).await?,
                Heard::Lagged(_) => return Err(self.line.expel("slow consumer; connect again").await),
                Heard::Due => self.tell_changes().await?,
            }
        }
    }

    /// Answers a message.
    async fn answer(&mut self, text: &str) -> Result<(), Over> {
        if self.line.take().is_err() {
            return Err(self.line.expel("Too many requests").await);
        }
        let (id, said) = messages::parse(text);
        let done = match said {
            Ok(Said::Subscribe(names)) => self.subscribe(&names).await.map(|()| Value::Null),
            Ok(Said::Unsubscribe(names)) => {
                self.unsubscribe(&names);
                Ok(Value::Null)
            }
            Ok(Said::List) => Ok(self.streams.keys().cloned().collect()),
            Ok(Said::SetCombined(is_combined)) => {
                self.is_combined = is_combined;
                Ok(Value::Null)
            }
            Ok(Said::IsCombined) => Ok(Value::Bool(self.is_combined)),
            Err(wrong) => Err(wrong),
        };
        let answer = match done {
            Ok(result) => messages::result(result, id),
            Err(wrong) => messages::error(&wrong, id),
        };
        self.line.say([answer]).await
    }

    /// All of these streams, or none.
    async fn subscribe(&mut self, names: &[String]) -> Result<(), Wrong> {
        let new: BTreeSet<&String> = names.iter().filter(|name| !self.streams.contains_key(*name)).collect();
        if self.streams.len() + new.len() > STREAMS_MAX {
            return Err(Wrong::invalid(&format!("a connection has at most {STREAMS_MAX} streams")));
        }
        let tickers: BTreeSet<String> =
            self.streams.keys().chain(new.iter().copied()).filter_map(|name| ticker_of(name)).collect();
        let most = self.line.allowed.subscriptions as usize;
        if tickers.len() > most {
            return Err(Wrong::invalid(&format!("at most {most} tickers may be named")));
        }
        let board = self.line.server.reader.board().await.map_err(|refusal| Wrong::invalid(&refusal.to_string()))?;
        let mut found = Vec::new();
        for name in new {
            let Some(stream) = Stream::parse(name) else {
                return Err(Wrong::invalid(&format!("there is no stream `{}`", repeated(name))));
            };
            let row = board.find_any_case(stream.ticker);
            found.push((name.clone(), row.map(|row| (row.symbol, stream.kind))));
        }
        let mut symbols = BTreeSet::new();
        for (name, what) in found {
            if let Some((symbol, kind)) = what {
                let watched = self.watched.entry(symbol).or_default();
                symbols.insert(symbol);
                match kind {
                    Kind::Kline(interval) => watched.klines.entry(interval).or_default().insert(name.clone()),
                    Kind::Trade => watched.trades.insert(name.clone()),
                };
            }
            self.streams.insert(name, what);
        }
        let symbols: Vec<Symbol> = symbols.into_iter().collect();
        let lasts = self.line.subscription.want(&symbols).await;
        self.prepare(&symbols, &lasts).await.map_err(|refusal| Wrong::invalid(&refusal.to_string()))
    }

    fn unsubscribe(&mut self, names: &[String]) {
        let mut gone = Vec::new();
        for name in names {
            let Some(Some((symbol, kind))) = self.streams.remove(name) else { continue };
            let Some(watched) = self.watched.get_mut(&symbol) else { continue };
            match kind {
                Kind::Kline(interval) => {
                    let names = watched.klines.get_mut(&interval);
                    if names.is_some_and(|names| names.remove(name) && names.is_empty()) {
                        watched.klines.remove(&interval);
                    }
                }
                Kind::Trade => drop(watched.trades.remove(name)),
            }
            if watched.klines.is_empty() && watched.trades.is_empty() {
                self.watched.remove(&symbol);
                gone.push(symbol);
            }
        }
        self.line.subscription.unwant(&gone);
    }

    /// Sums up what there is of the klines that are open, up to the last trades told.
    async fn prepare(&mut self, symbols: &[Symbol], lasts: &BTreeMap<Symbol, Last>) -> Result<(), Refusal> {
        for symbol in symbols {
            let Some(watched) = self.watched.get_mut(symbol).filter(|watched| !watched.klines.is_empty()) else {
                continue;
            };
            let (symbol, intervals) = (*symbol, watched.klines.keys().copied().collect::<Vec<_>>());
            let last_trade = lasts.get(&symbol).and_then(|last| last.trade);
            let ticks = self.line.server.ticks.clone();
            let made = self.line.server.reader.ask(move |store, calendar| {
                let mut range =
                    BarRange { symbol, interval: Interval::Minute1, from: UnixSeconds::EPOCH, to: UnixSeconds::MAX };
                let newest = store.last_bars(&[range], 1)?.pop().and_then(|bar| bar.parse(calendar).ok());
                let minutes = match newest.zip(intervals.iter().max()) {
                    Some((newest, longest)) => {
                        range.from = calendar.bucket(newest.first, *longest).first.start();
                        store.bars(&[range], MINUTES_MAX)?
                    }
                    None => vec![],
                };
                let minutes: Vec<_> = minutes.iter().filter_map(|bar| bar.parse(calendar).ok()).collect();
                let open = last_trade
                    .map(|last| Ok::<_, crate::query::errors::Failure>((last, ticks.open(symbol)?)))
                    .transpose()?;
                let trades = match &open {
                    Some((last, Some(open))) => {
                        let told = open.ticks.trades().partition_point(|trade| trade.id() <= last.id());
                        &open.ticks.trades()[..told]
                    }
                    _ => &[],
                };
                Ok(Candles::new(calendar, &intervals, &minutes, trades))
            });
            watched.candles.merge(made.await?);
        }
        Ok(())
    }

    async fn hear(&mut self, round: &Round) -> Result<(), Over> {
        let calendar = self.line.server.reader.calendar();
        let mut messages = Vec::new();
        for told in self.line.subscription.own(round) {
            let Some(watched) = self.watched.get_mut(&told.symbol) else { continue };
            for event in &told.events {
                let over = match event {
                    Event::Trade(trade) => {
                        let over = watched.candles.trade(&calendar, trade);
                        if !watched.trades.is_empty() {
                            let event = messages::trade(&told.symbol, trade, self.unit);
                            let of = |name: &String| messages::told(name, &event, self.is_combined);
                            messages.extend(watched.trades.iter().map(of));
                        }
                        over
                    }
                    Event::Bar(closed) => watched.candles.close(&calendar, &closed.bar),
                    Event::Quote(_) | Event::Halt { .. } => vec![],
                };
                for shown in over {
                    // A closed kline is told as of the end of the minute that closed it, which is when the market had come there.
                    let minute_end = match event {
                        Event::Bar(closed) => closed.bar.first.end(),
                        _ => shown.start,
                    };
                    write(
                        &mut messages,
                        &told.symbol,
                        watched,
                        &shown,
                        minute_end.count_of(self.unit),
                        self.unit,
                        self.is_combined,
                    );
                }
            }
        }
        self.line.say(messages).await?;
        if round.market.iter().any(|event| matches!(event, MarketEvent::Skipped { .. })) {
            // What was skipped is in the database.
            self.watched.values_mut().for_each(|watched| watched.candles = Candles::default());
            let symbols: Vec<Symbol> = self.watched.keys().copied().collect();
            let lasts =
                symbols.iter().filter_map(|symbol| Some((*symbol, self.line.server.hub.last(symbol)?))).collect();
            // What cannot be read now is made up for by the next minutes.
            let _ = self.prepare(&symbols, &lasts).await;
        }
        Ok(())
    }

    /// Tells the klines that have changed while they are open.
    async fn tell_changes(&mut self) -> Result<(), Over> {
        let calendar = self.line.server.reader.calendar();
        let mut changed = Vec::new();
        for (symbol, watched) in &mut self.watched {
            changed.extend(watched.candles.changed(&calendar).into_iter().map(|shown| (*symbol, shown)));
        }
        if changed.is_empty() {
            return Ok(());
        }
        let now = market_now(&self.line.server).await.map_or(0, |now| now.count_of(self.unit));
        let mut messages = Vec::new();
        for (symbol, shown) in changed {
            if let Some(watched) = self.watched.get(&symbol) {
                write(&mut messages, &symbol, watched, &shown, now, self.unit, self.is_combined);
            }
        }
        self.line.say(messages).await
    }
}

/// The ticker of a stream's name, in small letters.
fn ticker_of(name: &str) -> Option<String> {
    Stream::parse(name).map(|stream| stream.ticker.to_ascii_lowercase())
}

/// Writes a kline for each of the names that it is subscribed to by.
fn write(
    messages: &mut Vec<Bytes>,
    symbol: &Symbol,
    watched: &Watched,
    shown: &Shown,
    now: i64,
    unit: Nanos,
    is_combined: bool,
) {
    let Some(names) = watched.klines.get(&shown.interval) else { return };
    let event = messages::kline(symbol, shown, now, unit);
    messages.extend(names.iter().map(|name| messages::told(name, &event, is_combined)));
}
