//! The bars of day after day, into the database and beside it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use chrono::NaiveDate;
use klined::daemon::clock::SystemClock;
use klined::jobs::{JobError, VenueWriter, venue_bars_of};
use klined::store::{self, BarStore, StoreOptions, StoredBar};
use klined_exchange::run::{RunError, RunFolder, RunStream};
use klined_market::base::{Clock, Ohlcv, Symbol, UnixSeconds};
use klined_market::calendar::Minute;
use klined_service::{Retriable, Shutdown, Vitals, instant, pulse};
use thiserror::Error;

use crate::exchange::{Exchange, NoMarket};
use crate::fold::DayFold;

/// Events that are read from the logs at a time.
const EVENTS: usize = 8192;
/// Between two looks at logs that had nothing new.
const PAUSE: Duration = Duration::from_millis(10);
/// The most differences that are shown.
const SHOWN_MAX: usize = 20;

/// Why the bars cannot follow the log.
#[derive(Debug, Error)]
pub enum FollowError {
    #[error(transparent)]
    Exchange(#[from] NoMarket),
    #[error(transparent)]
    Job(#[from] JobError),
}

impl From<RunError> for FollowError {
    fn from(error: RunError) -> Self {
        Self::Exchange(error.into())
    }
}

impl From<store::StoreError> for FollowError {
    fn from(error: store::StoreError) -> Self {
        Self::Job(error.into())
    }
}

impl Retriable for FollowError {
    fn is_retriable(&self) -> bool {
        matches!(self, Self::Job(error) if error.is_retriable())
    }
}

/// Follows a run.
pub struct Follower {
    pub exchange: Exchange,
    pub options: StoreOptions,
    /// How many times faster than the clock the exchange's time runs.
    pub speed: f64,
    /// The number of the run's sessions after which it ends; none goes on until the request to stop.
    pub days: Option<u32>,
    pub shutdown: Shutdown,
    pub job: Arc<Vitals>,
    /// Start of the last minute in the database, in Unix seconds.
    pub reached: Arc<AtomicI64>,
}

impl Follower {
    /// Writes the bars that the database does not have yet, and then those that come.
    ///
    /// # Errors
    /// A log cannot be read, the database holds another market, or it fails.
    pub fn run(&self) -> Result<(), FollowError> {
        let Exchange { calendar, venue, rows, first_day, .. } = &self.exchange;
        let store = store::open(&self.options)?;
        store.migrate()?;
        let mut writer = VenueWriter::start(store, calendar.clone(), venue.clone(), rows, *first_day, self.speed)?;
        self.job.works();
        self.show(&writer);
        loop {
            let day = writer.day()?;
            let session = self.exchange.session_of(day)?;
            if self.days.is_some_and(|days| session >= days) || !self.session(&mut writer, session, day)? {
                return Ok(());
            }
        }
    }

    fn show(&self, writer: &VenueWriter) {
        if let Some(at) = writer.at() {
            self.reached.store(at.start().get(), Ordering::Relaxed);
        }
        self.job.answered(true);
    }

    /// Writes a day to its end. False when the program is to stop.
    fn session(&self, writer: &mut VenueWriter, session: u32, day: NaiveDate) -> Result<bool, FollowError> {
        let mut walk = DayWalk::open(&self.exchange, session, day, writer.closes().collect::<Vec<_>>());
        let mut asked = instant();
        loop {
            let has_more = walk.read(|minute, bars| Ok(writer.push(minute, &bars, SystemClock.now_nanos())?))?;
            let is_over = walk.is_over();
            if !has_more || is_over || self.shutdown.is_requested() {
                writer.flush(SystemClock.now_nanos())?;
                self.show(writer);
            }
            if is_over {
                tracing::info!(%day, trades_outside = walk.outside(), "the day's bars are written");
                return Ok(true);
            }
            if self.shutdown.is_requested() {
                return Ok(false);
            }
            if !has_more {
                if asked.elapsed() >= pulse() {
                    writer.confirm()?;
                    asked = instant();
                }
                thread::sleep(PAUSE);
            }
        }
    }
}

/// A day's events on their way into bars.
struct DayWalk<'a> {
    stream: RunStream<'a>,
    fold: DayFold<'a>,
    events: Vec<klined_exchange::run::RunEvent>,
    over: Vec<(Minute, Vec<Ohlcv>)>,
    is_over: bool,
}

impl<'a> DayWalk<'a> {
    fn open(
        exchange: &'a Exchange,
        session: u32,
        day: NaiveDate,
        lasts: impl IntoIterator<Item = klined_market::base::Price>,
    ) -> Self {
        let folder: &RunFolder = &exchange.folder;
        let nths: Vec<usize> = (0..exchange.stocks.len()).collect();
        let fold = DayFold::open(&exchange.calendar, &exchange.stocks, day, lasts);
        let stream = RunStream::of_day(folder, &nths, session);
        Self { stream, fold, events: Vec::new(), over: Vec::new(), is_over: false }
    }

