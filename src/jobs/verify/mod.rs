//! Verify: what a database holds against the laws it should hold.
//!
//! For every listed symbol: each stored 1-minute bar is a bar, stands on a trading minute and opens where the one before
//! closed, but for the day's first where the model has overnight gaps and for what follows a halt or is a scenario's gap; none is
//! missing between the symbol's first day and its last minute, halts aside; every roll-up equals the fold of its minutes and
//! none stands alone; `stock_state` shows the last bar. Reads page by page and changes nothing.
//!
//! The daemons may be running. What they write meanwhile is left out: bars past the last one that `stock_state` named at
//! the beginning, and, where the watermark has moved since, the buckets that were open then.

mod expected;
mod pages;

use std::collections::BTreeMap;
use std::fmt;

use super::{JobError, Stop};
use crate::store::{BarStore, Listing, StateRow, StoredBar};
use klined_market::bars::{Bar, Halt, Repair, Rollup};
use klined_market::base::{Interval, Price, Symbol, UnixSeconds};
use klined_market::calendar::{Calendar, Minute, local_time};
use klined_market::model::{Effect, ModelKind, ScenarioEvent, Scope};

use expected::Expected;
use pages::Pages;

/// The most bars read at once.
const PAGE_BARS: usize = 20_000;
/// The most findings kept word for word; the others are counted.
const FINDINGS_MAX: usize = 50;

/// One thing that is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub symbol: Symbol,
    pub interval: Interval,
    /// Unix seconds.
    pub time: UnixSeconds,
    pub problem: String,
}

/// What was looked at and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub symbols: usize,
    /// 1-minute bars checked.
    pub minutes: u64,
    /// Roll-ups compared with their minutes.
    pub rollups: u64,
    /// Minutes that are written but not rolled up yet, summed over the symbols: lag, not damage.
    pub minutes_not_rolled_up: u64,
    /// The first findings.
    pub findings: Vec<Finding>,
    /// How many there were in all.
    pub findings_count: u64,
}

impl Report {
    /// Whether nothing is off.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings_count == 0
    }

    fn note(&mut self, symbol: Symbol, interval: Interval, time: UnixSeconds, problem: impl Into<String>) {
        self.findings_count += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { symbol, interval, time, problem: problem.into() });
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { symbol, interval, time, problem } = self;
        write!(f, "{symbol} {interval} {} ({time}): {problem}", local_time(*time))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "checked {} 1-minute bars and {} roll-ups of {} symbols",
            self.minutes, self.rollups, self.symbols
        )?;
        if self.minutes_not_rolled_up > 0 {
            writeln!(f, "not rolled up yet: {} minutes", self.minutes_not_rolled_up)?;
        }
        for finding in &self.findings {
            writeln!(f, "  {finding}")?;
        }
        if self.findings_count > self.findings.len() as u64 {
            writeln!(f, "  … and {} more", self.findings_count - self.findings.len() as u64)?;
        }
        if self.is_clean() { write!(f, "clean") } else { write!(f, "{} problems", self.findings_count) }
    }
}

/// Checks a whole database.
///
/// # Errors
/// The database fails; what is off in it is no error but part of the report.
pub fn verify(store: &dyn BarStore, calendar: &Calendar, stop: &Stop) -> Result<Report, JobError> {
    let mut report = Report::default();
    let kind = store.identity()?.and_then(|identity| ModelKind::of_version(&identity.model));
    let has_gaps = kind.is_some_and(ModelKind::has_overnight_gaps);
    // The watermarks first: so no state is older than its watermark, unless something is off.
    let watermarks = store.watermarks()?;
    let states: BTreeMap<String, StateRow> =
        store.states()?.into_iter().map(|state| (state.symbol.clone(), state)).collect();
    let mut listings: BTreeMap<Symbol, Vec<Listing>> = BTreeMap::new();
    for listing in store.listings()? {
        listings.entry(listing.symbol).or_default().push(listing);
    }
    let mut halts: BTreeMap<Symbol, Vec<Halt>> = BTreeMap::new();
    for halt in store.halts()? {
        halts.entry(halt.symbol).or_default().push(halt);
    }
    let events: Vec<ScenarioEvent> = store.scenarios()?.into_iter().flat_map(|scenario| scenario.events).collect();
    let mut retained_from = store.retained_from()?;
    for (&symbol, spans) in &listings {
        let state = states.get(symbol.as_str());
        let folded_to = watermarks.get(&symbol).copied().unwrap_or(UnixSeconds::EPOCH);
        let halts = halts.get(&symbol).map(Vec::as_slice).unwrap_or_default();
        let before = report.clone();
        while !stop.is_asked() {
            let from = retained_from.unwrap_or(UnixSeconds::MIN);
            report.symbols += 1;
            let report = &mut report;
            SymbolCheck { store, calendar, symbol, has_gaps, halts, events: &events, folded_to, from, report }
                .run(spans, state)?;
            if report.findings_count == before.findings_count {
                break;
            }
            // What was removed under the reader's eyes is not missing.
            let now_from = store.retained_from()?;
            if now_from == retained_from {
                break;
            }
            retained_from = now_from;
            *report = before.clone();
        }
    }
    Ok(report)
}

