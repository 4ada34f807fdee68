//! The bars of a store in one order, by time and then by symbol, as far as no earlier one can come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use klined::store::{BarRange, BarStore, Follow, Identity, InvalidBar, StoreError, SymbolProgress};
use klined_market::bars::{Bar, Halt};
use klined_market::base::{Interval, Symbol, UnixSeconds};
use klined_market::calendar::{Calendar, CalendarError, Minute};
use thiserror::Error;

/// Bars of a page, at most, unless one minute has more.
const PAGE_BARS: usize = 65_536;

/// Why bars cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    #[error("the ticks of a minute cannot be made: {0}")]
    Ticks(#[from] klined::jobs::JobError),
    #[error(
        "the 1-minute bar of {symbol} at {time} in the database is not valid: {reason}; `klined repair` makes it again"
    )]
    Bar { symbol: Symbol, time: String, reason: InvalidBar },
    #[error("the database does not have what the ticks of {0} follow from; `klined verify` lists what is missing")]
    NoFacts(Symbol),
    #[error("the database holds another market than at the start; start the program again, with other topics")]
    OtherMarket,
}

impl ReadError {
    /// Whether the same read can succeed later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::Ticks(error) => error.is_retriable(),
            Self::Calendar(_) | Self::Bar { .. } | Self::NoFacts(_) | Self::OtherMarket => false,
        }
    }
}

/// Bars in order of time and symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub bars: Vec<(Symbol, Bar)>,
    /// Every bar before this instant is in this page or in an earlier one.
    pub end: UnixSeconds,
}

/// Reads the bars of a market from an instant on.
pub struct Reader {
    store: Arc<dyn BarStore>,
    calendar: Arc<Calendar>,
    /// What the market's numbers are made with.
    identity: Option<Identity>,
    follow: Box<dyn Follow>,
    /// Every symbol that was ever listed, as of the last look.
    symbols: Vec<Symbol>,
    next: UnixSeconds,
    /// No bar before this instant can come any more.
    complete_to: Option<UnixSeconds>,
    late: BTreeSet<Symbol>,
}

