//! The stream: handshake and subscriptions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::Message;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;

use super::answers::refused;
use super::events::AlpacaEvents;
use super::messages::{self, AlpacaChannel, AlpacaRequest, Codec, StreamError};
use crate::access::guard::{Credentials, text};
use crate::feed::FeedUpdate;
use crate::query::errors::Refusal;
use crate::relay::{Link, Notice, Topic, Vendor};
use crate::serve::kit::channels::ChannelPlace;
use crate::serve::kit::client::{Client, Incoming, SocketLimits};
use crate::serve::kit::protocol::{self, Admission, Login, Protocol, Reply, SocketProblem, Upgrade};
use crate::serve::server::Server;
use klined_market::base::Symbol;

/// The feeds. There is one market behind all of them.
pub const FEEDS: [&str; 6] = ["iex", "sip", "delayed_sip", "boats", "overnight", "test"];

/// Opens a stream.
pub async fn open(
    State(server): State<Arc<Server>>,
    Path(feed): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Upgrade,
) -> Response {
    let (true, Ok(upgrade)) = (FEEDS.contains(&feed.as_str()), upgrade) else { return refused(&Refusal::NoRoute) };
    let codec = Codec::of(text(&headers, &header::CONTENT_TYPE));
    let admission = match server.guard.holder(&headers, &uri) {
        // A client of a market without keys sends one all the same.
        Ok(None) => Admission::ByMessage,
        found => Admission::after(found).unwrap_or(Admission::WrongKey),
    };
    let link = server.options.relay.as_ref().and_then(|relay| relay.link(Vendor::Alpaca, &feed));
    let events = AlpacaEvents::new(server.clone(), codec);
    let stream = AlpacaStream { codec, link, names: Default::default(), events };
    protocol::open(upgrade, server, admission, stream)
}

/// One client's subscriptions.
struct AlpacaStream {
    codec: Codec,
    /// The vendor that symbols outside the market are subscribed to at.
    link: Option<Arc<Link>>,
    /// The names on each channel, as the client has written them.
    names: [BTreeSet<String>; 7],
    events: AlpacaEvents,
}

impl Protocol for AlpacaStream {
    /// A message has room for 10,000 symbols on each channel.
    const LIMITS: SocketLimits = SocketLimits::new(1024 * 1024, Duration::from_secs(10));

    fn greeting(&self, _is_known: bool) -> Vec<Message> {
        self.codec.frame(&[messages::success(self.codec, "connected")])
    }

    fn login(&self, message: &Incoming) -> Login {
        match self.codec.read(message.bytes()) {
            Some(AlpacaRequest { action, key: Some(id), secret: Some(secret), .. }) if action == "auth" => {
                Login::Given(Credentials::Pair { id, secret })
            }
            Some(AlpacaRequest { action, .. }) if action == "subscribe" || action == "unsubscribe" => {
                Login::Missing(self.error(StreamError::NotAuthenticated))
            }
            _ => Login::Missing(self.error(StreamError::Syntax)),
        }
    }

    fn problem(&self, problem: SocketProblem) -> Reply {
        let error = match problem {
            SocketProblem::AuthTimeout => StreamError::AuthTimeout,
            SocketProblem::WrongKey => StreamError::AuthFailed,
            SocketProblem::ConnectionLimit => StreamError::ConnectionLimit,
            SocketProblem::TooManyMessages(_) | SocketProblem::SlowClient(_) => StreamError::SlowClient,
        };
        Reply::closing(self.codec.frame(&[messages::error(self.codec, error)]), error.text())
    }

    async fn begin(&mut self, _client: &mut Client) -> Vec<Message> {
        self.codec.frame(&[messages::success(self.codec, "authenticated")])
    }

    /// Whichever kind of frame a client sends, it is in the client's codec.
    async fn answer(&mut self, client: &mut Client, message: &Incoming) -> Reply {
        let Some(request) = self.codec.read(message.bytes()) else { return self.error(StreamError::Syntax) };
        let done = match request.action.as_str() {
            "auth" => Err(StreamError::AlreadyAuthenticated),
            "subscribe" => self.subscribe(client, &request).await,
            "unsubscribe" => Ok(self.unsubscribe(client, &request)),
            "" => Err(StreamError::Syntax),
            _ => Err(StreamError::InvalidAction),
        };
        done.unwrap_or_else(|error| self.error(error))
    }

