//! The streams: `/ws/NAME`, `/ws/NAME/NAME`, `/stream?streams=NAME/NAME`, and what is subscribed to by message.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::ws::Message;
use axum::extract::{RawPathParams, State};
use axum::http::Uri;
use axum::response::Response;
use serde_json::Value;

use super::answers::BinanceError;
use super::messages::{self, BinanceRequest, InvalidRequest};
use super::pairs::Pairs;
use super::parameters::BinanceQuery;
use super::running::{KlineState, Klines, minutes_max};
use super::streams::{StreamKind, StreamName, of_all, split};
use super::watched::{EventStyle, WatchedSymbol};
use crate::access::keys::Holder;
use crate::access::limits::Rate;
use crate::feed::{FeedUpdate, Last, MarketEvent};
use crate::query::errors::{Failure, Refusal};
use crate::serve::kit::client::{Client, Incoming, SocketLimits};
use crate::serve::kit::protocol::{self, Admission, Protocol, Reply, SocketProblem, Upgrade, requested, texts};
use crate::serve::server::Server;
use crate::store::BarRange;
use klined_market::base::{Interval, Nanos, Symbol, UnixSeconds};

/// The most streams of a connection, as at Binance.
const STREAMS_MAX: usize = 1024;
/// Opens a WebSocket.
pub async fn open(
    State(server): State<Arc<Server>>,
    holder: Option<Extension<Arc<Holder>>>,
    path: RawPathParams,
    uri: Uri,
    parameters: BinanceQuery,
    upgrade: Upgrade,
) -> Result<Response, BinanceError> {
    let taken = Refusal::TooMany { retry_after: Duration::from_secs(1) };
    let slot = holder.map(|Extension(holder)| holder.connect().ok_or(taken)).transpose()?;
    let upgrade = requested(upgrade)?;
    let in_path = path.iter().find(|(name, _)| *name == "streams").map(|(_, names)| names.to_owned());
    let names = in_path.or_else(|| parameters.get("streams").map(str::to_owned)).unwrap_or_default();
    let is_fine = parameters.get("timeUnit").is_some_and(|unit| unit.eq_ignore_ascii_case("microsecond"));
    let stream = BinanceStream {
        server: server.clone(),
        first: split(&names),
        streams: BTreeMap::new(),
        watched: BTreeMap::new(),
        style: EventStyle {
            is_combined: uri.path().ends_with("/stream"),
            unit: if is_fine { Nanos::MICROSECOND } else { Nanos::MILLISECOND },
        },
    };
    Ok(protocol::open(upgrade, server, Admission::Occupied(slot), stream))
}

/// One client's streams.
struct BinanceStream {
    server: Arc<Server>,
    /// The names of the streams that the request asks for.
    first: Vec<String>,
    /// Every stream by its name, with the stocks that it is of; none where there is no such stream or symbol, which has no events.
    streams: BTreeMap<String, Option<(Vec<Symbol>, StreamKind)>>,
    watched: BTreeMap<Symbol, WatchedSymbol>,
    style: EventStyle,
}

impl Protocol for BinanceStream {
    /// Room for the names of as many streams; 5 messages a second, as at Binance; klines that have changed each second.
    const LIMITS: SocketLimits = SocketLimits {
        rate: Rate::a_second(NonZeroU32::new(5).unwrap(), NonZeroU32::new(10).unwrap()),
        timer: Some(Duration::from_secs(1)),
        ..SocketLimits::new(128 * 1024, Duration::ZERO)
    };

    fn problem(&self, problem: SocketProblem) -> Reply {
        let reason = match problem {
            SocketProblem::SlowClient(_) => "slow consumer; connect again",
            _ => "Too many requests",
        };
        Reply::closing(Vec::new(), reason)
    }

    async fn begin(&mut self, client: &mut Client) -> Vec<Message> {
        let first = std::mem::take(&mut self.first);
        let wrong = self.subscribe(client, &first).await.err();
        texts(wrong.map(|wrong| messages::error(&wrong, Value::Null)))
    }

