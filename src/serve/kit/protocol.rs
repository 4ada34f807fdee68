//! The WebSocket conversation of every dialect: admission by key, messages and their limits, events, slow clients, the end. A
//! dialect implements [`Protocol`], which only describes its messages.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, Utf8Bytes, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::response::Response;
use tokio::time::{Instant, timeout_at};

use super::client::{Cause, Client, ClientEvent, Disconnected, Incoming, SocketLimits};
use super::host::{Feed, Host};
use crate::access::guard::Credentials;
use crate::access::keys::{ConnectionSlot, Holder};
use crate::query::errors::Refusal;
use crate::relay::{Delivery, Notice};
use crate::serve::server::Server;
use klined_service::net::http::Peer;

/// The buffer that each WebSocket reads into, in bytes: clients send little.
const READ_BYTES: usize = 4 * 1024;
/// From this length on what is written goes out without a flush.
const WRITE_BYTES: usize = 32 * 1024;
/// The most bytes that wait in a WebSocket for its client to read. The longest frame is the list of everything that a client of Alpaca's
/// has subscribed to, or one round of the feed's events for it.
const WRITE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The upgrade to a WebSocket, where a request asks for one, and the address that asks.
pub type Upgrade = Result<SocketRequest, WebSocketUpgradeRejection>;

/// A request for a WebSocket.
pub struct SocketRequest {
    upgrade: WebSocketUpgrade,
    peer: Option<Peer>,
}

impl<S: Send + Sync> FromRequestParts<S> for SocketRequest {
    type Rejection = WebSocketUpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<Peer>().copied();
        Ok(Self { upgrade: WebSocketUpgrade::from_request_parts(parts, state).await?, peer })
    }
}

/// How a client comes in.
pub enum Admission {
    /// As the holder of a key that the request gave, or without one where none is needed.
    Known(Option<Arc<Holder>>),
    /// With one of its holder's connections occupied already, or without a key where none is needed.
    Occupied(Option<ConnectionSlot>),
    /// The key comes in a message. Any key is right where none is needed.
    ByMessage,
    /// The request gave a wrong key.
    WrongKey,
}

impl Admission {
    /// How a client comes in after the guard has looked for its key: one without a key may still give it in a message.
    ///
    /// # Errors
    /// The key is wrong.
    pub fn after(found: Result<Option<Arc<Holder>>, Refusal>) -> Result<Self, Refusal> {
        match found {
            Ok(holder) => Ok(Self::Known(holder)),
            Err(Refusal::NoKey) => Ok(Self::ByMessage),
            Err(refusal) => Err(refusal),
        }
    }
}

/// What a message before admission is.
pub enum Login {
    Given(Credentials),
    /// It gives no key; this is the reply.
    Missing(Reply),
}

/// What goes wrong in every dialect alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketProblem {
    /// No key came in time.
    AuthTimeout,
    WrongKey,
    /// The key has as many connections as it may.
    ConnectionLimit,
    /// The client sends more messages than it may.
    TooManyMessages(Refusal),
    /// The client has not read so many batches of events in time.
    SlowClient(u64),
}

/// Frames for a client, and the reason to close where the connection ends with them.
#[derive(Debug, Default)]
pub struct Reply {
    frames: Vec<Message>,
    close: Option<Cow<'static, str>>,
}

impl Reply {
    /// Frames with which the connection ends. The close frame has the reason.
    #[must_use]
    pub fn closing(frames: Vec<Message>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { frames, close: Some(reason.into()) }
    }
}

impl From<Vec<Message>> for Reply {
    fn from(frames: Vec<Message>) -> Self {
        Self { frames, close: None }
    }
}

