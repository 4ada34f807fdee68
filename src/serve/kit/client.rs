//! One WebSocket client: what it sends, what the market does, pings, the server's stop, and the faults that its key asks for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::SinkExt;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep};

use super::channels::ChannelSet;
use super::host::{Feed, Host};
use crate::access::chaos::MessageFault;
use crate::access::faults::MessageFaults;
use crate::access::keys::{Allowed, ConnectionSlot, Holder};
use crate::access::limits::{Allowance, HeldBytes, Rate};
use crate::feed::{Last, Missed};
use crate::query::errors::Refusal;
use crate::relay::{Delivery, Inbox, Link, Recode, Topic};
use crate::serve::server::Server;
use klined_market::base::Symbol;

/// How long a client may take to confirm that the connection closes.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// The pings and pongs that a client may send: more than any library does.
const CONTROL_RATE: Rate = Rate::a_second(NonZeroU32::new(10).unwrap(), NonZeroU32::new(60).unwrap());
/// How often a client is pinged.
const PING_EVERY: Duration = Duration::from_secs(20);
/// A client that has sent nothing for so long, not even the answer to a ping, is gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// The service restarts: clients connect again. Some stop for good on 1000 and 1001.
const RESTART: u16 = close_code::RESTART;

/// What a dialect allows each of its WebSocket clients.
#[derive(Debug, Clone, Copy)]
pub struct SocketLimits {
    /// The longest message, in bytes.
    pub message_bytes: usize,
    /// Messages a second, and at once after a pause.
    pub rate: Rate,
    /// How long a client may take to give its key.
    pub auth_wait: Duration,
    /// How often the dialect has something to send by itself; none for never.
    pub timer: Option<Duration>,
}

impl SocketLimits {
    /// Limits of 50 messages a second, 200 at once after a pause, and no timer.
    #[must_use]
    pub const fn new(message_bytes: usize, auth_wait: Duration) -> Self {
        let rate = Rate::a_second(NonZeroU32::new(50).unwrap(), NonZeroU32::new(200).unwrap());
        Self { message_bytes, rate, auth_wait, timer: None }
    }
}

/// The connection has ended.
#[derive(Debug)]
pub struct Disconnected;

/// A message that a client has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    Text(Utf8Bytes),
    Binary(Bytes),
}

impl Incoming {
    /// The text of a text message; none of a binary one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The bytes of either kind.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// What has to be dealt with next.
pub(super) enum ClientEvent<U> {
    Message(Incoming),
    /// The market has events for this client.
    Market(Arc<U>),
    /// A vendor has sent something for this client.
    Relayed(Vec<Delivery>),
    /// The client has fallen behind by so many batches of events, which are lost to it.
    Lagged(u64),
    /// The dialect's timer.
    Timer,
}

/// Why frames are sent. Faults change those about the market only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Answer,
    Market,
}

/// One client's WebSocket and its subscription to the feed.
pub struct Client<H: Host = Server> {
    pub server: Arc<H>,
    pub subscription: H::Feed,
    /// What a vendor sends for the client; none before its first subscription there.
    inbox: Option<Inbox>,
    /// What the client's key allows.
    pub allowed: Allowed,
    socket: WebSocket,
    /// Whose bytes are counted while they are not read; none where the address is not known.
    peer: Option<IpAddr>,
    allowance: Allowance,
    /// What is left of the pings and pongs that the client may send: the answers to them are bytes that it need not read.
    control: Allowance,
    slot: Option<ConnectionSlot>,
    /// The faults that the client's key asks for.
    faults: Option<MessageFaults>,
    ping: Interval,
    timer: Option<Interval>,
    received_at: Instant,
}

