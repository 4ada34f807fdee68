//! The stream: handshake, subscriptions, and the market's events as they happen.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::answers::refused;
use super::holder;
use super::messages::{self, Channel, Channels, Codec, Fault, Said};
use super::telling::Told;
use crate::base::Symbol;
use crate::serve::Server;
use crate::serve::errors::Refusal;
use crate::serve::hub::{Missed, Subscription};
use crate::serve::keys::{Allowed, Connection, Holder};
use crate::serve::limits::{Allowance, Rate};

/// The feeds. There is one market behind all of them.
const FEEDS: [&str; 4] = ["iex", "sip", "delayed_sip", "test"];
/// The most bytes that a client may say at once: 10,000 symbols on each channel.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
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
/// The service restarts: clients come again.
const RESTART: u16 = close_code::RESTART;

/// The client is gone, or was told to go.
pub struct Over;

/// Opens a stream.
pub async fn open(
    State(server): State<Arc<Server>>,
    Path(feed): Path<String>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let (true, Ok(upgrade)) = (FEEDS.contains(&feed.as_str()), upgrade) else { return refused(&Refusal::NoRoute) };
    let codec = Codec::of(headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()));
    let by_headers = match holder(&server, &headers) {
        Ok(Some(holder)) => Some(Ok(holder)),
        Ok(None) | Err(Refusal::NoKey) => None,
        Err(refusal) => Some(Err(refusal)),
    };
    upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX).on_upgrade(move |socket| async move {
        server.metrics.opened();
        // What it ended with, nobody needs to know.
        let _ = Client::serve(&server, socket, codec, by_headers).await;
        server.metrics.closed();
    })
}

/// One client.
struct Client<'s> {
    server: &'s Server,
    socket: WebSocket,
    codec: Codec,
    allowed: Allowed,
    allowance: Allowance,
    subscription: Subscription,
    /// What is asked for on each channel, as the client has written it.
    names: [BTreeSet<String>; 7],
    told: Told<'s>,
}

impl<'s> Client<'s> {
    async fn serve(
        server: &'s Server,
        socket: WebSocket,
        codec: Codec,
        by_headers: Option<Result<Arc<Holder>, Refusal>>,
    ) -> Result<(), Over> {
        let mut client = Self {
            server,
            socket,
            codec,
            allowed: Allowed::default(),
            allowance: Allowance::new(RATE),
            subscription: server.hub.subscribe(),
            names: Default::default(),
            told: Told::new(server, codec),
        };
        client.send(messages::success(codec, "connected")).await?;
        let holder = match by_headers {
            Some(Ok(holder)) => Some(holder),
            Some(Err(_)) => return Err(client.dismiss(Fault::AuthFailed).await),
            None => client.authenticate().await?,
        };
        let _connection = client.enter(holder.as_ref()).await?;
        client.send(messages::success(codec, "authenticated")).await?;
        client.run().await
    }

    /// Takes a place among the holder's connections.
    async fn enter(&mut self, holder: Option<&Arc<Holder>>) -> Result<Option<Connection>, Over> {
        let Some(holder) = holder else { return Ok(None) };
        self.allowed = holder.allowed;
        match holder.connect() {
            Some(connection) => Ok(Some(connection)),
            None => Err(self.dismiss(Fault::ConnectionLimit).await),
        }
    }

    /// Waits for the key; any is right where none is asked for.
    async fn authenticate(&mut self) -> Result<Option<Arc<Holder>>, Over> {
        let until = Instant::now() + AUTH_WAIT;
        loop {
            let heard = match tokio::time::timeout_at(until, self.socket.recv()).await {
                Err(_) => return Err(self.dismiss(Fault::AuthTimeout).await),
                Ok(Some(Ok(Message::Text(text)))) => Bytes::from(text),
                Ok(Some(Ok(Message::Binary(bytes)))) => bytes,
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
                Ok(_) => return Err(Over),
            };
            if self.allowance.take().is_err() {
                return Err(self.dismiss(Fault::SlowClient).await);
            }
            match self.codec.read(&heard) {
                Some(Said { action, key: Some(key), secret: Some(secret), .. }) if action == "auth" => {
                    if self.server.keys.is_none() {
                        return Ok(None);
                    }
                    match self.server.holder_of_pair(&key, &secret) {
                        Some(holder) => return Ok(Some(holder)),
                        None => return Err(self.dismiss(Fault::AuthFailed).await),
                    }
                }
                Some(Said { action, .. }) if action == "subscribe" || action == "unsubscribe" => {
                    self.complain(Fault::NotAuthenticated).await?;
                }
                _ => self.complain(Fault::Syntax).await?,
            }
        }
    }

