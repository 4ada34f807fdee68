//! `/ws`: the market's events as they happen, for the tickers that a client asks for.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use tokio::time::Instant;

use super::answers::refused;
use super::messages::{self, Channel, Said};
use crate::access::keys::Holder;
use crate::feed::Round;
use crate::query::errors::Refusal;
use crate::query::parameters::repeated;
use crate::serve::guard;
use crate::serve::socket::{self, Heard, Line, Manners, Over, Words};
use crate::serve::{NATIVE, Server};
use klined_market::base::Symbol;

/// A message has room for as many tickers as most keys may name.
const MANNERS: Manners = Manners::with_bytes(256 * 1024);
/// How long a client may take to give its key.
const AUTH_WAIT: Duration = Duration::from_secs(5);

/// Opens a WebSocket.
pub async fn open(
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    // Whoever gives no key here may give it in its first message.
    let is_asked = server.keys.is_some();
    let holder = match guard::holder(&server, &headers, &uri) {
        Ok(holder) => holder,
        Err(Refusal::NoKey) => None,
        Err(refusal) => return refused(&refusal),
    };
    let is_known = !is_asked || holder.is_some();
    match socket::asked(upgrade) {
        Ok(upgrade) => socket::open(upgrade, server, MANNERS, move |line| Client::serve(line, holder, is_known)),
        Err(refusal) => refused(&refusal),
    }
}

/// One client.
struct Client {
    line: Line,
    /// What is heard of the tickers named.
    named: BTreeMap<Symbol, BTreeSet<Channel>>,
    /// What is heard of all others.
    everything: BTreeSet<Channel>,
}

impl Client {
    async fn serve(line: Line, holder: Option<Arc<Holder>>, is_known: bool) -> Result<(), Over> {
        let mut client = Self { line, named: BTreeMap::new(), everything: BTreeSet::new() };
        if let Some(holder) = holder {
            client.enter(&holder).await?;
        } else {
            client.send(messages::connected(is_known)).await?;
            if !is_known {
                let holder = client.authenticate().await?;
                client.enter(&holder).await?;
            }
        }
        client.run().await
    }

    /// Lets a holder in who has a place left. Whoever hears that it is in has its place already.
    async fn enter(&mut self, holder: &Arc<Holder>) -> Result<(), Over> {
        let has_place = self.line.enter(holder);
        self.send(messages::connected(true)).await?;
        if has_place {
            return Ok(());
        }
        Err(self.dismiss("connection_limit", "this key has as many connections as it may").await)
    }

    /// Waits for the key.
    async fn authenticate(&mut self) -> Result<Arc<Holder>, Over> {
        let Some(words) = self.line.said_by(Instant::now() + AUTH_WAIT).await? else {
            return Err(self.dismiss("auth_timeout", "no key came in time").await);
        };
        let Some(Said::Auth { key }) = read(&words) else {
            let how = "give the key first: {\"type\":\"auth\",\"key\":…}";
            return Err(self.dismiss("missing_key", how).await);
        };
        match self.line.server.holder_of(&key) {
            Some(holder) => Ok(holder),
            None => Err(self.dismiss("invalid_key", "the key is not known").await),
        }
    }

    async fn run(&mut self) -> Result<(), Over> {
        loop {
            match self.line.next().await? {
                Heard::Said(Words::Text(text)) => self.answer(&text).await?,
                Heard::Said(Words::Binary(_)) => {
                    self.send(messages::error("invalid_message", "messages are text")).await?;
                }
                Heard::Round(round) => self.tell(&round).await?,
                Heard::Lagged(rounds) => {
                    let told = format!("too slow: {rounds} rounds of events were missed; connect again");
                    return Err(self.dismiss("slow_client", &told).await);
                }
                Heard::Due => {}
            }
        }
    }

    /// Answers a message.
    async fn answer(&mut self, text: &str) -> Result<(), Over> {
        if let Err(refusal) = self.line.take() {
            return self.send(messages::error(refusal.code(), &refusal.to_string())).await;
        }
        match serde_json::from_str(text) {
            Ok(Said::Ping {}) => self.send(messages::pong()).await,
            Ok(Said::Subscribe { tickers, channels }) => {
                let channels = channels.unwrap_or_else(|| BTreeSet::from([Channel::Tick, Channel::Bar]));
                self.subscribe(&tickers, &channels).await
            }
            Ok(Said::Unsubscribe { tickers, channels }) => {
                let channels = channels.unwrap_or_else(|| BTreeSet::from(Channel::ALL));
                self.unsubscribe(&tickers, &channels).await
            }
            Ok(Said::Auth { .. }) => self.send(messages::error("already_authenticated", "no key is needed now")).await,
            Err(error) => {
                let how = "say {\"type\":\"subscribe\",\"tickers\":[…]}, unsubscribe or ping";
                self.send(messages::error("invalid_message", &format!("{how}: {error}"))).await
            }
        }
    }

