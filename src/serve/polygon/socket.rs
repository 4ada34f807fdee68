//! `/stocks`: trades, quotes, aggregates and price limits as they happen, in arrays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::response::Response;
use chrono::NaiveDate;
use tokio::time::Instant;

use super::answers::refused;
use super::messages::{self, Channel, Indicator, NoTopic, Said, Topic};
use super::seconds::Tally;
use super::tallies;
use crate::access::keys::Holder;
use crate::feed::{Event, Last, Round};
use crate::query::errors::Refusal;
use crate::query::parameters::repeated;
use crate::serve::socket::{self, Heard, Line, Manners, Over, Words};
use crate::serve::{POLYGON, Server};
use klined_market::base::{PriceLimits, Symbol, UnixNanos};

/// A message has room for every channel of 20,000 tickers.
const MANNERS: Manners = Manners::with_bytes(1024 * 1024);
/// From here on a message is sent and another begun: clients take 1 MiB at most.
const FRAME_BYTES: usize = 256 * 1024;
/// How long a client may take to give its key.
const AUTH_WAIT: Duration = Duration::from_secs(10);

/// Opens a WebSocket. The key comes in a message.
pub async fn open(
    State(server): State<Arc<Server>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    match socket::asked(upgrade) {
        Ok(upgrade) => socket::open(upgrade, server, MANNERS, Client::serve),
        Err(refusal) => refused(&refusal),
    }
}

/// What a client wants, as bits of channels.
#[derive(Debug, Default)]
struct Wishes {
    named: BTreeMap<Symbol, u8>,
    everything: u8,
}

impl Wishes {
    fn of(&self, symbol: &Symbol) -> u8 {
        self.everything | self.named.get(symbol).copied().unwrap_or(0)
    }

    /// Whether any ticker is wanted on a channel.
    fn has(&self, channel: Channel) -> bool {
        (self.everything | self.named.values().fold(0, |all, bits| all | bits)) & channel.bit() != 0
    }
}

/// One client.
struct Client {
    line: Line,
    wishes: Wishes,
    /// The sums of each ticker whose aggregates are wanted.
    tallies: BTreeMap<Symbol, Tally>,
    /// The newest instant that was told of.
    now: UnixNanos,
    /// The day whose price limits were told.
    limits_of: Option<NaiveDate>,
}

impl Client {
    async fn serve(line: Line) -> Result<(), Over> {
        let mut client =
            Self { line, wishes: Wishes::default(), tallies: BTreeMap::new(), now: UnixNanos::EPOCH, limits_of: None };
        client.status("connected", "Connected Successfully").await?;
        let holder = client.authenticate().await?;
        if holder.is_some_and(|holder| !client.line.enter(&holder)) {
            let told = "Maximum number of websocket connections exceeded.";
            return Err(client.dismiss("max_connections", told).await);
        }
        client.status("auth_success", "authenticated").await?;
        client.run().await
    }

    /// Waits for the key; where none is needed, any will do.
    async fn authenticate(&mut self) -> Result<Option<Arc<Holder>>, Over> {
        let until = Instant::now() + AUTH_WAIT;
        loop {
            let Some(words) = self.line.said_by(until).await? else {
                return Err(self.dismiss("auth_timeout", "No authentication request received.").await);
            };
            let said = match &words {
                Words::Text(text) => serde_json::from_str(text).ok(),
                Words::Binary(_) => None,
            };
            let Some(Said::Auth { params }) = said else {
                self.status("auth_required", "authenticate first: {\"action\":\"auth\",\"params\":KEY}").await?;
                continue;
            };
            if self.line.server.keys.is_none() {
                return Ok(None);
            }
            return match self.line.server.holder_of(&params) {
                Some(holder) => Ok(Some(holder)),
                None => Err(self.dismiss("auth_failed", "authentication failed").await),
            };
        }
    }

    async fn run(&mut self) -> Result<(), Over> {
        loop {
            match self.line.next().await? {
                Heard::Said(Words::Text(text)) => self.answer(&text).await?,
                Heard::Said(Words::Binary(_)) => self.status("error", "messages are text").await?,
                Heard::Round(round) => self.tell(&round).await?,
                Heard::Lagged(rounds) => {
                    let told = format!("too slow: {rounds} rounds of events were missed; connect again");
                    return Err(self.dismiss("slow_consumer", &told).await);
                }
                Heard::Due => {}
            }
        }
    }