    async fn run(&mut self) -> Result<(), Over> {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_at = Instant::now();
        loop {
            tokio::select! {
                () = self.server.draining.cancelled() => return Err(self.close(RESTART, "the server stops").await),
                heard = self.socket.recv() => {
                    heard_at = Instant::now();
                    match heard {
                        Some(Ok(Message::Text(text))) => self.answer(text.as_bytes()).await?,
                        Some(Ok(Message::Binary(bytes))) => self.answer(&bytes).await?,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Err(_)) => return Err(self.close(close_code::SIZE, "too large, or no WebSocket").await),
                        Some(Ok(Message::Close(_))) | None => return Ok(()),
                    }
                }
                round = self.subscription.next() => match round {
                    Ok(round) => {
                        let messages = self.told.of_round(&self.subscription, &round).await;
                        self.send_all(&messages).await?;
                    }
                    Err(Missed::Lagged(_)) => {
                        self.server.metrics.dropped();
                        return Err(self.dismiss(Fault::SlowClient).await);
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
    async fn answer(&mut self, said: &[u8]) -> Result<(), Over> {
        if self.allowance.take().is_err() {
            return Err(self.dismiss(Fault::SlowClient).await);
        }
        let Some(said) = self.codec.read(said) else { return self.complain(Fault::Syntax).await };
        match said.action.as_str() {
            "auth" => self.complain(Fault::AlreadyAuthenticated).await,
            "subscribe" => self.subscribe(&said).await,
            "unsubscribe" => self.unsubscribe(&said).await,
            "" => self.complain(Fault::Syntax).await,
            _ => self.complain(Fault::InvalidAction).await,
        }
    }

    async fn subscribe(&mut self, said: &Said) -> Result<(), Over> {
        let named = |names: &[String]| names.iter().filter(|name| *name != "*").cloned().collect::<BTreeSet<_>>();
        let asked: BTreeSet<String> = Channel::ALL.iter().flat_map(|channel| named(channel.of(said))).collect();
        if asked.iter().any(|name| name.parse::<Symbol>().is_err()) {
            return self.complain(Fault::Syntax).await;
        }
        let all: BTreeSet<&String> = self.names.iter().flatten().filter(|name| *name != "*").chain(&asked).collect();
        if all.len() > self.allowed.subscriptions as usize {
            return self.complain(Fault::SymbolLimit).await;
        }
        let Ok(board) = self.server.reader.board().await else { return self.complain(Fault::Internal).await };
        let (mut wanted, mut is_wildcard) = (BTreeSet::new(), false);
        for (channel, names) in Channel::ALL.into_iter().zip(&mut self.names) {
            for name in channel.of(said) {
                names.insert(name.clone());
                if name == "*" {
                    self.told.everything.add(channel);
                    is_wildcard = true;
                // Nothing will ever be heard of a stock that is not there, and no more is said of it.
                } else if let Some(symbol) = name.parse().ok().filter(|symbol| board.find(symbol).is_some()) {
                    self.told.named.entry(symbol).or_default().add(channel);
                    wanted.insert(symbol);
                }
            }
        }
        if is_wildcard {
            self.subscription.want_everything().await;
        }
        let wanted: Vec<Symbol> = wanted.into_iter().collect();
        self.subscription.want(&wanted).await;
        self.send(messages::subscription(self.codec, &self.names)).await?;
        let limits = self.told.limits_of(&wanted).await;
        self.send_all(&limits).await
    }

    async fn unsubscribe(&mut self, said: &Said) -> Result<(), Over> {
        let mut gone = Vec::new();
        for (channel, names) in Channel::ALL.into_iter().zip(&mut self.names) {
            for name in channel.of(said).iter().filter(|name| names.remove(*name)) {
                if name == "*" {
                    self.told.everything.remove(channel);
                } else if let Ok(symbol) = name.parse::<Symbol>()
                    && let Some(channels) = self.told.named.get_mut(&symbol)
                {
                    channels.remove(channel);
                    if channels.is_empty() {
                        self.told.forget(&symbol);
                        gone.push(symbol);
                    }
                }
            }
        }
        if self.told.everything == Channels::default() {
            self.subscription.unwant_everything();
        }
        self.subscription.unwant(&gone);
        self.send(messages::subscription(self.codec, &self.names)).await
    }

    async fn send(&mut self, message: Bytes) -> Result<(), Over> {
        self.send_all(&[message]).await
    }

    /// Sends messages in one array; nothing where there are none.
    async fn send_all(&mut self, messages: &[Bytes]) -> Result<(), Over> {
        if messages.is_empty() {
            return Ok(());
        }
        let array = self.codec.array(messages);
        let message = match self.codec {
            // Every message was written as text.
            Codec::Json => Message::Text(Utf8Bytes::try_from(Bytes::from(array)).map_err(|_| Over)?),
            Codec::MessagePack => Message::Binary(array.into()),
        };
        self.socket.send(message).await.map_err(|_| Over)
    }

    async fn complain(&mut self, fault: Fault) -> Result<(), Over> {
        self.send(messages::error(self.codec, fault)).await
    }

    /// Says why, and closes.
    async fn dismiss(&mut self, fault: Fault) -> Over {
        let _ = self.complain(fault).await;
        self.close(close_code::POLICY, fault.words()).await
    }

    /// Closes, and waits for the client to have heard it: what lies unread at either end would take the words along.
    async fn close(&mut self, code: u16, reason: &str) -> Over {
        let _ = self.socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
        let _ = timeout(CLOSE_WAIT, async { while let Some(Ok(_)) = self.socket.recv().await {} }).await;
        Over
    }
}
