//! A WebSocket conversation as every dialect holds it: what the client says and what the market does, whichever comes first;
//! the beat that tells whether the client is there; the end that it hears of. What is said is each dialect's own.

use std::future::Future;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use futures_util::SinkExt;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, timeout, timeout_at};

use super::Server;
use super::faults::Disturbance;
use crate::access::chaos::MessageFault;
use crate::access::keys::{Allowed, Connection, Holder};
use crate::access::limits::{Allowance, Rate};
use crate::feed::{Missed, Round, Subscription};
use crate::query::errors::Refusal;

/// What a client says is read in pieces of so many bytes, which every WebSocket keeps room for: clients say little.
const READ_BYTES: usize = 4 * 1024;
/// How long a client may take to hear that it is over.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// How often a client is asked whether it is there.
const BEAT: Duration = Duration::from_secs(20);
/// After so long without a word, not even an answer to that, it is taken for gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// The service restarts: clients come again. On 1000 and 1001 some stop for good.
const RESTART: u16 = close_code::RESTART;

/// The client is gone, or was told to go.
pub struct Over;

/// What a dialect bears with.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// The most bytes that a client may say at once.
    pub bytes_max: usize,
    /// What a client may say in a second, and at once after a pause.
    pub rate: Rate,
    /// How often the dialect has something to say of its own accord.
    pub due: Option<Duration>,
}

impl Manners {
    /// Those of a dialect that speaks when it is spoken to or something happens: 50 messages a second, 200 at once.
    pub const fn with_bytes(bytes_max: usize) -> Self {
        let rate = Rate { per_second: NonZeroU32::new(50).unwrap(), burst: NonZeroU32::new(200).unwrap() };
        Self { bytes_max, rate, due: None }
    }
}

/// What a client says.
#[derive(Debug)]
pub enum Words {
    Text(Utf8Bytes),
    Binary(Bytes),
}

/// What there is to answer or to pass on.
pub enum Heard {
    Said(Words),
    /// Something for this client has happened.
    Round(Arc<Round>),
    /// The client has fallen behind by so many rounds that cannot be told any more.
    Lagged(u64),
    /// It is time for what the dialect says of its own accord.
    Due,
}

/// The request for a WebSocket, where there is one.
///
/// # Errors
/// It is an ordinary request.
pub fn asked(upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>) -> Result<WebSocketUpgrade, Refusal> {
    upgrade.map_err(|_| Refusal::Invalid("this route is a WebSocket: ask for an upgrade".to_owned()))
}

/// Answers a request for a WebSocket, and talks on it until that is over.
pub fn open<Talk>(
    upgrade: WebSocketUpgrade,
    server: Arc<Server>,
    manners: Manners,
    talk: impl FnOnce(Line) -> Talk + Send + 'static,
) -> Response
where
    Talk: Future<Output = Result<(), Over>> + Send + 'static,
{
    let upgrade =
        upgrade.read_buffer_size(READ_BYTES).max_message_size(manners.bytes_max).max_frame_size(manners.bytes_max);
    upgrade.on_upgrade(move |socket| async move {
        server.metrics.opened();
        // What it ended with, nobody needs to know.
        let _ = talk(Line::new(server.clone(), socket, manners)).await;
        server.metrics.closed();
    })
}

/// One client's WebSocket, and what it hears of the market.
pub struct Line {
    pub server: Arc<Server>,
    pub subscription: Subscription,
    /// What the client may have.
    pub allowed: Allowed,
    socket: WebSocket,
    allowance: Allowance,
    connection: Option<Connection>,
    /// The faults that the key asks for.
    disturbance: Option<Disturbance>,
    /// Whether what is said now is said of the market, and is no answer.
    is_of_market: bool,
    beat: Interval,
    due: Option<Interval>,
    heard_at: Instant,
}

