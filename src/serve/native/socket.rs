//! `/ws`: the market's events as they happen, for the tickers that a client subscribes to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::Message;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

use super::answers::NativeError;
use super::messages::{self, NativeChannel, NativeRequest};
use crate::access::guard::Credentials;
use crate::feed::FeedUpdate;
use crate::query::errors::Refusal;
use crate::query::parameters::repeated;
use crate::serve::kit::channels::{ChannelSet, Channels};
use crate::serve::kit::client::{Client, Incoming, SocketLimits};
use crate::serve::kit::protocol::{self, Admission, Login, Protocol, Reply, SocketProblem, Upgrade, requested, texts};
use crate::serve::server::Server;
use klined_market::base::Symbol;

/// The dialect's place among the feed's encodings.
pub const ENCODER: usize = 0;

/// Opens a WebSocket.
pub async fn open(
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Upgrade,
) -> Result<Response, NativeError> {
    let admission = Admission::after(server.guard.holder(&headers, &uri))?;
    Ok(protocol::open(requested(upgrade)?, server, admission, NativeStream::default()).into_response())
}

/// One client's subscriptions.
#[derive(Default)]
struct NativeStream {
    channels: Channels,
}

fn error(code: &str, message: &str) -> Reply {
    texts([messages::error(code, message)]).into()
}

fn refusal(refusal: &Refusal) -> Reply {
    error(refusal.code(), &refusal.to_string())
}

/// The error that a connection ends with.
fn closing(code: &'static str, message: &str) -> Reply {
    Reply::closing(texts([messages::error(code, message)]), code)
}

impl Protocol for NativeStream {
    /// A message has room for as many tickers as most keys may name.
    const LIMITS: SocketLimits = SocketLimits::new(256 * 1024, Duration::from_secs(5));

    fn greeting(&self, is_known: bool) -> Vec<Message> {
        if is_known { Vec::new() } else { texts([messages::connected(false)]) }
    }

    fn login(&self, message: &Incoming) -> Login {
        match message.text().map(serde_json::from_str) {
            Some(Ok(NativeRequest::Auth { key })) => Login::Given(Credentials::Whole(key)),
            _ => Login::Missing(closing("missing_key", "give the key first: {\"type\":\"auth\",\"key\":…}")),
        }
    }

    fn problem(&self, problem: SocketProblem) -> Reply {
        match problem {
            SocketProblem::AuthTimeout => closing("auth_timeout", "no key came in time"),
            SocketProblem::WrongKey => closing("invalid_key", "the key is not known"),
            SocketProblem::ConnectionLimit => {
                let error = messages::error("connection_limit", "this key has as many connections as it may");
                Reply::closing(texts([messages::connected(true), error]), "connection_limit")
            }
            SocketProblem::TooManyMessages(reason) => refusal(&reason),
            SocketProblem::SlowClient(missed) => {
                let message = format!("too slow: {missed} rounds of events were missed; connect again");
                closing("slow_client", &message)
            }
        }
    }

    async fn begin(&mut self, _client: &mut Client) -> Vec<Message> {
        texts([messages::connected(true)])
    }

    async fn answer(&mut self, client: &mut Client, message: &Incoming) -> Reply {
        let Some(text) = message.text() else { return error("invalid_message", "messages are text") };
        match serde_json::from_str(text) {
            Ok(NativeRequest::Ping {}) => texts([messages::pong()]).into(),
            Ok(NativeRequest::Subscribe { tickers, channels }) => {
                let channels = channels.unwrap_or_else(|| BTreeSet::from([NativeChannel::Tick, NativeChannel::Bar]));
                self.subscribe(client, &tickers, &channels).await.unwrap_or_else(|reason| refusal(&reason))
            }
            Ok(NativeRequest::Unsubscribe { tickers, channels }) => {
                let channels = channels.unwrap_or_else(|| BTreeSet::from(NativeChannel::ALL));
                self.unsubscribe(client, &tickers, &channels)
            }
            Ok(NativeRequest::Auth { .. }) => error("already_authenticated", "no key is needed now"),
            Err(reason) => {
                let how = "say {\"type\":\"subscribe\",\"tickers\":[…]}, unsubscribe or ping";
                error("invalid_message", &format!("{how}: {reason}"))
            }
        }
    }

    /// The events that the client subscribes to. Each is encoded once for all clients.
    async fn events(&mut self, client: &mut Client, update: &FeedUpdate) -> Vec<Message> {
        let mut messages: Vec<Bytes> = update.market.iter().map(messages::market).collect();
        for of_symbol in client.subscription.own(update) {
            let channels = self.channels.of(&of_symbol.symbol);
            let is_needed = |kind| messages::channel_of(kind).is_none_or(|channel| channels.has(channel));
            let encoded = of_symbol.encoded(ENCODER, is_needed, messages::event);
            messages.extend(encoded.filter_map(|(_, message)| message.cloned()));
        }
        texts(messages)
    }
}

impl NativeStream {
    async fn subscribe(
        &mut self,
        client: &mut Client,
        tickers: &[String],
        channels: &BTreeSet<NativeChannel>,
    ) -> Result<Reply, Refusal> {
        let prices = client.server.reader.price_list().await?;
        let (mut symbols, mut unknown) = (BTreeSet::new(), Vec::new());
        for ticker in tickers.iter().filter(|ticker| *ticker != "*") {
            match ticker.parse().ok().filter(|symbol| prices.find(symbol).is_some()) {
                Some(symbol) => drop(symbols.insert(symbol)),
                None => unknown.push(ticker),
            }
        }
        let most = client.allowed.subscriptions as usize;
        if self.channels.named_with(&symbols) + unknown.len() > most {
            let message = format!("at most {most} tickers may be named, or \"*\" for all; nothing was subscribed to");
            return Ok(error("subscription_limit", &message));
        }
        let mut replies = Vec::new();
        if let Some(first) = unknown.first() {
            let message = format!("{} tickers are not known, the first being \"{}\"", unknown.len(), repeated(first));
            replies.push(messages::error("unknown_ticker", &message));
        }
        let (set, is_all) = (channels.iter().copied().collect::<ChannelSet>(), tickers.iter().any(|name| name == "*"));
        let named: Vec<Symbol> = symbols.into_iter().collect();
        let topics = named.iter().copied().map(Some).chain(is_all.then_some(None));
        topics.for_each(|symbol| self.channels.add(symbol, set));
        let lasts = client.follow(&named, is_all).await;
        let names: Vec<&str> = named.iter().map(Symbol::as_str).chain(is_all.then_some("*")).collect();
        replies.push(messages::subscribed("subscribed", &names, channels));
        if set.has(NativeChannel::Tick) {
            replies.extend(lasts.iter().filter_map(|(symbol, last)| messages::last_tick(symbol, last)));
        }
        Ok(texts(replies).into())
    }

    fn unsubscribe(&mut self, client: &mut Client, tickers: &[String], channels: &BTreeSet<NativeChannel>) -> Reply {
        let set: ChannelSet = channels.iter().copied().collect();
        let (mut names, mut gone) = (Vec::new(), Vec::new());
        for ticker in tickers {
            let symbol: Option<Symbol> = ticker.parse().ok();
            if ticker == "*" {
                names.push("*");
                self.channels.remove(None, set);
            } else if let Some(symbol) = symbol.filter(|symbol| self.channels.named.contains_key(symbol)) {
                names.push(ticker);
                gone.extend(self.channels.remove(Some(&symbol), set).then_some(symbol));
            }
        }
        client.unfollow(&gone, self.channels.all);
        texts([messages::subscribed("unsubscribed", &names, channels)]).into()
    }
}
