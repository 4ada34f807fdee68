//! `/stocks`: trades, quotes, aggregates and price limits as they happen, in arrays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::Message;
use axum::response::Response;
use chrono::NaiveDate;

use super::answers::PolygonError;
use super::conversation::{self, PolygonRequest, done, frames, status, topics};
use super::messages::{self, Indicator, PolygonChannel, Topic};
use super::seconds::Tally;
use super::tallies;
use crate::feed::{Event, EventKind, FeedUpdate, Last};
use crate::query::errors::Refusal;
use crate::relay::{Link, Notice, Vendor};
use crate::serve::kit::channels::{ChannelSet, Channels};
use crate::serve::kit::client::{Client, Incoming, SocketLimits};
use crate::serve::kit::protocol::{self, Admission, Login, Protocol, Reply, SocketProblem, Upgrade, requested};
use crate::serve::server::Server;
use klined_market::base::{Symbol, UnixNanos};

/// The dialect's place among the feed's encodings.
pub const ENCODER: usize = 3;

/// Opens a WebSocket. The key comes in a message.
pub async fn open(State(server): State<Arc<Server>>, upgrade: Upgrade) -> Result<Response, PolygonError> {
    open_for(server, upgrade)
}

/// The same outside of the dialect's paths.
pub fn open_for(server: Arc<Server>, upgrade: Upgrade) -> Result<Response, PolygonError> {
    let stream = PolygonStream::new(server.clone());
    Ok(protocol::open(requested(upgrade)?, server, Admission::ByMessage, stream))
}

/// The vendor's feed of stocks.
const FEED: &str = "stocks";

/// One client's subscriptions.
struct PolygonStream {
    server: Arc<Server>,
    /// The vendor that tickers outside the market are subscribed to at.
    link: Option<Arc<Link>>,
    channels: Channels,
    /// The sums of each ticker whose aggregates are subscribed to.
    tallies: BTreeMap<Symbol, Tally>,
    /// The newest instant of an event.
    now: UnixNanos,
    /// The day whose price limits the client has.
    limits_of: Option<NaiveDate>,
}

impl Protocol for PolygonStream {
    /// A message has room for every channel of 20,000 tickers.
    const LIMITS: SocketLimits = SocketLimits::new(1024 * 1024, Duration::from_secs(10));

    fn greeting(&self, _is_known: bool) -> Vec<Message> {
        conversation::greeting()
    }

    fn login(&self, message: &Incoming) -> Login {
        conversation::login(message)
    }

    fn problem(&self, problem: SocketProblem) -> Reply {
        conversation::problem(problem)
    }

    async fn begin(&mut self, _client: &mut Client) -> Vec<Message> {
        conversation::welcome()
    }

    async fn answer(&mut self, client: &mut Client, message: &Incoming) -> Reply {
        match conversation::request(message, "T.AAPL,AM.*") {
            Ok(PolygonRequest::Subscribe { params }) => self.subscribe(client, &params).await,
            Ok(PolygonRequest::Unsubscribe { params }) => self.unsubscribe(client, &params),
            Ok(PolygonRequest::Auth { .. }) => status("auth_success", "already authenticated"),
            Err(answer) => answer,
        }
        .into()
    }

    fn notice(&self, notice: &Notice) -> Vec<Message> {
        conversation::notice(notice)
    }

    async fn events(&mut self, client: &mut Client, update: &FeedUpdate) -> Vec<Message> {
        let (messages, halts) = self.ticks_and_bars(client, update);
        let mut sent = frames(&messages);
        let today = self.server.reader.calendar().date_of(self.now.seconds());
        let is_new_day = self.now > UnixNanos::EPOCH && self.limits_of.is_some_and(|day| today != Ok(day));
        if is_new_day && self.channels.any_on(PolygonChannel::Limits) {
            let is_all = self.channels.all.has(PolygonChannel::Limits);
            let named = self.channels.named.iter().filter(|(_, set)| set.has(PolygonChannel::Limits));
            sent.extend(self.limits((!is_all).then(|| named.map(|(symbol, _)| *symbol).collect())).await);
        }
        if !halts.is_empty() {
            let at = self.market_time().await.unwrap_or(self.now);
            let found = self.server.price_limits_at(halts.keys().copied().collect(), at).await.unwrap_or_default();
            let halt = |(symbol, is_halted): (&Symbol, &bool)| {
                let indicator = if *is_halted { Indicator::Halted } else { Indicator::Resumed };
                messages::limits(symbol, found.get(symbol).copied(), indicator, at)
            };
            sent.extend(frames(&halts.iter().map(halt).collect::<Vec<_>>()));
        }
        sent
    }
}

