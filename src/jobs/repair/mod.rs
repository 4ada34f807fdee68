//! Repair: puts back what the function says.
//!
//! A repair finds what is off with the walk of [`super::verify`], shows it as a [`Plan`], and then walks through the stocks concerned
//! once more and writes. It holds the roles of writer and aggregator all the while, so nothing changes in between. Bars go in bounded
//! transactions, each with a note for the aggregator; the rows of a stock's present follow its bars, and the roll-ups come last. So a
//! kill at any instant leaves a database with fewer things off, and the same command goes on.

mod inputs;
mod mender;
mod plan;

use std::collections::{BTreeMap, BTreeSet};

use super::advance::status_at;
use super::verify::cure::{Cures, Mending};
use super::verify::remake::Remake;
use super::verify::rows::Rows;
use super::verify::walk::SymbolCheck;
use super::verify::{Report, with_stored_events};
use super::{Aggregator, JobError, Market, Progress, Stop};
use crate::store::{BarStore, Lease, MarketWrite, Mend, Outdated, Role};
use klined_market::base::{Symbol, UnixSeconds};
use klined_market::calendar::Minute;

use inputs::Inputs;
use mender::Mender;
use plan::Target;
pub use plan::{Changes, Plan};

/// Of this share of a stock's bars on, those that are not the market's may have other inputs than the stored ones: one in so many.
const SUSPICIOUS: u64 = 10;

/// A repair that has looked at a database and holds its roles.
pub struct Repair {
    market: Market,
    writer: Lease,
    aggregator: Aggregator,
    rows: Rows,
    from: UnixSeconds,
    keeps_edits: bool,
    plan: Plan,
}

impl Repair {
    /// Takes the roles of writer and aggregator and looks for what is off. Changes nothing. With `keeps_edits`, well-made bars with
    /// other numbers than the market's stay, except for a stock's last one.
    ///
    /// # Errors
    /// The bars come from an exchange, a generator or an aggregator is running, the file is damaged, most bars are those of another function, or the database fails.
    pub fn survey(
        market: &Market,
        keeps_edits: bool,
        progress: &mut dyn Progress,
        stop: &Stop,
    ) -> Result<Self, JobError> {
        market.source.model()?;
        let store = market.store.clone();
        let writer = store.acquire(Role::Writer)?;
        let aggregator = Aggregator::start(store.clone(), market.calendar.clone(), None)?;
        if let Some(fault) = store.storage_faults()?.into_iter().next() {
            return Err(JobError::DamagedFile(fault));
        }
        let rows = Rows::read(&*store)?;
        let from = store.retained_from()?.unwrap_or(UnixSeconds::MIN);
        let market = with_stored_events(market)?;
        let plan = Plan::new(market.calendar.hours());
        let mut repair = Self { market, writer, aggregator, rows, from, keeps_edits, plan };
        repair.look(progress, stop)?;
        let Report { differing, minutes, .. } = repair.plan.report;
        if 2 * differing > minutes {
            let identity = repair.market.identity();
            return Err(JobError::OtherFunction { differing, minutes, seed: identity.seed, model: identity.model });
        }
        Ok(repair)
    }

