//! Minutes that are over: sends the rest of their ticks and then their bars, and waits for bars that are late.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use chrono::NaiveDate;
use tracing::info;

use super::pump::Pump;
use super::stock::Stock;
use super::update::{Event, MarketEvent};
use crate::jobs::{JobError, LATE_MAX, Market, past_tick_facts};
use crate::store::BarRange;
use klined_market::bars::Bar;
use klined_market::bars::ticks::{MinuteTicks, TickFacts};
use klined_market::base::{Board, Interval, Symbol};
use klined_market::calendar::Minute;

/// The most minutes that are sent late, when many are committed at once.
const BEHIND_MAX: u64 = 60;
/// The most bars that are read at once.
const BARS_MAX: usize = 65_536;

impl Pump {
    /// Sends the minutes from the one that was open to the one that is open now. They have been committed, but perhaps not by every
    /// shard.
    pub(super) fn catch_up(&mut self, from: Minute, until: Minute, is_market_halted: bool) -> Result<(), JobError> {
        let calendar = self.foresight.market().calendar.clone();
        let mut minutes: Vec<Minute> = calendar.minutes_in(from.start(), until.start()).collect();
        if minutes.len() as u64 > BEHIND_MAX {
            let kept = minutes.split_off(minutes.len() - BEHIND_MAX as usize);
            self.shared.counts.skipped.fetch_add(minutes.len() as u64, Ordering::Relaxed);
            info!(minutes = minutes.len(), "the feed skips minutes that came too fast");
            self.builder.add_for_all(MarketEvent::Skipped { from: from.start(), until: kept[0].start() });
            self.stocks.values_mut().for_each(Stock::forget);
            self.open = Some(kept[0]);
            minutes = kept;
        }
        let at_once = (BARS_MAX / self.stocks.len().max(1)).max(1);
        let mut facts = Facts::default();
        for minutes in minutes.chunks(at_once) {
            let (first, last) = (minutes[0], minutes[minutes.len() - 1]);
            let mut committed = self.committed(first, last)?;
            let is_late =
                self.stocks.values().any(Stock::is_foreseen) && !is_market_halted && !self.foresight.is_overtaken()?;
            for &minute in minutes {
                let bars = committed.remove(&minute).unwrap_or_default();
                let needs_facts = |(symbol, bar): (&Symbol, &Bar)| {
                    self.stocks.get(symbol).filter(|stock| stock.needs_ticks_of(bar)).map(|_| *symbol)
                };
                let needed = bars.iter().filter_map(needs_facts).collect();
                facts.learn(self.foresight.market(), needed, calendar.day_of(minute))?;
                self.end(minute, bars, &facts, is_late);
                self.is_begun = false;
                self.open = calendar.next_minute(minute).ok();
            }
        }
        Ok(())
    }

    /// The committed bars of the stocks with subscribers.
    fn committed(&self, first: Minute, last: Minute) -> Result<BTreeMap<Minute, BTreeMap<Symbol, Bar>>, JobError> {
        let range = |&symbol: &Symbol| minutes_of(symbol, first, last);
        let mut committed: BTreeMap<Minute, BTreeMap<Symbol, Bar>> = BTreeMap::new();
        for (symbol, bar) in self.bars(&self.stocks.keys().map(range).collect::<Vec<_>>())? {
            committed.entry(bar.first).or_default().insert(symbol, bar);
        }
        Ok(committed)
    }

    /// The stored bars. A row that is no valid bar, as after an edit by an operator, is left out.
    fn bars(&self, ranges: &[BarRange]) -> Result<Vec<(Symbol, Bar)>, JobError> {
        if ranges.is_empty() {
            return Ok(Vec::new());
        }
        let market = self.foresight.market();
        let rows = market.store.bars(ranges, usize::MAX)?;
        Ok(rows.iter().filter_map(|row| Some((ranges[row.range].symbol, row.parse(&market.calendar).ok()?))).collect())
    }

    /// Ends a minute. Where a shard may be late, a stock without its foreseen bar waits for that bar.
    fn end(&mut self, minute: Minute, mut committed: BTreeMap<Symbol, Bar>, facts: &Facts, may_be_late: bool) {
        let mut stocks = std::mem::take(&mut self.stocks);
        for (symbol, stock) in stocks.iter_mut().filter(|(_, stock)| stock.awaited().is_none()) {
            let (bar, mut events) = (committed.remove(symbol), Vec::new());
            if bar.is_none() && may_be_late && stock.is_foreseen() {
                stock.wait(minute, &mut events);
            } else {
                self.end_of(symbol, stock, bar, facts, &mut events);
            }
            self.builder.add(*symbol, events);
        }
        self.stocks = stocks;
        self.builder.send();
    }