/// The messages of a dialect's WebSocket, and the state of one client's conversation.
///
/// The kit calls the methods in this order: [`greeting`](Self::greeting), [`login`](Self::login) until a key is given,
/// [`begin`](Self::begin), then the others as things happen. Laws:
///
/// - No message that a client can send makes a method panic, and none is left without a reply that the dialect has for it.
/// - The methods send nothing themselves. The frames that one returns are sent in order before another is called.
/// - Events of the market come from the feed's update alone, encoded at the dialect's own place, so that many clients cost one encoding.
pub trait Protocol<H: Host = Server>: Send + Sized + 'static {
    /// The limits of every client.
    const LIMITS: SocketLimits;

    /// The frames with which a connection begins. `is_known` is whether the client need not send a key.
    fn greeting(&self, _is_known: bool) -> Vec<Message> {
        Vec::new()
    }

    /// Reads a message that must give a key. Without it no message gives one.
    fn login(&self, _message: &Incoming) -> Login {
        Login::Missing(Reply::default())
    }

    /// The reply to a problem.
    fn problem(&self, problem: SocketProblem) -> Reply;

    /// Frames for a client that was admitted.
    fn begin(&mut self, client: &mut Client<H>) -> impl Future<Output = Vec<Message>> + Send;

    /// The reply to a message.
    fn answer(&mut self, client: &mut Client<H>, message: &Incoming) -> impl Future<Output = Reply> + Send;

    /// Frames about an update of events.
    fn events(
        &mut self,
        client: &mut Client<H>,
        update: &<H::Feed as Feed>::Update,
    ) -> impl Future<Output = Vec<Message>> + Send;

    /// Frames that say something about the connection to the vendor, in the vendor's words. Only a dialect that subscribes there has any.
    fn notice(&self, _notice: &Notice) -> Vec<Message> {
        Vec::new()
    }

    /// Frames that are due by the dialect's timer.
    fn timer(&mut self, _client: &mut Client<H>) -> impl Future<Output = Vec<Message>> + Send {
        async { Vec::new() }
    }
}

/// The upgrade that a request asks for.
///
/// # Errors
/// It is an ordinary request.
pub fn requested(upgrade: Upgrade) -> Result<SocketRequest, Refusal> {
    upgrade.map_err(|_| Refusal::Invalid("this route is a WebSocket: ask for an upgrade".to_owned()))
}

/// Answers a request for a WebSocket, and serves the client until the connection ends.
pub fn open<H: Host, P: Protocol<H>>(
    request: SocketRequest,
    server: Arc<H>,
    admission: Admission,
    protocol: P,
) -> Response {
    let most = P::LIMITS.message_bytes;
    let SocketRequest { upgrade, peer } = request;
    let upgrade = upgrade.read_buffer_size(READ_BYTES).max_message_size(most).max_frame_size(most);
    let upgrade = upgrade.write_buffer_size(WRITE_BYTES).max_write_buffer_size(WRITE_BYTES_MAX);
    upgrade.on_upgrade(move |socket| async move {
        server.socket_metrics().client_connected();
        let client = Client::new(server.clone(), socket, peer.map(|peer| peer.0), &P::LIMITS);
        let Err(Disconnected) = Conversation { client, protocol }.run(admission).await;
        server.socket_metrics().client_disconnected();
    })
}

/// A client and the dialect that is spoken with it.
struct Conversation<H: Host, P> {
    client: Client<H>,
    protocol: P,
}

impl<H: Host, P: Protocol<H>> Conversation<H, P> {
    async fn run(mut self, admission: Admission) -> Result<std::convert::Infallible, Disconnected> {
        self.admit(admission).await?;
        let frames = self.protocol.begin(&mut self.client).await;
        self.client.send(frames, Cause::Answer).await?;
        loop {
            let (frames, cause) = match self.client.next().await? {
                ClientEvent::Message(message) => {
                    self.receive(&message).await?;
                    continue;
                }
                ClientEvent::Market(update) => (self.protocol.events(&mut self.client, &update).await, Cause::Market),
                ClientEvent::Relayed(deliveries) => (self.relayed(deliveries), Cause::Market),
                ClientEvent::Lagged(missed) => {
                    self.complain(SocketProblem::SlowClient(missed)).await?;
                    continue;
                }
                ClientEvent::Timer => (self.protocol.timer(&mut self.client).await, Cause::Market),
            };
            self.client.send(frames, cause).await?;
        }
    }