    /// Whether the day's last minute was given.
    fn is_over(&self) -> bool {
        self.is_over
    }

    fn outside(&self) -> u64 {
        self.fold.outside()
    }

    /// Reads on, and gives the minutes that are over. False when the logs have nothing new.
    fn read(
        &mut self,
        mut take: impl FnMut(Minute, Vec<Ohlcv>) -> Result<(), FollowError>,
    ) -> Result<bool, FollowError> {
        self.events.clear();
        let read = self.stream.read(&mut self.events, EVENTS)?;
        for event in &self.events {
            self.fold.push(event, &mut self.over)?;
        }
        if read == 0 && self.stream.is_over() {
            self.over.extend(self.fold.end());
            self.is_over = true;
        }
        for (minute, bars) in self.over.drain(..) {
            take(minute, bars)?;
        }
        Ok(read > 0)
    }
}

/// What a comparison of a database with the logs has found.
#[derive(Debug, Default)]
pub struct Comparison {
    /// 1-minute bars compared.
    pub bars: u64,
    /// Bars that are missing, surplus or other than the log's.
    pub differing: u64,
    shown: Vec<String>,
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "compared {} 1-minute bars with the log", self.bars)?;
        self.shown.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        match self.differing {
            0 => write!(f, "clean"),
            count => write!(f, "{count} bars differ from the log"),
        }
    }
}

impl Comparison {
    fn note(&mut self, words: impl FnOnce() -> String) {
        self.differing += 1;
        if self.shown.len() < SHOWN_MAX {
            self.shown.push(words());
        }
    }
}

/// Compares the 1-minute bars of a database with the logs, as far as the database goes. Changes nothing.
///
/// # Errors
/// A log cannot be read, the database holds another market, or it fails; or the program is to stop.
pub fn compare(exchange: &Exchange, store: &Arc<dyn BarStore>, shutdown: &Shutdown) -> Result<Comparison, FollowError> {
    let symbols: Vec<Symbol> = exchange.stocks.iter().map(|stock| stock.symbol).collect();
    let states = store.states()?;
    let ends: BTreeMap<&str, UnixSeconds> = states.iter().map(|row| (row.symbol.as_str(), row.last_update)).collect();
    let Some(end) = ends.values().copied().max() else { return Ok(Comparison::default()) };
    let mut found = Comparison::default();
    let mut lasts = Vec::new();
    for (stock, row) in exchange.stocks.iter().zip(&exchange.rows) {
        let opening = klined_market::base::Price::from_units(row.base_price);
        lasts.push(opening.map_err(|_| NoMarket::Symbol(stock.symbol.to_string()))?);
    }
    let last_day = exchange.calendar.date_of(end).map_err(JobError::from)?;
    for (session, &day) in (0..).zip(exchange.calendar.days(exchange.first_day, last_day)) {
        let mut stored = venue_bars_of(store, &exchange.calendar, &exchange.venue, &symbols, day)?;
        let mut walk = DayWalk::open(exchange, session, day, lasts.clone());
        let mut has_more = true;
        while has_more && !walk.is_over() && !shutdown.is_requested() {
            has_more = walk.read(|minute, bars| {
                lasts = bars.iter().map(Ohlcv::close).collect();
                let wanted = symbols.iter().zip(bars).filter(|_| minute.start() <= end);
                for (symbol, made) in wanted {
                    found.bars += 1;
                    let row = stored.remove(&(*symbol, minute.start()));
                    if !row.as_ref().is_some_and(|row| row.is_exactly(made) && !row.lacks_turnover()) {
                        let at = exchange.calendar.local_minute(minute);
                        found.note(|| difference(*symbol, &at, row.as_ref()));
                    }
                }
                Ok(())
            })?;
        }
        if shutdown.is_requested() {
            return Ok(found);
        }
        for (symbol, time) in stored.into_keys() {
            let at = exchange.calendar.local_time(time);
            found.note(|| format!("{symbol} {at}: a bar that the log does not have"));
        }
    }
    Ok(found)
}

fn difference(symbol: Symbol, at: &str, row: Option<&StoredBar>) -> String {
    match row {
        None => format!("{symbol} {at}: is missing"),
        Some(row) => {
            let StoredBar { open, high, low, close, volume, .. } = row;
            format!("{symbol} {at}: {open} {high} {low} {close} {volume} is not what the log has")
        }
    }
}