struct SymbolCheck<'a> {
    store: &'a dyn BarStore,
    calendar: &'a Calendar,
    symbol: Symbol,
    /// Whether a day may open away from the close before.
    has_gaps: bool,
    halts: &'a [Halt],
    events: &'a [ScenarioEvent],
    /// Roll-ups hold the minutes up to this one.
    folded_to: UnixSeconds,
    /// Bars before this instant are not kept.
    from: UnixSeconds,
    report: &'a mut Report,
}

impl SymbolCheck<'_> {
    fn run(&mut self, spans: &[Listing], state: Option<&StateRow>) -> Result<(), JobError> {
        let mut expected =
            Expected::new(self.calendar, spans, self.halts, self.from, state.map(|state| state.last_update))?;
        // Buckets that begin before the horizon are not kept, even if a part of their minutes is.
        let mut rollup = match self.calendar.minutes_in(self.from, UnixSeconds::MAX).next() {
            Some(since) => Rollup::repairing(self.calendar, Repair { since }),
            None => Rollup::new(self.calendar),
        };
        let mut folded = Folds { bars: Default::default(), seen_to: [self.from; Interval::ROLLED.len()] };
        let mut last: Option<(UnixSeconds, Price)> = None;
        let mut was_traded = true;
        let until = state.map_or(UnixSeconds::MAX, |state| state.last_update.max(self.folded_to).next());
        let mut rows = Pages::between(self.store, self.symbol, Interval::Minute1, self.from, until);
        while let Some(row) = rows.next()? {
            self.report.minutes += 1;
            let bar = match row.parse(self.calendar) {
                Ok(bar) => bar,
                Err(error) => {
                    self.note(Interval::Minute1, row.time, error.to_string());
                    // A damaged bar still stands where one is expected.
                    if let Ok(minute) = self.calendar.minute_starting(row.time) {
                        self.missing_before(&mut expected, minute);
                        last = None;
                    }
                    continue;
                }
            };
            self.missing_before(&mut expected, bar.first);
            if let Some((_, close)) = last.filter(|(_, close)| *close != bar.ohlcv.open())
                && was_traded
                && !self.may_open_anywhere(bar.first)
            {
                self.note(
                    Interval::Minute1,
                    row.time,
                    format!("opens at {}, but the bar before closed at {close}", bar.ohlcv.open()),
                );
            }
            last = Some((row.time, bar.ohlcv.close()));
            was_traded = bar.ohlcv.volume() > 0;
            if row.time <= self.folded_to {
                rollup.push(&bar, &mut |interval, whole| folded.add(interval, whole));
                self.compare_long(&mut folded)?;
            } else {
                self.report.minutes_not_rolled_up += 1;
            }
        }
        // Without its state the stock's expected last bar is unknown.
        while let Some(minute) = expected.next().filter(|_| state.is_some() || !expected.is_open) {
            self.note(Interval::Minute1, minute.start(), "is missing");
        }
        for slot in 0..Interval::ROLLED.len() {
            self.compare(slot, &mut folded, None)?;
        }
        let before_open_buckets = (self.report.findings.len(), self.report.findings_count);
        for (interval, bar) in rollup.current() {
            folded.add(interval, bar);
        }
        for slot in 0..Interval::ROLLED.len() {
            self.compare(slot, &mut folded, Some(UnixSeconds::MAX))?;
        }
        if self.report.findings_count > before_open_buckets.1
            && self.store.watermarks()?.get(&self.symbol).copied().unwrap_or(UnixSeconds::EPOCH) != self.folded_to
        {
            self.report.findings.truncate(before_open_buckets.0);
            self.report.findings_count = before_open_buckets.1;
        }
        self.check_state(state, last);
        Ok(())
    }

    fn note(&mut self, interval: Interval, time: UnixSeconds, problem: impl Into<String>) {
        self.report.note(self.symbol, interval, time, problem);
    }

    /// Whether the bar of a minute may open away from the close before: with its day, or when trade is taken up again.
    fn may_open_anywhere(&self, minute: Minute) -> bool {
        let is_gap = |event: &ScenarioEvent| {
            matches!(event.effect, Effect::Gap { .. })
                && event.from == minute.start()
                && !matches!(event.scope, Scope::Symbol(symbol) if symbol != self.symbol)
        };
        let is_halted = |minute: Minute| self.halts.iter().any(|halt| halt.holds(minute.start()));
        self.has_gaps && self.calendar.index_in_day(minute) == 0
            || self.events.iter().any(is_gap)
            || self.calendar.previous_minute(minute).is_some_and(is_halted)
    }

    fn missing_before(&mut self, expected: &mut Expected<'_>, found: Minute) {
        while let Some(minute) = expected.next_if_before(found) {
            self.note(Interval::Minute1, minute.start(), "is missing");
        }
        if !expected.take(found) {
            self.note(
                Interval::Minute1,
                found.start(),
                "lies outside of the days on which the stock is listed, or in a halt",
            );
        }
    }

    fn check_state(&mut self, state: Option<&StateRow>, last: Option<(UnixSeconds, Price)>) {
        match (state, last) {
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

    /// Compares when enough roll-ups have come together, so that memory stays bounded.
    fn compare_long(&mut self, folded: &mut Folds) -> Result<(), JobError> {
        match folded.long() {
            Some(slot) => self.compare(slot, folded, None),
            None => Ok(()),
        }
    }

    /// Compares the folded bars of one interval with those stored, and looks for stored ones that belong to no minutes:
    /// between the folded ones, and behind them up to `to`, when it is given.
    fn compare(&mut self, slot: usize, folded: &mut Folds, to: Option<UnixSeconds>) -> Result<(), JobError> {
        let interval = Interval::ROLLED[slot];
        let Folds { bars, seen_to } = folded;
        let mut wanted = std::mem::take(&mut bars[slot]).into_iter().peekable();
        let from = seen_to[slot];
        let to = to.unwrap_or_else(|| wanted.clone().last().map_or(from, |bar| bar.first.start().next()));
        seen_to[slot] = to;
        let mut rows = Pages::between(self.store, self.symbol, interval, from, to);
        while let Some(row) = rows.next()? {
            while let Some(missing) = wanted.next_if(|bar| bar.first.start() < row.time) {
                self.note(interval, missing.first.start(), "is missing, though its minutes are there");
            }
            match wanted.next_if(|bar| bar.first.start() == row.time) {
                Some(bar) => {
                    self.report.rollups += 1;
                    if row.ohlcv() != Ok(bar.ohlcv) {
                        let (StoredBar { open, high, low, close, volume, .. }, made) = (row, bar.ohlcv);
                        self.note(
                            interval,
                            row.time,
                            format!(
                                "is {open} {high} {low} {close} {volume}, but its minutes make {} {} {} {} {}",
                                made.open(),
                                made.high(),
                                made.low(),
                                made.close(),
                                made.volume()
                            ),
                        );
                    }
                }
                None => self.note(interval, row.time, "has no minutes"),
            }
        }
        for missing in wanted {
            self.note(interval, missing.first.start(), "is missing, though its minutes are there");
        }
        Ok(())
    }
}

/// Folded roll-ups that wait to be compared, by place in [`Interval::ROLLED`].
struct Folds {
    bars: [Vec<Bar>; Interval::ROLLED.len()],
    /// Stored roll-ups before this label have been compared.
    seen_to: [UnixSeconds; Interval::ROLLED.len()],
}

impl Folds {
    fn add(&mut self, interval: Interval, bar: Bar) {
        if let Some(slot) = Interval::ROLLED.iter().position(|&rolled| rolled == interval) {
            self.bars[slot].push(bar);
        }
    }

    fn long(&self) -> Option<usize> {
        self.bars.iter().position(|bars| bars.len() >= PAGE_BARS)
    }
}
