//! One session in the making, with its log.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::RunError;
use crate::event::Event;
use crate::log::{Header, LogError, LogReader, LogWriter, Tail};
use crate::model::Model;
use crate::session::Session;

/// A session that is being made.
#[derive(Debug)]
pub struct Day {
    path: PathBuf,
    session: Session,
    /// Made, and not yet in the log.
    ahead: Vec<Event>,
    /// Nothing where the log was found whole.
    writer: Option<LogWriter<File>>,
    /// Counts events that are in the logs of the run.
    made: Arc<AtomicU64>,
}

/// Why a log and a session do not go together.
enum Mismatch {
    Log(LogError),
    Event(u64),
}

impl From<LogError> for Mismatch {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

/// Compares events of a log with those that the session makes next.
fn follow(session: &mut Session, made: &mut Vec<Event>, found: &[Event]) -> Result<(), Mismatch> {
    made.clear();
    session.next_events(made, found.len());
    let differing = found.iter().enumerate().find(|(nth, event)| made.get(*nth) != Some(event));
    differing.map_or(Ok(()), |(_, event)| Err(Mismatch::Event(event.order_id)))
}

impl Day {
    /// Starts a session's log, or goes on with it.
    ///
    /// # Errors
    /// [`RunError`] where the log is one of other parameters; then it is unchanged.
    pub fn open(path: &Path, header: Header, model: &Model, made: Arc<AtomicU64>) -> Result<Self, RunError> {
        let mismatch = |mismatch| match mismatch {
            Mismatch::Log(source) => RunError::Log { path: path.to_owned(), source },
            Mismatch::Event(order_id) => RunError::OtherEvents { path: path.to_owned(), order_id },
        };
        let session = || Session::open(&header.session, model);
        let day = |session: Session, writer| {
            made.fetch_add(session.count(), Ordering::Relaxed);
            Self { path: path.to_owned(), session, ahead: Vec::new(), writer, made }
        };
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(RunError::io(path))?;
        let len = file.metadata().map_err(RunError::io(path))?.len();
        // A header that was torn by a kill holds nothing.
        if len < Header::BYTES as u64 {
            let writer = LogWriter::create(file, header).map_err(RunError::log(path))?;
            return Ok(day(session()?, Some(writer)));
        }
        let mut replayed = Vec::new();
        let mut reader = LogReader::open_leniently(&file).map_err(RunError::log(path))?;
        reader.header().check_same(&header).map_err(RunError::log(path))?;
        if matches!(reader.tail(), Tail::Index { .. }) && reader.header().indexed {
            let mut whole = session()?;
            reader.for_each_chunk(|chunk| follow(&mut whole, &mut replayed, chunk)).map_err(mismatch)?;
            replayed.clear();
            if whole.next_events(&mut replayed, 1) == 0 {
                return Ok(day(whole, None));
            }
        }
        let mut resumed = session()?;
        let writer =
            LogWriter::resume(file, header, |chunk| follow(&mut resumed, &mut replayed, chunk)).map_err(mismatch)?;
        Ok(day(resumed, Some(writer)))
    }

    /// Whether the log was found whole.
    pub const fn is_whole(&self) -> bool {
        self.writer.is_none()
    }

    /// Makes `count` more events at most. False when the session is over.
    pub fn advance(&mut self, count: usize) -> Result<bool, RunError> {
        let Some(writer) = &mut self.writer else { return Ok(false) };
        self.ahead.clear();
        self.session.next_events(&mut self.ahead, count);
        writer.append(&self.ahead).map_err(RunError::log(&self.path))?;
        self.made.fetch_add(self.ahead.len() as u64, Ordering::Relaxed);
        self.ahead.clear();
        Ok(!self.session.is_over())
    }

    /// Makes the events up to a time of the day, and puts them where readers see them. False when the session is over by then.
    pub fn advance_until(&mut self, ts_ns: u64) -> Result<bool, RunError> {
        const AHEAD: usize = 256;
        let Some(writer) = &mut self.writer else { return Ok(false) };
        loop {
            if self.ahead.is_empty() {
                self.session.next_events(&mut self.ahead, AHEAD);
            }
            let due = self.ahead.partition_point(|event| event.ts_ns <= ts_ns);
            writer.append(&self.ahead[..due]).map_err(RunError::log(&self.path))?;
            self.made.fetch_add(due as u64, Ordering::Relaxed);
            self.ahead.drain(..due);
            if !self.ahead.is_empty() || self.session.is_over() {
                break;
            }
        }
        writer.flush().map_err(RunError::log(&self.path))?;
        Ok(!(self.ahead.is_empty() && self.session.is_over()))
    }

    /// When the next event comes, as far as that is known without making it.
    pub fn next_ts_ns(&self) -> Option<u64> {
        self.ahead.first().map(|event| event.ts_ns)
    }

    /// The time of the last event in the log, or of the market's opening where it has none.
    pub fn reached_ns(&self, open_ns: u64) -> u64 {
        self.writer.as_ref().map_or(u64::MAX, LogWriter::last_ts_ns).max(open_ns)
    }

    /// Events in the log.
    pub fn count(&self) -> u64 {
        self.session.count() - self.ahead.len() as u64
    }

    pub const fn close_ticks(&self) -> i32 {
        self.session.close_ticks()
    }

    /// Ends the log with its index, whether the session is over or not, and waits until the disk has it.
    pub fn finish(self) -> Result<(), RunError> {
        let Some(writer) = self.writer else { return Ok(()) };
        let file = writer.finish().map_err(RunError::log(&self.path))?;
        file.sync_data().map_err(RunError::io(&self.path))
    }
}
