//! One stock's market as the function makes it: every bar, halt and state from seed, model, listings, parameters and scenarios.

use std::collections::VecDeque;

use chrono::NaiveDate;

use crate::jobs::{JobError, Market};
use crate::store::{Listing, ParametersSince};
use klined_market::bars::{Bar, Checkpoint, Halt, SymbolRun, SymbolSnapshot};
use klined_market::base::{Instrument, Symbol, UnixSeconds};
use klined_market::calendar::Minute;
use klined_market::model::Model;

/// What the function has in a minute.
#[derive(Debug, Clone, Copy)]
pub(in crate::jobs) enum Made {
    Bar(Bar),
    /// A halt, or a minute outside of the listings.
    Nothing,
    /// The parameters of the day are missing, or an exchange makes the bars.
    Unknown,
}

/// A stock on its way through the days of its listings, made as far as it was asked for.
pub(in crate::jobs) struct Remake<'a> {
    market: &'a Market,
    /// None where an exchange makes the bars.
    model: Option<&'a Model>,
    symbol: Symbol,
    parameters: &'a [ParametersSince],
    days: VecDeque<NaiveDate>,
    run: Option<SymbolRun>,
    bars: VecDeque<Bar>,
    /// The halts of the days made so far.
    pub halts: Vec<Halt>,
    /// Whether the parameters of a day were missing, so that it and those after it cannot be made; or no day can be, because an exchange
    /// makes the bars.
    is_blind: bool,
}

impl<'a> Remake<'a> {
    pub fn new(market: &'a Market, symbol: Symbol, spans: &[Listing], parameters: &'a [ParametersSince]) -> Self {
        let calendar = &market.calendar;
        let days = spans
            .iter()
            .flat_map(|span| calendar.days(span.first_day, span.last_day.unwrap_or(calendar.last_day())))
            .copied()
            .collect();
        let model = market.source.model().ok();
        let is_blind = model.is_none();
        let (run, bars, halts) = (None, VecDeque::new(), Vec::new());
        Self { market, model, symbol, parameters, days, run, bars, halts, is_blind }
    }

    /// The instrument that a day opened with; none without a valid row of that day or an earlier one.
    fn instrument(&self, day: NaiveDate) -> Option<Instrument> {
        let since = self.parameters.iter().rev().find(|since| since.first_day <= day)?;
        since.parameters.instrument(self.symbol).ok()
    }

    /// Opens the next day; false after the last one, and where the parameters are missing.
    fn open_next(&mut self) -> bool {
        let Some(model) = self.model else { return false };
        let Some(day) = self.days.pop_front() else { return false };
        let Some(instrument) = self.instrument(day) else {
            self.days.clear();
            self.is_blind = true;
            return false;
        };
        match &mut self.run {
            Some(run) => run.open_day(instrument, day),
            None => self.run = Some(SymbolRun::list(model.clone(), instrument, day)),
        }
        true
    }

    fn make_until(&mut self, index: u16) -> Result<(), JobError> {
        let Some(run) = &mut self.run else { return Ok(()) };
        let mut made = Vec::new();
        self.halts.extend(run.bars_until(&self.market.calendar, index, &mut made)?);
        self.bars.extend(made.into_iter().map(|(_, bar)| bar));
        Ok(())
    }

    /// The bar of a minute that is not before any asked for earlier; none in a halt and outside of the listings.
    pub fn bar_at(&mut self, minute: Minute) -> Result<Option<Bar>, JobError> {
        let day = self.market.calendar.day_of(minute);
        while self.run.as_ref().is_none_or(|run| run.day() < day) {
            self.make_until(u16::MAX)?;
            if !self.open_next() {
                return Ok(None);
            }
        }
        if self.run.as_ref().is_some_and(|run| run.day() == day) {
            self.make_until(self.market.calendar.index_in_day(minute) + 1)?;
        }
        while self.bars.front().is_some_and(|bar| bar.first < minute) {
            self.bars.pop_front();
        }
        let is_there = self.bars.front().is_some_and(|bar| bar.first == minute);
        Ok(if is_there { self.bars.pop_front() } else { None })
    }

    /// What the function has in a minute that is not before any asked for earlier.
    pub fn made_at(&mut self, minute: Minute) -> Result<Made, JobError> {
        Ok(match self.bar_at(minute)? {
            Some(bar) => Made::Bar(bar),
            None if self.is_blind => Made::Unknown,
            None => Made::Nothing,
        })
    }

    /// The stock's state after a minute.
    pub fn snapshot_after(&mut self, minute: Minute) -> Result<Option<SymbolSnapshot>, JobError> {
        self.bar_at(minute)?;
        let day = self.market.calendar.day_of(minute);
        Ok(self.run.as_ref().filter(|run| run.day() == day).and_then(|run| run.snapshot(minute)))
    }

    /// The checkpoint of a day that is the present one or later; none where the stock is not listed.
    pub fn checkpoint_of(&mut self, day: NaiveDate) -> Option<Checkpoint> {
        while self.run.as_ref().is_none_or(|run| run.day() < day) {
            if !self.open_next() {
                return None;
            }
        }
        self.run.as_ref().filter(|run| run.day() == day).map(SymbolRun::checkpoint)
    }

    /// Whether a model makes the bars.
    pub fn has_model(&self) -> bool {
        self.model.is_some()
    }

    /// The halts that have begun by an instant.
    pub fn halts_until(&self, instant: UnixSeconds) -> impl Iterator<Item = &Halt> {
        self.halts.iter().filter(move |halt| halt.from <= instant)
    }
}
