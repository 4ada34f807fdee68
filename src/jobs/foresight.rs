//! Foresight: the open minute's bars before they are written, read only.
//!
//! The market is a function of its state, so the stored state determines the next minute. A run is opened only for a symbol that a
//! caller asks for: from the day's checkpoint, or from the roster when the day is not open yet, as the generator will open it. An
//! operator can still change the minute before it is written, by an edit of the universe or by a scenario. A caller that finds
//! another bar written calls [`Foresight::reread`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;

use super::advance::resume;
use super::universe::{self, Roster};
use super::{JobError, Market};
use crate::store::SymbolProgress;
use klined_market::bars::ticks::TickFacts;
use klined_market::bars::{Bar, SymbolRun};
use klined_market::base::Symbol;
use klined_market::calendar::{Calendar, Minute};

/// The most attempts to read while a generator writes at the same time.
const TRIES: usize = 5;
/// The most minutes that a generated symbol is behind the market's clock: shards commit the same minute one after the other, and
/// the first shard sets the clock.
pub const LATE_MAX: u64 = 2;

/// The coming minute of a traded symbol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Foreseen {
    /// The facts that its ticks depend on.
    pub facts: TickFacts,
    /// None while its trade is halted.
    pub bar: Option<Bar>,
}

/// Computes the open minutes of a market.
pub struct Foresight {
    /// With the events of the scenarios that have been applied.
    market: Arc<Market>,
    /// The number of these scenarios.
    scenarios: usize,
    ground: Option<Ground>,
    runs: BTreeMap<Symbol, SymbolRun>,
    /// The minute that `runs` have made.
    foreseen: BTreeMap<Symbol, Foreseen>,
    open: Option<Minute>,
    /// Whether a symbol that trades could not be foreseen. The ground is then read again with the next minute.
    is_wanting: bool,
    computed: u64,
}

/// The state of the market, all read while one minute was open.
struct Ground {
    open: Minute,
    progress: BTreeMap<Symbol, SymbolProgress>,
    /// The symbols that trade on the day of the open minute.
    traded: BTreeSet<Symbol>,
    /// The roster of the day, when its first minute is the open one.
    roster: Option<Roster>,
    /// No generator sets the clock at present, so nothing is traded.
    is_stale: bool,
}

/// The state that must be read before a minute can be foreseen.
pub struct Reading {
    market: Arc<Market>,
    scenarios: usize,
    open: Minute,
    is_minute_new: bool,
    is_ground_needed: bool,
}

/// The result of a [`Reading`].
pub struct Prepared {
    reading: Reading,
    changed: Option<(Arc<Market>, usize)>,
    /// None when it was not read; an inner none when the minute is not the open one.
    ground: Option<Option<Ground>>,
}

impl Foresight {
    /// Foresight of a market. Its model need not have the events of scenarios, which are read when they are needed.
    #[must_use]
    pub fn new(market: impl Into<Arc<Market>>) -> Self {
        let (market, runs, foreseen) = (market.into(), BTreeMap::new(), BTreeMap::new());
        Self { market, scenarios: 0, ground: None, runs, foreseen, open: None, is_wanting: false, computed: 0 }
    }

    /// Uses the market under another calendar from now on, and reads its state again.
    pub fn go_by(&mut self, market: impl Into<Arc<Market>>) {
        *self = Self { computed: self.computed, ..Self::new(market) };
    }

    /// The market that is foreseen.
    #[must_use]
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// The number of minutes of symbols that have been computed.
    #[must_use]
    pub fn computed(&self) -> u64 {
        self.computed
    }

    /// The symbols that trade on the day of the open minute, as of the last read.
    #[must_use]
    pub fn traded(&self) -> BTreeSet<Symbol> {
        self.ground.as_ref().map(|ground| ground.traded.clone()).unwrap_or_default()
    }

    /// Drops the state, so that it is read again, because a symbol's written bar differs from the foreseen one.
    pub fn reread(&mut self, symbol: &Symbol) {
        self.runs.remove(symbol);
        self.ground = None;
    }

    /// Reads the state that a minute depends on. Returns false when the minute is not the open one, or no longer.
    ///
    /// # Errors
    /// The database fails, or holds another market.
    pub fn prepare(&mut self, open: Minute) -> Result<bool, JobError> {
        let prepared = self.reading(open).map(Reading::read).transpose()?;
        Ok(self.take(open, prepared))
    }

    /// The read that [`Foresight::prepare`] would do; none when nothing is missing. A caller that shares the foresight by a lock
    /// runs [`Reading::read`] without the lock, and passes the result to [`Foresight::take`].
    #[must_use]
    pub fn reading(&self, open: Minute) -> Option<Reading> {
        let is_minute_new = self.open != Some(open);
        let is_ground_needed = !self.has_ground_for(open) || (is_minute_new && self.is_wanting);
        (is_minute_new || is_ground_needed).then(|| Reading {
            market: self.market.clone(),
            scenarios: self.scenarios,
            open,
            is_minute_new,
            is_ground_needed,
        })
    }

