//! The small tables, read once, and what each says of the others.

use std::collections::{BTreeMap, BTreeSet};

use super::report::Report;
use crate::jobs::{JobError, Market};
use crate::store::{BarStore, Identity, Listing, MarketStatus, ParametersSince, PriceRow, StateRow, SymbolProgress};
use klined_market::bars::Halt;
use klined_market::base::{MarketClock, Symbol, UnixSeconds};

/// Every table but the bars'.
pub(in crate::jobs) struct Rows {
    pub identity: Option<Identity>,
    pub watermarks: BTreeMap<Symbol, UnixSeconds>,
    pub clock: Option<MarketClock>,
    pub states: BTreeMap<Symbol, StateRow>,
    pub status: Option<MarketStatus>,
    pub checkpoints: BTreeMap<Symbol, SymbolProgress>,
    pub prices: BTreeMap<Symbol, PriceRow>,
    pub listings: BTreeMap<Symbol, Vec<Listing>>,
    pub parameters: BTreeMap<Symbol, Vec<ParametersSince>>,
    pub halts: BTreeMap<Symbol, Vec<Halt>>,
    /// Texts that stand as symbols of bars.
    pub bar_symbols: Vec<String>,
    /// Texts in `stock_state` that are no symbols.
    pub strange_states: Vec<String>,
    pub stray_prices: Vec<String>,
}

fn by_symbol<T>(rows: Vec<T>, symbol: impl Fn(&T) -> Symbol) -> BTreeMap<Symbol, Vec<T>> {
    let mut grouped: BTreeMap<Symbol, Vec<T>> = BTreeMap::new();
    for row in rows {
        grouped.entry(symbol(&row)).or_default().push(row);
    }
    grouped
}

impl Rows {
    /// Reads them in an order in which a writer that is running makes no two of them contradict each other: what is read later is
    /// never behind what was read before.
    pub fn read(store: &dyn BarStore) -> Result<Self, JobError> {
        let identity = store.identity()?;
        let watermarks = store.watermarks()?;
        let clock = store.clock()?;
        let (mut states, mut strange_states) = (BTreeMap::new(), Vec::new());
        for row in store.states()? {
            match row.symbol.parse::<Symbol>() {
                Ok(symbol) => drop(states.insert(symbol, row)),
                Err(_) => strange_states.push(row.symbol),
            }
        }
        let status = store.status()?;
        let bar_symbols = store.bar_symbols()?;
        let checkpoints = store.progress()?.into_iter().map(|row| (row.checkpoint.symbol, row)).collect();
        let prices = store.prices()?.into_iter().map(|row| (row.symbol, row)).collect();
        let stray_prices = store.stray_prices()?;
        let halts = by_symbol(store.halts()?, |row| row.symbol);
        let listings = by_symbol(store.listings()?, |row| row.symbol);
        let parameters = by_symbol(store.parameters()?, |row| row.symbol);
        Ok(Self {
            identity,
            watermarks,
            clock,
            states,
            status,
            checkpoints,
            prices,
            listings,
            parameters,
            halts,
            bar_symbols,
            strange_states,
            stray_prices,
        })
    }

