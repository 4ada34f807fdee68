//! A security's days, one after the other: each opens where the one before closed.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::day::Day;
use super::{Directory, RunError, Sessions};
use crate::log::{Header, LogReader};
use crate::model::Model;

/// A day that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayDone {
    /// Which security, counted from 0, and its symbol.
    pub nth: usize,
    pub symbol: String,
    /// Counted from 0.
    pub day: u32,
    pub path: PathBuf,
    pub open_ticks: i32,
    pub close_ticks: i32,
    /// Events of the day.
    pub events: u64,
}

/// Where a security is.
#[derive(Debug)]
pub struct Lane<'a> {
    directory: &'a Directory,
    model: &'a Model,
    pub nth: usize,
    /// The day that is being made, or comes next.
    pub day: u32,
    p0_ticks: i32,
    making: Option<Day>,
}

impl<'a> Lane<'a> {
    /// Finds the last day that the directory holds.
    pub fn find(directory: &'a Directory, model: &'a Model, nth: usize) -> Result<Self, RunError> {
        let run = directory.run();
        let mut lane = Self { directory, model, nth, day: 0, p0_ticks: run.first_p0_ticks(nth), making: None };
        // A day's log is started when the one before is whole, so only the last one is looked into.
        while directory.log_path(nth, lane.day + 1).is_ok_and(|path| has_header(&path)) {
            directory.record(nth, lane.day, false)?;
            let path = directory.log_path(nth, lane.day)?;
            let file = File::open(&path).map_err(RunError::io(&path))?;
            let count = LogReader::count_of(file).map_err(RunError::log(&path))?;
            directory.made().fetch_add(count, Ordering::Relaxed);
            lane.day += 1;
        }
        if lane.day > 0 {
            let path = directory.log_path(nth, lane.day)?;
            let file = File::open(&path).map_err(RunError::io(&path))?;
            let reader = LogReader::open_leniently(file).map_err(RunError::log(&path))?;
            lane.p0_ticks = reader.header().session.p0_ticks;
        }
        Ok(lane)
    }

    /// Records of a full chunk.
    pub const fn chunk_capacity(&self) -> usize {
        self.directory.run().chunk_capacity as usize
    }

    /// The day in the making; starts it where none is.
    pub fn making(&mut self) -> Result<&mut Day, RunError> {
        let day = match self.making.take() {
            Some(day) => day,
            None => {
                let header = self.directory.run().header(self.nth, self.day, self.p0_ticks);
                let path = self.directory.log_path(self.nth, self.day)?;
                let model = self.model.in_market(self.directory.run().market_seed(self.day));
                let day = Day::open(&path, header, &model, self.directory.made())?;
                self.directory.record(self.nth, self.day, !day.is_whole())?;
                day
            }
        };
        Ok(self.making.insert(day))
    }

    /// Ends a day that is over, and turns to the next one.
    pub fn turn(&mut self) -> Result<DayDone, RunError> {
        let day = self.making()?;
        let (close_ticks, events) = (day.close_ticks(), day.count());
        if let Some(day) = self.making.take() {
            day.finish()?;
        }
        let done = DayDone {
            nth: self.nth,
            symbol: self.directory.run().symbol(self.nth).to_owned(),
            day: self.day,
            path: self.directory.log_path(self.nth, self.day)?,
            open_ticks: self.p0_ticks,
            close_ticks,
            events,
        };
        self.directory.record(self.nth, self.day, false)?;
        self.day += 1;
        self.p0_ticks = self.directory.run().next_p0_ticks(close_ticks);
        Ok(done)
    }

    /// Ends the log of a day that is not over: it stays marked as partial.
    pub fn stop(&mut self) -> Result<(), RunError> {
        self.making.take().map_or(Ok(()), Day::finish)
    }
}

fn has_header(path: &std::path::Path) -> bool {
    std::fs::metadata(path).is_ok_and(|data| data.len() >= Header::BYTES as u64)
}