    async fn answer(&mut self, client: &mut Client, message: &Incoming) -> Reply {
        let (id, request) = messages::parse(&String::from_utf8_lossy(message.bytes()));
        let done = match request {
            Ok(BinanceRequest::Subscribe(names)) => self.subscribe(client, &names).await.map(|()| Value::Null),
            Ok(BinanceRequest::Unsubscribe(names)) => {
                self.unsubscribe(client, &names);
                Ok(Value::Null)
            }
            Ok(BinanceRequest::List) => Ok(self.streams.keys().cloned().collect()),
            Ok(BinanceRequest::SetCombined(is_combined)) => {
                self.style.is_combined = is_combined;
                Ok(Value::Null)
            }
            Ok(BinanceRequest::IsCombined) => Ok(Value::Bool(self.style.is_combined)),
            Err(wrong) => Err(wrong),
        };
        let answer = match done {
            Ok(result) => messages::result(result, id),
            Err(wrong) => messages::error(&wrong, id),
        };
        texts([answer]).into()
    }

    async fn events(&mut self, client: &mut Client, update: &FeedUpdate) -> Vec<Message> {
        let calendar = self.server.reader.calendar();
        let (mut messages, style) = (Vec::new(), self.style);
        for of_symbol in client.subscription.own(update) {
            let symbol = &of_symbol.symbol;
            let Some(watched) = self.watched.get_mut(symbol) else { continue };
            for event in &of_symbol.events {
                messages.extend(watched.event(symbol, event, style, &calendar));
            }
        }
        if update.market.iter().any(|event| matches!(event, MarketEvent::Skipped { .. })) {
            // What was skipped is in the database.
            self.watched.values_mut().for_each(|watched| watched.running = Klines::default());
            let symbols: Vec<Symbol> = self.watched.keys().copied().collect();
            let lasts = symbols.iter().filter_map(|symbol| Some((*symbol, self.server.hub.last(symbol)?))).collect();
            // What cannot be read now is made up for by the next minutes.
            let _ = self.prepare(&symbols, &lasts).await;
        }
        texts(messages)
    }

    /// The klines and the days that have changed while they are open.
    async fn timer(&mut self, _client: &mut Client) -> Vec<Message> {
        let calendar = self.server.reader.calendar();
        let mut changed = Vec::new();
        for (symbol, watched) in &mut self.watched {
            changed.extend(watched.running.changed(&calendar).into_iter().map(|kline| (*symbol, kline)));
        }
        let is_of_all = self.streams.keys().any(|name| of_all(name).is_some());
        if changed.is_empty() && !is_of_all {
            return Vec::new();
        }
        let now = self.server.market_time_or_wall().await.map_or(0, |now| now.count_of(self.style.unit));
        let mut messages = Vec::new();
        for (symbol, kline) in &changed {
            if let Some(watched) = self.watched.get(symbol) {
                messages.extend(watched.kline(symbol, kline, now, self.style, &calendar));
            }
        }
        if is_of_all {
            let days: BTreeMap<Symbol, &KlineState> = changed
                .iter()
                .filter(|(_, kline)| kline.interval == Interval::Day.into())
                .map(|(of, day)| (*of, day))
                .collect();
            let mut lists: BTreeMap<String, Vec<Value>> = BTreeMap::new();
            for (symbol, watched) in &mut self.watched {
                for (name, event) in watched.of_all(symbol, days.get(symbol).copied(), now, self.style.unit) {
                    lists.entry(name).or_default().push(event);
                }
            }
            let list = |(name, events): (String, Vec<Value>)| {
                messages::of_stream(&name, &Value::Array(events), self.style.is_combined)
            };
            messages.extend(lists.into_iter().map(list));
        }
        texts(messages)
    }
}

/// The ticker of a stream's name, in small letters.
fn ticker_of(name: &str) -> Option<String> {
    StreamName::parse(name).map(|stream| stream.ticker.to_ascii_lowercase())
}