    /// A stock's stored halts.
    pub fn halts_of(&self, symbol: Symbol) -> &[Halt] {
        self.halts.get(&symbol).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every stock that a table but the bars' has, and that is not merely of the universe.
    pub fn known(&self) -> BTreeSet<Symbol> {
        (self.listings.keys())
            .chain(self.checkpoints.keys())
            .chain(self.states.keys())
            .chain(self.watermarks.keys())
            .chain(self.parameters.keys())
            .chain(self.halts.keys())
            .copied()
            .collect()
    }

    /// The last bar that most of the traded stocks have; of several such the latest.
    pub fn common_last_bar(&self) -> Option<UnixSeconds> {
        let mut counts: BTreeMap<UnixSeconds, usize> = BTreeMap::new();
        for (symbol, state) in &self.states {
            if self.listings.get(symbol).is_some_and(|spans| spans.iter().any(|span| span.last_day.is_none())) {
                *counts.entry(state.last_update).or_default() += 1;
            }
        }
        counts.into_iter().max_by_key(|&(time, count)| (count, time)).map(|(time, _)| time)
    }

    /// Compares the tables with one another.
    pub fn compare(&self, market: &Market, report: &mut Report) -> Result<(), JobError> {
        if self.identity.is_none() && !(self.listings.is_empty() && self.bar_symbols.is_empty()) {
            report.note_tables("market_identity has no row, though there are bars or listings");
        }
        let known = self.known();
        for &symbol in &known {
            self.compare_stock(market, symbol, report);
        }
        for name in &self.strange_states {
            report.note_tables(format!("stock_state has a row of \"{name}\", which is no symbol"));
        }
        for name in &self.stray_prices {
            let words = "stock_realtime_price has no row of the price and time in stock_state";
            match name.parse() {
                Ok(symbol) => report.note_stock(symbol, words),
                Err(_) => report.note_tables(format!("{name}: {words}")),
            }
        }
        for name in &self.bar_symbols {
            if !name.parse().is_ok_and(|symbol: Symbol| known.contains(&symbol)) {
                report.note_tables(format!("market_klines has bars of {name}, which is no stock of this market"));
            }
        }
        self.compare_present(market, report)
    }

    fn compare_stock(&self, market: &Market, symbol: Symbol, report: &mut Report) {
        let local_time = |instant| market.calendar.local_time(instant);
        let mut note = |words: String| report.note_stock(symbol, &words);
        let listing = self.listings.get(&symbol).and_then(|spans| spans.first());
        let Some(listing) = listing else {
            return note("stock_listing has no row, though other tables know the stock".to_owned());
        };
        let checkpoint = self.checkpoints.get(&symbol).map(|row| row.checkpoint.day);
        match checkpoint {
            None => note("model_checkpoint has no row".to_owned()),
            Some(day) if day < listing.first_day => {
                note(format!("its checkpoint is of {day}, before its listing on {}", listing.first_day));
            }
            Some(_) => {}
        }
        match self.parameters.get(&symbol).and_then(|since| since.first()) {
            Some(since) if since.first_day <= listing.first_day => {}
            _ => note(format!("stock_parameters has no row for its first day {}", listing.first_day)),
        }
        for since in self.parameters.get(&symbol).into_iter().flatten() {
            if let Err(error) = since.parameters.instrument(symbol) {
                note(format!("stock_parameters of {}: {error}", since.first_day));
            }
        }
        let folded_to = self.watermarks.get(&symbol).copied();
        if folded_to.is_none() {
            note("rollup_watermark has no row".to_owned());
        }
        let folded_to = folded_to.unwrap_or(UnixSeconds::EPOCH);
        let Some(state) = self.states.get(&symbol) else {
            let has_begun = folded_to > UnixSeconds::EPOCH
                || checkpoint.is_some_and(|day| day > listing.first_day)
                || self.bar_symbols.iter().any(|name| name == symbol.as_str())
                || self.states.is_empty() && self.status.is_some();
            if has_begun {
                note("stock_state has no row, though the stock has begun to trade".to_owned());
            }
            return;
        };
        if folded_to > state.last_update {
            note(format!(
                "its roll-ups are said to hold bars until {}, but its last bar is of {}",
                local_time(folded_to),
                local_time(state.last_update)
            ));
        }
        let status = self.status.filter(|status| state.last_update >= status.last_update);
        let common = self.common_last_bar().filter(|&common| state.last_update > common);
        if let (Some(status), Some(common)) = (status, common) {
            note(format!(
                "its last bar is of {}, ahead of the market, whose status is of {} and whose other stocks are at {}; an \
                 interrupted backfill is continued by the same command or by the generator's start",
                local_time(state.last_update),
                local_time(status.last_update),
                local_time(common)
            ));
        }
    }

    /// Compares `market_status` and `market_clock` with the calendar and with the bars.
    fn compare_present(&self, market: &Market, report: &mut Report) -> Result<(), JobError> {
        for fault in [self.status_fault(market)?, self.clock_fault(market)].into_iter().flatten() {
            report.note_tables(fault);
        }
        Ok(())
    }

    /// What is wrong with `market_status`.
    pub fn status_fault(&self, market: &Market) -> Result<Option<String>, JobError> {
        let Some(status) = self.status else {
            return Ok(self.clock.map(|_| "market_status has no row, though market_clock has one".to_owned()));
        };
        let span = market.calendar.session_at(status.last_update)?;
        let is_halted = span.is_trading() && market.source.is_market_halted(status.last_update);
        let (at, is) = (market.calendar.local_time(status.last_update), status.span.session.as_str());
        Ok(((status.span, status.is_halted) != (span, is_halted)).then(|| {
            format!(
                "market_status says {is} from {} to {} at {at}, where the calendar and the scenarios say {} from {} to {}{}",
                status.span.start,
                status.span.end,
                span.session.as_str(),
                span.start,
                span.end,
                if is_halted { ", halted" } else { "" }
            )
        }))
    }

    /// What is wrong with `market_clock`.
    pub fn clock_fault(&self, market: &Market) -> Option<String> {
        let calendar = &market.calendar;
        let open = self.clock?.open_minute;
        let newest = self.states.values().map(|state| state.last_update).max();
        let is_end = |newest: UnixSeconds| newest + klined_market::base::Seconds::MINUTE == open;
        match calendar.minute_starting(open) {
            Err(_) if newest.is_none_or(|newest| !is_end(newest)) => {
                Some(format!("market_clock's open minute {open} is no trading minute"))
            }
            // In a halt of the whole market the clock goes on without bars, as the status does.
            Ok(minute) => {
                let before = calendar.previous_minute(minute)?;
                let minute = calendar.local_minute(minute);
                (before.end() > self.status?.last_update)
                    .then(|| format!("market_clock's open minute {minute} is ahead of market_status"))
            }
            Err(_) => None,
        }
    }

    /// Looks for bars after a stock's last one. A generator that runs may have written some since the states were read; those
    /// have states of their own by now.
    pub fn compare_later_bars(&self, market: &Market, report: &mut Report) -> Result<(), JobError> {
        let store = &*market.store;
        let ends: Vec<(Symbol, UnixSeconds)> =
            self.states.iter().map(|(&symbol, state)| (symbol, state.last_update)).collect();
        let later = store.bars_after(&ends)?;
        if later.is_empty() {
            return Ok(());
        }
        for state in store.states()? {
            let Ok(symbol) = state.symbol.parse::<Symbol>() else { continue };
            let is_unchanged = self.states.get(&symbol).is_some_and(|before| before.last_update == state.last_update);
            if is_unchanged && later.contains(&symbol) {
                report.note_tables(format!(
                    "{symbol}: market_klines has 1-minute bars after {}, its last one in stock_state",
                    market.calendar.local_time(state.last_update)
                ));
            }
        }
        Ok(())
    }
}
