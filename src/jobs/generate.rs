//! The generator: the whole market, minute after minute.
//!
//! Minutes are written in order and each in one transaction with everything that belongs to it; several minutes that are
//! due at once may share one. Where the last run ended is read back at the start, so a run that was killed anywhere and
//! started again writes the same bytes as one that never stopped.
//!
//! The roster is read when a day opens and holds for that day. What it opened with is written with the day's first minute.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use tracing::{info, warn};

use super::advance::{
    Reached, WRITE_BARS_MAX, ensure_partitions, opening, resume, run_towards, status_after, status_at,
};
use super::future::refuse_future;
use super::retention::Retention;
use super::universe::{self, Roster};
use super::{JobError, Market, Stop};
use crate::store::{Lease, Listing, MarketStatus, MarketWrite, ParametersSince, Role};
use klined_market::bars::SymbolRun;
use klined_market::base::{MarketClock, Pace, Symbol, UnixNanos, UnixSeconds};
use klined_market::calendar::Minute;

/// The most symbols that one line of the log names.
const NAMES_MAX: usize = 20;

/// The market's writer. After an error a caller must drop it and start another one, because bars that it has computed may not be
/// written.
pub struct Generator {
    market: Market,
    lease: Lease,
    /// Only these symbols, when any are named.
    only: BTreeSet<Symbol>,
    /// The symbols of the present day, all at the same minute.
    runs: BTreeMap<Symbol, SymbolRun>,
    /// The first day of each symbol's present listing.
    listed_since: BTreeMap<Symbol, NaiveDate>,
    /// The last minute written.
    at: Option<Minute>,
    /// The first day of an empty market.
    first_day: NaiveDate,
    shown_session: Option<MarketStatus>,
    /// The pace of time, and the instant of the alarm for the next write; none when no clock is published.
    time: Option<(Pace, UnixNanos)>,
    shown_clock: Option<MarketClock>,
    retention: Retention,
}

impl Generator {
    /// Takes the writer's role and goes to where the last run ended. Symbols that lag behind the others, because a
    /// backfill was interrupted or left them out, are brought up to them.
    ///
    /// `only` restricts the run to some symbols; empty means all. An empty market begins with `first_day`. Of a divided market the
    /// first shard lists every symbol then, so that all begin with the same day whenever they are started.
    ///
    /// # Errors
    /// Another writer lives, a symbol is unknown, nothing is to be generated, or the database fails; or the market is divided,
    /// empty and this is not the first shard.
    pub fn start(market: Market, only: &[Symbol], first_day: NaiveDate, stop: &Stop) -> Result<Self, JobError> {
        let lease = market.store.acquire_shard(Role::Writer, market.shard)?;
        if market.shard.is_whole() || market.shard.is_first() || !market.store.listings()?.is_empty() {
            market.require_agreement()?;
        }
        let market = market.with_scenarios(&lease, first_day)?;
        let roster = universe::roster(&*market.store)?;
        universe::require(&*market.store, &roster, only)?;
        let mut generator = Self {
            market,
            lease,
            only: only.iter().copied().collect(),
            runs: BTreeMap::new(),
            listed_since: BTreeMap::new(),
            at: None,
            first_day,
            shown_session: None,
            time: None,
            shown_clock: None,
            retention: Retention::default(),
        };
        if !generator.market.shard.is_whole() {
            generator.begin(&roster)?;
        }
        generator.load()?;
        if roster.is_empty() && generator.runs.is_empty() {
            return Err(JobError::EmptyUniverse);
        }
        generator.level(&roster, stop)?;
        Ok(generator)
    }

    /// The market that it writes.
    #[must_use]
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// The last minute written; none in an empty market.
    #[must_use]
    pub fn at(&self) -> Option<Minute> {
        self.at
    }

    /// The next minute to write.
    ///
    /// # Errors
    /// The calendar ends.
    pub fn next(&self) -> Result<Minute, JobError> {
        Ok(match self.at {
            Some(at) => self.market.calendar.next_minute(at)?,
            None => self.market.calendar.open_of(self.first_day)?,
        })
    }

