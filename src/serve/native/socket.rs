//! `/ws`: the market's events as they happen, for the tickers that a client asks for.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use futures_util::SinkExt;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::answers::refused;
use super::messages::{self, Channel, Said};
use crate::base::Symbol;
use crate::serve::errors::Refusal;
use crate::serve::guard;
use crate::serve::hub::{Missed, Round, Subscription};
use crate::serve::keys::{Allowed, Holder};
use crate::serve::limits::{Allowance, Rate};
use crate::serve::{NATIVE, Server};

/// The most bytes that a client may say at once: room for as many tickers as most keys may name.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// How long a client may take to give its key.
const AUTH_WAIT: Duration = Duration::from_secs(5);
/// How long a client may take to hear that it is over.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// How often a client is asked whether it is there.
const BEAT: Duration = Duration::from_secs(20);
/// After so long without a word, not even an answer to that, it is taken for gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// What a client may say in a second, and at once after a pause.
const RATE: Rate = Rate { per_second: NonZeroU32::new(50).unwrap(), burst: NonZeroU32::new(200).unwrap() };
/// The service restarts: clients come again.
const RESTART: u16 = close_code::RESTART;

/// The client is gone, or was told to go.
struct Over;

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
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(_) => return refused(&Refusal::Invalid("this route is a WebSocket: ask for an upgrade".to_owned())),
    };
    let is_known = !is_asked || holder.is_some();
    upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX).on_upgrade(move |socket| async move {
        server.metrics.opened();
        // What it ended with, nobody needs to know.
        let _ = Client::serve(&server, socket, holder, is_known).await;
        server.metrics.closed();
    })
}

/// One client.
struct Client<'s> {
    server: &'s Server,
    socket: WebSocket,
    allowed: Allowed,
    allowance: Allowance,
    subscription: Subscription,
    /// What is heard of the tickers named.
    named: BTreeMap<Symbol, BTreeSet<Channel>>,
    /// What is heard of all others.
    everything: BTreeSet<Channel>,
}

impl<'s> Client<'s> {
    async fn serve(
        server: &'s Server,
        socket: WebSocket,
        holder: Option<Arc<Holder>>,
        is_known: bool,
    ) -> Result<(), Over> {
        let mut client = Self {
            server,
            socket,
            allowed: holder.as_ref().map_or_else(Allowed::default, |holder| holder.allowed),
            allowance: Allowance::new(RATE),
            subscription: server.hub.subscribe(),
            named: BTreeMap::new(),
            everything: BTreeSet::new(),
        };
        client.send(messages::connected(is_known)).await?;
        let holder = match is_known {
            true => holder,
            false => Some(client.authenticate().await?),
        };
        let connection = holder.as_ref().map(Holder::connect);
        if let Some(None) = connection {
            return Err(client.dismiss("connection_limit", "this key has as many connections as it may").await);
        }
        client.run().await
    }

    /// Waits for the key.
    async fn authenticate(&mut self) -> Result<Arc<Holder>, Over> {
        let heard = timeout(AUTH_WAIT, async {
            loop {
                match self.socket.recv().await {
                    Some(Ok(Message::Text(text))) => break Ok(text),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    _ => break Err(Over),
                }
            }
        });
        let Ok(heard) = heard.await else {
            return Err(self.dismiss("auth_timeout", "no key came in time").await);
        };
        let Ok(Said::Auth { key }) = serde_json::from_str(&heard?) else {
            let how = "give the key first: {\"type\":\"auth\",\"key\":…}";
            return Err(self.dismiss("missing_key", how).await);
        };
        let Some(holder) = self.server.holder_of(&key) else {
            return Err(self.dismiss("invalid_key", "the key is not known").await);
        };
        self.allowed = holder.allowed;
        self.send(messages::connected(true)).await?;
        Ok(holder)
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
                        Some(Ok(Message::Binary(_))) => {
                            self.send(messages::error("invalid_message", "messages are text")).await?;
                        }
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Err(_)) => return Err(self.close(close_code::SIZE, "too large, or no WebSocket").await),
                        Some(Ok(Message::Close(_))) | None => return Ok(()),
                    }
                }
                round = self.subscription.next() => match round {
                    Ok(round) => self.tell(&round).await?,
                    Err(Missed::Lagged(rounds)) => {
                        self.server.metrics.dropped();
                        let told = format!("too slow: {rounds} rounds of events were missed; connect again");
                        return Err(self.dismiss("slow_client", &told).await);
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
        let board = match self.server.reader.board().await {
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
        let most = self.allowed.subscriptions as usize;
        if self.named.len() + new + unknown.len() > most {
            let told = format!("at most {most} tickers may be named, or \"*\" for all; nothing was subscribed to");
            return self.send(messages::error("subscription_limit", &told)).await;
        }
        if let Some(first) = unknown.first() {
            let first: String = first.chars().take(40).collect();
            let told = format!("{} tickers are not known, the first being \"{first}\"", unknown.len());
            self.send(messages::error("unknown_ticker", &told)).await?;
        }
        let mut lasts = BTreeMap::new();
        let mut names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
        if tickers.iter().any(|ticker| ticker == "*") {
            names.push("*");
            self.everything.extend(channels);
            lasts.extend(self.subscription.want_everything().await);
        }
        for symbol in &symbols {
            self.named.entry(*symbol).or_default().extend(channels);
        }
        let named: Vec<Symbol> = symbols.iter().copied().collect();
        lasts.extend(self.subscription.want(&named).await);
        self.send(messages::subscribed("subscribed", &names, channels)).await?;
        if channels.contains(&Channel::Tick) {
            for tick in lasts.iter().filter_map(|(symbol, last)| messages::last_tick(symbol, last)) {
                self.feed(tick).await?;
            }
        }
        self.flush().await
    }

    async fn unsubscribe(&mut self, tickers: &[String], channels: &BTreeSet<Channel>) -> Result<(), Over> {
        let (mut names, mut gone) = (Vec::new(), Vec::new());
        for ticker in tickers {
            if ticker == "*" {
                names.push("*");
                self.everything.retain(|channel| !channels.contains(channel));
                if self.everything.is_empty() {
                    self.subscription.unwant_everything();
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
        self.subscription.unwant(&gone);
        self.send(messages::subscribed("unsubscribed", &names, channels)).await
    }

    /// Tells what of a round this client asked for. Each event is written once for all clients.
    async fn tell(&mut self, round: &Round) -> Result<(), Over> {
        let mut told: Vec<Bytes> = round.market.iter().map(messages::market).collect();
        for of_symbol in self.subscription.own(round) {
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
        for message in told {
            self.feed(message).await?;
        }
        self.flush().await
    }

    async fn feed(&mut self, message: Bytes) -> Result<(), Over> {
        // Every message was written as text.
        let text = Utf8Bytes::try_from(message).map_err(|_| Over)?;
        self.socket.feed(Message::Text(text)).await.map_err(|_| Over)
    }

    async fn flush(&mut self) -> Result<(), Over> {
        self.socket.flush().await.map_err(|_| Over)
    }

    async fn send(&mut self, message: Bytes) -> Result<(), Over> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Says why, and closes.
    async fn dismiss(&mut self, code: &str, message: &str) -> Over {
        let _ = self.send(messages::error(code, message)).await;
        self.close(close_code::POLICY, code).await
    }

    /// Closes, and waits for the client to have heard it: what lies unread at either end would take the words along.
    async fn close(&mut self, code: u16, reason: &str) -> Over {
        let _ = self.socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
        let _ = timeout(CLOSE_WAIT, async { while let Some(Ok(_)) = self.socket.recv().await {} }).await;
        Over
    }
}