fn is_summed(channels: ChannelSet) -> bool {
    channels.has(PolygonChannel::Second) || channels.has(PolygonChannel::Minute)
}

impl PolygonStream {
    fn new(server: Arc<Server>) -> Self {
        let link = server.options.relay.as_ref().and_then(|relay| relay.link(Vendor::Polygon, FEED));
        Self {
            server,
            link,
            channels: Channels::default(),
            tallies: BTreeMap::new(),
            now: UnixNanos::EPOCH,
            limits_of: None,
        }
    }

    /// The market's tickers; none without a vendor for the other ones.
    async fn synthetic(&self) -> Result<Option<Arc<BTreeSet<Symbol>>>, Refusal> {
        match self.server.options.relay.as_ref().filter(|_| self.link.is_some()) {
            Some(relay) => self.server.synthetic(relay).await.map(Some),
            None => Ok(None),
        }
    }

    async fn subscribe(&mut self, client: &mut Client, params: &str) -> Vec<Message> {
        let (topics, wrong) = topics(params, Topic::parse);
        let mut sent = frames(&wrong);
        let synthetic = match self.synthetic().await {
            Ok(synthetic) => synthetic,
            Err(refusal) => return status("error", &refusal.to_string()),
        };
        // Without a vendor every ticker is one of the market, though it may not be there.
        let is_here = |symbol: &Symbol| synthetic.as_ref().is_none_or(|synthetic| synthetic.contains(symbol));
        let named: BTreeSet<Symbol> = topics.iter().filter_map(|topic| topic.symbol).collect();
        let most = client.allowed.subscriptions as usize;
        if self.channels.named_with(&named) > most {
            let message = format!("at most {most} tickers may be named, or * for all; nothing was subscribed to");
            sent.extend(status("error", &message));
            return sent;
        }
        let named: Vec<Symbol> = named.into_iter().filter(is_here).collect();
        if let Some(link) = &self.link {
            let is_upstream = |topic: &&Topic| topic.symbol.is_none_or(|symbol| !is_here(&symbol));
            client.follow_upstream(link, None, topics.iter().filter(is_upstream).map(|topic| topic.upstream()));
        }
        let lasts = client.follow(&named, topics.iter().any(|topic| topic.symbol.is_none())).await;
        topics.iter().for_each(|topic| self.channels.add(topic.symbol, topic.channel.into()));
        if let Err(refusal) = self.tally(&topics, &lasts).await {
            sent.extend(status("error", &refusal.to_string()));
        }
        sent.extend(done("subscribed", topics.iter().map(Topic::text)));
        let limited = topics.iter().filter(|topic| topic.channel == PolygonChannel::Limits);
        if limited.clone().next().is_some() {
            sent.extend(self.limits(limited.map(|topic| topic.symbol).collect()).await);
        }
        sent
    }

    fn unsubscribe(&mut self, client: &mut Client, params: &str) -> Vec<Message> {
        let (topics, wrong) = topics(params, Topic::parse);
        let mut gone = Vec::new();
        for topic in &topics {
            let is_gone = self.channels.remove(topic.symbol.as_ref(), topic.channel.into());
            gone.extend(topic.symbol.filter(|_| is_gone));
        }
        client.unfollow(&gone, self.channels.all);
        client.unfollow_upstream(topics.iter().map(Topic::upstream));
        self.tallies.retain(|symbol, _| is_summed(self.channels.of(symbol)));
        let mut sent = frames(&wrong);
        sent.extend(done("unsubscribed", topics.iter().map(Topic::text)));
        sent
    }

    /// Begins the sums of the tickers whose aggregates are subscribed to now and were not before.
    async fn tally(&mut self, topics: &[Topic], lasts: &BTreeMap<Symbol, Last>) -> Result<(), Refusal> {
        let prices = self.server.reader.price_list().await?;
        let mut symbols = BTreeSet::new();
        for topic in topics.iter().filter(|topic| is_summed(topic.channel.into())) {
            match topic.symbol {
                Some(symbol) => drop(symbols.insert(symbol)),
                None => symbols.extend(prices.rows.iter().map(|row| row.symbol)),
            }
        }
        symbols.retain(|symbol| !self.tallies.contains_key(symbol) && prices.find(symbol).is_some());
        if !symbols.is_empty() {
            self.tallies.extend(tallies::begin(&self.server, symbols, lasts).await?);
        }
        Ok(())
    }