    /// Takes the result of a read, unless the market was changed or another thread has prepared the minute meanwhile.
    /// Returns whether the minute can be foreseen, as [`Foresight::prepare`] does.
    pub fn take(&mut self, open: Minute, prepared: Option<Prepared>) -> bool {
        let is_usable =
            |prepared: &Prepared| Arc::ptr_eq(&prepared.reading.market, &self.market) && !self.is_prepared(open);
        if let Some(Prepared { reading, changed, ground }) = prepared.filter(is_usable) {
            if reading.is_minute_new {
                self.foreseen.clear();
                self.is_wanting = false;
            }
            self.open = Some(open);
            if let Some((market, scenarios)) = changed {
                (self.market, self.scenarios) = (market, scenarios);
                self.runs.clear();
            }
            if let Some(ground) = ground {
                self.ground = ground;
                self.drop_outdated();
            }
        }
        self.is_prepared(open)
    }

    fn is_prepared(&self, open: Minute) -> bool {
        self.open == Some(open) && self.has_ground_for(open)
    }

    fn has_ground_for(&self, open: Minute) -> bool {
        self.ground.as_ref().is_some_and(|ground| ground.serves(&self.market.calendar, open))
    }

    /// Whether scenarios were applied since a minute was prepared, so that the foreseen bars may not come.
    ///
    /// # Errors
    /// The database fails.
    pub fn is_overtaken(&self) -> Result<bool, JobError> {
        Ok(self.market.store.scenarios()?.len() != self.scenarios)
    }

    /// The open minute of a symbol; none when the symbol is not traded, when [`Foresight::prepare`] has not returned true, or when the
    /// bars come from an exchange.
    ///
    /// # Errors
    /// What is stored cannot be used.
    pub fn foresee(&mut self, symbol: Symbol) -> Result<Option<Foreseen>, JobError> {
        if let Some(&foreseen) = self.foreseen.get(&symbol) {
            return Ok(Some(foreseen));
        }
        let (Some(open), Some(ground)) = (self.open, &self.ground) else { return Ok(None) };
        if self.market.source.model().is_err() {
            return Ok(None);
        }
        let calendar = self.market.calendar.clone();
        let index = calendar.index_in_day(open);
        let kept = self.runs.remove(&symbol);
        let Some(mut run) = ground.run(&self.market, symbol, kept, calendar.day_of(open), index)? else {
            self.is_wanting |= ground.progress.contains_key(&symbol) && ground.traded.contains(&symbol);
            return Ok(None);
        };
        let mut bars = Vec::new();
        run.bars_until(&calendar, index + 1, &mut bars)?;
        let bar = bars.pop().map(|(_, bar)| bar).filter(|bar| bar.first == open);
        let foreseen = Foreseen { facts: run.tick_facts(), bar };
        self.computed += 1;
        self.runs.insert(symbol, run);
        self.foreseen.insert(symbol, foreseen);
        Ok(Some(foreseen))
    }

    /// Drops the runs of symbols that are not needed any more.
    pub fn keep_only(&mut self, is_wanted: impl Fn(&Symbol) -> bool) {
        self.runs.retain(|symbol, _| is_wanted(symbol));
        self.foreseen.retain(|symbol, _| is_wanted(symbol));
    }

    /// Drops the runs that did not begin the day as it was written. A symbol of a late shard keeps its run: its day is not written
    /// yet.
    fn drop_outdated(&mut self) {
        let Some(ground) = &self.ground else { return };
        self.runs.retain(|symbol, run| match ground.progress.get(symbol) {
            Some(progress) => {
                let is_late = progress.is_listed && progress.checkpoint.day < run.day();
                is_late || progress.checkpoint == run.checkpoint()
            }
            None => ground.roster.is_none() && run.day() == self.market.calendar.day_of(ground.open),
        });
        self.foreseen.clear();
    }
}

impl Reading {
    /// Reads the state.
    ///
    /// # Errors
    /// The database fails, or holds another market.
    pub fn read(self) -> Result<Prepared, JobError> {
        let changed = if self.is_minute_new { self.changed()? } else { None };
        let is_ground_needed = self.is_ground_needed || changed.is_some();
        let ground = is_ground_needed.then(|| self.ground()).transpose()?;
        Ok(Prepared { reading: self, changed, ground })
    }

    /// The market with the events of all scenarios and the number of these; none when no scenario was applied meanwhile.
    fn changed(&self) -> Result<Option<(Arc<Market>, usize)>, JobError> {
        let applied = self.market.store.scenarios()?;
        if applied.len() == self.scenarios {
            return Ok(None);
        }
        let events: Vec<_> = applied.iter().flat_map(|scenario| scenario.events.iter().cloned()).collect();
        let source = self.market.source.clone().with_events(&events);
        Ok(Some((Arc::new(Market { source, ..Market::clone(&self.market) }), applied.len())))
    }