impl BinanceStream {
    /// All of these streams, or none.
    async fn subscribe(&mut self, client: &mut Client, names: &[String]) -> Result<(), InvalidRequest> {
        let new: BTreeSet<&String> = names.iter().filter(|name| !self.streams.contains_key(*name)).collect();
        if self.streams.len() + new.len() > STREAMS_MAX {
            return Err(InvalidRequest::invalid(&format!("a connection has at most {STREAMS_MAX} streams")));
        }
        let tickers: BTreeSet<String> =
            self.streams.keys().chain(new.iter().copied()).filter_map(|name| ticker_of(name)).collect();
        let most = client.allowed.subscriptions as usize;
        let prices = Pairs::of(&self.server).await.map_err(|refusal| InvalidRequest::invalid(&refusal.to_string()))?;
        let is_of_all = new.iter().any(|name| of_all(name).is_some());
        if is_of_all && prices.rows.len() > most {
            return Err(InvalidRequest::invalid(&format!(
                "at most {most} tickers may be followed, and all are {}",
                prices.rows.len()
            )));
        }
        if tickers.len() > most {
            return Err(InvalidRequest::invalid(&format!("at most {most} tickers may be named")));
        }
        let mut found = Vec::new();
        for name in new {
            if let Some(kind) = of_all(name) {
                let symbols = prices.rows.iter().map(|row| row.symbol).collect();
                found.push((name.clone(), Some((symbols, kind))));
                continue;
            }
            // A stream that there is not has no events, and no other answer, as at Binance.
            let stream = StreamName::parse(name);
            let stock = stream.as_ref().and_then(|stream| prices.find_named(stream.ticker));
            found.push((name.clone(), stock.zip(stream).map(|(named, stream)| (vec![named.row.symbol], stream.kind))));
        }
        let mut symbols = BTreeSet::new();
        for (name, what) in found {
            if let Some((of, kind)) = &what {
                of.iter().for_each(|symbol| self.watched.entry(*symbol).or_default().add(*kind, &name));
                symbols.extend(of);
            }
            self.streams.insert(name, what);
        }
        let symbols: Vec<Symbol> = symbols.into_iter().collect();
        let lasts = client.follow(&symbols, false).await;
        self.prepare(&symbols, &lasts).await.map_err(|refusal| InvalidRequest::invalid(&refusal.to_string()))
    }

    fn unsubscribe(&mut self, client: &mut Client, names: &[String]) {
        let mut gone = Vec::new();
        for name in names {
            let Some(Some((symbols, kind))) = self.streams.remove(name) else { continue };
            for symbol in symbols {
                let Some(watched) = self.watched.get_mut(&symbol) else { continue };
                watched.remove(kind, name);
                if watched.is_empty() {
                    self.watched.remove(&symbol);
                    gone.push(symbol);
                }
            }
        }
        client.subscription.unsubscribe_from(&gone);
    }

    /// Sums up the open klines as far as they have come, up to the last trades that were sent.
    async fn prepare(&mut self, symbols: &[Symbol], lasts: &BTreeMap<Symbol, Last>) -> Result<(), Refusal> {
        for symbol in symbols {
            let Some(watched) = self.watched.get_mut(symbol) else { continue };
            let last = lasts.get(symbol).copied().unwrap_or_default();
            watched.began(&last);
            let (symbol, intervals, last_trade) = (*symbol, watched.intervals(), last.trade);
            if intervals.is_empty() {
                continue;
            }
            if watched.needs_previous_close() {
                watched.ticker.previous_close = self.server.reader.day(symbol).await?.previous_close;
            }
            let ticks = self.server.ticks.clone();
            let made = self.server.reader.ask(move |store, calendar| {
                let mut range =
                    BarRange { symbol, interval: Interval::Minute1, from: UnixSeconds::EPOCH, to: UnixSeconds::MAX };
                let newest = store.last_bars(&[range], 1)?.pop().and_then(|bar| bar.parse(calendar).ok());
                let minutes = match newest.zip(intervals.iter().max()) {
                    Some((newest, longest)) => {
                        range.from = calendar.bucket(newest.first, *longest).first.start();
                        store.bars(&[range], minutes_max(calendar.hours()))?
                    }
                    None => vec![],
                };
                let minutes: Vec<_> = minutes.iter().filter_map(|bar| bar.parse(calendar).ok()).collect();
                let open = last_trade.map(|last| Ok::<_, Failure>((last, ticks.open(symbol)?))).transpose()?;
                let trades = match &open {
                    Some((last, Some(open))) => {
                        let sent = open.ticks.trades().partition_point(|trade| trade.id() <= last.id());
                        &open.ticks.trades()[..sent]
                    }
                    _ => &[],
                };
                Ok(Klines::new(calendar, &intervals, &minutes, trades))
            });
            watched.running.merge(made.await?);
        }
        Ok(())
    }
}