    /// Refuses to go on from bars that lie in the future of the clock.
    ///
    /// # Errors
    /// The newest bar lies in the future.
    pub fn refuse_future(&self, now: UnixSeconds) -> Result<(), JobError> {
        self.at.map_or(Ok(()), |at| refuse_future(&self.market.calendar, at, now))
    }

    /// Asks the database whether this is still the market's writer.
    ///
    /// # Errors
    /// Another process has the role, or the database fails.
    pub fn confirm(&self) -> Result<(), JobError> {
        Ok(self.market.store.confirm(&self.lease)?)
    }

    /// From now on each write publishes in `market_clock` that time runs at this pace, and that the next minute opened at this
    /// instant, at which the alarm rang.
    pub fn keep_time(&mut self, pace: Pace, rang_at: UnixNanos) {
        self.time = Some((pace, rang_at));
    }

    /// Writes every minute that is due up to `target`, in order. Gives the number of minutes written; fewer than were due
    /// when asked to stop.
    ///
    /// # Errors
    /// The database or the calendar fails. The minutes before are written, the failed ones not at all.
    pub fn advance(&mut self, target: Minute, stop: &Stop) -> Result<u64, JobError> {
        let mut written = 0;
        while !stop.is_asked() {
            let next = self.next()?;
            if next > target {
                break;
            }
            if self.market.calendar.index_in_day(next) == 0 {
                let day = self.market.calendar.day_of(next);
                if self.market.shard.is_first() {
                    self.retention.apply(&self.market, &self.lease, day, stop)?;
                }
            }
            written += u64::from(self.write_from(next, target)?);
        }
        Ok(written)
    }

    /// Writes the session to `market_status` and the pace of time to `market_clock`, when they have changed since the last bar
    /// or the last call.
    ///
    /// # Errors
    /// The database or the calendar fails.
    pub fn show_session(&mut self, now: UnixSeconds) -> Result<(), JobError> {
        let span = self.market.calendar.session_at(now)?;
        let is_new_session = self.shown_session.is_none_or(|shown| shown.span != span && shown.last_update <= now);
        let status = is_new_session.then(|| status_at(&self.market, now, span));
        let tells_the_same = |clock: &MarketClock| {
            self.shown_clock.is_some_and(|shown| (shown.pace, shown.open_minute) == (clock.pace, clock.open_minute))
        };
        let clock = self.clock_after(self.at).filter(|clock| !tells_the_same(clock));
        if status.is_some() || clock.is_some() {
            self.market.store.write(&self.lease, &MarketWrite { status, clock, ..MarketWrite::default() })?;
            self.shown_session = status.or(self.shown_session);
            self.shown_clock = clock.or(self.shown_clock);
        }
        Ok(())
    }

    /// The row of `market_clock` after a minute, or of an empty market. At the end of the calendar no minute is open.
    fn clock_after(&self, last: Option<Minute>) -> Option<MarketClock> {
        // In a divided market the first shard sets the clock.
        let (pace, opened_at) = self.time.filter(|_| self.market.shard.is_first())?;
        let calendar = &self.market.calendar;
        let open_minute = match last {
            Some(last) => calendar.next_minute(last).map_or(last.end(), Minute::start),
            None => calendar.open_of(self.first_day).ok()?.start(),
        };
        Some(MarketClock { pace, open_minute, opened_at })
    }

    /// Lists every symbol of an empty market, including those of other shards.
    fn begin(&self, roster: &Roster) -> Result<(), JobError> {
        let store = &self.market.store;
        if !store.listings()?.is_empty() {
            return Ok(());
        }
        if !self.market.shard.is_first() {
            return Err(JobError::NotBegun(self.market.shard));
        }
        let first_day = self.first_day;
        ensure_partitions(&self.market, first_day, first_day)?;
        Ok(store.write(&self.lease, &opening(&self.market, roster, first_day)?)?)
    }

