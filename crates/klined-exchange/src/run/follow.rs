//! What is in the logs of a run, as one stream that goes on while they grow.
//!
//! Events are in order of day, then time, then security, so the stream of a set of securities is always the same, whoever reads it and
//! whenever. Where one ended, any one of its events says where to go on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::RunError;
use crate::event::Event;
use crate::log::{LogError, LogFollower};
use crate::session::SessionSpec;

/// The logs of a run, for those who read them while they grow.
pub trait Sessions: std::fmt::Debug + Sync {
    /// The path of a session's log.
    ///
    /// # Errors
    /// [`RunError::Dates`] where the session has no date.
    fn log_path(&self, nth: usize, day: u32) -> Result<PathBuf, RunError>;

    /// Whether a session's log has all of its events. Who asks before it reads has all of them afterwards.
    fn is_whole(&self, nth: usize, day: u32) -> bool;
}

/// What a session started as; nothing where its log is not there yet.
///
/// # Errors
/// [`RunError`] where the log cannot be read.
pub fn session_of(sessions: &dyn Sessions, nth: usize, day: u32) -> Result<Option<SessionSpec>, RunError> {
    let log = follow(&sessions.log_path(nth, day)?, sessions.is_whole(nth, day))?;
    Ok(log.map(|log| log.header().session))
}

/// Opens a log; nothing where it is not there yet.
fn follow(path: &Path, is_whole: bool) -> Result<Option<LogFollower<File>>, RunError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_whole => return Ok(None),
        file => file.map_err(RunError::io(path))?,
    };
    match LogFollower::open(file) {
        Err(LogError::TooShort { .. }) if !is_whole => Ok(None),
        log => log.map(Some).map_err(RunError::log(path)),
    }
}

/// An event of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunEvent {
    /// Which security and which session, both counted from 0.
    pub nth: usize,
    pub day: u32,
    pub event: Event,
}

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At the run's first event.
    Start,
    /// After this event, which the run must have: otherwise the stream ends with [`RunError::OtherStream`].
    After(RunEvent),
    /// After so many events.
    Count(u64),
}

/// The events of some securities of a run.
#[derive(Debug)]
pub struct RunStream<'a> {
    sessions: &'a dyn Sessions,
    feeds: Vec<Feed>,
    /// The last day that is read; none goes on for ever.
    last_day: Option<u32>,
    /// Of each feed the day, the time of its next event or a bound of it, and its place in `feeds`.
    order: BinaryHeap<Reverse<(u32, u64, usize)>>,
    skip: u64,
}

#[derive(Debug)]
struct Feed {
    nth: usize,
    day: u32,
    log: Option<LogFollower<File>>,
    events: Vec<Event>,
    at: usize,
    after: Option<RunEvent>,
}

impl<'a> RunStream<'a> {
    /// The events of these securities, which are named by their numbers in ascending order.
    #[must_use]
    pub fn new(sessions: &'a dyn Sessions, securities: &[usize], from: Begin) -> Self {
        let (after, skip) = match from {
            Begin::Start => (None, 0),
            Begin::After(event) => (Some(event), 0),
            Begin::Count(count) => (None, count),
        };
        let day = after.map_or(0, |event| event.day);
        let feed = |&nth| Feed { nth, day, log: None, events: Vec::new(), at: 0, after };
        let order = (0..securities.len()).map(|place| Reverse((day, 0, place))).collect();
        Self { sessions, feeds: securities.iter().map(feed).collect(), last_day: None, order, skip }
    }

    /// The events of one day of these securities.
    #[must_use]
    pub fn of_day(sessions: &'a dyn Sessions, securities: &[usize], day: u32) -> Self {
        let mut stream = Self::new(sessions, securities, Begin::Start);
        stream.last_day = Some(day);
        stream.feeds.iter_mut().for_each(|feed| feed.day = day);
        stream.order = (0..securities.len()).map(|place| Reverse((day, 0, place))).collect();
        stream
    }

