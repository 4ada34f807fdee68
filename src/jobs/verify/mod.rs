//! Verify: what a database holds against the laws it should hold.
//!
//! Every bar is made again from seed, model, listings, parameters and scenarios, and compared. For every listed symbol: each stored
//! 1-minute bar is a bar, stands on a trading minute and is the one that the market makes; none is missing between the symbol's
//! first day and its last minute, halts aside; every roll-up equals the fold of its minutes and none stands alone; state,
//! checkpoint and halts are what the market makes. The tables agree with one another, there are no bars of other symbols, and
//! SQLite finds its file whole. Reads page by page and changes nothing.
//!
//! The daemons may be running. What they write meanwhile is left out: bars past the last one that `stock_state` named at
//! the beginning, and, where the watermark has moved since, the buckets that were open then.

mod expected;
mod pages;
mod remake;
mod report;
mod rows;
mod state;

use super::{JobError, Market, Progress, Stop};
use crate::store::{BarStore, Listing, StateRow, StoredBar};
use klined_market::bars::{Bar, Repair, Rollup};
use klined_market::base::{Interval, Ohlcv, Price, Symbol, UnixSeconds};
use klined_market::calendar::{Calendar, Minute};
use klined_market::model::ScenarioEvent;

use expected::Expected;
use pages::Pages;
use remake::Remake;
pub use report::{Finding, Report};
use rows::Rows;

/// The most bars read at once.
const PAGE_BARS: usize = 20_000;
/// How much of the bars is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    /// The share of the stocks whose bars are remade, above 0 and at most 1; none is all of them. The small tables are compared
    /// for every stock.
    pub share: Option<f64>,
    /// Where among the stocks the sample begins.
    pub place: u64,
}

impl Sample {
    /// Whether it has a stock, by its place among all.
    fn has(self, stock: usize) -> bool {
        let Some(share) = self.share else { return true };
        let every = (1.0 / share).round().max(1.0) as u64;
        (stock as u64).wrapping_add(self.place).is_multiple_of(every)
    }
}

/// Checks a whole database.
///
/// # Errors
/// The database fails; what is off in it is no error but part of the report.
pub fn verify(market: &Market, sample: Sample, progress: &mut dyn Progress, stop: &Stop) -> Result<Report, JobError> {
    let (store, calendar) = (&*market.store, &*market.calendar);
    let mut report = Report::new(market.calendar.hours());
    for fault in store.storage_faults()? {
        report.note_tables(format!("the file is damaged: {fault}"));
    }
    let rows = Rows::read(store)?;
    let events: Vec<ScenarioEvent> = store.scenarios()?.into_iter().flat_map(|scenario| scenario.events).collect();
    let market = &Market { model: market.model.clone().with_events(&events), ..market.clone() };
    rows.compare(market, &mut report)?;
    let mut retained_from = store.retained_from()?;
    let picked: Vec<(&Symbol, &Vec<Listing>)> =
        rows.listings.iter().enumerate().filter(|(place, _)| sample.has(*place)).map(|(_, row)| row).collect();
    let expected = |(symbol, spans): &(&Symbol, &Vec<Listing>)| {
        let from = spans.first().and_then(|span| calendar.midnight(span.first_day).ok())?;
        Some(calendar.minutes_between(from, rows.states.get(*symbol)?.last_update.next()))
    };
    progress.begin(picked.iter().filter_map(expected).sum());
    for (&symbol, spans) in picked {
        let before = report.clone();
        while !stop.is_asked() {
            let from = retained_from.unwrap_or(UnixSeconds::MIN);
            report.symbols += 1;
            let parameters = rows.parameters.get(&symbol).map(Vec::as_slice).unwrap_or_default();
            let remake = Remake::new(market, symbol, spans, parameters);
            let report = &mut report;
            SymbolCheck { rows: &rows, store, calendar, symbol, remake, from, report }.run(spans)?;
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
        progress.advance(report.minutes - before.minutes);
    }
    rows.compare_later_bars(market, &mut report)?;
    Ok(report)
}

/// A bar's numbers in the order of the columns.
fn in_words(bar: Ohlcv) -> String {
    format!("{} {} {} {} {}", bar.open(), bar.high(), bar.low(), bar.close(), bar.volume())
}

struct SymbolCheck<'a> {
    rows: &'a Rows,
    store: &'a dyn BarStore,
    calendar: &'a Calendar,
    symbol: Symbol,
    remake: Remake<'a>,
    /// Bars before this instant are not kept.
    from: UnixSeconds,
    report: &'a mut Report,
}

impl SymbolCheck<'_> {
    fn run(&mut self, spans: &[Listing]) -> Result<(), JobError> {
        let state = self.rows.states.get(&self.symbol);
        // Roll-ups hold the minutes up to this one.
        let folded_to = self.rows.watermarks.get(&self.symbol).copied().unwrap_or(UnixSeconds::EPOCH);
        let halts = self.rows.halts.get(&self.symbol).map(Vec::as_slice).unwrap_or_default();
        let mut expected = Expected::new(self.calendar, spans, halts, self.from, state.map(|state| state.last_update))?;
        // Buckets that begin before the horizon are not kept, even if a part of their minutes is.
        let mut rollup = match self.calendar.minutes_in(self.from, UnixSeconds::MAX).next() {
            Some(since) => Rollup::repairing(self.calendar, Repair { since }),
            None => Rollup::new(self.calendar),
        };
        let mut folded = Folds { bars: Default::default(), seen_to: [self.from; Interval::ROLLED.len()] };
        let mut last: Option<(UnixSeconds, Price)> = None;
        let until = state.map_or(UnixSeconds::MAX, |state| state.last_update.max(folded_to).next());
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
            self.compare_with_remade(&row, bar.first)?;
            last = Some((row.time, bar.ohlcv.close()));
            if row.time <= folded_to {
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
        let before_open_buckets = self.report.clone();
        for (interval, bar) in rollup.current() {
            folded.add(interval, bar);
        }
        for slot in 0..Interval::ROLLED.len() {
            self.compare(slot, &mut folded, Some(UnixSeconds::MAX))?;
        }
        if self.report.findings_count > before_open_buckets.findings_count
            && self.store.watermarks()?.get(&self.symbol).copied().unwrap_or(UnixSeconds::EPOCH) != folded_to
        {
            *self.report = before_open_buckets;
        }
        self.check_state(state, last);
        self.compare_state(halts)
    }

    fn note(&mut self, interval: Interval, time: UnixSeconds, problem: impl Into<String>) {
        self.report.note(self.symbol, interval, time, problem);
    }

    /// Compares a stored bar with the one that the function makes.
    fn compare_with_remade(&mut self, row: &StoredBar, minute: Minute) -> Result<(), JobError> {
        let made = self.remake.bar_at(minute)?;
        if let Some(made) = made.filter(|made| !row.is_exactly(made.ohlcv)) {
            self.report.differing += 1;
            let StoredBar { time, open, high, low, close, volume, .. } = *row;
            let made = in_words(made.ohlcv);
            self.note(
                Interval::Minute1,
                time,
                format!(
                    "differs from the market: it is {open} {high} {low} {close} {volume}, and the market makes {made}"
                ),
            );
        }
        Ok(())
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
                    if !row.is_exactly(bar.ohlcv) {
                        let StoredBar { open, high, low, close, volume, .. } = row;
                        let made = in_words(bar.ohlcv);
                        self.note(
                            interval,
                            row.time,
                            format!("is {open} {high} {low} {close} {volume}, but its minutes make {made}"),
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