    /// What it will change.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    fn store(&self) -> &dyn BarStore {
        &*self.market.store
    }

    fn look(&mut self, progress: &mut dyn Progress, stop: &Stop) -> Result<(), JobError> {
        let mut plan = Plan::new(self.market.calendar.hours());
        self.rows.compare(&self.market, &mut plan.report)?;
        let present = self.present()?;
        let listed = self.rows.states.len().max(self.rows.listings.len()) as u64;
        let days = self.rows.listings.values().flatten().map(|span| span.first_day).min();
        let first = days.and_then(|day| self.market.calendar.open_of(day).ok()).map(Minute::start);
        let minutes = first.zip(present).map(|(first, last)| self.market.calendar.minutes_between(first, last.end()));
        progress.begin(minutes.unwrap_or(0) * listed);
        let known = self.rows.known();
        let ends: Vec<_> = self.rows.states.iter().map(|(&symbol, state)| (symbol, state.last_update)).collect();
        let later = self.store().bars_after(&ends)?;
        let barred = self.rows.bar_symbols.iter().filter_map(|name| name.parse::<Symbol>().ok());
        let symbols: BTreeSet<Symbol> = known.iter().copied().chain(barred).collect();
        for symbol in symbols {
            if stop.is_asked() {
                break;
            }
            let before = plan.report.minutes;
            if let Some(present) = present {
                self.look_at(symbol, present, later.contains(&symbol), &mut plan)?;
            }
            progress.advance(plan.report.minutes - before);
        }
        self.look_at_the_rest(present, &known, &mut plan)?;
        self.plan = plan;
        Ok(())
    }

    /// Looks at one stock.
    fn look_at(&self, symbol: Symbol, market_end: Minute, has_later: bool, plan: &mut Plan) -> Result<(), JobError> {
        let stored = Inputs::stored(&self.rows, symbol);
        let find = || inputs::find(&self.market, &self.rows, symbol, market_end.start(), self.from);
        let found = if stored.are_complete(symbol) { Some(stored.clone()) } else { find()? };
        let Some(mut inputs) = found else {
            if self.is_stranger(symbol)? {
                plan.strangers.push(symbol.as_str().to_owned());
            } else {
                plan.beyond.push(format!(
                    "{symbol}: stock_listing or stock_parameters is lost, and nothing that is left makes the stored bars; restore \
                     these rows from a backup"
                ));
            }
            return Ok(());
        };
        let mut may_search = inputs == stored;
        loop {
            let Some(target) = self.target(symbol, &inputs, market_end, has_later)? else { break };
            let (mut report, mut changes) = (plan.report.clone(), plan.changes.clone());
            self.walk(symbol, &inputs, target, &mut report, &mut changes)?;
            let minutes = report.minutes - plan.report.minutes;
            let wrong = changes.replaced + changes.removed - plan.changes.replaced - plan.changes.removed;
            if may_search && SUSPICIOUS * wrong > minutes {
                may_search = false;
                if let Some(other) = find()?.filter(|other| *other != inputs) {
                    inputs = other;
                    continue;
                }
            }
            if report.by_symbol.contains_key(&symbol) || inputs != stored {
                plan.stocks.insert(symbol, target);
                plan.minutes.insert(symbol, minutes);
            }
            (plan.report, plan.changes) = (report, changes);
            break;
        }
        if inputs != stored {
            plan.inputs.insert(symbol, inputs);
        }
        Ok(())
    }

    /// Looks at what concerns no single stock.
    fn look_at_the_rest(
        &self,
        present: Option<Minute>,
        known: &BTreeSet<Symbol>,
        plan: &mut Plan,
    ) -> Result<(), JobError> {
        let rows = &self.rows;
        let nameless = rows.bar_symbols.iter().chain(&rows.stray_prices).filter(|name| name.parse::<Symbol>().is_err());
        let strange: BTreeSet<String> = nameless.chain(&rows.strange_states).cloned().collect();
        plan.strangers.extend(strange);
        let stray = rows.stray_prices.iter().filter_map(|name| name.parse().ok());
        plan.prices = stray.filter(|symbol| !known.contains(symbol)).collect();
        let identity = self.market.identity();
        let is_begun = !(rows.listings.is_empty() && rows.bar_symbols.is_empty());
        plan.identity = Some(identity).filter(|identity| is_begun && rows.identity.as_ref() != Some(identity));
        if rows.status_fault(&self.market)?.is_some() {
            let at = rows.status.map(|status| status.last_update).or(present.map(Minute::end));
            if let Some(at) = at {
                plan.status = Some(status_at(&self.market, at, self.market.calendar.session_at(at)?));
            }
        }
        plan.removes_clock = rows.clock_fault(&self.market).is_some();
        Ok(())
    }

    /// The market's last minute: that of its status where a stock is there, else the one that most stocks have.
    fn present(&self) -> Result<Option<Minute>, JobError> {
        let (rows, calendar) = (&self.rows, &self.market.calendar);
        let of_status = match rows.status {
            Some(status) => calendar.last_completed(status.last_update)?,
            None => None,
        };
        let is_reached = |minute: &Minute| rows.states.values().any(|state| state.last_update == minute.start());
        if let Some(minute) = of_status.filter(is_reached) {
            return Ok(Some(minute));
        }
        let minute = |time: UnixSeconds| calendar.minute_starting(time).ok();
        let of_states = rows.common_last_bar().and_then(minute);
        let mut counts: BTreeMap<UnixSeconds, usize> = BTreeMap::new();
        for &folded_to in rows.watermarks.values().filter(|&&folded_to| folded_to > UnixSeconds::EPOCH) {
            *counts.entry(folded_to).or_default() += 1;
        }
        let of_rollups =
            counts.into_iter().max_by_key(|&(time, count)| (count, time)).and_then(|(time, _)| minute(time));
        Ok(of_states.or(of_status).or(of_rollups))
    }

    /// Where a stock is to end; none when it has not begun.
    fn target(
        &self,
        symbol: Symbol,
        inputs: &Inputs,
        market_end: Minute,
        has_later: bool,
    ) -> Result<Option<Target>, JobError> {
        let (rows, calendar) = (&self.rows, &self.market.calendar);
        let Some(first) = inputs.spans.first() else { return Ok(None) };
        let last_days = inputs.spans.iter().map(|span| span.last_day);
        if let Some(last_day) = last_days.max_by_key(|day| (day.is_none(), *day)).flatten() {
            let last = calendar.minutes_of(last_day).last().map(Minute::start);
            return Ok(last.map(|end| Target { end, present: None }));
        }
        if first.first_day > calendar.day_of(market_end) {
            return Ok(None);
        }
        let at_present = {
            let status = rows.status.map_or(market_end.end(), |status| status.last_update.max(market_end.end()));
            let is_halted = |minute: &Minute| self.market.source.is_market_halted(minute.start());
            let halted = calendar.minutes_in(market_end.end(), status).take_while(is_halted).last();
            let last = halted.unwrap_or(market_end);
            Target { end: last.start(), present: Some(last.end()) }
        };
        let Some(state) = rows.states.get(&symbol) else {
            let folded_to = rows.watermarks.get(&symbol).copied().unwrap_or(UnixSeconds::EPOCH);
            let has_begun = folded_to > UnixSeconds::EPOCH
                || rows.checkpoints.get(&symbol).is_none_or(|row| row.checkpoint.day > first.first_day)
                || rows.bar_symbols.iter().any(|name| name == symbol.as_str())
                || rows.states.is_empty() && rows.status.is_some();
            return Ok(has_begun.then_some(at_present));
        };
        let end = state.last_update;
        let is_sound = calendar.minute_starting(end).is_ok()
            && !has_later
            && rows.watermarks.get(&symbol).is_none_or(|&folded_to| folded_to <= end);
        // A first backfill that was interrupted leaves stocks ahead of others, and no status.
        let is_ahead = end > market_end.start() && rows.status.is_some();
        if !is_sound || is_ahead || end == market_end.start() {
            return Ok(Some(at_present));
        }
        // Behind the others: in a halt, or to be brought up to them by the generator's start.
        let since =
            inputs.parameters.iter().rev().find(|since| calendar.date_of(end).is_ok_and(|day| since.first_day <= day));
        let instrument = since.and_then(|since| since.parameters.instrument(symbol).ok());
        let is_halted = |minute: Minute| {
            instrument.is_some_and(|instrument| self.market.source.is_halted(&instrument, minute.start()))
        };
        let mut between = calendar.minutes_in(end.next(), market_end.end());
        Ok(Some(if between.all(is_halted) { at_present } else { Target { end, present: None } }))
    }

    /// Whether a symbol is none of the market's: the universe does not have it, and at most one table knows it besides the bars'.
    fn is_stranger(&self, symbol: Symbol) -> Result<bool, JobError> {
        let rows = &self.rows;
        let known = [
            rows.listings.contains_key(&symbol),
            rows.parameters.contains_key(&symbol),
            rows.checkpoints.contains_key(&symbol),
            rows.states.contains_key(&symbol),
            rows.watermarks.contains_key(&symbol),
            rows.halts.contains_key(&symbol),
        ];
        let is_in_universe = self.store().universe()?.iter().any(|row| row.symbol == symbol.as_str());
        Ok(!is_in_universe && known.into_iter().filter(|is_known| *is_known).count() <= 1)
    }

    fn walk<'a>(
        &'a self,
        symbol: Symbol,
        inputs: &'a Inputs,
        target: Target,
        report: &'a mut Report,
        cures: &'a mut dyn Cures,
    ) -> Result<SymbolCheck<'a>, JobError> {
        report.symbols += 1;
        let Target { end, present } = target;
        let mending = Some(Mending { end, present, keeps_edits: self.keeps_edits, cures });
        let remake = Remake::new(&self.market, symbol, &inputs.spans, &inputs.parameters);
        let (rows, store, calendar, from) = (&self.rows, self.store(), &*self.market.calendar, self.from);
        let mut check = SymbolCheck { rows, store, calendar, symbol, remake, from, report, mending, last: None };
        check.run(&inputs.spans)?;
        Ok(check)
    }

    /// Changes what the plan shows. Gives whether everything was changed; it was not when asked to stop.
    ///
    /// # Errors
    /// The roles were lost, or the database fails. What was changed before stays, and another repair goes on.
    pub fn apply(&self, progress: &mut dyn Progress, stop: &Stop) -> Result<bool, JobError> {
        let plan = &self.plan;
        let mend = |mend: Mend| self.store().mend(&self.writer, &mend);
        if plan.identity.is_some() {
            mend(Mend { identity: plan.identity.clone(), ..Mend::default() })?;
        }
        progress.begin(plan.stocks.keys().map(|symbol| plan.minutes.get(symbol).copied().unwrap_or(1)).sum());
        for (&symbol, &target) in &plan.stocks {
            if stop.is_asked() {
                return Ok(false);
            }
            self.mend_stock(symbol, target)?;
            progress.advance(plan.minutes.get(&symbol).copied().unwrap_or(1));
        }
        for name in &plan.strangers {
            mend(Mend { outdated: vec![Outdated::Stranger(name.clone())], ..Mend::default() })?;
        }
        let mut rest = Mend { outdated: plan.prices.iter().copied().map(Outdated::Price).collect(), ..Mend::default() };
        rest.outdated.extend(plan.status.map(|_| Outdated::Status));
        rest.outdated.extend(plan.removes_clock.then_some(Outdated::Clock));
        rest.write.status = plan.status;
        mend(rest)?;
        self.aggregator.run(None, stop)?;
        Ok(!stop.is_asked())
    }

    fn mend_stock(&self, symbol: Symbol, target: Target) -> Result<(), JobError> {
        let found = self.plan.inputs.get(&symbol);
        let stored = Inputs::stored(&self.rows, symbol);
        let inputs = found.unwrap_or(&stored);
        if found.is_some() {
            let write = MarketWrite {
                listings: inputs.spans.clone(),
                parameters: inputs.parameters.clone(),
                ..MarketWrite::default()
            };
            let outdated = vec![Outdated::Listings(symbol), Outdated::Parameters(symbol)];
            self.store().mend(&self.writer, &Mend { outdated, write, ..Mend::default() })?;
        }
        let mut report = Report::new(self.market.calendar.hours());
        let mut mender =
            Mender { store: self.store(), lease: &self.writer, symbol, mend: Mend::default(), from: None, length: 0 };
        let present = self.walk(symbol, inputs, target, &mut report, &mut mender)?.present()?;
        let last_day = self.market.calendar.date_of(target.present.unwrap_or(target.end))?;
        if inputs.parameters.iter().any(|since| since.first_day > last_day) {
            mender.mend.outdated.push(Outdated::Parameters(symbol));
            let kept = inputs.parameters.iter().filter(|since| since.first_day <= last_day);
            mender.mend.write.parameters = kept.copied().collect();
        }
        if let Some(present) = present {
            // The last bar is noted in any case, so that the watermark moves to it.
            let last_bar = present.snapshot.last_bar;
            mender.from = Some(mender.from.map_or(last_bar, |from| from.min(last_bar)));
            mender.mend.outdated.push(Outdated::Halts(symbol));
            let write = &mut mender.mend.write;
            write.snapshots.push(present.snapshot);
            write.checkpoints.push(present.checkpoint);
            write.halts = present.halts;
        }
        mender.flush()
    }
}