impl<H: Host> Client<H> {
    pub(super) fn new(server: Arc<H>, socket: WebSocket, peer: Option<IpAddr>, limits: &SocketLimits) -> Self {
        let every = |period| {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let subscription = server.subscribe();
        Self {
            server,
            subscription,
            inbox: None,
            allowed: Allowed::default(),
            socket,
            peer,
            allowance: Allowance::new(limits.rate),
            control: Allowance::new(CONTROL_RATE),
            slot: None,
            faults: None,
            ping: every(PING_EVERY),
            timer: limits.timer.map(every),
            received_at: Instant::now(),
        }
    }

    /// Occupies one of a holder's connections until the end. Returns whether one was free.
    #[must_use]
    pub(super) fn enter(&mut self, holder: &Arc<Holder>) -> bool {
        holder.connect().map(|slot| self.occupy(slot)).is_some()
    }

    /// Occupies a connection of a holder until the end.
    pub(super) fn occupy(&mut self, slot: ConnectionSlot) {
        let holder = slot.holder();
        self.allowed = holder.allowed;
        self.faults = holder.chaos.as_ref().map(|chaos| chaos.next_connection().into());
        self.slot = Some(slot);
    }

    /// Takes one of the messages that a client may send.
    ///
    /// # Errors
    /// None is left.
    pub(super) fn take(&self) -> Result<(), Refusal> {
        self.allowance.take().map(|_| ())
    }

    /// What comes next.
    ///
    /// # Errors
    /// The connection has ended.
    pub(super) async fn next(&mut self) -> Result<ClientEvent<<H::Feed as Feed>::Update>, Disconnected> {
        loop {
            tokio::select! {
                () = self.server.draining().cancelled() => return Err(self.close(RESTART, "the server stops").await),
                received = self.socket.recv() => {
                    self.received_at = Instant::now();
                    match received {
                        Some(Ok(Message::Text(text))) => return Ok(ClientEvent::Message(Incoming::Text(text))),
                        Some(Ok(Message::Binary(bytes))) => return Ok(ClientEvent::Message(Incoming::Binary(bytes))),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                            if self.control.take().is_err() {
                                return Err(self.expel("too many pings").await);
                            }
                        }
                        Some(Ok(Message::Close(_))) => return Err(self.drain().await),
                        Some(Err(_)) => return Err(self.close(close_code::SIZE, "too large, or no WebSocket").await),
                        None => return Err(Disconnected),
                    }
                }
                events = self.subscription.next() => match events {
                    Ok(events) => return Ok(ClientEvent::Market(events)),
                    Err(Missed::Lagged(missed)) => return Ok(self.lagged(missed)),
                    Err(Missed::Ended) => return Err(self.close(RESTART, "the feed has ended").await),
                },
                deliveries = relayed(self.inbox.as_mut()) => match deliveries {
                    Ok(deliveries) => return Ok(ClientEvent::Relayed(deliveries)),
                    Err(Missed::Lagged(missed)) => return Ok(self.lagged(missed)),
                    Err(Missed::Ended) => return Err(self.close(RESTART, "the relay has ended").await),
                },
                () = tick(self.timer.as_mut()) => return Ok(ClientEvent::Timer),
                _ = self.ping.tick() => {
                    if self.received_at.elapsed() > SILENCE_MAX {
                        return Err(Disconnected);
                    }
                    self.feed(Message::Ping(Bytes::new())).await?;
                    self.flush().await?;
                }
            }
        }
    }

    fn lagged(&self, missed: u64) -> ClientEvent<<H::Feed as Feed>::Update> {
        // A client that is delayed by its own faults says nothing about the server.
        if self.faults.is_none() {
            self.server.socket_metrics().slow_client();
        }
        ClientEvent::Lagged(missed)
    }

    /// Subscribes to topics at a vendor. `recode` writes its messages in the client's coding; none for the vendor's own.
    pub fn follow_upstream(
        &mut self,
        link: &Arc<Link>,
        recode: Option<Recode>,
        topics: impl IntoIterator<Item = Topic>,
    ) {
        self.inbox.get_or_insert_with(|| Inbox::new(link, recode)).subscribe(topics);
    }

    /// Ends subscriptions to topics at the vendor, as far as the client has them.
    pub fn unfollow_upstream(&mut self, topics: impl IntoIterator<Item = Topic>) {
        if let Some(inbox) = &mut self.inbox {
            inbox.unsubscribe(topics);
        }
    }

