//! `/stocks`: trades, quotes, aggregates and price limits as they happen, in arrays.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use chrono::NaiveDate;
use futures_util::SinkExt;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::answers::refused;
use super::messages::{self, Channel, NoTopic, Said, Topic};
use super::seconds::{Committed, Sums, Tally};
use crate::base::{PriceLimits, Symbol, UnixNanos};
use crate::calendar::Calendar;
use crate::serve::errors::{Failure, Refusal};
use crate::serve::hub::{Event, Last, Missed, Round, Subscription};
use crate::serve::keys::{Allowed, Holder};
use crate::serve::limits::{Allowance, Rate};
use crate::serve::query::{DayBars, Order, TickQuery, Ticks};
use crate::serve::{POLYGON, Server};

/// The most bytes that a client may say at once: every channel of 20,000 tickers.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// From here on a message is sent and another begun: clients take 1 MiB at most.
const FRAME_BYTES: usize = 256 * 1024;
/// How long a client may take to give its key.
const AUTH_WAIT: Duration = Duration::from_secs(10);
/// How long a client may take to hear that it is over.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// How often a client is asked whether it is there.
const BEAT: Duration = Duration::from_secs(20);
/// After so long without a word, not even an answer to that, it is taken for gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// What a client may say in a second, and at once after a pause.
const RATE: Rate = Rate { per_second: NonZeroU32::new(50).unwrap(), burst: NonZeroU32::new(200).unwrap() };
/// The service restarts. Python's client stops for good on 1000 and 1001.
const RESTART: u16 = close_code::RESTART;
/// The most tickers of a subscription for which the turnover of the day so far is made from its trades.
const TURNOVERS_MAX: usize = 32;
/// More trades than a page of them has a day of a stock may have; after so many pages its turnover is not known.
const PAGES_MAX: usize = 16;
const NANOS_PER_SECOND: UnixNanos = 1_000_000_000;

/// The client is gone, or was told to go.
struct Over;

/// Opens a WebSocket. The key comes in a message.
pub async fn open(
    State(server): State<Arc<Server>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(_) => return refused(&Refusal::Invalid("this route is a WebSocket: ask for an upgrade".to_owned())),
    };
    upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX).on_upgrade(move |socket| async move {
        server.metrics.opened();
        // What it ended with, nobody needs to know.
        let _ = Client::serve(&server, socket).await;
        server.metrics.closed();
    })
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
struct Client<'s> {
    server: &'s Server,
    socket: WebSocket,
    allowed: Allowed,
    allowance: Allowance,
    subscription: Subscription,
    wishes: Wishes,
    /// The sums of each ticker whose aggregates are wanted.
    tallies: BTreeMap<Symbol, Tally>,
    /// The newest instant that was told of.
    now: UnixNanos,
    /// The day whose price limits were told.
    limits_of: Option<NaiveDate>,
}

impl<'s> Client<'s> {
    async fn serve(server: &'s Server, socket: WebSocket) -> Result<(), Over> {
        let mut client = Self {
            server,
            socket,
            allowed: Allowed::default(),
            allowance: Allowance::new(RATE),
            subscription: server.hub.subscribe(),
            wishes: Wishes::default(),
            tallies: BTreeMap::new(),
            now: 0,
            limits_of: None,
        };
        client.status("connected", "Connected Successfully").await?;
        let holder = client.authenticate().await?;
        let connection = holder.as_ref().map(Holder::connect);
        if let Some(None) = connection {
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
            let text = match tokio::time::timeout_at(until, self.socket.recv()).await {
                Ok(Some(Ok(Message::Text(text)))) => text,
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
                Ok(_) => return Err(Over),
                Err(_) => return Err(self.dismiss("auth_timeout", "No authentication request received.").await),
            };
            let Ok(Said::Auth { params }) = serde_json::from_str(&text) else {
                self.status("auth_required", "authenticate first: {\"action\":\"auth\",\"params\":KEY}").await?;
                continue;
            };
            if self.server.keys.is_none() {
                return Ok(None);
            }
            let Some(holder) = self.server.holder_of(&params) else {
                return Err(self.dismiss("auth_failed", "authentication failed").await);
            };
            self.allowed = holder.allowed;
            return Ok(Some(holder));
        }
    }

