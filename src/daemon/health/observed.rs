//! A store that reports every answer to a job's vital signs, and measures what is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use chrono::NaiveDate;

use klined_service::instant;

use super::vitals::MarketVitals;
use crate::store::{
    BarRange, BarStore, Batch, Fill, FillRoles, Follow, Identity, Lease, Listing, MarketStatus, MonthFill, PoolUse,
    PriceRow, Progress, Role, RollupBacklog, RollupTask, RollupWrite, Room, StateRow, StoreError, StoredBar,
    StoredScenario, Supplier, Supply,
};
use klined_market::bars::{Bar, Halt};
use klined_market::base::{Interval, MarketClock, Shard, Symbol, UnixSeconds};
use klined_market::calendar::Minute;
use klined_market::universe::UniverseRow;

/// Another store, observed.
pub struct ObservedStore {
    inner: Arc<dyn BarStore>,
    vitals: Arc<MarketVitals>,
}

impl ObservedStore {
    pub fn around(inner: Arc<dyn BarStore>, vitals: Arc<MarketVitals>) -> Arc<dyn BarStore> {
        Arc::new(Self { inner, vitals })
    }

    fn reported<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        self.vitals.common.answered(answer.is_ok());
        answer
    }

    fn count(&self, counts: &BarCounts) {
        counts.0.iter().for_each(|(interval, bars)| self.vitals.metrics.count_bars(*interval, *bars));
    }

    /// Arguments are evaluated in order: the beginning is taken before the transaction is run.
    fn timed<T>(
        &self,
        began: Instant,
        transaction: &'static str,
        answer: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.vitals.metrics.observe_transaction(transaction, began.elapsed().as_secs_f64());
        self.reported(answer)
    }
}

/// How many bars of each interval.
#[derive(Default)]
struct BarCounts(BTreeMap<Interval, usize>);

impl BarCounts {
    fn of(minutes: &[(Symbol, Bar)], rollups: &[RollupWrite]) -> Self {
        let mut counts = Self::default();
        counts.add(minutes, rollups);
        counts
    }

    fn add(&mut self, minutes: &[(Symbol, Bar)], rollups: &[RollupWrite]) {
        if !minutes.is_empty() {
            *self.0.entry(Interval::Minute1).or_default() += minutes.len();
        }
        for (interval, _) in rollups.iter().flat_map(|write| &write.bars) {
            *self.0.entry(*interval).or_default() += 1;
        }
    }
}

/// BarCounts what passes. The database takes part after part: a long month is no silence.
struct CountedSupplier<'a> {
    inner: &'a mut dyn Supplier,
    vitals: &'a MarketVitals,
    counts: BarCounts,
}

impl Supplier for CountedSupplier<'_> {
    fn next(&mut self) -> Supply {
        self.vitals.common.answered(true);
        let supplied = self.inner.next();
        if let Supply::Part(part) = &supplied {
            self.counts.add(&part.batch.bars, &part.rollups);
        }
        supplied
    }

    fn may_end(&mut self) -> bool {
        self.vitals.common.answered(true);
        self.inner.may_end()
    }

    fn is_wanted(&mut self) -> bool {
        self.vitals.common.answered(true);
        self.inner.is_wanted()
    }
}

impl BarStore for ObservedStore {
    fn write(&self, lease: &Lease, batch: &Batch) -> Result<(), StoreError> {
        self.timed(instant(), "write_bars", self.inner.write(lease, batch))?;
        self.vitals.metrics.count_bars(Interval::Minute1, batch.bars.len());
        if let Some(status) = batch.status {
            self.vitals.shows(status);
            // A status that comes with bars is that of the last one's end.
            if !batch.bars.is_empty() {
                self.vitals.stands_at(Minute::label_ending_at(status.last_update));
            }
        }
        Ok(())
    }

    fn write_rollups(&self, lease: &Lease, writes: &[RollupWrite]) -> Result<(), StoreError> {
        self.timed(instant(), "write_rollups", self.inner.write_rollups(lease, writes))?;
        self.count(&BarCounts::of(&[], writes));
        Ok(())
    }

    fn fill(&self, roles: FillRoles<'_>, fill: &Fill) -> Result<(), StoreError> {
        self.timed(instant(), "fill", self.inner.fill(roles, fill))?;
        self.count(&BarCounts::of(&fill.batch.bars, &fill.rollups));
        Ok(())
    }

    fn make_room(&self, month: NaiveDate) -> Result<Room, StoreError> {
        self.reported(self.inner.make_room(month))
    }

    fn fill_month(
        &self,
        roles: FillRoles<'_>,
        month: NaiveDate,
        supplier: &mut dyn Supplier,
    ) -> Result<MonthFill, StoreError> {
        let mut counted = CountedSupplier { inner: supplier, vitals: &self.vitals, counts: BarCounts::default() };
        let outcome = self.timed(instant(), "fill_month", self.inner.fill_month(roles, month, &mut counted))?;
        if outcome == MonthFill::Written {
            self.count(&counted.counts);
        }
        Ok(outcome)
    }