    async fn subscribe(&mut self, tickers: &[String], channels: &BTreeSet<Channel>) -> Result<(), Over> {
        let board = match self.line.server.reader.board().await {
            Ok(board) => board,
            Err(refusal) => return self.send(messages::error(refusal.code(), &refusal.to_string())).await,
        };
        let (mut symbols, mut unknown) = (BTreeSet::new(), Vec::new());
        for ticker in tickers.iter().filter(|ticker| *ticker != "*") {
            match ticker.parse().ok().filter(|symbol| board.find(symbol).is_some()) {
                Some(symbol) => drop(symbols.insert(symbol)),
                None => unknown.push(ticker),
            }
        }
        let new = symbols.iter().filter(|symbol| !self.named.contains_key(symbol)).count();
        let most = self.line.allowed.subscriptions as usize;
        if self.named.len() + new + unknown.len() > most {
            let told = format!("at most {most} tickers may be named, or \"*\" for all; nothing was subscribed to");
            return self.send(messages::error("subscription_limit", &told)).await;
        }
        if let Some(first) = unknown.first() {
            let told = format!("{} tickers are not known, the first being \"{}\"", unknown.len(), repeated(first));
            self.send(messages::error("unknown_ticker", &told)).await?;
        }
        let mut lasts = BTreeMap::new();
        let mut names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
        if tickers.iter().any(|ticker| ticker == "*") {
            names.push("*");
            self.everything.extend(channels);
            lasts.extend(self.line.subscription.want_everything().await);
        }
        for symbol in &symbols {
            self.named.entry(*symbol).or_default().extend(channels);
        }
        let named: Vec<Symbol> = symbols.iter().copied().collect();
        lasts.extend(self.line.subscription.want(&named).await);
        self.send(messages::subscribed("subscribed", &names, channels)).await?;
        if channels.contains(&Channel::Tick) {
            let ticks: Vec<Bytes> =
                lasts.iter().filter_map(|(symbol, last)| messages::last_tick(symbol, last)).collect();
            self.line.say(ticks).await?;
        }
        Ok(())
    }

    async fn unsubscribe(&mut self, tickers: &[String], channels: &BTreeSet<Channel>) -> Result<(), Over> {
        let (mut names, mut gone) = (Vec::new(), Vec::new());
        for ticker in tickers {
            if ticker == "*" {
                names.push("*");
                self.everything.retain(|channel| !channels.contains(channel));
                if self.everything.is_empty() {
                    self.line.subscription.unwant_everything();
                }
            } else if let Ok(symbol) = ticker.parse::<Symbol>()
                && let Some(heard) = self.named.get_mut(&symbol)
            {
                names.push(ticker);
                heard.retain(|channel| !channels.contains(channel));
                if heard.is_empty() {
                    self.named.remove(&symbol);
                    gone.push(symbol);
                }
            }
        }
        self.line.subscription.unwant(&gone);
        self.send(messages::subscribed("unsubscribed", &names, channels)).await
    }

    /// Tells what of a round this client asked for. Each event is written once for all clients.
    async fn tell(&mut self, round: &Round) -> Result<(), Over> {
        let mut told: Vec<Bytes> = round.market.iter().map(messages::market).collect();
        for of_symbol in self.line.subscription.own(round) {
            // Events are written in order, so a trade knows the quote before it.
            let standing = Cell::new(of_symbol.standing);
            let written = of_symbol.encoded(NATIVE, |symbol, event| messages::event(symbol, event, &standing));
            let named = self.named.get(&of_symbol.symbol);
            for (event, bytes) in of_symbol.events.iter().zip(written.iter()) {
                let is_asked = messages::channel_of(event).is_none_or(|channel| {
                    self.everything.contains(&channel) || named.is_some_and(|named| named.contains(&channel))
                });
                told.extend(is_asked.then(|| bytes.clone()));
            }
        }
        self.line.say(told).await
    }

    async fn send(&mut self, message: Bytes) -> Result<(), Over> {
        self.line.say([message]).await
    }

    /// Says why, and closes.
    async fn dismiss(&mut self, code: &str, message: &str) -> Over {
        let _ = self.send(messages::error(code, message)).await;
        self.line.expel(code).await
    }
}

fn read(words: &Words) -> Option<Said> {
    match words {
        Words::Text(text) => serde_json::from_str(text).ok(),
        Words::Binary(_) => None,
    }
}