    /// Messages of an update's ticks and bars, and which symbols halt or resume. Trades and quotes are encoded once for all clients.
    fn ticks_and_bars(&mut self, client: &Client, update: &FeedUpdate) -> (Vec<Bytes>, BTreeMap<Symbol, bool>) {
        let calendar = &self.server.reader.calendar();
        let encode = if self.server.options.is_fake { messages::fake_event } else { messages::event };
        let Self { channels, tallies, .. } = self;
        let (mut messages, mut halts, mut now) = (Vec::new(), BTreeMap::new(), self.now);
        for of_symbol in client.subscription.own(update) {
            let symbol = &of_symbol.symbol;
            let set = channels.of(symbol);
            let mut tally = is_summed(set).then(|| tallies.entry(*symbol).or_default());
            let is_needed = |kind| match kind {
                EventKind::Trade => set.has(PolygonChannel::Trade),
                EventKind::Quote => set.has(PolygonChannel::Quote),
                EventKind::Bar | EventKind::Halt => false,
            };
            for (event, message) in of_symbol.encoded(ENCODER, is_needed, encode) {
                messages.extend(message.cloned());
                match event {
                    Event::Trade(trade) => {
                        now = now.max(trade.at);
                        let over = tally.as_mut().and_then(|tally| tally.trade(trade, calendar));
                        let over = over.filter(|_| set.has(PolygonChannel::Second));
                        messages.extend(over.map(|over| messages::second(symbol, &over)));
                    }
                    Event::Quote(quote) => now = now.max(quote.at),
                    Event::Bar(closed) => {
                        let end = closed.bar.first.end().saturating_nanos();
                        now = now.max(end);
                        let Some(tally) = &mut tally else { continue };
                        let over = tally.pass(end, calendar).filter(|_| set.has(PolygonChannel::Second));
                        messages.extend(over.map(|over| messages::second(symbol, &over)));
                        let sums = tally.bar(&closed.bar, calendar);
                        let is_shown = set.has(PolygonChannel::Minute) && closed.is_traded();
                        messages.extend(is_shown.then(|| messages::minute(symbol, &sums)));
                    }
                    Event::Halt { is_halted } if set.has(PolygonChannel::Limits) => {
                        let _ = halts.insert(*symbol, *is_halted);
                    }
                    Event::Halt { .. } => {}
                }
            }
        }
        if now.seconds() != self.now.seconds() {
            for (symbol, tally) in tallies.iter_mut() {
                let over = tally.pass(now, calendar).filter(|_| channels.of(symbol).has(PolygonChannel::Second));
                messages.extend(over.map(|over| messages::second(symbol, &over)));
            }
        }
        self.now = now;
        (messages, halts)
    }

    /// The market's time, as far as it is known, and no earlier than the newest event: a client that subscribes to halts only may have
    /// had none for long.
    async fn market_time(&self) -> Result<UnixNanos, Refusal> {
        Ok(self.server.market_time().await?.unwrap_or(UnixNanos::EPOCH).max(self.now))
    }

    /// The day's price limits of these tickers, or of all, as far as they have any.
    async fn limits(&mut self, names: Option<BTreeSet<Symbol>>) -> Vec<Message> {
        self.try_limits(names).await.unwrap_or_else(|refusal| status("error", &refusal.to_string()))
    }

    async fn try_limits(&mut self, names: Option<BTreeSet<Symbol>>) -> Result<Vec<Message>, Refusal> {
        let prices = self.server.reader.price_list().await?;
        let now = self.market_time().await?;
        let today = self.server.reader.calendar().date_of(now.seconds())?;
        let names = names.unwrap_or_else(|| prices.rows.iter().map(|row| row.symbol).collect());
        let found = self.server.price_limits(names, today).await?;
        let limits = |(symbol, limits): (&Symbol, &_)| {
            let is_halted = prices.find(symbol).is_some_and(|row| row.is_halted);
            let indicator = if is_halted { Indicator::Halted } else { Indicator::None };
            messages::limits(symbol, Some(*limits), indicator, now)
        };
        self.limits_of = Some(today);
        Ok(frames(&found.iter().map(limits).collect::<Vec<_>>()))
    }
}
