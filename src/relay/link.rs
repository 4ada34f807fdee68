//! One WebSocket to a vendor's feed, opened again whenever it is lost, with the subscriptions of all clients.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use klined_service::Backoff;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::connection::{ConnectError, Connector, Socket};
use super::frames::Frame;
use super::metrics::LinkMetrics;
use super::queue::{Notice, Queue, Recode};
use super::router::Router;
use super::vendor::{Subject, Topic};
use super::{Synthetic, UpstreamOptions};

/// How long the vendor may take to open a stream and to accept the key.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(15);

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// No client needs it, or none has yet.
    Idle,
    Connecting,
    Connected,
    /// It was lost or refused, and is tried again.
    Lost,
}

impl LinkState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Lost => "lost",
        }
    }
}

/// The state of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStatus {
    pub vendor: &'static str,
    pub feed: String,
    pub state: LinkState,
    /// The last problem; none if there was none.
    pub problem: Option<String>,
    /// How often it was opened again after a loss.
    pub reconnects: u64,
    /// Clients with a subscription at this vendor.
    pub clients: usize,
    /// Subscriptions at the vendor.
    pub topics: usize,
}

/// Why a connection has ended.
#[derive(Debug, Error)]
enum End {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the vendor does not answer in time")]
    Slow,
    #[error("the vendor sent nothing for {0:?}")]
    Silent(Duration),
    #[error("the vendor refuses the connection: {0}")]
    Refused(String),
    #[error("the connection has ended: {0}")]
    Broken(#[from] Box<tungstenite::Error>),
    #[error("the vendor has closed the connection{0}")]
    Closed(String),
}

impl From<tungstenite::Error> for End {
    fn from(error: tungstenite::Error) -> Self {
        Self::Broken(Box::new(error))
    }
}

/// A connection to a vendor's feed that many clients share.
pub struct Link {
    options: UpstreamOptions,
    feed: String,
    url: String,
    connector: Connector,
    silence: Duration,
    synthetic: Arc<Synthetic>,
    metrics: LinkMetrics,
    stop: CancellationToken,
    router: Mutex<Router>,
    /// The subscriptions may have changed.
    changed: Notify,
    is_begun: AtomicBool,
    condition: Mutex<Condition>,
}

/// What a link has been through.
#[derive(Debug)]
struct Condition {
    state: LinkState,
    problem: Option<String>,
    reconnects: u64,
    /// When the vendor sent the last message.
    heard_at: Option<Instant>,
    /// Since when messages are missing; none while there is a connection.
    missing_since: Option<Instant>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    pub(super) fn new(
        options: &UpstreamOptions,
        feed: &str,
        connector: Connector,
        silence: Duration,
        synthetic: Arc<Synthetic>,
        metrics: LinkMetrics,
        stop: CancellationToken,
    ) -> Self {
        let url = format!("{}{}", options.address.stream, options.vendor.stream_path(feed));
        let (state, problem) = (LinkState::Idle, None);
        let condition = Condition { state, problem, reconnects: 0, heard_at: None, missing_since: None };
        Self {
            options: options.clone(),
            feed: feed.to_owned(),
            url,
            connector,
            silence,
            synthetic,
            metrics,
            stop,
            router: Mutex::default(),
            changed: Notify::new(),
            is_begun: AtomicBool::new(false),
            condition: Mutex::new(condition),
        }
    }

    /// A place for a client, which has no subscriptions yet.
    pub(super) fn enter(&self, queue: Arc<Queue>, recode: Option<Recode>) -> usize {
        lock(&self.router).enter(queue, recode)
    }

    /// The state of the connection.
    #[must_use]
    pub fn status(&self) -> LinkStatus {
        let (clients, topics) = {
            let router = lock(&self.router);
            (router.clients(), router.wanted().len())
        };
        let condition = lock(&self.condition);
        LinkStatus {
            vendor: self.options.vendor.as_str(),
            feed: self.feed.clone(),
            state: condition.state,
            problem: condition.problem.clone(),
            reconnects: condition.reconnects,
            clients,
            topics,
        }
    }