    fn load(&mut self) -> Result<(), JobError> {
        let store = &self.market.store;
        for listing in store.listings()?.into_iter().filter(|listing| listing.last_day.is_none()) {
            self.listed_since.insert(listing.symbol, listing.first_day);
        }
        // A shard continues from its own last minute. A shard without symbols starts at the minute of the others.
        let shard = self.market.shard;
        let progress = store.progress()?;
        let has_own = progress.iter().any(|progress| shard.holds(progress.checkpoint.symbol));
        for progress in progress {
            let symbol = progress.checkpoint.symbol;
            if let Some(time) = progress.last_bar.filter(|_| !has_own || shard.holds(symbol)) {
                self.at = self.at.max(Some(self.market.minute(symbol, time)?));
            }
            if progress.is_listed && self.is_wanted(symbol) {
                self.runs.insert(symbol, resume(&self.market, &progress)?);
            }
        }
        if self.at.is_none() {
            // The days of symbols that are listed and have no bar yet.
            self.first_day = self.runs.values().map(SymbolRun::day).min().unwrap_or(self.first_day);
        }
        self.shown_session = store.status()?;
        self.shown_clock = store.clock()?;
        Ok(())
    }

    fn is_wanted(&self, symbol: Symbol) -> bool {
        self.market.shard.holds(symbol) && (self.only.is_empty() || self.only.contains(&symbol))
    }

