//! What the stores of both backends do alike, in terms of the few things that each does its own way.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use klined_market::bars::Halt;
use klined_market::base::{MarketClock, Shard, Symbol, Traded, UnixSeconds};
use klined_market::calendar::Hours;
use klined_market::universe::UniverseRow;

use super::connection::AnyConnection;
use super::data::{
    Identity, Listing, MarketStatus, MarketWrite, Mend, Outdated, ParametersSince, PriceRow, RollupBacklog, RollupTask,
    RollupWrite, StateRow, StoredScenario, SymbolProgress,
};
use super::error::StoreError;
use super::history::{HistoryPart, LoadRoles, MonthLoad, MonthRoom, PartSource};
use super::lease::{Lease, LeaseLock};
use super::observe::{CommittedBars, Hook, Operation};
use super::role::Role;
use super::tables::{identity, inspect, mending, minutes, parameters, rollups, scenarios, symbols};
use super::traits::{Leases, LoadHistory, ReadMarket, RetainBars, RollUp, WriteMarket};

/// The earliest and the latest of some times, in Unix seconds; none of no times.
pub(super) type TimeSpan = Option<(UnixSeconds, UnixSeconds)>;

/// A backend: a pool of connections to one database, and the statements that only this kind of database takes.
///
/// The functions without `self` run in the connection's present transaction.
pub(super) trait MarketDatabase: Send + Sync {
    /// A connection.
    type Link;
    /// How far the removal of old bars has come.
    type Removal: Default;

    /// The connection for the statements that both kinds of database take.
    fn any(connection: &mut Self::Link) -> AnyConnection<'_>;

    /// Observes what the store does.
    fn hook(&self) -> &Hook;

    /// Reads on a connection of the pool.
    fn read<T>(&self, work: impl FnOnce(&mut Self::Link) -> Result<T, StoreError>) -> Result<T, StoreError>;

