//! One reader's playback of a session: the book up to a time that goes on, and the trades on the way there.
//!
//! A playback makes frames at its own pace and waits until its reader has taken one, so memory is bounded however fast the time runs:
//! what happens between two frames is summed up in the second.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use klined_exchange::book::{Book, NotOfThisBook};
use klined_exchange::event::{Event, EventType, Side};
use klined_exchange::run::{RunError, RunEvent, RunFolder, RunStream, session_of};
use klined_exchange::units::NANOS_PER_SECOND;
use klined_service::instant;
use serde::Serialize;
use thiserror::Error;

/// Between two frames.
const FRAME: Duration = Duration::from_millis(100);
/// A frame is sent at least so often, though nothing happens: a reader that is gone is noticed.
const SILENCE: Duration = Duration::from_secs(1);
/// Events that are read from the log at a time.
const EVENTS: usize = 8192;
/// The most trades of a frame, the newest ones.
const TRADES_MAX: usize = 40;

/// What a reader asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    /// The security and the session, both counted from 0.
    pub nth: usize,
    pub day: u32,
    /// Where to begin, in nanoseconds since midnight.
    pub from_ns: u64,
    /// How many times faster than the clock; none shows the newest event that the log has.
    pub speed: Option<f64>,
}

/// Whether the time goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Playing,
    /// For events that are not in the log yet.
    Waiting,
    /// The session is over.
    Ended,
}

/// What a reader is shown. Prices are ticks, times nanoseconds since midnight.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Frame {
    pub state: State,
    pub time_ns: u64,
    /// Price and units of each level, from the best one on.
    pub bids: Vec<(i32, u32)>,
    pub asks: Vec<(i32, u32)>,
    /// The newest trades since the last frame, in the first frame also before it, oldest first: time, price, units, whether a buyer took.
    pub trades: Vec<(u64, i32, u32, bool)>,
    /// Number of trades since the last frame.
    pub trade_count: u64,
    /// Events and units traded since the open.
    pub events: u64,
    pub volume: u64,
    pub last: Option<i32>,
}

/// Why a playback ends early.
#[derive(Debug, Error)]
pub enum PlayError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("the log's event {order_id} does not fit its book: {source}")]
    Book { order_id: u64, source: NotOfThisBook },
}

/// How far a session could be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// The time that was asked for.
    Time,
    /// The end of a log that is not whole yet.
    LogEnd,
    /// The last event.
    Close,
}

/// A session on its way.
struct Player<'a> {
    stream: RunStream<'a>,
    book: Book,
    ahead: VecDeque<RunEvent>,
    time_ns: u64,
    close_ns: u64,
    trades: VecDeque<(u64, i32, u32, bool)>,
    trade_count: u64,
    events: u64,
    volume: u64,
    last: Option<i32>,
}

impl<'a> Player<'a> {
    /// A session at its open; none while its log is not there.
    fn open(folder: &'a RunFolder, nth: usize, day: u32) -> Result<Option<Self>, PlayError> {
        let Some(session) = session_of(folder, nth, day)? else { return Ok(None) };
        let (stream, time_ns) = (RunStream::of_day(folder, &[nth], day), session.market_open_ns);
        let close_ns = time_ns + u64::from(session.session_seconds) * NANOS_PER_SECOND;
        Ok(Some(Self {
            stream,
            book: session.open_book(),
            ahead: VecDeque::new(),
            time_ns,
            close_ns,
            trades: VecDeque::new(),
            trade_count: 0,
            events: 0,
            volume: 0,
            last: None,
        }))
    }

    /// Goes on to a time.
    fn advance(&mut self, until_ns: u64) -> Result<Reached, PlayError> {
        loop {
            while let Some(next) = self.ahead.front().filter(|next| next.event.ts_ns <= until_ns).copied() {
                self.ahead.pop_front();
                self.apply(&next.event)?;
            }
            if !self.ahead.is_empty() {
                self.time_ns = self.time_ns.max(until_ns);
                return Ok(Reached::Time);
            }
            let mut events = Vec::new();
            if self.stream.read(&mut events, EVENTS)? == 0 {
                if !self.stream.is_over() {
                    return Ok(Reached::LogEnd);
                }
                self.time_ns = self.time_ns.max(until_ns.min(self.close_ns));
                return Ok(if until_ns < self.close_ns { Reached::Time } else { Reached::Close });
            }
            self.ahead.extend(events);
        }
    }

    fn apply(&mut self, event: &Event) -> Result<(), PlayError> {
        let Event { ts_ns, event_type, price_ticks, qty, order_id } = *event;
        self.book.apply(event).map_err(|source| PlayError::Book { order_id, source })?;
        (self.time_ns, self.events) = (ts_ns, self.events + 1);
        if event_type.is_execution() {
            if self.trades.len() == TRADES_MAX {
                self.trades.pop_front();
            }
            self.trades.push_back((ts_ns, price_ticks, qty, event_type == EventType::ExecuteBuy));
            self.trade_count += 1;
            self.volume += u64::from(qty);
            self.last = Some(price_ticks);
        }
        Ok(())
    }

    fn frame(&mut self, state: State) -> Frame {
        let levels = |side| self.book.levels(side).map(|level| (level.price_ticks, level.depth)).collect();
        Frame {
            state,
            time_ns: self.time_ns,
            bids: levels(Side::Bid),
            asks: levels(Side::Ask),
            trades: self.trades.drain(..).collect(),
            trade_count: std::mem::take(&mut self.trade_count),
            events: self.events,
            volume: self.volume,
            last: self.last,
        }
    }
}