    /// The state of the market, all read while the minute is the open one; none when it is not.
    fn ground(&self) -> Result<Option<Ground>, JobError> {
        let (store, calendar, open) = (&self.market.store, &self.market.calendar, self.open);
        for _ in 0..TRIES {
            let clock = store.clock()?;
            if clock.is_none_or(|clock| clock.open_minute != open.start()) {
                return Ok(None);
            }
            self.market.check_identity()?;
            let progress = store.progress()?;
            let is_day_new = calendar.index_in_day(open) == 0;
            let roster = is_day_new.then(|| universe::roster(&**store)).transpose()?;
            if store.clock()? == clock {
                return Ok(Some(Ground::new(calendar, open, progress, roster)));
            }
        }
        Ok(None)
    }
}

impl Ground {
    fn new(calendar: &Calendar, open: Minute, progress: Vec<SymbolProgress>, roster: Option<Roster>) -> Self {
        // The clock is written with the minute before the open one. Where no symbol ends there, and some symbol ends later, a
        // backfill has gone past the clock; a shard that is ahead has others at the clock beside it.
        let before = calendar.previous_minute(open).map(Minute::start);
        let is_ahead = |row: &SymbolProgress| row.last_bar.is_some_and(|last| last >= open.start());
        if progress.iter().any(is_ahead) && !progress.iter().any(|row| row.last_bar.is_some() && row.last_bar == before)
        {
            return Self { open, progress: BTreeMap::new(), traded: BTreeSet::new(), roster: None, is_stale: true };
        }
        let traded = match &roster {
            Some(roster) => roster.keys().copied().collect(),
            None => progress.iter().filter(|row| row.is_listed).map(|row| row.checkpoint.symbol).collect(),
        };
        let progress = progress.into_iter().map(|progress| (progress.checkpoint.symbol, progress)).collect();
        Self { open, progress, traded, roster, is_stale: false }
    }

    /// Whether the state can be used for a later open minute of the same day, whose checkpoints are written with its first minute.
    fn serves(&self, calendar: &Calendar, open: Minute) -> bool {
        self.open == open
            || (self.open < open
                && !self.is_stale
                && self.roster.is_none()
                && calendar.day_of(self.open) == calendar.day_of(open))
    }

    /// A symbol's run at or before an index in a day; none when the symbol is not traded. `kept` is the run of the minute before.
    fn run(
        &self,
        market: &Market,
        symbol: Symbol,
        kept: Option<SymbolRun>,
        day: NaiveDate,
        index: u16,
    ) -> Result<Option<SymbolRun>, JobError> {
        if kept.as_ref().is_some_and(|run| run.day() == day && run.next_index() <= index) {
            return Ok(kept);
        }
        let known = self.progress.get(&symbol);
        if let Some(progress) = known.filter(|progress| progress.is_listed && progress.checkpoint.day == day) {
            return self.run_of_today(market, progress);
        }
        let Some(roster) = &self.roster else { return Ok(None) };
        let (Some(&instrument), Some(progress)) = (roster.get(&symbol), known) else {
            let model = market.source.model()?;
            return Ok(roster.get(&symbol).map(|&instrument| SymbolRun::list(model.clone(), instrument, day)));
        };
        let run = match kept.filter(|run| run.checkpoint() == progress.checkpoint) {
            // It was at work when it was kept.
            Some(kept) => Some(kept),
            None if progress.is_listed => caught_up(market, resume(market, progress)?, u16::MAX)?,
            None => Some(resume(market, progress)?),
        };
        let is_day_before = market.calendar.day_after(progress.checkpoint.day)? == day;
        Ok(run.filter(|_| is_day_before || !progress.is_listed).map(|mut run| {
            run.open_day(instrument, day);
            run
        }))
    }

    /// A symbol's run at the open minute, on a day that it has begun.
    fn run_of_today(&self, market: &Market, progress: &SymbolProgress) -> Result<Option<SymbolRun>, JobError> {
        let index = market.calendar.index_in_day(self.open);
        if progress.last_bar.is_none_or(|last| last < self.open.start()) {
            return caught_up(market, resume(market, progress)?, index);
        }
        // Its shard is ahead of the one that sets the clock: the run goes from the day's beginning to the open minute.
        let mut run = resume(market, &SymbolProgress { last_bar: None, ..progress.clone() })?;
        run.bars_until(&market.calendar, index, &mut Vec::new())?;
        Ok(Some(run))
    }
}

/// Continues a run to an index in its day. None when more than [`LATE_MAX`] bars are missing: no process generates the symbol at
/// present.
fn caught_up(market: &Market, mut run: SymbolRun, index: u16) -> Result<Option<SymbolRun>, JobError> {
    let mut unwritten = Vec::new();
    run.bars_until(&market.calendar, index, &mut unwritten)?;
    Ok((unwritten.len() as u64 <= LATE_MAX).then_some(run))
}
