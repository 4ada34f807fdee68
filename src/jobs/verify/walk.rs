//! One stock's walk: its stored bars beside those that the function makes, its roll-ups beside the fold of its minutes.

use super::cure::{Cure, Mending};
use super::expected::Expected;
use super::folds::Folds;
use super::pages::Pages;
use super::remake::{Made, Remake};
use super::report::Report;
use super::rows::Rows;
use crate::jobs::JobError;
use crate::store::{BarStore, Listing, StateRow, StoredBar};
use klined_market::bars::Bar;
use klined_market::base::{Interval, Ohlcv, Price, Symbol, UnixSeconds};
use klined_market::calendar::{Calendar, Minute};

/// A bar's numbers in the order of the columns.
fn in_words(bar: Ohlcv) -> String {
    let prices = format!("{} {} {} {} {}", bar.open(), bar.high(), bar.low(), bar.close(), bar.volume());
    match bar.traded() {
        Some(traded) => format!("{prices} {} {}", traded.turnover_units(), traded.trades()),
        None => prices,
    }
}

/// The numbers of a stored bar.
fn stored_in_words(row: &StoredBar) -> String {
    let StoredBar { open, high, low, close, volume, turnover, trades, .. } = row;
    let known = |number: Option<String>| number.map_or_else(String::new, |number| format!(" {number}"));
    let (turnover, trades) =
        (known(turnover.map(|turnover| turnover.to_string())), known(trades.map(|n| n.to_string())));
    format!("{open} {high} {low} {close} {volume}{turnover}{trades}")
}

const IS_MISSING: &str = "is missing";
const IS_OUTSIDE: &str = "lies outside of the days on which the stock is listed, or in a halt";
const IS_UNROLLED: &str = "is missing, though its minutes are there";

/// The walk of one stock.
pub(in crate::jobs) struct SymbolCheck<'a> {
    pub rows: &'a Rows,
    pub store: &'a dyn BarStore,
    pub calendar: &'a Calendar,
    pub symbol: Symbol,
    pub remake: Remake<'a>,
    /// Bars before this instant are not kept.
    pub from: UnixSeconds,
    pub report: &'a mut Report,
    /// Given when what is found is to be put right.
    pub mending: Option<Mending<'a>>,
    /// The last bar, as it is or as it will be, in Unix seconds, and its close.
    pub last: Option<(UnixSeconds, Price)>,
}