impl Line {
    fn new(server: Arc<Server>, socket: WebSocket, manners: Manners) -> Self {
        let every = |period| {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let subscription = server.hub.subscribe();
        Self {
            server,
            subscription,
            allowed: Allowed::default(),
            socket,
            allowance: Allowance::new(manners.rate),
            connection: None,
            disturbance: None,
            is_of_market: false,
            beat: every(BEAT),
            due: manners.due.map(every),
            heard_at: Instant::now(),
        }
    }

    /// Takes a place among a holder's connections, to be given back at the end. Says whether there was one.
    #[must_use]
    pub fn enter(&mut self, holder: &Arc<Holder>) -> bool {
        holder.connect().map(|connection| self.take_place(connection)).is_some()
    }

    /// Has a place among a holder's connections, to be given back at the end.
    pub fn take_place(&mut self, connection: Connection) {
        let holder = connection.holder();
        self.allowed = holder.allowed;
        self.disturbance = holder.chaos.as_ref().map(|chaos| chaos.next_connection().into());
        self.connection = Some(connection);
    }

    /// Takes one of the messages that a client may say.
    ///
    /// # Errors
    /// There is none left.
    pub fn take(&self) -> Result<(), Refusal> {
        self.allowance.take().map(|_| ())
    }

    /// What comes next.
    ///
    /// # Errors
    /// The conversation is over, which the client has been told as far as it hears.
    pub async fn next(&mut self) -> Result<Heard, Over> {
        let heard = self.hear().await?;
        self.is_of_market = matches!(heard, Heard::Round(_) | Heard::Due);
        Ok(heard)
    }

    async fn hear(&mut self) -> Result<Heard, Over> {
        loop {
            tokio::select! {
                () = self.server.draining.cancelled() => return Err(self.close(RESTART, "the server stops").await),
                heard = self.socket.recv() => {
                    self.heard_at = Instant::now();
                    match heard {
                        Some(Ok(Message::Text(text))) => return Ok(Heard::Said(Words::Text(text))),
                        Some(Ok(Message::Binary(bytes))) => return Ok(Heard::Said(Words::Binary(bytes))),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Close(_))) => return Err(self.part().await),
                        Some(Err(_)) => return Err(self.close(close_code::SIZE, "too large, or no WebSocket").await),
                        None => return Err(Over),
                    }
                }
                round = self.subscription.next() => match round {
                    Ok(round) => return Ok(Heard::Round(round)),
                    Err(Missed::Lagged(rounds)) => {
                        // Who is delayed as its key asks for says nothing of how the server fares.
                        if self.disturbance.is_none() {
                            self.server.metrics.dropped();
                        }
                        return Ok(Heard::Lagged(rounds));
                    }
                    Err(Missed::Ended) => return Err(self.close(RESTART, "the feed has ended").await),
                },
                () = tick(self.due.as_mut()) => return Ok(Heard::Due),
                _ = self.beat.tick() => {
                    if self.heard_at.elapsed() > SILENCE_MAX {
                        return Err(Over);
                    }
                    self.socket.send(Message::Ping(Bytes::new())).await.map_err(|_| Over)?;
                }
            }
        }
    }

    /// What the client says, while it has subscribed to nothing; none when it says nothing until then.
    ///
    /// # Errors
    /// Those of [`Line::next`].
    pub async fn said_by(&mut self, until: Instant) -> Result<Option<Words>, Over> {
        loop {
            match timeout_at(until, self.next()).await {
                Ok(Ok(Heard::Said(words))) => return Ok(Some(words)),
                Ok(Ok(_)) => {}
                Ok(Err(over)) => return Err(over),
                Err(_) => return Ok(None),
            }
        }
    }

    /// Puts a message among those that go out with the next flush, or what a fault makes of it.
    ///
    /// # Errors
    /// The client is gone, or is dropped as its key asks for.
    pub async fn feed(&mut self, message: Message) -> Result<(), Over> {
        let Some(disturbance) = self.disturbance.as_mut().filter(|_| self.is_of_market) else {
            return self.socket.feed(message).await.map_err(|_| Over);
        };
        let (fault, told) = disturbance.befall(message);
        if let Some(fault) = fault {
            self.server.metrics.befell("message", fault.name());
        }
        match fault {
            Some(MessageFault::Drop) => {
                self.flush().await?;
                return Err(Over);
            }
            Some(MessageFault::Delay(delay)) => {
                self.flush().await?;
                tokio::select! {
                    () = sleep(delay) => {}
                    () = self.server.draining.cancelled() => {}
                }
                // Whoever was not listened to was not silent.
                self.heard_at = Instant::now();
            }
            _ => {}
        }
        for message in told {
            self.socket.feed(message).await.map_err(|_| Over)?;
        }
        Ok(())
    }

    /// Sends what was fed.
    ///
    /// # Errors
    /// The client is gone.
    pub async fn flush(&mut self) -> Result<(), Over> {
        self.socket.flush().await.map_err(|_| Over)
    }

    /// Says messages that were written as text, each by itself.
    ///
    /// # Errors
    /// The client is gone.
    pub async fn say(&mut self, messages: impl IntoIterator<Item = Bytes>) -> Result<(), Over> {
        let mut is_any = false;
        for message in messages {
            self.feed(text(message)?).await?;
            is_any = true;
        }
        if is_any { self.flush().await } else { Ok(()) }
    }

    /// Closes, and waits for the client to have heard it: what lies unread at either end would take the words along.
    pub async fn close(&mut self, code: u16, reason: &str) -> Over {
        let _ = self.socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
        self.part().await
    }

    /// Sends a client away that did what it may not.
    pub async fn expel(&mut self, reason: &str) -> Over {
        self.close(close_code::POLICY, reason).await
    }

    /// Hears the client out, which also answers its wish to close: some take an end without an answer for a fault, and come again.
    async fn part(&mut self) -> Over {
        let _ = timeout(CLOSE_WAIT, async { while let Some(Ok(_)) = self.socket.recv().await {} }).await;
        Over
    }
}

/// A message of what was written as text.
///
/// # Errors
/// It was not.
pub fn text(bytes: Bytes) -> Result<Message, Over> {
    Utf8Bytes::try_from(bytes).map(Message::Text).map_err(|_| Over)
}

async fn tick(due: Option<&mut Interval>) {
    match due {
        Some(due) => drop(due.tick().await),
        None => std::future::pending().await,
    }
}