    fn level(&mut self, roster: &Roster, stop: &Stop) -> Result<(), JobError> {
        let Some(at) = self.at else { return Ok(()) };
        let calendar = &self.market.calendar;
        let position = |run: &SymbolRun| (run.day(), run.next_index());
        let target = (calendar.day_of(at), calendar.index_in_day(at) + 1);
        let lagging: Vec<Symbol> =
            self.runs.iter().filter(|(_, run)| position(run) < target).map(|(&symbol, _)| symbol).collect();
        let Some(earliest) = lagging.iter().filter_map(|symbol| self.runs.get(symbol)).map(SymbolRun::day).min() else {
            return Ok(());
        };
        info!(
            symbols = lagging.len(),
            until = %self.market.calendar.local_minute(at),
            "generating the missing bars of symbols that lag behind"
        );
        ensure_partitions(&self.market, earliest, calendar.day_of(at))?;
        for symbol in lagging {
            let since = self.listed_since.get(&symbol).copied().unwrap_or(earliest);
            while let Some(run) = self.runs.get_mut(&symbol).filter(|_| !stop.is_asked()) {
                let mut write = MarketWrite::default();
                let reached = run_towards(&self.market, run, since, roster, at, &mut write)?;
                self.market.store.write(&self.lease, &write)?;
                match reached {
                    Reached::WriteFull => {}
                    Reached::Target => break,
                    Reached::Delisting => {
                        self.runs.remove(&symbol);
                        self.listed_since.remove(&symbol);
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes the minutes from `next` to `target`, at most to the end of the day and no more than fit into one write.
    fn write_from(&mut self, next: Minute, target: Minute) -> Result<u16, JobError> {
        let calendar = self.market.calendar.clone();
        let day = calendar.day_of(next);
        let from = calendar.index_in_day(next);
        let mut write = MarketWrite::default();
        if from == 0 {
            self.open_day(day, &mut write)?;
        }
        let due =
            if calendar.day_of(target) == day { calendar.index_in_day(target) + 1 } else { calendar.minutes_on(day) };
        let fitting = u16::try_from(WRITE_BARS_MAX / self.runs.len().max(1)).unwrap_or(u16::MAX).max(1);
        let until = due.min(from.saturating_add(fitting));
        let last = calendar.minute_of(day, until - 1)?;

        for run in self.runs.values_mut() {
            write.halts.extend(run.bars_until(&calendar, until, &mut write.bars)?);
            write.snapshots.extend(run.snapshot(last));
        }
        let status = status_after(&self.market, last);
        write.status = Some(status);
        write.clock = self.clock_after(Some(last));
        self.market.store.write(&self.lease, &write)?;
        self.at = Some(last);
        self.shown_session = Some(status);
        self.shown_clock = write.clock.or(self.shown_clock);
        Ok(until - from)
    }

    /// Reads the roster, opens the day for everyone on it and ends the listings of those who are not.
    fn open_day(&mut self, day: NaiveDate, write: &mut MarketWrite) -> Result<(), JobError> {
        ensure_partitions(&self.market, day, day)?;
        if self.market.calendar.is_projected(day) {
            warn!(%day, known_until = %self.market.calendar.known_until(),
                "trading on a projected day: the exchange's holidays of this year are not in the calendar yet");
        }
        let roster = universe::roster(&*self.market.store)?;
        let gone: Vec<Symbol> = self.runs.keys().filter(|symbol| !roster.contains_key(symbol)).copied().collect();
        for symbol in gone {
            let last_day = self.runs.remove(&symbol).map(|run| run.day());
            let first_day = self.listed_since.remove(&symbol).unwrap_or(day);
            write.listings.push(Listing { symbol, first_day, last_day });
        }
        log_symbols(&write.listings, "delisted");
        for run in self.runs.values_mut() {
            // One that was listed with this very day has it open.
            if let Some(&instrument) = roster.get(&run.instrument().symbol).filter(|_| run.day() < day) {
                let has_changed = *run.instrument() != instrument;
                run.open_day(instrument, day);
                write.parameters.extend(has_changed.then(|| ParametersSince::of(run)));
            }
        }
        self.list_newcomers(&roster, day, write)?;
        if self.runs.is_empty() {
            warn!(%day, "no stock is active: the day passes without bars");
        }
        write.checkpoints.extend(self.runs.values().map(SymbolRun::checkpoint));
        Ok(())
    }

    /// Lists the symbols that are on the roster and not in the market: new ones at their base price, those that were
    /// delisted before where they left off.
    fn list_newcomers(&mut self, roster: &Roster, day: NaiveDate, write: &mut MarketWrite) -> Result<(), JobError> {
        let newcomers: Vec<Symbol> = roster
            .keys()
            .filter(|&&symbol| self.is_wanted(symbol) && !self.runs.contains_key(&symbol))
            .copied()
            .collect();
        if newcomers.is_empty() {
            return Ok(());
        }
        let former: BTreeMap<Symbol, _> =
            self.market.store.progress()?.into_iter().map(|progress| (progress.checkpoint.symbol, progress)).collect();
        let mut listed = Vec::with_capacity(newcomers.len());
        for symbol in newcomers {
            let Some(&instrument) = roster.get(&symbol) else { continue };
            let run = match former.get(&symbol) {
                Some(progress) => {
                    let mut run = resume(&self.market, progress)?;
                    let has_changed = *run.instrument() != instrument;
                    run.open_day(instrument, day);
                    write.parameters.extend(has_changed.then(|| ParametersSince::of(&run)));
                    run
                }
                None => {
                    let run = SymbolRun::list(self.market.source.model()?.clone(), instrument, day);
                    write.parameters.push(ParametersSince::of(&run));
                    run
                }
            };
            self.runs.insert(symbol, run);
            self.listed_since.insert(symbol, day);
            listed.push(Listing { symbol, first_day: day, last_day: None });
        }
        log_symbols(&listed, "listed");
        write.listings.append(&mut listed);
        Ok(())
    }
}

/// Logs the symbols that were listed or delisted, by name when they are few.
fn log_symbols(listings: &[Listing], what: &str) {
    match listings {
        [] => {}
        few if few.len() <= NAMES_MAX => {
            let names: Vec<&str> = few.iter().map(|listing| listing.symbol.as_str()).collect();
            info!(symbols = names.join(" "), "{what}");
        }
        many => info!(symbols = many.len(), "{what}"),
    }
}