impl SymbolCheck<'_> {
    /// Walks through everything that the database has of the stock.
    pub fn run(&mut self, spans: &[Listing]) -> Result<(), JobError> {
        let state = self.rows.states.get(&self.symbol);
        let end = self.mending.as_ref().map(|mending| mending.end);
        let folded_to = match (self.rows.watermarks.get(&self.symbol), end) {
            (Some(&folded_to), _) => folded_to,
            // The watermark is made again from the roll-ups, and what these lack is noted.
            (None, Some(end)) => end,
            (None, None) => UnixSeconds::EPOCH,
        };
        let last_bar = end.or(state.map(|state| state.last_update));
        let mut expected = Expected::new(self.calendar, spans, self.from, last_bar)?;
        let mut folds = Folds::new(self.calendar, self.from, folded_to);
        let until = match (end, state) {
            (None, Some(state)) => state.last_update.max(folded_to).next(),
            _ => UnixSeconds::MAX,
        };
        let mut rows = Pages::between(self.store, self.symbol, Interval::Minute1, self.from, until);
        while let Some(row) = rows.next()? {
            self.report.minutes += 1;
            if let Some(bar) = self.meet(&row, &mut expected, &mut folds)? {
                self.keep(&bar, &mut folds)?;
            }
        }
        // Without its state the stock's expected last bar is unknown.
        let is_end_known = last_bar.is_some() || !expected.is_open;
        while let Some(minute) = expected.next().filter(|_| is_end_known) {
            self.miss(minute, &mut folds)?;
        }
        for slot in 0..Interval::ROLLED.len() {
            self.compare(slot, &mut folds, None)?;
        }
        let before_open_buckets = self.report.clone();
        folds.close();
        for slot in 0..Interval::ROLLED.len() {
            self.compare(slot, &mut folds, Some(UnixSeconds::MAX))?;
        }
        if self.report.findings_count > before_open_buckets.findings_count
            && self.store.watermarks()?.get(&self.symbol).copied().unwrap_or(UnixSeconds::EPOCH) != folded_to
            && self.mending.is_none()
        {
            *self.report = before_open_buckets;
        }
        self.check_state(state);
        self.compare_state()
    }

    pub(super) fn note(&mut self, interval: Interval, time: UnixSeconds, problem: impl Into<String>) {
        self.report.note(self.symbol, interval, time, problem);
    }

    fn cure(&mut self, cure: Cure) -> Result<(), JobError> {
        let symbol = self.symbol;
        self.mending.as_mut().map_or(Ok(()), |mending| mending.cures.add(symbol, cure))
    }

    /// Takes the next stored minute; gives the bar that stands there, or will.
    fn meet(
        &mut self,
        row: &StoredBar,
        expected: &mut Expected<'_>,
        folds: &mut Folds<'_>,
    ) -> Result<Option<Bar>, JobError> {
        let first = match self.calendar.minute_starting(row.time) {
            Ok(minute) => minute,
            Err(error) => {
                self.note(Interval::Minute1, row.time, error.to_string());
                self.cure(Cure::Remove(Interval::Minute1, row.time))?;
                return Ok(None);
            }
        };
        while let Some(minute) = expected.next_if_before(first) {
            self.miss(minute, folds)?;
        }
        let made = if expected.take(first) { self.remake.made_at(first)? } else { Made::Nothing };
        let is_outside = match made {
            Made::Bar(_) => false,
            Made::Nothing => true,
            Made::Unknown => self.is_in_stored_halt(first),
        };
        if is_outside {
            self.note(Interval::Minute1, row.time, IS_OUTSIDE);
        }
        self.report.without_turnover += u64::from(row.lacks_turnover());
        let stored = row.ohlcv();
        if let Err(error) = &stored {
            self.note(Interval::Minute1, row.time, error.to_string());
        }
        let kept = match (&stored, made) {
            (Ok(ohlcv), Made::Bar(bar)) if !row.is_exactly(bar.ohlcv) => {
                self.note_difference(row, bar.ohlcv);
                let last_bar = self.rows.states.get(&self.symbol).map(|state| state.last_update);
                let is_kept =
                    self.mending.as_ref().is_none_or(|mending| mending.keeps_edits && Some(row.time) != last_bar);
                Bar { first, ohlcv: if is_kept { *ohlcv } else { bar.ohlcv } }
            }
            (Ok(ohlcv), _) => Bar { first, ohlcv: *ohlcv },
            (Err(_), Made::Bar(bar)) if self.mending.is_some() => bar,
            (Err(_), _) => {
                self.last = None;
                self.cure(Cure::Remove(Interval::Minute1, row.time))?;
                return Ok(None);
            }
        };
        if is_outside && self.mending.is_some() {
            self.cure(Cure::Remove(Interval::Minute1, row.time))?;
            return Ok(None);
        }
        if !row.is_exactly(kept.ohlcv) {
            self.cure(Cure::Replace(kept))?;
        }
        Ok(Some(kept))
    }

    /// Whether `stock_halt` has a halt in a minute.
    fn is_in_stored_halt(&self, minute: Minute) -> bool {
        self.rows.halts_of(self.symbol).iter().any(|halt| halt.holds(minute.start()))
    }

    /// Notes that a minute of the listings has no stored bar, unless it is one of a halt.
    fn miss(&mut self, minute: Minute, folds: &mut Folds<'_>) -> Result<(), JobError> {
        match self.remake.made_at(minute)? {
            Made::Bar(bar) => {
                self.note(Interval::Minute1, minute.start(), IS_MISSING);
                if self.mending.is_some() {
                    self.cure(Cure::Put(bar))?;
                    self.keep(&bar, folds)?;
                }
            }
            Made::Nothing => {}
            Made::Unknown if self.is_in_stored_halt(minute) => {}
            Made::Unknown => self.note(Interval::Minute1, minute.start(), IS_MISSING),
        }
        Ok(())
    }

    /// Folds a minute, and compares roll-ups when enough have come together, so that memory stays bounded.
    fn keep(&mut self, bar: &Bar, folds: &mut Folds<'_>) -> Result<(), JobError> {
        self.last = Some((bar.first.start(), bar.ohlcv.close()));
        if !folds.push(bar) {
            self.report.minutes_not_rolled_up += 1;
        }
        match folds.long() {
            Some(slot) => self.compare(slot, folds, None),
            None => Ok(()),
        }
    }

    /// Notes that a stored bar is not the one that the function makes.
    fn note_difference(&mut self, row: &StoredBar, made: Ohlcv) {
        self.report.differing += 1;
        let (is, made) = (stored_in_words(row), in_words(made));
        self.note(
            Interval::Minute1,
            row.time,
            format!("differs from the market: it is {is}, and the market makes {made}"),
        );
    }

    fn check_state(&mut self, state: Option<&StateRow>) {
        match (state, self.last) {
            (None, None) => {}
            // Delisted before the horizon.
            (Some(state), None) if state.last_update < self.from => {}
            (None, Some((time, _))) => {
                self.note(Interval::Minute1, time, "the stock has bars but no row in stock_state")
            }
            (Some(state), None) => self.note(
                Interval::Minute1,
                state.last_update,
                "stock_state tells of a bar, but the last one is missing or damaged",
            ),
            (Some(state), Some((time, close))) => {
                if state.last_update != time {
                    self.note(Interval::Minute1, time, format!("stock_state's last_update is {}", state.last_update));
                } else if Price::from_units(state.current_price) != Ok(close) {
                    let shown = state.current_price;
                    self.note(Interval::Minute1, time, format!("closes at {close}, but stock_state shows {shown}"));
                }
            }
        }
    }

    /// Compares the folded bars of one interval with those stored, and looks for stored ones that belong to no minutes:
    /// between the folded ones, and behind them up to `to`, when it is given.
    fn compare(&mut self, slot: usize, folds: &mut Folds<'_>, to: Option<UnixSeconds>) -> Result<(), JobError> {
        let interval = Interval::ROLLED[slot];
        let mut wanted = std::mem::take(&mut folds.bars[slot]).into_iter().peekable();
        let from = folds.seen_to[slot];
        let to = to.unwrap_or_else(|| wanted.clone().last().map_or(from, |bar| bar.first.start().next()));
        folds.seen_to[slot] = to;
        let mut rows = Pages::between(self.store, self.symbol, interval, from, to);
        while let Some(row) = rows.next()? {
            while let Some(missing) = wanted.next_if(|bar| bar.first.start() < row.time) {
                self.note_unrolled(interval, missing.first.start())?;
            }
            match wanted.next_if(|bar| bar.first.start() == row.time) {
                Some(bar) => {
                    self.report.rollups += 1;
                    if !row.is_exactly(bar.ohlcv) {
                        let (is, made) = (stored_in_words(&row), in_words(bar.ohlcv));
                        self.note(interval, row.time, format!("is {is}, but its minutes make {made}"));
                        self.cure(Cure::Fold(row.time))?;
                    }
                }
                None => {
                    self.note(interval, row.time, "has no minutes");
                    self.cure(Cure::Remove(interval, row.time))?;
                }
            }
        }
        wanted.try_for_each(|missing| self.note_unrolled(interval, missing.first.start()))
    }

    fn note_unrolled(&mut self, interval: Interval, time: UnixSeconds) -> Result<(), JobError> {
        self.note(interval, time, IS_UNROLLED);
        self.cure(Cure::Fold(time))
    }
}