    /// Ends a stock's minute, with its bar or, when no bar will come, without.
    fn end_of(&mut self, symbol: &Symbol, stock: &mut Stock, bar: Option<Bar>, facts: &Facts, events: &mut Vec<Event>) {
        let seed = self.foresight.market().source.seed();
        let ticks_of = |bar: &Bar| MinuteTicks::of(seed, symbol, &facts.of(symbol), bar);
        if !stock.end(bar, ticks_of, events) {
            self.shared.counts.corrected.fetch_add(1, Ordering::Relaxed);
            info!(%symbol, "the committed bar differs from the foreseen one");
            self.foresight.reread(symbol);
        }
    }

    /// Sends the bars that have come meanwhile for stocks that wait for one, up to the open minute. The wait for a bar ends when
    /// the bar is two minutes late, or when the stock has a later bar.
    pub(super) fn settle(&mut self, open: Minute) -> Result<(), JobError> {
        let awaited: BTreeMap<Symbol, Minute> =
            self.stocks.iter().filter_map(|(symbol, stock)| Some((*symbol, stock.awaited()?))).collect();
        if awaited.is_empty() {
            return Ok(());
        }
        let calendar = self.foresight.market().calendar.clone();
        let ranges: Vec<BarRange> = awaited.iter().map(|(&symbol, &since)| minutes_of(symbol, since, open)).collect();
        let mut come: BTreeMap<Symbol, BTreeMap<Minute, Bar>> = BTreeMap::new();
        for (symbol, bar) in self.bars(&ranges)? {
            come.entry(symbol).or_default().insert(bar.first, bar);
        }
        let mut needed: BTreeMap<NaiveDate, BTreeSet<Symbol>> = BTreeMap::new();
        for (symbol, bars) in &come {
            let is_new = |(minute, bar): &(&Minute, &Bar)| {
                **minute > awaited[symbol] || self.stocks.get(symbol).is_some_and(|stock| stock.needs_ticks_of(bar))
            };
            for (&minute, _) in bars.range(..open).filter(is_new) {
                needed.entry(calendar.day_of(minute)).or_default().insert(*symbol);
            }
        }
        let mut facts: BTreeMap<NaiveDate, Facts> = BTreeMap::new();
        for (day, symbols) in needed {
            facts.entry(day).or_default().learn(self.foresight.market(), symbols, day)?;
        }
        // From here on nothing can fail, so every event is sent once.
        let (nothing, no_bars) = (Facts::default(), BTreeMap::new());
        let mut stocks = std::mem::take(&mut self.stocks);
        for (symbol, since) in awaited {
            let Some(stock) = stocks.get_mut(&symbol) else { continue };
            let bars = come.get(&symbol).unwrap_or(&no_bars);
            let mut events = Vec::new();
            for minute in calendar.minutes_in(since.start(), open.start()) {
                let bar = bars.get(&minute).copied();
                let is_over = bars.range(minute..).next().is_some();
                if !is_over && calendar.minutes_between(minute.start(), open.start()) <= LATE_MAX {
                    stock.wait(minute, &mut events);
                    break;
                }
                let facts = facts.get(&calendar.day_of(minute)).unwrap_or(&nothing);
                self.end_of(&symbol, stock, bar, facts, &mut events);
                if !is_over {
                    // No process generates the stock at present.
                    break;
                }
            }
            self.is_begun &= !stock.is_to_begin();
            self.builder.add(symbol, events);
        }
        self.stocks = stocks;
        self.builder.send();
        Ok(())
    }
}

fn minutes_of(symbol: Symbol, first: Minute, last: Minute) -> BarRange {
    BarRange { symbol, interval: Interval::Minute1, from: first.start(), to: last.end() }
}

/// The facts that the ticks of a day depend on, of symbols whose minutes were not foreseen.
#[derive(Debug, Default)]
struct Facts {
    day: Option<NaiveDate>,
    of: BTreeMap<Symbol, TickFacts>,
}

impl Facts {
    /// Reads the facts of a day that are needed and not known yet.
    fn learn(&mut self, market: &Market, needed: BTreeSet<Symbol>, day: NaiveDate) -> Result<(), JobError> {
        if self.day != Some(day) {
            *self = Self { day: Some(day), of: BTreeMap::new() };
        }
        if needed.iter().any(|symbol| !self.of.contains_key(symbol)) {
            self.of.append(&mut past_tick_facts(market, &needed, day)?);
        }
        Ok(())
    }

    fn of(&self, symbol: &Symbol) -> TickFacts {
        self.of.get(symbol).copied().unwrap_or_else(|| TickFacts::of_board(Board::Free))
    }
}