impl Reader {
    /// A reader that begins at an instant.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn new(store: Arc<dyn BarStore>, calendar: Arc<Calendar>, from: UnixSeconds) -> Result<Self, ReadError> {
        // Before the first look, so that no commit is missed.
        let follow = store.follow()?;
        let identity = store.identity()?;
        let (symbols, late) = Default::default();
        let mut reader = Self { store, calendar, identity, follow, symbols, next: from, complete_to: None, late };
        reader.look()?;
        Ok(reader)
    }

    /// The next bars; none when there are none yet. It waits for some, at most for `wait`.
    ///
    /// # Errors
    /// The database cannot be read, or has a bar that is none.
    pub fn page(&mut self, wait: Duration) -> Result<Option<Page>, ReadError> {
        if self.complete_to.is_none_or(|end| end <= self.next) {
            if !self.follow.wait(wait)? {
                return Ok(None);
            }
            self.look()?;
        }
        let Some(end) = self.complete_to.filter(|end| *end > self.next) else { return Ok(None) };
        let minutes_max = (PAGE_BARS / self.symbols.len().max(1)).max(1);
        let from = self.next;
        let mut minutes = self.calendar.minutes_in(from, end).take(minutes_max + 1);
        let to = minutes.nth(minutes_max).map_or(end, Minute::start);
        let interval = Interval::Minute1;
        let ranges: Vec<BarRange> =
            self.symbols.iter().map(|&symbol| BarRange { symbol, interval, from, to }).collect();
        let rows = self.store.bars(&ranges, usize::MAX)?;
        let mut bars = Vec::with_capacity(rows.len());
        for row in rows {
            let symbol = ranges[row.range].symbol;
            let invalid = |reason| ReadError::Bar { symbol, time: self.calendar.local_time(row.time), reason };
            bars.push((symbol, row.parse(&self.calendar).map_err(invalid)?));
        }
        bars.sort_unstable_by_key(|(symbol, bar)| (bar.first, *symbol));
        self.next = to;
        Ok(Some(Page { bars, end: to }))
    }

    /// Looks how far the market is complete.
    fn look(&mut self) -> Result<(), ReadError> {
        // A market that was removed keeps its place free for a while.
        if self.store.identity()?.is_some_and(|found| Some(&found) != self.identity.as_ref()) {
            return Err(ReadError::OtherMarket);
        }
        let progress = self.store.progress()?;
        self.symbols = progress.iter().map(|progress| progress.checkpoint.symbol).collect();
        let reached = self.reached(&progress)?;
        for (symbol, instant) in &reached {
            if *instant < self.next && self.late.insert(*symbol) {
                let (missing, waits) = (self.calendar.local_time(*instant), self.calendar.local_time(self.next));
                tracing::warn!(%symbol, from = missing, to = waits,
                    "this stock has bars in the past that the topic is beyond: they are not published; a new topic gets them");
            }
        }
        self.complete_to = reached.iter().map(|(_, instant)| *instant).min().or_else(|| newest_end(&progress));
        Ok(())
    }

    /// The instant up to which each listed stock has all of its bars.
    fn reached(&self, progress: &[SymbolProgress]) -> Result<Vec<(Symbol, UnixSeconds)>, ReadError> {
        let newest = newest_end(progress);
        let mut halts: Option<BTreeMap<Symbol, Vec<Halt>>> = None;
        let mut reached = Vec::new();
        for SymbolProgress { checkpoint, last_bar, .. } in progress.iter().filter(|progress| progress.is_listed) {
            let mut end = match last_bar {
                Some(label) => Minute::end_of(*label),
                None => self.calendar.open_of(checkpoint.day)?.start(),
            };
            if newest.is_some_and(|newest| end < newest) {
                // A stock whose trade is halted has no bar until the halt is over.
                let halts = match &mut halts {
                    Some(halts) => halts,
                    None => halts.insert(self.halts()?),
                };
                let of_stock = halts.get(&checkpoint.symbol).map(Vec::as_slice).unwrap_or_default();
                end = self.after_halts(of_stock, end)?;
            }
            reached.push((checkpoint.symbol, end));
        }
        Ok(reached)
    }

    fn halts(&self) -> Result<BTreeMap<Symbol, Vec<Halt>>, ReadError> {
        let mut halts: BTreeMap<Symbol, Vec<Halt>> = BTreeMap::new();
        for halt in self.store.halts()? {
            halts.entry(halt.symbol).or_default().push(halt);
        }
        Ok(halts)
    }

    /// The end of the halts that follow an instant without a minute between.
    fn after_halts(&self, halts: &[Halt], mut end: UnixSeconds) -> Result<UnixSeconds, ReadError> {
        while let Some(minute) = self.minute_from(end)?
            && let Some(halt) = halts.iter().find(|halt| halt.holds(minute.start()))
        {
            end = halt.until;
        }
        Ok(end)
    }

    /// The first trading minute that starts at an instant or later.
    fn minute_from(&self, instant: UnixSeconds) -> Result<Option<Minute>, ReadError> {
        let before = self.calendar.last_starting_before(instant)?;
        Ok(before.map(|before| self.calendar.next_minute(before)).transpose()?)
    }
}

/// The opening of a day, or of the first trading day after it.
///
/// # Errors
/// The calendar ends before.
pub fn opening(calendar: &Calendar, day: NaiveDate) -> Result<UnixSeconds, CalendarError> {
    Ok(calendar.open_of(calendar.day_at_or_after(day)?)?.start())
}

/// The end of the newest bar of any stock.
#[must_use]
pub fn newest_end(progress: &[SymbolProgress]) -> Option<UnixSeconds> {
    progress.iter().filter_map(|progress| progress.last_bar).max().map(Minute::end_of)
}