/// Plays a session. `send` takes a frame, waits until there is room for it, and is false when the reader is gone.
///
/// # Errors
/// The log cannot be read, or is not that of a book.
pub fn play(
    folder: &RunFolder,
    wish: Wish,
    is_over: &dyn Fn() -> bool,
    send: &mut dyn FnMut(Frame) -> bool,
) -> Result<(), PlayError> {
    let mut player = loop {
        if let Some(player) = Player::open(folder, wish.nth, wish.day)? {
            break player;
        }
        if is_over() {
            return Ok(());
        }
        thread::sleep(FRAME);
    };
    player.advance(wish.from_ns.max(player.time_ns).min(player.close_ns))?;
    // The first frame shows the newest of the trades before, and does not count them.
    player.trade_count = 0;
    let (mut base, mut base_ns) = (instant(), player.time_ns);
    let (mut sent_at, mut sent_events) = (None, None);
    while !is_over() {
        let passed = |speed| (base.elapsed().as_secs_f64() * speed * NANOS_PER_SECOND as f64) as u64;
        let until_ns = wish.speed.map_or(u64::MAX, |speed| base_ns.saturating_add(passed(speed)));
        let state = match player.advance(until_ns)? {
            Reached::Time => State::Playing,
            Reached::LogEnd => {
                // The time does not run ahead of the log.
                (base, base_ns) = (instant(), player.time_ns);
                if wish.speed.is_some() { State::Waiting } else { State::Playing }
            }
            Reached::Close => State::Ended,
        };
        let is_due = sent_at.is_none_or(|at: std::time::Instant| at.elapsed() >= SILENCE)
            || sent_events != Some(player.events)
            || state != State::Waiting && wish.speed.is_some();
        if is_due {
            (sent_at, sent_events) = (Some(instant()), Some(player.events));
            if !send(player.frame(state)) || state == State::Ended {
                return Ok(());
            }
        }
        thread::sleep(FRAME);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use klined_exchange::log::LogReader;
    use klined_exchange::run::{Directory, RunSpec, run_batch};
    use std::fs::File;
    use std::num::NonZeroUsize;
    use std::sync::atomic::AtomicBool;

    /// A run of one minute of one security.
    fn run() -> tempfile::TempDir {
        use clap::Parser;
        let place = tempfile::tempdir().unwrap();
        let words = ["exchange-producer", "--seconds", "60", "--days", "1", "--securities", "AAPL:10000"];
        let spec: RunSpec = klined_exchange::programs::ProducerArgs::parse_from(words).spec().unwrap();
        let directory = Directory::open(place.path(), &spec).unwrap();
        run_batch(&directory, Some(1), NonZeroUsize::MIN, &AtomicBool::new(false), &|_| {}).unwrap();
        place
    }

    fn frames(folder: &RunFolder, from_s: u64, speed: Option<f64>) -> Vec<Frame> {
        let wish = Wish { nth: 0, day: 0, from_ns: from_s * NANOS_PER_SECOND, speed };
        let mut frames = Vec::new();
        play(folder, wish, &|| false, &mut |frame| {
            frames.push(frame);
            true
        })
        .unwrap();
        frames
    }

    #[test]
    fn the_book_and_the_trades_are_those_of_the_log_at_any_speed() {
        let place = run();
        let folder = RunFolder::open(place.path()).unwrap();
        let mut log = LogReader::open(File::open(place.path().join("AAPL/2026-01-02.qrsdp")).unwrap()).unwrap();
        let mut book = log.header().session.open_book();
        let (mut trades, mut events) = (0, 0);
        log.for_each_chunk(|chunk| {
            for event in chunk {
                book.apply(event).unwrap();
                events += 1;
                trades += u64::from(event.event_type.is_execution());
            }
            Ok::<(), klined_exchange::log::LogError>(())
        })
        .unwrap();
        let levels = |side| book.levels(side).map(|level| (level.price_ticks, level.depth)).collect::<Vec<_>>();
        for (speed, from_s) in [(Some(100.0), 0), (Some(1e6), 0), (None, 0)] {
            let frames = frames(&folder, from_s, speed);
            let last = frames.last().unwrap();
            assert_eq!((last.state, last.events), (State::Ended, events), "{speed:?}");
            assert_eq!((&last.bids, &last.asks), (&levels(Side::Bid), &levels(Side::Ask)), "{speed:?}");
            assert_eq!(frames.iter().map(|frame| frame.trade_count).sum::<u64>(), trades, "{speed:?}");
            assert!(frames.iter().all(|frame| frame.trades.len() <= TRADES_MAX));
            assert!(frames.windows(2).all(|pair| pair[0].time_ns <= pair[1].time_ns));
        }
        // From the middle on the trades before are none of the playback's.
        let from = 9 * 3600 + 30 * 60 + 30;
        let late = frames(&folder, from, Some(1e6));
        assert!(late[0].time_ns >= from * NANOS_PER_SECOND);
        let shown: u64 = late.iter().map(|frame| frame.trade_count).sum();
        assert!(shown > 0 && shown < trades, "{shown} of {trades}");
        assert_eq!(late.last().unwrap().volume, trades);
    }
}
