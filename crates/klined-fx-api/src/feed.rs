//! Second after second of the market as they pass: quotes eight times a second, bars of seconds and minutes. Each event is encoded once
//! for all clients, and a ring of bounded length holds it for them; a client that falls behind by the whole ring is closed.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use klined::feed::Missed;
use klined::query::errors::Refusal;
use klined::serve::kit::answers::message;
use klined::serve::kit::channels::ChannelPlace;
use klined::serve::kit::host::Feed;
use klined_fx::base::{PAIRS, Pair};
use klined_fx::market::day::FRAMES;
use klined_fx::market::ladder::FRAME_MICROS;
use klined_fx::market::quotes::quotes;
use klined_fx::market::{Book, MidBar, Quote, Walk};
use klined_market::base::Clock;
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::present::Present;
use crate::prices::{Prices, joined, mean_price, micros_of, units};
use crate::windows::Window;

/// The exchange of all quotes: banks, as the vendor has it.
pub const EXCHANGE: u8 = 48;
/// Updates that a client may be behind: half a minute of them.
const RING: usize = 256;
/// More seconds than this behind the clock are left out.
const BEHIND_MAX: i64 = 10;
const SECOND_FRAMES: i64 = FRAMES as i64;
/// How long the start may take.
const START_MAX: Duration = Duration::from_mins(5);

/// What a client can subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FxChannel {
    Quote,
    Second,
    Minute,
}

impl FxChannel {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Quote, Self::Second, Self::Minute];

    /// The vendor's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quote => "C",
            Self::Second => "CAS",
            Self::Minute => "CA",
        }
    }
}

impl ChannelPlace for FxChannel {
    fn place(self) -> u8 {
        self as u8
    }
}

/// An event of a pair, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FxEvent {
    pub pair: Pair,
    pub channel: FxChannel,
    pub text: Bytes,
}

/// Events that happened together.
#[derive(Debug, Default)]
pub struct FxUpdate(pub Vec<FxEvent>);

/// The feed of one market.
pub struct FxFeed {
    prices: Arc<Prices>,
    present: Arc<RwLock<Option<Present>>>,
    updates: broadcast::Sender<Arc<FxUpdate>>,
}

/// One client's subscription.
pub struct FxSubscription(broadcast::Receiver<Arc<FxUpdate>>);

impl Feed for FxSubscription {
    type Update = FxUpdate;

    async fn next(&mut self) -> Result<Arc<FxUpdate>, Missed> {
        self.0.recv().await.map_err(|error| match error {
            RecvError::Closed => Missed::Ended,
            RecvError::Lagged(updates) => Missed::Lagged(updates),
        })
    }
}

impl FxFeed {
    /// A feed that has not begun.
    #[must_use]
    pub fn new(prices: Arc<Prices>) -> Self {
        Self { prices, present: Arc::default(), updates: broadcast::channel(RING).0 }
    }

    /// The events from now on.
    #[must_use]
    pub fn subscribe(&self) -> FxSubscription {
        FxSubscription(self.updates.subscribe())
    }