    /// Whether every event of the last day has been read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.order.is_empty()
    }

    /// Appends at most `count` events that come next, as far as the logs say for certain what comes next.
    ///
    /// # Errors
    /// [`RunError`] where a log cannot be read, or is not the one that the stream began with.
    pub fn read(&mut self, events: &mut Vec<RunEvent>, count: usize) -> Result<usize, RunError> {
        let mut read = 0;
        while read < count
            && let Some(Reverse((_, bound_ns, place))) = self.order.pop()
        {
            let feed = &mut self.feeds[place];
            if feed.at == feed.events.len() {
                let (before, is_filled) = (feed.day, feed.fill(self.sessions));
                let bound_ns = match feed.events.get(feed.at) {
                    Some(next) => next.ts_ns,
                    None if feed.day == before => bound_ns,
                    None => 0,
                };
                if self.last_day.is_some_and(|last| feed.day > last) {
                    is_filled?;
                    continue;
                }
                self.order.push(Reverse((feed.day, bound_ns, place)));
                if is_filled? || feed.day != before {
                    continue;
                }
                // What this security does next is not known yet, and nobody else's event is sure to come before it.
                return Ok(read);
            }
            // As long as no other security can come first.
            let limit = self.order.peek().map(|Reverse(key)| *key);
            let Feed { nth, day, .. } = *feed;
            let mut last_ns = bound_ns;
            while let Some(&event) = feed.events.get(feed.at)
                && read < count
                && limit.is_none_or(|limit| (day, event.ts_ns, place) < limit)
            {
                feed.at += 1;
                last_ns = event.ts_ns;
                if self.skip > 0 {
                    self.skip -= 1;
                } else {
                    events.push(RunEvent { nth, day, event });
                    read += 1;
                }
            }
            let next_ns = feed.events.get(feed.at).map_or(last_ns, |next| next.ts_ns);
            self.order.push(Reverse((day, next_ns, place)));
        }
        Ok(read)
    }
}

impl Feed {
    /// Reads on. False when there is nothing new; a day that is over turns to the next one.
    fn fill(&mut self, sessions: &dyn Sessions) -> Result<bool, RunError> {
        self.events.clear();
        self.at = 0;
        let path = sessions.log_path(self.nth, self.day)?;
        // Asked before the log is read: what is read then are all of its events.
        let is_whole = sessions.is_whole(self.nth, self.day);
        let log = match &mut self.log {
            Some(log) => log,
            None => {
                let Some(mut log) = follow(&path, is_whole)? else { return Ok(false) };
                if let Some(after) = self.after {
                    log.skip_before(after.event.ts_ns).map_err(RunError::log(&path))?;
                }
                self.log.insert(log)
            }
        };
        let other = |after: RunEvent| RunError::OtherStream { path: path.clone(), order_id: after.event.order_id };
        while log.read_more(&mut self.events).map_err(RunError::log(&path))? > 0 {
            if let Some(after) = self.after {
                let last = after.event;
                if self.nth != after.nth {
                    let first = |event: &Event| (event.ts_ns, self.nth) <= (last.ts_ns, after.nth);
                    self.events.drain(..self.events.partition_point(first));
                } else {
                    let place = self.events.partition_point(|event| event.order_id < last.order_id);
                    match self.events.get(place) {
                        Some(event) if *event == last => {
                            self.events.drain(..=place);
                            self.after = None;
                        }
                        Some(_) => return Err(other(after)),
                        None => self.events.clear(),
                    }
                }
                if self.events.is_empty() {
                    continue;
                }
                self.after = None;
            }
            return Ok(true);
        }
        if is_whole {
            if let Some(after) = self.after.filter(|after| after.nth == self.nth) {
                return Err(other(after));
            }
            (self.log, self.after) = (None, None);
            self.day += 1;
        }
        Ok(false)
    }
}