    /// Sends frames with one flush, or what the faults make of them.
    ///
    /// # Errors
    /// The client is gone, its address has too many bytes that it does not read, or its key asks for the connection's end.
    pub(super) async fn send(&mut self, frames: Vec<Message>, cause: Cause) -> Result<(), Disconnected> {
        if frames.is_empty() {
            return Ok(());
        }
        // They count until they are flushed.
        let _held = self.hold(&frames)?;
        for frame in frames {
            match cause {
                Cause::Market if self.faults.is_some() => self.feed_with_faults(frame).await?,
                _ => self.feed(frame).await?,
            }
        }
        self.flush().await
    }

    fn hold(&self, frames: &[Message]) -> Result<Option<HeldBytes>, Disconnected> {
        let Some(peer) = self.peer else { return Ok(None) };
        let bytes = frames.iter().map(frame_bytes).sum();
        self.server.guard().unread.hold(peer, bytes).map(Some).ok_or(Disconnected)
    }

    async fn feed_with_faults(&mut self, frame: Message) -> Result<(), Disconnected> {
        let Some(faults) = &mut self.faults else { return Ok(()) };
        let (fault, frames) = faults.apply(frame);
        if let Some(fault) = fault {
            self.server.guard().metrics.injected("message", fault.name());
        }
        match fault {
            Some(MessageFault::Drop) => {
                self.flush().await?;
                return Err(Disconnected);
            }
            Some(MessageFault::Delay(delay)) => {
                self.flush().await?;
                let draining = self.server.draining().clone();
                let delayed = draining.run_until_cancelled(sleep(delay));
                let _ = self.subscription.wait_for_client(delayed).await;
                // Nothing was read from the client meanwhile, so it was not silent.
                self.received_at = Instant::now();
            }
            _ => {}
        }
        for frame in frames {
            self.feed(frame).await?;
        }
        Ok(())
    }

    async fn feed(&mut self, frame: Message) -> Result<(), Disconnected> {
        self.subscription.wait_for_client(self.socket.feed(frame)).await.map_err(|_| Disconnected)
    }

    async fn flush(&mut self) -> Result<(), Disconnected> {
        self.subscription.wait_for_client(self.socket.flush()).await.map_err(|_| Disconnected)
    }

    /// Closes, and waits for the client's confirmation: what lies unread at either end would take the reason along.
    async fn close(&mut self, code: u16, reason: &str) -> Disconnected {
        let frame = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        let _ = self.subscription.wait_for_client(self.socket.send(frame)).await;
        self.drain().await
    }

    /// Closes the connection of a client that did what it may not.
    pub(super) async fn expel(&mut self, reason: &str) -> Disconnected {
        self.close(close_code::POLICY, reason).await
    }

    /// Reads to the end, which also confirms a client's close: some take an end without confirmation for a fault, and connect again.
    async fn drain(&mut self) -> Disconnected {
        let reading = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _ = self.subscription.wait_for_client(tokio::time::timeout(CLOSE_WAIT, reading)).await;
        Disconnected
    }
}

impl Client {
    /// Subscribes to symbols, and to all of them where asked. Returns the last ticks of each, as far as there are any; later ones come
    /// as events.
    pub async fn follow(&mut self, symbols: &[Symbol], is_all: bool) -> BTreeMap<Symbol, Last> {
        let mut lasts = BTreeMap::new();
        if is_all {
            lasts.extend(self.subscription.subscribe_to_all().await);
        }
        lasts.extend(self.subscription.subscribe_to(symbols).await);
        lasts
    }

    /// Ends the subscription to symbols, and to all of them where no channel of all is left.
    pub fn unfollow(&mut self, symbols: &[Symbol], all: ChannelSet) {
        self.subscription.unsubscribe_from(symbols);
        if all.is_empty() {
            self.subscription.unsubscribe_from_all();
        }
    }
}

fn frame_bytes(frame: &Message) -> usize {
    match frame {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}

async fn relayed(inbox: Option<&mut Inbox>) -> Result<Vec<Delivery>, Missed> {
    match inbox {
        Some(inbox) => inbox.next().await,
        None => std::future::pending().await,
    }
}

async fn tick(timer: Option<&mut Interval>) {
    match timer {
        Some(timer) => drop(timer.tick().await),
        None => std::future::pending().await,
    }
}
