//! The aggregator: every longer interval from the 1-minute bars.
//!
//! Each symbol has a watermark, the last 1-minute bar that its roll-ups hold. New bars are folded on top of the buckets
//! that are open at the watermark, and roll-ups and watermark move in one transaction, so a run may end anywhere. Bars that
//! were changed behind the watermark are noted by the database itself; from the earliest of them on a symbol's roll-ups are
//! made anew. Whatever the history of runs, the result is that of one run over everything.
//!
//! While some bars are folded and written, the next are read, and where the database takes several writing transactions at once
//! the symbols are divided among as many.

mod fill;
mod fold;
mod only;

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::thread::ScopedJoinHandle;

pub use fill::Filled;

use super::{JobError, Stop};
use crate::store::{BarStore, Lease, Role, RollupTask};
use klined_market::base::{Interval, Ohlcv, Seconds, Shard, Symbol, UnixSeconds};
use klined_market::calendar::{Bucket, Calendar};

/// The most bars read at once. Bounds memory and the length of a transaction.
const PAGE_BARS: usize = 50_000;
/// The most symbols whose new bars are read and written together.
const GROUP_SYMBOLS: usize = 1_500;

/// The roll-ups' writer.
pub struct Aggregator {
    store: Arc<dyn BarStore>,
    calendar: Arc<Calendar>,
    lease: Lease,
    only: Option<Symbol>,
    /// What earlier runs have left open, so that it need not be read again.
    open: Mutex<BTreeMap<Symbol, OpenBars>>,
}

/// The bars of a symbol that the watermark's minute has not filled.
struct OpenBars {
    /// The watermark that they belong to. Another one in the database shows that another process has rolled up since.
    folded_to: UnixSeconds,
    bars: Vec<(Interval, Bucket, Ohlcv)>,
}

/// What one run has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Folded {
    /// Symbols that had something to fold.
    pub symbols: usize,
    /// 1-minute bars read.
    pub minutes: u64,
    /// Roll-ups written.
    pub bars: u64,
    /// Symbols whose roll-ups were made anew because of a change.
    pub repaired: usize,
}

impl Folded {
    /// With what another part of the same run has done.
    fn and(self, other: Self) -> Self {
        Self {
            symbols: self.symbols + other.symbols,
            minutes: self.minutes + other.minutes,
            bars: self.bars + other.bars,
            repaired: self.repaired + other.repaired,
        }
    }
}

impl Aggregator {
    /// Takes the aggregator's role, for every symbol or one.
    ///
    /// # Errors
    /// Another aggregator lives, or the database fails.
    pub fn start(store: Arc<dyn BarStore>, calendar: Arc<Calendar>, only: Option<Symbol>) -> Result<Self, JobError> {
        Self::start_shard(store, calendar, only, Shard::WHOLE)
    }

    /// The same for a part of the market.
    ///
    /// # Errors
    /// Another aggregator holds this part or uses another number of shards, or the database fails.
    pub fn start_shard(
        store: Arc<dyn BarStore>,
        calendar: Arc<Calendar>,
        only: Option<Symbol>,
        shard: Shard,
    ) -> Result<Self, JobError> {
        if let Some(symbol) = only {
            let universe = store.universe()?;
            if !universe.iter().any(|row| row.symbol == symbol.as_str()) {
                let known = universe.into_iter().take(20).map(|row| row.symbol).collect::<Vec<_>>().join(", ");
                return Err(JobError::UnknownSymbol { symbol, known });
            }
        }
        let lease = store.acquire_shard(Role::Aggregator, shard)?;
        Ok(Self { store, calendar, lease, only, open: Mutex::default() })
    }

    /// Asks the database whether this is still the roll-ups' writer. Gives how many trading minutes the roll-ups are behind.
    ///
    /// # Errors
    /// It is not, or the database fails.
    pub fn confirm(&self) -> Result<u64, JobError> {
        self.store.confirm(&self.lease)?;
        let behind = self.store.rollup_backlog()?;
        Ok(behind.map_or(0, |behind| self.calendar.minutes_between(behind.folded_to.next(), behind.last_bar.next())))
    }