    /// What is lost or back has no word of its own in this dialect; that something is wrong has one.
    fn notice(&self, notice: &Notice) -> Vec<Message> {
        match notice {
            Notice::Lost(_) | Notice::Complaint(_) => {
                self.codec.frame(&[messages::error(self.codec, StreamError::Internal)])
            }
            Notice::Back { .. } => Vec::new(),
        }
    }

    async fn events(&mut self, client: &mut Client, update: &FeedUpdate) -> Vec<Message> {
        let messages = self.events.of_update(&client.subscription, update).await;
        self.codec.frame(&messages)
    }
}

impl AlpacaStream {
    fn error(&self, error: StreamError) -> Reply {
        self.codec.frame(&[messages::error(self.codec, error)]).into()
    }

    fn subscribed(&self) -> Bytes {
        messages::subscription(self.codec, &self.names)
    }

    async fn subscribe(&mut self, client: &mut Client, request: &AlpacaRequest) -> Result<Reply, StreamError> {
        let names = || AlpacaChannel::ALL.iter().flat_map(|channel| channel.of(request));
        let asked: BTreeSet<&String> = names().filter(|name| *name != "*").collect();
        if asked.iter().any(|name| name.parse::<Symbol>().is_err()) {
            return Err(StreamError::Syntax);
        }
        let all: BTreeSet<&String> = self.names.iter().flatten().filter(|name| *name != "*").chain(asked).collect();
        if all.len() > client.allowed.subscriptions as usize {
            return Err(StreamError::SymbolLimit);
        }
        let prices = client.server.reader.price_list().await.map_err(|_| StreamError::Internal)?;
        let synthetic = match client.server.options.relay.clone().filter(|_| self.link.is_some()) {
            Some(relay) => client.server.synthetic(&relay).await.map_err(|_| StreamError::Internal)?,
            None => Arc::default(),
        };
        let (mut symbols, mut upstream) = (BTreeSet::new(), Vec::new());
        for (channel, names) in AlpacaChannel::ALL.into_iter().zip(&mut self.names) {
            for name in channel.of(request) {
                names.insert(name.clone());
                let symbol = name.parse().ok();
                if symbol.is_none_or(|symbol| !synthetic.contains(&symbol)) {
                    upstream.push(Topic { channel: channel.place(), symbol });
                }
                if name == "*" {
                    self.events.channels.add(None, channel.into());
                // A stock that is not there has no events, and no other answer.
                } else if let Some(symbol) = symbol.filter(|symbol| prices.find(symbol).is_some()) {
                    self.events.channels.add(Some(symbol), channel.into());
                    symbols.insert(symbol);
                }
            }
        }
        if let Some(link) = &self.link {
            client.follow_upstream(link, self.codec.recode(), upstream);
        }
        let symbols: Vec<Symbol> = symbols.into_iter().collect();
        client.follow(&symbols, names().any(|name| name == "*")).await;
        let mut frames = self.codec.frame(&[self.subscribed()]);
        frames.extend(self.codec.frame(&self.events.limits_of(&symbols).await));
        Ok(frames.into())
    }

    fn unsubscribe(&mut self, client: &mut Client, request: &AlpacaRequest) -> Reply {
        let mut gone = Vec::new();
        for (channel, names) in AlpacaChannel::ALL.into_iter().zip(&mut self.names) {
            for name in channel.of(request).iter().filter(|name| names.remove(*name)) {
                let symbol: Option<Symbol> = name.parse().ok();
                client.unfollow_upstream([Topic { channel: channel.place(), symbol }]);
                if name == "*" || symbol.is_some() {
                    let is_gone = self.events.channels.remove(symbol.as_ref(), channel.into());
                    gone.extend(symbol.filter(|_| is_gone));
                }
            }
        }
        gone.iter().for_each(|symbol| self.events.forget(symbol));
        client.unfollow(&gone, self.events.channels.all);
        self.codec.frame(&[self.subscribed()]).into()
    }
}