    /// Writes in one transaction on a connection of the pool. `action` names it in errors.
    fn transaction<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&mut Self::Link) -> Result<T, StoreError>,
    ) -> Result<T, StoreError>;

    /// Writes bars of a span of time in one transaction. Their partitions were made ahead; when one has been removed since, the
    /// transaction fails, the partition is made again, and the work runs a second time.
    fn write_bars(
        &self,
        action: &'static str,
        span: impl Fn() -> TimeSpan,
        work: impl Fn(&mut Self::Link) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Takes the lock of a role.
    fn lock_role(&self, role: Role, shard: Shard) -> Result<Box<dyn LeaseLock>, StoreError>;

    /// As [`WriteMarket::ensure_partitions`].
    fn make_partitions(&self, from: NaiveDate, to: NaiveDate) -> Result<(), StoreError>;

    /// As [`WriteMarket::missing_partitions`].
    fn list_missing(&self, from: NaiveDate, to: NaiveDate) -> Result<Vec<String>, StoreError>;

    /// As [`LoadHistory::make_room`].
    fn clear_month(&self, month: NaiveDate) -> Result<MonthRoom, StoreError>;

    /// As [`LoadHistory::load_month`].
    fn load_whole(
        &self,
        roles: LoadRoles<'_>,
        month: NaiveDate,
        source: &mut dyn PartSource,
    ) -> Result<MonthLoad, StoreError>;

    /// As [`RollUp::rollup_lanes`].
    fn lanes(&self) -> usize;

    /// Fills an empty `stock_metadata`.
    fn fill_universe(connection: &mut Self::Link, universe: &[UniverseRow]) -> Result<(), StoreError>;

    /// Removes the empty room that a market of other hours has left for its bars.
    fn fit_room(connection: &mut Self::Link, hours: Hours) -> Result<(), StoreError>;

    /// Writes minutes with all that belongs to them.
    fn put_minutes(connection: &mut Self::Link, write: &MarketWrite) -> Result<(), StoreError>;

    /// Writes roll-ups and settles what they repair.
    fn put_rollups(connection: &mut Self::Link, writes: &[RollupWrite]) -> Result<(), StoreError>;

    /// Gives 1-minute bars turnover and number of trades, where they have neither.
    fn put_turnover(
        connection: &mut Self::Link,
        symbol: &Symbol,
        found: &[(UnixSeconds, Traded)],
    ) -> Result<(), StoreError>;

    /// Writes a part of a history.
    fn put_part(connection: &mut Self::Link, part: &HistoryPart) -> Result<(), StoreError>;

    /// Removes one symbol's rows, or with none the whole market.
    fn remove(connection: &mut Self::Link, symbol: Option<&Symbol>) -> Result<(), StoreError>;

    /// Announces to followers that bars have gone.
    fn announce_removal(connection: &mut Self::Link) -> Result<(), StoreError>;

    /// Waits for writing transactions that have read the horizon already.
    fn wait_for_writers(connection: &mut Self::Link) -> Result<(), StoreError>;

    /// Removes some bars before the horizon; whether none are left.
    fn remove_old(
        connection: &mut Self::Link,
        from: UnixSeconds,
        removal: &mut Self::Removal,
    ) -> Result<bool, StoreError>;

    /// Reads by a statement that both kinds of database take.
    fn read_any<T>(&self, work: impl FnOnce(&mut AnyConnection<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.read(|connection| work(&mut Self::any(connection)))
    }

    /// Writes in one transaction while a lease is held.
    fn write_under<T>(
        &self,
        action: &'static str,
        lease: &Lease,
        work: impl FnOnce(&mut Self::Link) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transaction(action, |connection| {
            lease.check(&mut Self::any(connection))?;
            work(connection)
        })
    }
}

fn span_of(times: impl Iterator<Item = UnixSeconds> + Clone) -> TimeSpan {
    times.clone().min().zip(times.max())
}

impl<D: MarketDatabase> ReadMarket for D {
    fn identity(&self) -> Result<Option<Identity>, StoreError> {
        self.read_any(identity::identity)
    }

    fn universe(&self) -> Result<Vec<UniverseRow>, StoreError> {
        self.read_any(identity::universe)
    }

    fn progress(&self) -> Result<Vec<SymbolProgress>, StoreError> {
        self.read_any(symbols::progress)
    }

    fn listings(&self) -> Result<Vec<Listing>, StoreError> {
        self.read_any(symbols::listings)
    }

    fn parameters(&self) -> Result<Vec<ParametersSince>, StoreError> {
        self.read_any(parameters::parameters)
    }

    fn bar_symbols(&self) -> Result<Vec<String>, StoreError> {
        self.read_any(inspect::bar_symbols)
    }

    fn stray_prices(&self) -> Result<Vec<String>, StoreError> {
        self.read_any(inspect::stray_prices)
    }

    fn storage_faults(&self) -> Result<Vec<String>, StoreError> {
        self.read_any(inspect::storage_faults)
    }

    fn scenarios(&self) -> Result<Vec<StoredScenario>, StoreError> {
        self.read_any(scenarios::scenarios)
    }

    fn halts(&self) -> Result<Vec<Halt>, StoreError> {
        self.read_any(scenarios::halts)
    }

    fn prices(&self) -> Result<Vec<PriceRow>, StoreError> {
        self.read_any(symbols::prices)
    }

    fn states(&self) -> Result<Vec<StateRow>, StoreError> {
        self.read_any(symbols::states)
    }

    fn status(&self) -> Result<Option<MarketStatus>, StoreError> {
        self.read_any(minutes::status)
    }

    fn clock(&self) -> Result<Option<MarketClock>, StoreError> {
        self.read_any(minutes::clock)
    }

    fn retained_from(&self) -> Result<Option<UnixSeconds>, StoreError> {
        self.read_any(identity::retained_from)
    }

    fn watermarks(&self) -> Result<BTreeMap<Symbol, UnixSeconds>, StoreError> {
        self.read_any(rollups::watermarks)
    }

    fn rollup_backlog(&self) -> Result<Option<RollupBacklog>, StoreError> {
        self.read_any(rollups::backlog)
    }
}

impl<D: MarketDatabase> Leases for D {
    fn acquire_shard(&self, role: Role, shard: Shard) -> Result<Lease, StoreError> {
        let lock = self.hook().call(Operation::Other, || self.lock_role(role, shard))?;
        let epoch = self.transaction("count the holder of the role", |connection| {
            identity::next_epoch(&mut Self::any(connection), role, shard)
        })?;
        Ok(Lease { role, shard, epoch, lock })
    }

    fn confirm(&self, lease: &Lease) -> Result<(), StoreError> {
        self.write_under("confirm the role", lease, |_| Ok(()))
    }
}

impl<D: MarketDatabase> WriteMarket for D {
    fn claim(&self, identity: &Identity, default_universe: &[UniverseRow]) -> Result<(), StoreError> {
        self.transaction("claim the database", |connection| {
            let is_new = identity::claim(&mut Self::any(connection), identity)?;
            if is_new {
                Self::fit_room(connection, identity.hours)?;
            }
            if is_new && identity::universe(&mut Self::any(connection))?.is_empty() {
                Self::fill_universe(connection, default_universe)?;
            }
            identity::check(&mut Self::any(connection), identity)
        })
    }

    fn add_scenario(&self, lease: &Lease, scenario: &StoredScenario) -> Result<(), StoreError> {
        self.write_under("apply a scenario", lease, |connection| scenarios::add(&mut Self::any(connection), scenario))
    }

    fn ensure_partitions(&self, from: NaiveDate, to: NaiveDate) -> Result<(), StoreError> {
        self.make_partitions(from, to)
    }

    fn missing_partitions(&self, from: NaiveDate, to: NaiveDate) -> Result<Vec<String>, StoreError> {
        self.list_missing(from, to)
    }

    fn write(&self, lease: &Lease, write: &MarketWrite) -> Result<(), StoreError> {
        let span = || span_of(write.bars.iter().map(|(_, bar)| bar.first.start()));
        self.hook().write(
            Operation::WriteMinutes,
            || CommittedBars::of_minutes(write),
            || {
                self.write_bars("write bars", span, |connection| {
                    lease.check(&mut Self::any(connection))?;
                    Self::put_minutes(connection, write)
                })
            },
        )
    }

    fn mend(&self, lease: &Lease, mend: &Mend) -> Result<(), StoreError> {
        let span = || span_of(mend.write.bars.iter().map(|(_, bar)| bar.first.start()));
        self.hook().write(
            Operation::WriteMinutes,
            || CommittedBars::of_minutes(&mend.write),
            || {
                self.write_bars("repair rows", span, |connection| {
                    lease.check(&mut Self::any(connection))?;
                    if mend.outdated.contains(&Outdated::Market) {
                        Self::remove(connection, None)?;
                    }
                    mending::remove(&mut Self::any(connection), &mend.outdated)?;
                    if !mend.outdated.is_empty() {
                        Self::announce_removal(connection)?;
                    }
                    if let Some(identity) = &mend.identity {
                        identity::replace(&mut Self::any(connection), identity)?;
                    }
                    Self::put_minutes(connection, &mend.write)?;
                    mending::note(&mut Self::any(connection), &mend.changed)
                })
            },
        )
    }

    fn clear(&self, lease: &Lease, symbol: Option<&Symbol>) -> Result<(), StoreError> {
        self.write_under("remove bars", lease, |connection| Self::remove(connection, symbol))
    }
}

impl<D: MarketDatabase> LoadHistory for D {
    fn load_part(&self, roles: LoadRoles<'_>, part: &HistoryPart) -> Result<(), StoreError> {
        let rolled = part.rollups.iter().flat_map(|write| write.bars.iter().map(|(_, bar)| bar));
        let bars = part.minutes.bars.iter().map(|(_, bar)| bar).chain(rolled);
        let span = || span_of(bars.clone().map(|bar| bar.first.start()));
        self.hook().write(
            Operation::LoadPart,
            || CommittedBars::of_part(part),
            || {
                self.write_bars("write bars", span, |connection| {
                    roles.check(&mut Self::any(connection))?;
                    Self::put_part(connection, part)
                })
            },
        )
    }

    fn make_room(&self, month: NaiveDate) -> Result<MonthRoom, StoreError> {
        self.clear_month(month)
    }

    fn load_month(
        &self,
        roles: LoadRoles<'_>,
        month: NaiveDate,
        source: &mut dyn PartSource,
    ) -> Result<MonthLoad, StoreError> {
        let is_committed = |load: &MonthLoad| *load == MonthLoad::Committed;
        self.hook().load(source, is_committed, |source| self.load_whole(roles, month, source))
    }
}

impl<D: MarketDatabase> RetainBars for D {
    fn retain_from(&self, lease: &Lease, from: UnixSeconds, stop: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        self.write_under("set the horizon", lease, |connection| {
            Self::wait_for_writers(connection)?;
            identity::set_horizon(&mut Self::any(connection), from)
        })?;
        let mut removal = D::Removal::default();
        while !stop() {
            let is_complete = self
                .write_under("remove old bars", lease, |connection| Self::remove_old(connection, from, &mut removal))?;
            if is_complete {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl<D: MarketDatabase> RollUp for D {
    fn rollup_tasks(&self, lease: &Lease) -> Result<Vec<RollupTask>, StoreError> {
        self.hook().call(Operation::FindRollups, || {
            self.write_under("look for bars to roll up", lease, |connection| {
                let mut connection = Self::any(connection);
                rollups::restore_watermarks(&mut connection, lease.shard)?;
                rollups::claim_changes(&mut connection, lease.shard)?;
                rollups::tasks(&mut connection, lease.shard)
            })
        })
    }

    fn rollup_lanes(&self) -> usize {
        self.lanes()
    }

    fn fill_turnover(&self, lease: &Lease, symbol: &Symbol, found: &[(UnixSeconds, Traded)]) -> Result<(), StoreError> {
        self.hook().call(Operation::Other, || {
            self.write_under("fill in turnovers", lease, |connection| Self::put_turnover(connection, symbol, found))
        })
    }

    fn write_rollups(&self, lease: &Lease, writes: &[RollupWrite]) -> Result<(), StoreError> {
        let bars = writes.iter().flat_map(|write| &write.bars);
        let span = || span_of(bars.clone().map(|(_, bar)| bar.first.start()));
        self.hook().write(
            Operation::WriteRollups,
            || CommittedBars::of_rollups(writes),
            || {
                self.write_bars("write roll-ups", span, |connection| {
                    lease.check(&mut Self::any(connection))?;
                    Self::put_rollups(connection, writes)
                })
            },
        )
    }
}