    /// Folds everything that has come or changed since the last run. With a look-back, the roll-ups of each symbol's last
    /// so many hours are made anew whether or not a change was noted.
    ///
    /// # Errors
    /// The market has other hours than the calendar, or the database fails. What was folded before stays.
    pub fn run(&self, lookback_hours: Option<u32>, stop: &Stop) -> Result<Folded, JobError> {
        let mut tasks = self.store.rollup_tasks(&self.lease)?;
        // A market has its identity before its first bar.
        let (found, held) = (super::hours(&*self.store, None)?, self.calendar.hours());
        if !tasks.is_empty() && found != held {
            return Err(JobError::OtherHours { found, held });
        }
        if let Some(hours) = lookback_hours {
            self.look_back(&mut tasks, hours)?;
        }
        tasks.retain(|task| self.only.is_none_or(|only| only == task.symbol));

        let mut folded = Folded { symbols: tasks.len(), ..Folded::default() };
        let begins = self.begins(&tasks)?;
        let (short, long): (Vec<RollupTask>, Vec<RollupTask>) = tasks
            .into_iter()
            .partition(|task| self.new_minutes(task, &begins).is_some_and(|minutes| minutes < PAGE_BARS));
        for task in &long {
            self.fold_alone(task, &mut folded, stop)?;
        }
        let lanes = if self.group_length(&short, &begins) < short.len() { self.store.rollup_lanes().max(1) } else { 1 };
        let fold = &|lane| self.fold_groups(lane, &begins, stop);
        let outcomes: Vec<Result<Folded, JobError>> = std::thread::scope(|scope| {
            let mut parts = short.chunks(short.len().div_ceil(lanes).max(1));
            let own = parts.next().unwrap_or_default();
            let others: Vec<_> = parts.map(|part| scope.spawn(move || fold(part))).collect();
            let own = fold(own);
            let join = |lane: ScopedJoinHandle<'_, _>| lane.join().unwrap_or_else(|panic| resume_unwind(panic));
            std::iter::once(own).chain(others.into_iter().map(join)).collect()
        });
        outcomes.into_iter().try_fold(folded, |sum, part| part.map(|part| sum.and(part)))
    }

    /// Folds some symbols' tasks, group after group.
    fn fold_groups(
        &self,
        tasks: &[RollupTask],
        begins: &BTreeMap<Symbol, UnixSeconds>,
        stop: &Stop,
    ) -> Result<Folded, JobError> {
        let (mut folded, mut rest) = (Folded::default(), tasks);
        let next = || {
            let (group, later) = rest.split_at_checked(self.group_length(rest, begins))?;
            rest = later;
            (!stop.is_asked()).then(|| self.read_group(group))
        };
        read_ahead(next, |group| self.fold_group(group, &mut folded, stop))?;
        Ok(folded)
    }

    /// From when on symbols have bars of which nothing is rolled up yet.
    fn begins(&self, tasks: &[RollupTask]) -> Result<BTreeMap<Symbol, UnixSeconds>, JobError> {
        let mut begins = BTreeMap::new();
        if tasks.iter().any(|task| task.folded_to == Some(UnixSeconds::EPOCH)) {
            for listing in self.store.listings()? {
                begins.entry(listing.symbol).or_insert(self.calendar.midnight(listing.first_day)?);
            }
        }
        Ok(begins)
    }

    /// About how many bars a task without changes has to read; none when it has to be folded by itself.
    fn new_minutes(&self, task: &RollupTask, begins: &BTreeMap<Symbol, UnixSeconds>) -> Option<usize> {
        let (Some(folded_to), Some(last_bar), None) = (task.folded_to, task.last_bar, repair_from(task)) else {
            return None;
        };
        let from = begins.get(&task.symbol).map_or(folded_to.next(), |&begin| begin.max(folded_to.next()));
        usize::try_from(self.calendar.minutes_between(from, last_bar.next())).ok()
    }

    fn group_length(&self, tasks: &[RollupTask], begins: &BTreeMap<Symbol, UnixSeconds>) -> usize {
        let mut bars = 0;
        let fitting = tasks.iter().take(GROUP_SYMBOLS).take_while(|task| {
            bars += self.new_minutes(task, begins).unwrap_or(PAGE_BARS) + Interval::ROLLED.len();
            bars <= PAGE_BARS
        });
        fitting.count().max(1)
    }

    fn look_back(&self, tasks: &mut Vec<RollupTask>, hours: u32) -> Result<(), JobError> {
        for state in self.store.states()? {
            let Ok(symbol) = state.symbol.parse::<Symbol>() else { continue };
            if !self.lease.shard().holds(symbol) {
                continue;
            }
            let from = state.last_update - Seconds::HOUR * i64::from(hours);
            match tasks.iter_mut().find(|task| task.symbol == symbol) {
                Some(task) => task.changed_from = Some(task.changed_from.map_or(from, |changed| changed.min(from))),
                None => tasks.push(RollupTask {
                    symbol,
                    folded_to: Some(state.last_update),
                    last_bar: Some(state.last_update),
                    changed_from: Some(from),
                }),
            }
        }
        Ok(())
    }

    /// What the roll-ups are written under.
    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }
}

/// From which change on a symbol's roll-ups have to be made anew; none when all changes lie ahead of the watermark, where
/// the bars are read anyway.
fn repair_from(task: &RollupTask) -> Option<UnixSeconds> {
    task.changed_from.filter(|&changed| task.folded_to.is_none_or(|folded_to| changed <= folded_to))
}

/// Reads one thing after another in a thread of its own, and has each worked on while the next is read. Ends with the first
/// failure of either.
fn read_ahead<T: Send>(
    mut next: impl FnMut() -> Option<Result<T, JobError>> + Send,
    mut work: impl FnMut(T) -> Result<(), JobError>,
) -> Result<(), JobError> {
    std::thread::scope(|scope| {
        // One is worked on and one is ready: no third is kept.
        let (send, ready) = sync_channel(0);
        scope.spawn(move || {
            while let Some(read) = next() {
                let has_failed = read.is_err();
                if send.send(read).is_err() || has_failed {
                    return;
                }
            }
        });
        ready.into_iter().try_for_each(|read| work(read?))
    })
}