    /// Changes subscriptions. The first one opens the connection.
    pub(super) fn change(self: &Arc<Self>, change: impl FnOnce(&mut Router)) {
        let is_idle = {
            let mut router = lock(&self.router);
            change(&mut router);
            router.is_idle()
        };
        self.changed.notify_one();
        if !is_idle && !self.is_begun.swap(true, Ordering::Relaxed) {
            tokio::spawn(self.clone().run());
        }
    }

    /// Keeps the connection until the relay ends.
    async fn run(self: Arc<Self>) {
        let stop = self.stop.clone();
        let keeping = async {
            let mut waits = Backoff::default();
            loop {
                while lock(&self.router).is_idle() {
                    self.changed.notified().await;
                }
                self.set_state(LinkState::Connecting);
                let Err(end) = self.serve(&mut waits).await;
                self.report(&end);
                sleep(waits.next_wait()).await;
            }
        };
        stop.run_until_cancelled(keeping).await;
    }

    fn set_state(&self, state: LinkState) {
        lock(&self.condition).state = state;
        self.metrics.connected(state == LinkState::Connected);
    }

    /// Reports an end: in the log once for each problem, and to the clients once until the connection is back.
    fn report(&self, end: &End) {
        self.set_state(LinkState::Lost);
        self.metrics.lost(matches!(end, End::Refused(_)));
        let text = end.to_string();
        let (is_new, is_first) = {
            let mut condition = lock(&self.condition);
            let is_first = condition.missing_since.is_none();
            let heard_at = condition.heard_at.unwrap_or_else(Instant::now);
            condition.missing_since.get_or_insert(heard_at);
            (condition.problem.replace(text.clone()).as_ref() != Some(&text), is_first)
        };
        let (vendor, feed) = (self.options.vendor.as_str(), &self.feed);
        match end {
            _ if !is_new && !is_first => debug!(vendor, feed, "{text}"),
            End::Refused(_) => {
                error!(vendor, feed, "{text}; check the key and the plan at the vendor; it is tried again")
            }
            _ => warn!(vendor, feed, "{text}; it is opened again"),
        }
        if is_first {
            lock(&self.router).announce(Notice::Lost(text));
        }
    }

    /// One connection from its opening to its end.
    async fn serve(&self, waits: &mut Backoff) -> Result<std::convert::Infallible, End> {
        let mut socket = timeout(HANDSHAKE_WAIT, self.open()).await.map_err(|_| End::Slow)??;
        self.is_open(waits);
        let mut asked = BTreeSet::new();
        self.ask(&mut socket, &mut asked).await?;
        let mut looks = interval(self.silence / 3);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut alive = (socket.get_ref().received(), Instant::now());
        loop {
            tokio::select! {
                received = socket.next() => {
                    let message = received.ok_or_else(|| End::Closed(String::new()))??;
                    lock(&self.condition).heard_at = Some(Instant::now());
                    self.receive(message)?;
                }
                () = self.changed.notified() => self.ask(&mut socket, &mut asked).await?,
                _ = looks.tick() => {
                    let received = socket.get_ref().received();
                    if received != alive.0 {
                        alive = (received, Instant::now());
                    }
                    if alive.1.elapsed() >= self.silence {
                        return Err(End::Silent(self.silence));
                    }
                    self.send(&mut socket, Message::Ping(Default::default())).await?;
                }
            }
        }
    }

    /// Opens the stream and gives the key.
    async fn open(&self) -> Result<Socket, End> {
        let mut socket = self.connector.open(&self.url).await?;
        loop {
            let message = socket.next().await.ok_or_else(|| End::Closed(String::new()))??;
            let Some(text) = text_of(message)? else { continue };
            let Some(frame) = self.read(text) else { continue };
            for (_, subject) in frame.messages {
                match subject {
                    Subject::Connected => {
                        let auth = self.options.vendor.auth(&self.options.key);
                        socket.send(Message::text(auth)).await?;
                    }
                    Subject::Authenticated => return Ok(socket),
                    Subject::Refused(why) | Subject::Complaint(why) => return Err(End::Refused(why)),
                    Subject::Data { .. } | Subject::Confirmed | Subject::Other => {}
                }
            }
        }
    }