    async fn run(&mut self) -> Result<(), Over> {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_at = Instant::now();
        loop {
            tokio::select! {
                () = self.server.draining.cancelled() => {
                    return Err(self.close(RESTART, "the server stops").await);
                }
                heard = self.socket.recv() => {
                    heard_at = Instant::now();
                    match heard {
                        Some(Ok(Message::Text(text))) => self.answer(&text).await?,
                        Some(Ok(Message::Binary(_))) => self.status("error", "messages are text").await?,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Err(_)) => return Err(self.close(close_code::SIZE, "too large, or no WebSocket").await),
                        Some(Ok(Message::Close(_))) => return Err(self.part().await),
                        None => return Ok(()),
                    }
                }
                round = self.subscription.next() => match round {
                    Ok(round) => self.tell(&round).await?,
                    Err(Missed::Lagged(rounds)) => {
                        self.server.metrics.dropped();
                        let told = format!("too slow: {rounds} rounds of events were missed; connect again");
                        return Err(self.dismiss("slow_consumer", &told).await);
                    }
                    Err(Missed::Ended) => return Err(self.close(RESTART, "the feed has ended").await),
                },
                _ = beat.tick() => {
                    if heard_at.elapsed() > SILENCE_MAX {
                        return Err(Over);
                    }
                    self.socket.send(Message::Ping(Bytes::new())).await.map_err(|_| Over)?;
                }
            }
        }
    }

    /// Answers a message.
    async fn answer(&mut self, text: &str) -> Result<(), Over> {
        if let Err(refusal) = self.allowance.take() {
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
            let shown: String = text.chars().take(40).collect();
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
        let most = self.allowed.subscriptions as usize;
        if self.wishes.named.len() + new > most {
            let told = format!("at most {most} tickers may be named, or * for all; nothing was subscribed to");
            return self.status("error", &told).await;
        }
        let mut lasts = BTreeMap::new();
        if topics.iter().any(|topic| topic.symbol.is_none()) {
            lasts.extend(self.subscription.want_everything().await);
        }
        lasts.extend(self.subscription.want(&named.into_iter().collect::<Vec<_>>()).await);
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
                        self.subscription.unwant_everything();
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
        self.subscription.unwant(&gone);
        let summed = Channel::Second.bit() | Channel::Minute.bit();
        self.tallies.retain(|symbol, _| self.wishes.of(symbol) & summed != 0);
        let told: Vec<Bytes> = topics.iter().map(|topic| done("unsubscribed", topic)).collect();
        self.say(&told).await
    }

    /// Begins the sums of the tickers whose aggregates are wanted now and were not before.
    async fn tally(&mut self, topics: &[Topic], lasts: &BTreeMap<Symbol, Last>) -> Result<(), Refusal> {
        let summed = |topic: &&Topic| [Channel::Second, Channel::Minute].contains(&topic.channel);
        let board = self.server.reader.board().await?;
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
        let days = self.server.reader.days(symbols.into_iter().collect()).await?;
        let (ticks, lasts) = (self.server.ticks.clone(), lasts.clone());
        let knows_turnover = days.len() <= TURNOVERS_MAX;
        let begun = self.server.reader.ask(move |_, calendar| {
            let begin = |day: &DayBars| {
                let until = day.minute.start;
                let date = calendar.date_of(until);
                let turnover = if knows_turnover { turnover(&ticks, day.symbol, date, until)? } else { None };
                let (open, volume) = (day.day.open, day.day.volume);
                let committed = Committed { day: date, until, open, volume, turnover };
                let last = lasts.get(&day.symbol).and_then(|last| last.trade);
                // Without a last trade nothing of the open minute was missed.
                let open = if last.is_some() { ticks.open(day.symbol)? } else { None };
                let missed = open.map(|open| open.ticks.trades().to_vec()).unwrap_or_default();
                let missed = missed.into_iter().filter(|trade| last.is_some_and(|last| trade.id() <= last.id()));
                Ok((day.symbol, Tally::after(Some(committed), &missed.collect::<Vec<_>>())))
            };
            days.iter().map(begin).collect::<Result<Vec<_>, Failure>>()
        });
        self.tallies.extend(begun.await?);
        Ok(())
    }

    /// Tells what of a round this client asked for. Trades and quotes are written once for all clients.
    async fn tell(&mut self, round: &Round) -> Result<(), Over> {
        let calendar = self.server.reader.calendar();
        let Self { subscription, wishes, tallies, .. } = self;
        let (mut told, mut halts, mut now): (Vec<Bytes>, BTreeMap<Symbol, bool>, UnixNanos) =
            (Vec::new(), BTreeMap::new(), self.now);
        for of_symbol in subscription.own(round) {
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
                        let end = closed.bar.first.end() * NANOS_PER_SECOND;
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
        if now.div_euclid(NANOS_PER_SECOND) != self.now.div_euclid(NANOS_PER_SECOND) {
            for (symbol, tally) in tallies.iter_mut() {
                let over = tally.pass(now, calendar).filter(|_| wishes.of(symbol) & Channel::Second.bit() != 0);
                told.extend(over.map(|over| messages::second(symbol, &over)));
            }
        }
        self.now = now;
        self.say(&told).await?;
        let today = calendar.date_of(now.div_euclid(NANOS_PER_SECOND));
        let is_new_day = now > 0 && self.limits_of.is_some_and(|day| day != today);
        if is_new_day && self.wishes.has(Channel::Limits) {
            let is_everybody = self.wishes.everything & Channel::Limits.bit() != 0;
            let named = self.wishes.named.iter().filter(|(_, bits)| **bits & Channel::Limits.bit() != 0);
            let names = (!is_everybody).then(|| named.map(|(symbol, _)| *symbol).collect());
            self.tell_limits(names).await?;
        }
        if !halts.is_empty() {
            let found = limits(self.server, halts.keys().copied().collect(), today).await.unwrap_or_default();
            let told: Vec<Bytes> = halts
                .iter()
                .map(|(symbol, is_halted)| messages::limits(symbol, found.get(symbol).copied(), *is_halted, now))
                .collect();
            self.say(&told).await?;
        }
        Ok(())
    }

    /// Tells the day's price limits of these tickers, or of all, as far as they have any.
    async fn tell_limits(&mut self, names: Option<BTreeSet<Symbol>>) -> Result<(), Over> {
        let (server, newest) = (self.server, self.now);
        let board = match server.reader.board().await {
            Ok(board) => board,
            Err(refusal) => return self.status("error", &refusal.to_string()).await,
        };
        let told = async {
            let clock = server.reader.standing().await?.clock;
            let now = clock.map_or(0, |clock| clock.now(server.clock.now_nanos())).max(newest);
            let today = server.reader.calendar().date_of(now.div_euclid(NANOS_PER_SECOND));
            let names = names.unwrap_or_else(|| board.rows.iter().map(|row| row.symbol).collect());
            let found = limits(server, names, today).await?;
            let told = |(symbol, limits): (&Symbol, &_)| {
                let is_halted = board.find(symbol).is_some_and(|row| row.is_halted);
                messages::limits(symbol, Some(*limits), is_halted, now)
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
                let text = Utf8Bytes::from(std::mem::take(&mut frame));
                self.socket.feed(Message::Text(text)).await.map_err(|_| Over)?;
            }
        }
        self.socket.flush().await.map_err(|_| Over)
    }

    /// Says why, and closes.
    async fn dismiss(&mut self, status: &str, message: &str) -> Over {
        let _ = self.status(status, message).await;
        self.close(close_code::POLICY, status).await
    }

    /// Closes, and waits for the client to have heard it: what lies unread at either end would take the words along.
    async fn close(&mut self, code: u16, reason: &str) -> Over {
        let _ = self.socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
        self.part().await
    }

    /// Hears the client out, which also answers its wish to close: Python's client takes an end without an answer for a fault, and
    /// comes again.
    async fn part(&mut self) -> Over {
        let _ = timeout(CLOSE_WAIT, async { while let Some(Ok(_)) = self.socket.recv().await {} }).await;
        Over
    }
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

/// The turnover of a day's committed minutes, in hundredths.
fn turnover(ticks: &Ticks, symbol: Symbol, day: NaiveDate, until: i64) -> Result<Option<i128>, Failure> {
    let all = TickQuery { order: Order::Ascending, ..TickQuery::newest(symbol, u16::MAX) };
    let mut query = all.within(Some(Calendar::midnight(day)), Some(until + 59));
    let mut sums = Sums::default();
    for _ in 0..PAGES_MAX {
        let page = ticks.page(&query)?;
        page.ticks.iter().for_each(|trade| sums.add(trade));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(Some(sums.turnover)),
        }
    }
    Ok(None)
}