    async fn admit(&mut self, admission: Admission) -> Result<(), Disconnected> {
        let is_known = matches!(admission, Admission::Known(_) | Admission::Occupied(_));
        self.client.send(self.protocol.greeting(is_known), Cause::Answer).await?;
        let holder = match admission {
            Admission::Known(holder) => holder,
            Admission::Occupied(slot) => {
                slot.into_iter().for_each(|slot| self.client.occupy(slot));
                None
            }
            Admission::ByMessage => self.authenticate().await?,
            Admission::WrongKey => return Err(self.dismiss(SocketProblem::WrongKey).await),
        };
        if holder.is_some_and(|holder| !self.client.enter(&holder)) {
            return Err(self.dismiss(SocketProblem::ConnectionLimit).await);
        }
        Ok(())
    }

    /// Waits for a key in a message.
    async fn authenticate(&mut self) -> Result<Option<Arc<Holder>>, Disconnected> {
        let until = Instant::now() + P::LIMITS.auth_wait;
        loop {
            let message = match timeout_at(until, self.client.next()).await {
                Ok(Ok(ClientEvent::Message(message))) => message,
                Ok(Ok(_)) => continue,
                Ok(Err(end)) => return Err(end),
                Err(_) => return Err(self.dismiss(SocketProblem::AuthTimeout).await),
            };
            if let Err(refusal) = self.client.take() {
                self.complain(SocketProblem::TooManyMessages(refusal)).await?;
                continue;
            }
            match self.protocol.login(&message) {
                Login::Missing(reply) => self.reply(reply).await?,
                Login::Given(credentials) => match self.client.server.guard().admit(&credentials) {
                    Ok(holder) => return Ok(holder),
                    Err(_) => return Err(self.dismiss(SocketProblem::WrongKey).await),
                },
            }
        }
    }

    /// The frames of a vendor as they came, and what its notices are in the dialect.
    fn relayed(&self, deliveries: Vec<Delivery>) -> Vec<Message> {
        let mut frames = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match delivery {
                Delivery::Frame(frame) => frames.push(frame),
                Delivery::Notice(notice) => frames.extend(self.protocol.notice(&notice)),
            }
        }
        frames
    }

    async fn receive(&mut self, message: &Incoming) -> Result<(), Disconnected> {
        match self.client.take() {
            Ok(()) => {
                let reply = self.protocol.answer(&mut self.client, message).await;
                self.reply(reply).await
            }
            Err(refusal) => self.complain(SocketProblem::TooManyMessages(refusal)).await,
        }
    }

    async fn reply(&mut self, Reply { frames, close }: Reply) -> Result<(), Disconnected> {
        let sent = self.client.send(frames, Cause::Answer).await;
        match close {
            Some(reason) => Err(self.client.expel(&reason).await),
            None => sent,
        }
    }

    async fn complain(&mut self, problem: SocketProblem) -> Result<(), Disconnected> {
        let reply = self.protocol.problem(problem);
        self.reply(reply).await
    }

    /// Closes the connection, whether the dialect's reply does so or not.
    async fn dismiss(&mut self, problem: SocketProblem) -> Disconnected {
        match self.complain(problem).await {
            Ok(()) => self.client.expel("").await,
            Err(end) => end,
        }
    }
}

/// One text frame a message. A message that is not UTF-8 is left out; the dialects write none.
pub fn texts(messages: impl IntoIterator<Item = Bytes>) -> Vec<Message> {
    messages.into_iter().filter_map(|message| Utf8Bytes::try_from(message).ok()).map(Message::Text).collect()
}

/// Messages of JSON in arrays, each a text frame that ends once it has `frame_bytes`.
pub fn arrays<'m>(messages: impl IntoIterator<Item = &'m Bytes>, frame_bytes: usize) -> Vec<Message> {
    let (mut frames, mut frame) = (Vec::new(), Vec::new());
    for message in messages {
        frame.push(if frame.is_empty() { b'[' } else { b',' });
        frame.extend_from_slice(message);
        if frame.len() >= frame_bytes {
            frame.push(b']');
            frames.push(Bytes::from(std::mem::take(&mut frame)));
        }
    }
    if !frame.is_empty() {
        frame.push(b']');
        frames.push(frame.into());
    }
    texts(frames)
}