    /// The connection is open: waits begin short again, and clients learn what is missing.
    fn is_open(&self, waits: &mut Backoff) {
        waits.reset();
        self.set_state(LinkState::Connected);
        let missing = {
            let mut condition = lock(&self.condition);
            (condition.problem, condition.heard_at) = (None, Some(Instant::now()));
            let missing = condition.missing_since.take().map(|since| since.elapsed());
            condition.reconnects += u64::from(missing.is_some());
            missing
        };
        let (vendor, feed, url) = (self.options.vendor.as_str(), &self.feed, &self.url);
        match missing {
            None => info!(vendor, feed, "connected to {url}"),
            Some(missing) => {
                warn!(
                    vendor,
                    feed,
                    missing_s = missing.as_secs_f64(),
                    "connected to {url} again; what the vendor sent meanwhile is missing"
                );
                self.metrics.reconnected(missing);
                lock(&self.router).announce(Notice::Back { missing });
            }
        }
    }

    /// Asks the vendor for the topics that are wanted and not asked for, and ends the other ones.
    async fn ask(&self, socket: &mut Socket, asked: &mut BTreeSet<Topic>) -> Result<(), End> {
        let wanted = lock(&self.router).wanted();
        let new: BTreeSet<Topic> = wanted.difference(asked).copied().collect();
        let gone: BTreeSet<Topic> = asked.difference(&wanted).copied().collect();
        // The new ones first: a whole channel may take the place of symbols, and the reverse.
        let messages = self.options.vendor.subscriptions(true, &new);
        for message in messages.into_iter().chain(self.options.vendor.subscriptions(false, &gone)) {
            self.send(socket, Message::text(message)).await?;
        }
        self.metrics.topics(wanted.len());
        *asked = wanted;
        Ok(())
    }

    /// A vendor that does not read is lost.
    async fn send(&self, socket: &mut Socket, message: Message) -> Result<(), End> {
        Ok(timeout(self.silence, socket.send(message)).await.map_err(|_| End::Silent(self.silence))??)
    }

    /// Cuts a frame; none where it is malformed, which is counted, and reported for the first time.
    fn read(&self, text: Utf8Bytes) -> Option<Frame> {
        match Frame::read(self.options.vendor, text) {
            Ok(frame) => Some(frame),
            Err(malformed) => {
                if self.metrics.malformed() {
                    let (vendor, feed) = (self.options.vendor.as_str(), &self.feed);
                    warn!(vendor, feed, "{malformed}; it is left out, and so are later ones without a further word");
                }
                None
            }
        }
    }

    fn receive(&self, message: Message) -> Result<(), End> {
        let Some(text) = text_of(message)? else { return Ok(()) };
        let bytes = text.len();
        let Some(frame) = self.read(text) else { return Ok(()) };
        for (_, subject) in &frame.messages {
            match subject {
                Subject::Refused(why) => return Err(End::Refused(why.clone())),
                Subject::Complaint(why) => {
                    let (vendor, feed) = (self.options.vendor.as_str(), &self.feed);
                    warn!(vendor, feed, "the vendor objects: {why}");
                    lock(&self.router).announce(Notice::Complaint(why.clone()));
                }
                _ => {}
            }
        }
        let synthetic = self.synthetic.read().unwrap_or_else(PoisonError::into_inner).clone();
        let routed = lock(&self.router).route(&frame, &synthetic);
        self.metrics.received(bytes, &routed);
        Ok(())
    }
}

/// The text of a message; none of a ping and its kind.
fn text_of(message: Message) -> Result<Option<Utf8Bytes>, End> {
    match message {
        Message::Text(text) => Ok(Some(text)),
        // No coding but JSON was asked for, so what is no JSON is malformed.
        Message::Binary(bytes) => Ok(Some(Utf8Bytes::try_from(bytes).unwrap_or_default())),
        Message::Close(Some(frame)) => Err(End::Closed(format!(": {} {}", frame.code, frame.reason))),
        Message::Close(None) => Err(End::Closed(String::new())),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
    }
}
