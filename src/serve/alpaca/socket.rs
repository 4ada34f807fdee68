//! The stream: handshake, subscriptions, and the market's events as they happen.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use tokio::time::Instant;

use super::answers::refused;
use super::holder;
use super::messages::{self, Channel, Channels, Codec, Fault, Said};
use super::telling::Told;
use crate::access::keys::Holder;
use crate::query::errors::Refusal;
use crate::serve::Server;
use crate::serve::socket::{self, Heard, Line, Manners, Over, Words};
use klined_market::base::Symbol;

/// The feeds. There is one market behind all of them.
pub const FEEDS: [&str; 4] = ["iex", "sip", "delayed_sip", "test"];
/// A message has room for 10,000 symbols on each channel.
const MANNERS: Manners = Manners::with_bytes(1024 * 1024);
/// How long a client may take to give its key.
const AUTH_WAIT: Duration = Duration::from_secs(10);

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
    socket::open(upgrade, server, MANNERS, move |line| Client::serve(line, codec, by_headers))
}

/// One client.
struct Client {
    line: Line,
    codec: Codec,
    /// What is asked for on each channel, as the client has written it.
    names: [BTreeSet<String>; 7],
    told: Told,
}

impl Client {
    async fn serve(line: Line, codec: Codec, by_headers: Option<Result<Arc<Holder>, Refusal>>) -> Result<(), Over> {
        let told = Told::new(line.server.clone(), codec);
        let mut client = Self { line, codec, names: Default::default(), told };
        client.send(messages::success(codec, "connected")).await?;
        let holder = match by_headers {
            Some(Ok(holder)) => Some(holder),
            Some(Err(_)) => return Err(client.dismiss(Fault::AuthFailed).await),
            None => client.authenticate().await?,
        };
        if holder.is_some_and(|holder| !client.line.enter(&holder)) {
            return Err(client.dismiss(Fault::ConnectionLimit).await);
        }
        client.send(messages::success(codec, "authenticated")).await?;
        client.run().await
    }

    /// Waits for the key; any is right where none is asked for.
    async fn authenticate(&mut self) -> Result<Option<Arc<Holder>>, Over> {
        let until = Instant::now() + AUTH_WAIT;
        loop {
            let Some(words) = self.line.said_by(until).await? else {
                return Err(self.dismiss(Fault::AuthTimeout).await);
            };
            if self.line.take().is_err() {
                return Err(self.dismiss(Fault::SlowClient).await);
            }
            match self.read(&words) {
                Some(Said { action, key: Some(key), secret: Some(secret), .. }) if action == "auth" => {
                    if self.line.server.keys.is_none() {
                        return Ok(None);
                    }
                    match self.line.server.holder_of_pair(&key, &secret) {
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
        loop {
            match self.line.next().await? {
                Heard::Said(words) => self.answer(&words).await?,
                Heard::Round(round) => {
                    let messages = self.told.of_round(&self.line.subscription, &round).await;
                    self.send_all(&messages).await?;
                }
                Heard::Lagged(_) => return Err(self.dismiss(Fault::SlowClient).await),
                Heard::Due => {}
            }
        }
    }

    /// Whichever kind of frame the client puts its words in, they are in its codec.
    fn read(&self, words: &Words) -> Option<Said> {
        match words {
            Words::Text(text) => self.codec.read(text.as_bytes()),
            Words::Binary(bytes) => self.codec.read(bytes),
        }
    }

    /// Answers a message.
    async fn answer(&mut self, words: &Words) -> Result<(), Over> {
        if self.line.take().is_err() {
            return Err(self.dismiss(Fault::SlowClient).await);
        }
        let Some(said) = self.read(words) else { return self.complain(Fault::Syntax).await };
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
        if all.len() > self.line.allowed.subscriptions as usize {
            return self.complain(Fault::SymbolLimit).await;
        }
        let Ok(board) = self.line.server.reader.board().await else { return self.complain(Fault::Internal).await };
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
            self.line.subscription.want_everything().await;
        }
        let wanted: Vec<Symbol> = wanted.into_iter().collect();
        self.line.subscription.want(&wanted).await;
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
            self.line.subscription.unwant_everything();
        }
        self.line.subscription.unwant(&gone);
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
            Codec::Json => socket::text(array.into())?,
            Codec::MessagePack => Message::Binary(array.into()),
        };
        self.line.feed(message).await?;
        self.line.flush().await
    }

    async fn complain(&mut self, fault: Fault) -> Result<(), Over> {
        self.send(messages::error(self.codec, fault)).await
    }

    /// Says why, and closes.
    async fn dismiss(&mut self, fault: Fault) -> Over {
        let _ = self.complain(fault).await;
        self.line.expel(fault.words()).await
    }
}