    /// Answers a message.
    async fn answer(&mut self, text: &str) -> Result<(), Over> {
        if let Err(refusal) = self.line.take() {
            return self.status("error", &refusal.to_string()).await;
        }
        match serde_json::from_str(text) {
            Ok(Said::Subscribe { params }) => self.subscribe(&params).await,
            Ok(Said::Unsubscribe { params }) => self.unsubscribe(&params).await,
            Ok(Said::Auth { .. }) => self.status("auth_success", "already authenticated").await,
            Err(error) => {
                let how = "say {\"action\":\"subscribe\",\"params\":\"T.AAPL,AM.*\"} or unsubscribe";
                self.status("error", &format!("{how}: {error}")).await
            }
        }
    }

    /// The topics of a message; what is none is told.
    async fn topics(&mut self, params: &str) -> Result<Vec<Topic>, Over> {
        let (mut topics, mut wrong) = (Vec::new(), Vec::new());
        for text in params.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            let shown = repeated(text);
            match Topic::parse(text) {
                Ok(topic) => topics.push(topic),
                Err(NoTopic::Missing) => {
                    wrong
                        .push(messages::status("not_authorized", &format!("You're not authorized to access: {shown}")));
                }
                Err(NoTopic::Malformed) => {
                    wrong.push(messages::status("error", &format!("invalid subscription: {shown}")));
                }
            }
        }
        self.say(&wrong).await?;
        Ok(topics)
    }

    async fn subscribe(&mut self, params: &str) -> Result<(), Over> {
        let topics = self.topics(params).await?;
        let named: BTreeSet<Symbol> = topics.iter().filter_map(|topic| topic.symbol).collect();
        let new = named.iter().filter(|symbol| !self.wishes.named.contains_key(symbol)).count();
        let most = self.line.allowed.subscriptions as usize;
        if self.wishes.named.len() + new > most {
            let told = format!("at most {most} tickers may be named, or * for all; nothing was subscribed to");
            return self.status("error", &told).await;
        }
        let mut lasts = BTreeMap::new();
        if topics.iter().any(|topic| topic.symbol.is_none()) {
            lasts.extend(self.line.subscription.want_everything().await);
        }
        lasts.extend(self.line.subscription.want(&named.into_iter().collect::<Vec<_>>()).await);
        for topic in &topics {
            match topic.symbol {
                Some(symbol) => *self.wishes.named.entry(symbol).or_default() |= topic.channel.bit(),
                None => self.wishes.everything |= topic.channel.bit(),
            }
        }
        if let Err(refusal) = self.tally(&topics, &lasts).await {
            self.status("error", &refusal.to_string()).await?;
        }
        let told: Vec<Bytes> = topics.iter().map(|topic| done("subscribed", topic)).collect();
        self.say(&told).await?;
        let of_limits = |topic: &&Topic| topic.channel == Channel::Limits;
        if topics.iter().any(|topic| of_limits(&topic)) {
            let names: Option<BTreeSet<Symbol>> = topics.iter().filter(of_limits).map(|topic| topic.symbol).collect();
            self.tell_limits(names).await?;
        }
        Ok(())
    }

    async fn unsubscribe(&mut self, params: &str) -> Result<(), Over> {
        let topics = self.topics(params).await?;
        let mut gone = Vec::new();
        for topic in &topics {
            match topic.symbol {
                None => {
                    self.wishes.everything &= !topic.channel.bit();
                    if self.wishes.everything == 0 {
                        self.line.subscription.unwant_everything();
                    }
                }
                Some(symbol) => {
                    if let Some(bits) = self.wishes.named.get_mut(&symbol) {
                        *bits &= !topic.channel.bit();
                        if *bits == 0 {
                            self.wishes.named.remove(&symbol);
                            gone.push(symbol);
                        }
                    }
                }
            }
        }
        self.line.subscription.unwant(&gone);
        let summed = Channel::Second.bit() | Channel::Minute.bit();
        self.tallies.retain(|symbol, _| self.wishes.of(symbol) & summed != 0);
        let told: Vec<Bytes> = topics.iter().map(|topic| done("unsubscribed", topic)).collect();
        self.say(&told).await
    }

    /// Begins the sums of the tickers whose aggregates are wanted now and were not before.
    async fn tally(&mut self, topics: &[Topic], lasts: &BTreeMap<Symbol, Last>) -> Result<(), Refusal> {
        let summed = |topic: &&Topic| [Channel::Second, Channel::Minute].contains(&topic.channel);
        let board = self.line.server.reader.board().await?;
        let mut symbols = BTreeSet::new();
        for topic in topics.iter().filter(summed) {
            match topic.symbol {
                Some(symbol) => drop(symbols.insert(symbol)),
                None => symbols.extend(board.rows.iter().map(|row| row.symbol)),
            }
        }
        symbols.retain(|symbol| !self.tallies.contains_key(symbol) && board.find(symbol).is_some());
        if symbols.is_empty() {
            return Ok(());
        }
        self.tallies.extend(tallies::begin(&self.line.server, symbols, lasts).await?);
        Ok(())
    }

    /// Tells what of a round this client asked for. Trades and quotes are written once for all clients.
    async fn tell(&mut self, round: &Round) -> Result<(), Over> {
        let server = self.line.server.clone();
        let calendar = &server.reader.calendar();
        let Self { line, wishes, tallies, .. } = self;
        let (mut told, mut halts, mut now): (Vec<Bytes>, BTreeMap<Symbol, bool>, UnixNanos) =
            (Vec::new(), BTreeMap::new(), self.now);
        for of_symbol in line.subscription.own(round) {
            let symbol = &of_symbol.symbol;
            let wanted = wishes.of(symbol);
            let is_wanted = |channel: Channel| wanted & channel.bit() != 0;
            let is_summed = is_wanted(Channel::Second) || is_wanted(Channel::Minute);
            let mut tally = is_summed.then(|| tallies.entry(*symbol).or_default());
            let written = of_symbol.encoded(POLYGON, messages::event);
            for (event, bytes) in of_symbol.events.iter().zip(written.iter()) {
                match event {
                    Event::Trade(trade) => {
                        now = now.max(trade.at);
                        told.extend(is_wanted(Channel::Trade).then(|| bytes.clone()));
                        let over = tally.as_mut().and_then(|tally| tally.trade(trade, calendar));
                        let over = over.filter(|_| is_wanted(Channel::Second));
                        told.extend(over.map(|over| messages::second(symbol, &over)));
                    }
                    Event::Quote(quote) => {
                        now = now.max(quote.at);
                        told.extend(is_wanted(Channel::Quote).then(|| bytes.clone()));
                    }
                    Event::Bar(closed) => {
                        let end = closed.bar.first.end().saturating_nanos();
                        now = now.max(end);
                        let Some(tally) = &mut tally else { continue };
                        let over = tally.pass(end, calendar).filter(|_| is_wanted(Channel::Second));
                        told.extend(over.map(|over| messages::second(symbol, &over)));
                        let sums = tally.bar(&closed.bar, calendar);
                        told.extend(is_wanted(Channel::Minute).then(|| messages::minute(symbol, &sums)));
                    }
                    Event::Halt { is_halted } if is_wanted(Channel::Limits) => drop(halts.insert(*symbol, *is_halted)),
                    Event::Halt { .. } => {}
                }
            }
        }
        if now.seconds() != self.now.seconds() {
            for (symbol, tally) in tallies.iter_mut() {
                let over = tally.pass(now, calendar).filter(|_| wishes.of(symbol) & Channel::Second.bit() != 0);
                told.extend(over.map(|over| messages::second(symbol, &over)));
            }
        }
        self.now = now;
        self.say(&told).await?;
        let today = calendar.date_of(now.seconds());
        let is_new_day = now > UnixNanos::EPOCH && self.limits_of.is_some_and(|day| today != Ok(day));
        if is_new_day && self.wishes.has(Channel::Limits) {
            let is_everybody = self.wishes.everything & Channel::Limits.bit() != 0;
            let named = self.wishes.named.iter().filter(|(_, bits)| **bits & Channel::Limits.bit() != 0);
            let names = (!is_everybody).then(|| named.map(|(symbol, _)| *symbol).collect());
            self.tell_limits(names).await?;
        }
        if !halts.is_empty() {
            let at = market_now(&server, now).await.unwrap_or(now);
            let found = match calendar.date_of(at.seconds()) {
                Ok(today) => limits(&self.line.server, halts.keys().copied().collect(), today).await,
                Err(error) => Err(error.into()),
            };
            let found = found.unwrap_or_default();
            let told: Vec<Bytes> = halts
                .iter()
                .map(|(symbol, is_halted)| {
                    let indicator = if *is_halted { Indicator::Halted } else { Indicator::Resumed };
                    messages::limits(symbol, found.get(symbol).copied(), indicator, at)
                })
                .collect();
            self.say(&told).await?;
        }
        Ok(())
    }

    /// Tells the day's price limits of these tickers, or of all, as far as they have any.
    async fn tell_limits(&mut self, names: Option<BTreeSet<Symbol>>) -> Result<(), Over> {
        let (server, newest) = (self.line.server.clone(), self.now);
        let board = match server.reader.board().await {
            Ok(board) => board,
            Err(refusal) => return self.status("error", &refusal.to_string()).await,
        };
        let told = async {
            let now = market_now(&server, newest).await?;
            let today = server.reader.calendar().date_of(now.seconds())?;
            let names = names.unwrap_or_else(|| board.rows.iter().map(|row| row.symbol).collect());
            let found = limits(&server, names, today).await?;
            let told = |(symbol, limits): (&Symbol, &_)| {
                let is_halted = board.find(symbol).is_some_and(|row| row.is_halted);
                let indicator = if is_halted { Indicator::Halted } else { Indicator::None };
                messages::limits(symbol, Some(*limits), indicator, now)
            };
            Ok::<_, Refusal>((today, found.iter().map(told).collect::<Vec<_>>()))
        };
        match told.await {
            Ok((today, told)) => {
                self.limits_of = Some(today);
                self.say(&told).await
            }
            Err(refusal) => self.status("error", &refusal.to_string()).await,
        }
    }

    async fn status(&mut self, status: &str, message: &str) -> Result<(), Over> {
        self.say(&[messages::status(status, message)]).await
    }

    /// Says some messages in arrays.
    async fn say(&mut self, told: &[Bytes]) -> Result<(), Over> {
        let mut frame = String::new();
        for (place, message) in told.iter().enumerate() {
            frame.push(if frame.is_empty() { '[' } else { ',' });
            // Every message was written as text.
            frame.push_str(std::str::from_utf8(message).map_err(|_| Over)?);
            if frame.len() >= FRAME_BYTES || place + 1 == told.len() {
                frame.push(']');
                self.line.feed(Message::Text(std::mem::take(&mut frame).into())).await?;
            }
        }
        self.line.flush().await
    }

    /// Says why, and closes.
    async fn dismiss(&mut self, status: &str, message: &str) -> Over {
        let _ = self.status(status, message).await;
        self.line.expel(status).await
    }
}

/// The market's time, as far as it is known, and no earlier than the newest tick heard: who hears of halts only may have heard none
/// for long.
async fn market_now(server: &Server, newest: UnixNanos) -> Result<UnixNanos, Refusal> {
    let clock = server.reader.standing().await?.clock;
    Ok(clock.map_or(UnixNanos::EPOCH, |clock| clock.now(server.clock.now_nanos())).max(newest))
}

async fn limits(
    server: &Server,
    symbols: BTreeSet<Symbol>,
    day: NaiveDate,
) -> Result<BTreeMap<Symbol, PriceLimits>, Refusal> {
    let ticks = server.ticks.clone();
    server.reader.ask(move |_, _| ticks.limits(&symbols, day)).await
}

fn done(what: &str, topic: &Topic) -> Bytes {
    let symbol = topic.symbol.as_ref().map_or("*", Symbol::as_str);
    messages::status("success", &format!("{what} to: {}.{symbol}", topic.channel.as_str()))
}