    fn bars_after(&self, ends: &[(Symbol, UnixSeconds)]) -> Result<BTreeSet<Symbol>, StoreError> {
        self.reported(self.inner.bars_after(ends))
    }

    fn rollup_tasks(&self, lease: &Lease) -> Result<Vec<RollupTask>, StoreError> {
        self.timed(instant(), "find_rollups", self.inner.rollup_tasks(lease))
    }

    fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.reported(self.inner.migrate())
    }

    fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.reported(self.inner.pending_migrations())
    }

    fn may_create_tables(&self) -> Result<bool, StoreError> {
        self.reported(self.inner.may_create_tables())
    }

    fn may_make_partitions(&self) -> Result<bool, StoreError> {
        self.reported(self.inner.may_make_partitions())
    }

    fn may_write_rollups(&self) -> Result<bool, StoreError> {
        self.reported(self.inner.may_write_rollups())
    }

    fn rollup_lanes(&self) -> usize {
        self.inner.rollup_lanes()
    }

    fn pool(&self) -> PoolUse {
        self.inner.pool()
    }

    fn acquire_shard(&self, role: Role, shard: Shard) -> Result<Lease, StoreError> {
        self.reported(self.inner.acquire_shard(role, shard))
    }

    fn confirm(&self, lease: &Lease) -> Result<(), StoreError> {
        self.reported(self.inner.confirm(lease))
    }

    fn identity(&self) -> Result<Option<Identity>, StoreError> {
        self.reported(self.inner.identity())
    }

    fn claim(&self, identity: &Identity, default_universe: &[UniverseRow]) -> Result<(), StoreError> {
        self.reported(self.inner.claim(identity, default_universe))
    }

    fn universe(&self) -> Result<Vec<UniverseRow>, StoreError> {
        self.reported(self.inner.universe())
    }

    fn progress(&self) -> Result<Vec<Progress>, StoreError> {
        self.reported(self.inner.progress())
    }

    fn listings(&self) -> Result<Vec<Listing>, StoreError> {
        self.reported(self.inner.listings())
    }

    fn scenarios(&self) -> Result<Vec<StoredScenario>, StoreError> {
        self.reported(self.inner.scenarios())
    }

    fn add_scenario(&self, lease: &Lease, scenario: &StoredScenario) -> Result<(), StoreError> {
        self.reported(self.inner.add_scenario(lease, scenario))
    }

    fn halts(&self) -> Result<Vec<Halt>, StoreError> {
        self.reported(self.inner.halts())
    }

    fn ensure_partitions(&self, from: NaiveDate, to: NaiveDate) -> Result<(), StoreError> {
        self.reported(self.inner.ensure_partitions(from, to))
    }

    fn missing_partitions(&self, from: NaiveDate, to: NaiveDate) -> Result<Vec<String>, StoreError> {
        self.reported(self.inner.missing_partitions(from, to))
    }

    fn retained_from(&self) -> Result<Option<UnixSeconds>, StoreError> {
        self.reported(self.inner.retained_from())
    }

    fn retain_from(&self, lease: &Lease, from: UnixSeconds, stop: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        // Asked between two transactions: a long removal is no silence.
        let asked = || {
            self.vitals.common.answered(true);
            stop()
        };
        self.reported(self.inner.retain_from(lease, from, &asked))
    }

    fn clear(&self, lease: &Lease, symbol: Option<&Symbol>) -> Result<(), StoreError> {
        self.reported(self.inner.clear(lease, symbol))
    }

    fn bars(&self, ranges: &[BarRange], limit: usize) -> Result<Vec<StoredBar>, StoreError> {
        self.reported(self.inner.bars(ranges, limit))
    }

    fn last_bars(&self, ranges: &[BarRange], count: usize) -> Result<Vec<StoredBar>, StoreError> {
        self.reported(self.inner.last_bars(ranges, count))
    }

    fn prices(&self) -> Result<Vec<PriceRow>, StoreError> {
        self.reported(self.inner.prices())
    }

    fn states(&self) -> Result<Vec<StateRow>, StoreError> {
        self.reported(self.inner.states())
    }

    fn status(&self) -> Result<Option<MarketStatus>, StoreError> {
        self.reported(self.inner.status())
    }

    fn clock(&self) -> Result<Option<MarketClock>, StoreError> {
        self.reported(self.inner.clock())
    }

    fn follow(&self) -> Result<Box<dyn Follow>, StoreError> {
        self.reported(self.inner.follow())
    }

    fn watermarks(&self) -> Result<BTreeMap<Symbol, UnixSeconds>, StoreError> {
        self.reported(self.inner.watermarks())
    }

    fn rollup_backlog(&self) -> Result<Option<RollupBacklog>, StoreError> {
        self.reported(self.inner.rollup_backlog())
    }
}