    /// What is newest; none before the feed has begun.
    #[must_use]
    pub fn present(&self) -> Option<Present> {
        self.present.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Follows the clock until `stop` is cancelled, and calls `alive` after each look at it.
    ///
    /// # Errors
    /// A worker thread has ended in a panic.
    pub async fn run(&self, clock: &dyn Clock, alive: impl Fn() + Send, stop: CancellationToken) -> anyhow::Result<()> {
        let (mut next, minute) = self.begin(clock).await?;
        let mut round = Round { walk: self.prices.market.walk(&Pair::all()), minute, book: Box::default() };
        while !stop.is_cancelled() {
            let due = frame(clock);
            if due - next > BEHIND_MAX * SECOND_FRAMES {
                warn!("the feed is {} s behind the clock and leaves them out", (due - next) / SECOND_FRAMES);
                (next, round.minute) = self.begin(clock).await?;
                continue;
            }
            let mut update = FxUpdate::default();
            while next < due {
                let (second, from) = (next.div_euclid(SECOND_FRAMES), next.rem_euclid(SECOND_FRAMES));
                let until = (due - second * SECOND_FRAMES).min(SECOND_FRAMES);
                if self.prices.is_open(second) {
                    self.make(&mut round, second, from as usize..until as usize, &mut update);
                }
                next = second * SECOND_FRAMES + until;
            }
            if !update.0.is_empty() {
                // Nobody may be listening.
                let _ = self.updates.send(Arc::new(update));
            }
            alive();
            let wait = (due + 1) * FRAME_MICROS - micros_of(clock.now_nanos().get());
            let wait = Duration::from_micros(wait.clamp(1_000, FRAME_MICROS).unsigned_abs());
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Makes what is newest now. Returns the frame from which events follow, and the bars of the minute so far.
    async fn begin(&self, clock: &dyn Clock) -> anyhow::Result<(i64, [Option<MidBar>; PAIRS])> {
        loop {
            let second = frame(clock).div_euclid(SECOND_FRAMES);
            let prices = self.prices.clone();
            let made = klined_service::blocking(move || {
                let last = prices.last_open(second - 1).unwrap_or(crate::prices::FIRST);
                let mut question = prices.question(&[], START_MAX);
                let minute = question.bars_of_all(Window::MINUTE.start(second), second)?;
                Ok::<_, Refusal>((Present::after(&mut question, last)?, minute))
            });
            match made.await? {
                Ok((present, minute)) => {
                    *self.present.write().unwrap_or_else(PoisonError::into_inner) = Some(present);
                    return Ok((second * SECOND_FRAMES, minute));
                }
                Err(refusal) => warn!("the market's present is not made yet: {refusal}"),
            }
        }
    }

    fn make(&self, round: &mut Round<'_>, second: i64, frames: std::ops::Range<usize>, update: &mut FxUpdate) {
        let Round { walk, minute, book } = round;
        let Ok(made) = walk.second(second) else { return };
        let mut guard = self.present.write().unwrap_or_else(PoisonError::into_inner);
        let Some(present) = guard.as_mut() else { return };
        let (is_second_over, is_minute_over) = (frames.end == FRAMES, (second + 1) % 60 == 0);
        for ladder in made.ladders {
            let pair = ladder.pair;
            let mut add = |channel, text| update.0.push(FxEvent { pair, channel, text });
            for quote in quotes(ladder, frames.clone(), book) {
                present.quote(pair, quote);
                add(FxChannel::Quote, quote_message(pair, &quote));
            }
            if !is_second_over {
                continue;
            }
            let so_far = &mut minute[pair.index()];
            if let Some(bar) = MidBar::of_second(ladder) {
                present.second(pair, second, bar);
                *so_far = joined(*so_far, Some(bar));
                add(FxChannel::Second, bar_message(FxChannel::Second, pair, &bar, second, second + 1));
            }
            if let Some(bar) = so_far.take_if(|_| is_minute_over) {
                let (start, end) = (second - 59, second + 1);
                present.minute(pair, start, bar);
                add(FxChannel::Minute, bar_message(FxChannel::Minute, pair, &bar, start, end));
            }
        }
    }
}

/// What the feed keeps between frames.
struct Round<'m> {
    walk: Walk<'m>,
    minute: [Option<MidBar>; PAIRS],
    book: Box<Book>,
}

/// The frame that is not over yet, counted from 1970.
fn frame(clock: &dyn Clock) -> i64 {
    micros_of(clock.now_nanos().get()).div_euclid(FRAME_MICROS)
}

/// A pair as messages name it, such as EUR/USD.
#[must_use]
pub fn pair_name(pair: Pair) -> String {
    let facts = pair.facts();
    format!("{}/{}", facts.base.code(), facts.quote.code())
}

#[derive(Serialize)]
struct QuoteMessage {
    ev: &'static str,
    p: String,
    x: u8,
    a: f64,
    b: f64,
    /// Unix milliseconds.
    t: i64,
}

fn quote_message(pair: Pair, quote: &Quote) -> Bytes {
    let Quote { micros, bid: b, ask: a } = *quote;
    message(&QuoteMessage { ev: FxChannel::Quote.as_str(), p: pair_name(pair), x: EXCHANGE, a, b, t: micros / 1000 })
}

#[derive(Serialize)]
struct BarMessage {
    ev: &'static str,
    pair: String,
    o: f64,
    c: f64,
    h: f64,
    l: f64,
    v: i64,
    vw: f64,
    s: i64,
    e: i64,
}

fn bar_message(channel: FxChannel, pair: Pair, bar: &MidBar, start: i64, end: i64) -> Bytes {
    message(&BarMessage {
        ev: channel.as_str(),
        pair: pair_name(pair),
        o: units(pair, bar.open),
        c: units(pair, bar.close),
        h: units(pair, bar.high),
        l: units(pair, bar.low),
        v: bar.quotes,
        vw: mean_price(pair, bar),
        s: start * 1000,
        e: end * 1000,
    })
}
