//! The job that follows the logs and sends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use klined_service::{Shutdown, Vitals, instant};

use super::servers::Live;
use super::wire::Wire;
use crate::export::Source;
use crate::itch::LiveSession;
use crate::run::{RunEvent, RunFolder, RunStream, UNNAMED, session_of};
use crate::units::NANOS_PER_SECOND;

/// Events that are read from the logs at a time.
const EVENTS: usize = 2048;
/// Between two looks at logs that had nothing new, and the longest wait for an event whose time has not come.
const PAUSE: Duration = Duration::from_millis(5);
/// When nothing was sent for so long, a packet without messages is.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How often the end of a session is sent before the next one begins, and the time after each.
const ENDS: usize = 3;
const END_PAUSE: Duration = Duration::from_millis(100);

/// Sends session after session.
pub struct Sender {
    pub folder: RunFolder,
    pub live: Arc<Mutex<Live>>,
    pub wire: Wire,
    pub shutdown: Shutdown,
    pub job: Arc<Vitals>,
    /// 0: as soon as an event is in the log.
    pub speed: f64,
    pub days: Option<u32>,
    pub linger: Duration,
}

impl Sender {
    /// Sends from this day on. With `from_now` what the first day's logs hold at the start is not sent.
    pub fn run(&mut self, first_day: u32, mut from_now: bool) -> anyhow::Result<()> {
        let mut day = first_day;
        while self.days.is_none_or(|days| day - first_day < days) {
            let Some(sources) = self.opening(day)? else { return Ok(()) };
            let file = tempfile::tempfile().context("there is no place for a file of the messages that were sent")?;
            let session = LiveSession::open(&self.folder.session_name(day), sources, file)?;
            self.live().begin(session);
            if !self.session(day, from_now)? {
                return Ok(());
            }
            from_now = false;
            day += 1;
        }
        let end = instant();
        while end.elapsed() < self.linger && self.pause(PAUSE) {}
        Ok(())
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, and keeps receivers and watchers informed meanwhile. False when the program is to stop.
    fn pause(&mut self, wait: Duration) -> bool {
        self.job.answered(true);
        if self.wire.quiet_for() >= HEARTBEAT {
            let packet = self.live().session().map(LiveSession::idle_packet);
            if let Some(packet) = packet {
                self.wire.send(&packet);
            }
        }
        thread::sleep(wait.min(PAUSE));
        !self.shutdown.is_requested()
    }

    /// What the securities of a day started as, once all of them have; nothing when the program is to stop.
    fn opening(&mut self, day: u32) -> anyhow::Result<Option<Vec<Source>>> {
        loop {
            let mut sources = Vec::new();
            for (nth, symbol) in self.folder.symbols().iter().enumerate() {
                let session = session_of(&self.folder, nth, day)?;
                let symbol = if symbol.is_empty() { UNNAMED } else { symbol.as_str() }.to_owned();
                sources.extend(session.map(|session| Source { symbol, session }));
            }
            if sources.len() == self.folder.symbols().len() {
                return Ok(Some(sources));
            }
            if !self.pause(PAUSE) {
                return Ok(None);
            }
        }
    }

    /// Sends a session to its end. False when the program is to stop.
    fn session(&mut self, day: u32, from_now: bool) -> anyhow::Result<bool> {
        let date = self.folder.date(day)?;
        let nths: Vec<usize> = (0..self.folder.symbols().len()).collect();
        let (begun, mut next, mut is_silent) = (instant(), 1, from_now);
        let open_ns = self.live().session().map_or(0, |session| session.open_ns());
        // The stream borrows a reader of its own, so that this one can send meanwhile.
        let folder = RunFolder::open(self.folder.path())?;
        let mut stream = RunStream::of_day(&folder, &nths, day);
        let mut events = Vec::new();
        tracing::info!(%date, session = self.folder.session_name(day), "session begins");
        loop {
            events.clear();
            let read = stream.read(&mut events, EVENTS)?;
            let mut rest = events.as_slice();
            while let Some(first) = rest.first() {
                let due = if is_silent || self.speed == 0.0 {
                    rest.len()
                } else {
                    let now_ns =
                        open_ns + (begun.elapsed().as_secs_f64() * self.speed * NANOS_PER_SECOND as f64) as u64;
                    rest.partition_point(|event| event.event.ts_ns <= now_ns)
                };
                if due == 0 {
                    let wait_s = first.event.ts_ns.saturating_sub(open_ns) as f64 * 1e-9 / self.speed
                        - begun.elapsed().as_secs_f64();
                    if !self.pause(Duration::from_secs_f64(wait_s.max(0.0))) {
                        return Ok(false);
                    }
                }
                let (now, later) = rest.split_at(due);
                self.add(now)?;
                if !is_silent {
                    next = self.send_from(next)?;
                }
                rest = later;
            }
            if read == 0 {
                if stream.is_over() {
                    break;
                }
                if std::mem::take(&mut is_silent) {
                    next = self.live().session().map_or(next, LiveSession::next);
                }
                next = self.send_from(next)?;
                if !self.pause(PAUSE) {
                    return Ok(false);
                }
            } else if self.shutdown.is_requested() {
                return Ok(false);
            }
            self.job.answered(true);
        }
        let closed = self.live().session().map_or(Ok(()), LiveSession::close);
        closed?;
        if !is_silent {
            self.send_from(next)?;
        }
        tracing::info!(%date, "session ends");
        // More than once: receivers that miss it do not know how many messages there are.
        for _ in 0..ENDS {
            let end = self.live().session().map(LiveSession::idle_packet);
            if let Some(end) = end {
                self.wire.send(&end);
            }
            let sent = instant();
            while sent.elapsed() < END_PAUSE {
                if !self.pause(PAUSE) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn add(&self, events: &[RunEvent]) -> anyhow::Result<()> {
        let mut live = self.live();
        let Some(session) = live.session() else { return Ok(()) };
        Ok(events.iter().try_for_each(|event| session.event(event.nth, &event.event))?)
    }

    /// Sends the messages from this number on, and returns the number of the next one.
    fn send_from(&mut self, mut next: u64) -> anyhow::Result<u64> {
        let mut packet = Vec::new();
        loop {
            let made = self.live().session().map_or(Ok(0), |session| session.packet(next, u16::MAX, &mut packet));
            let count = made.context("messages cannot be read from their file")?;
            if count == 0 {
                return Ok(next);
            }
            self.wire.send(&packet);
            next += u64::from(count);
        }
    }
}
