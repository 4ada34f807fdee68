//! A market in one SQLite file: write-ahead log, one writing transaction at a time, roles as locked files beside it.

mod bulk;
mod clearing;
mod follow;
mod lease;
mod removal;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::NaiveDate;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool, PooledConnection};
use diesel::sql_query;
use diesel::sql_types::{BigInt, Double, Integer, Nullable, Text};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use super::bar_rows::BarRow;
use super::data::{
    BarRange, Batch, Identity, Listing, MarketStatus, PriceRow, Progress, RollupBacklog, RollupTask, RollupWrite,
    StateRow, StoredBar, StoredScenario,
};
use super::error::During;
use super::{
    BarStore, Fill, FillRoles, Follow, Lease, MonthFill, PoolUse, Role, Room, StoreError, StoreOptions, Supplier,
    clock, epoch, migrations, prices, retention, rollups, rows, scenarios, transaction,
};
use klined_market::bars::Halt;
use klined_market::base::{MarketClock, Shard, Symbol, UnixSeconds};
use klined_market::universe::UniverseRow;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

type Pooled = PooledConnection<ConnectionManager<SqliteConnection>>;

/// A pool of connections to one SQLite file.
pub struct SqliteStore {
    pool: Pool<ConnectionManager<SqliteConnection>>,
    path: PathBuf,
    timeout: Duration,
}

#[derive(Debug)]
struct Session {
    busy_timeout_ms: u128,
}

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Session {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        configure(connection, self.busy_timeout_ms).map_err(diesel::r2d2::Error::QueryError)
    }
}

/// The log makes readers and the writer independent; with it, synchronous = NORMAL keeps the file consistent through a
/// power cut and loses no transaction when only the process dies.
fn configure(connection: &mut SqliteConnection, busy_timeout_ms: u128) -> QueryResult<()> {
    connection.batch_execute(&format!(
        "PRAGMA busy_timeout = {busy_timeout_ms}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"
    ))
}

/// What SQLite itself said.
fn cause(error: &StoreError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

impl SqliteStore {
    pub(super) fn open(path: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        let unusable = |reason: String| StoreError::Unusable { url: options.url.to_string(), reason };
        let Some(name) = path.to_str() else {
            return Err(unusable("its path is not UTF-8".to_owned()));
        };
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !directory.is_dir() {
            return Err(unusable(format!("there is no directory {}", directory.display())));
        }
        let busy_timeout_ms = options.timeout.as_millis();
        // Tried once outside the pool, whose own error says only that it timed out.
        let mut first = SqliteConnection::establish(name)
            .map_err(|error| unusable(format!("{error}; the file and its directory must be readable and writable")))?;
        configure(&mut first, busy_timeout_ms)
            .and_then(|()| first.immediate_transaction(|_| Ok::<_, diesel::result::Error>(())))
            .during("open the database")
            .map_err(|error| if error.is_retriable() { error } else { unusable(cause(&error)) })?;
        let pool = Pool::builder()
            .max_size(options.pool_size)
            .min_idle(Some(1))
            .connection_timeout(options.timeout)
            .test_on_check_out(true)
            .connection_customizer(Box::new(Session { busy_timeout_ms }))
            .build_unchecked(ConnectionManager::new(name));
        Ok(Self { pool, path: path.to_owned(), timeout: options.timeout })
    }

    fn connection(&self) -> Result<Pooled, StoreError> {
        self.pool.get().map_err(|error| StoreError::PoolTimeout { waited: self.timeout, reason: error.to_string() })
    }

    /// Reads on a connection of the pool.
    fn read<T>(
        &self,
        action: &'static str,
        reading: impl FnOnce(&mut SqliteConnection) -> QueryResult<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        reading(&mut *self.connection()?).during(action)?
    }

    /// Writes in one transaction on a connection of the pool.
    fn transaction<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        transaction::run_immediate(&mut *self.connection()?, action, work)
    }
}

/// Bars of one range, with the range's place counted from 1.
fn bars_of(
    connection: &mut SqliteConnection,
    place: i64,
    range: &BarRange,
    order: &'static str,
    limit: usize,
) -> Result<impl Iterator<Item = StoredBar> + use<>, StoreError> {
    let rows = sql_query(format!(
        "SELECT $1 AS range, time, CAST(open AS double precision) AS open, CAST(high AS double precision) AS high, \
         CAST(low AS double precision) AS low, CAST(close AS double precision) AS close, volume \
         FROM market_klines WHERE symbol = $2 AND interval = $3 AND time >= $4 AND time < $5 ORDER BY {order} LIMIT $6"
    ))
    .bind::<BigInt, _>(place)
    .bind::<Text, _>(range.symbol.as_str())
    .bind::<Text, _>(range.interval.as_str())
    .bind::<BigInt, _>(range.from.get())
    .bind::<BigInt, _>(range.to.get())
    .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
    .get_results::<BarRow>(connection)
    .during("read bars")?;
    Ok(rows.into_iter().map(StoredBar::from))
}

impl BarStore for SqliteStore {
    fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let _serial = lease::hold_migration_lock(&self.path)?;
        migrations::run(&mut *self.connection()?, MIGRATIONS)
    }

    fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        migrations::pending(&mut *self.connection()?, MIGRATIONS)
    }

    fn may_create_tables(&self) -> Result<bool, StoreError> {
        // Who can open the file for writing, which opening the store has tried, can do everything in it.
        Ok(true)
    }

    fn may_make_partitions(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn may_write_rollups(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn pool(&self) -> PoolUse {
        PoolUse::of(&self.pool.state(), self.pool.max_size())
    }

    fn acquire_shard(&self, role: Role, shard: Shard) -> Result<Lease, StoreError> {
        let guard = lease::take(&self.path, role, shard)?;
        let epoch =
            self.transaction("count the holder of the role", |connection| epoch::next(connection, role, shard))?;
        Ok(Lease { role, shard, epoch, guard: Box::new(guard) })
    }

    fn confirm(&self, lease: &Lease) -> Result<(), StoreError> {
        self.transaction("confirm the role", |connection| lease::check(connection, lease))
    }

    rows::shared_reads!();
    scenarios::shared_scenarios!();

    fn claim(&self, identity: &Identity, default_universe: &[UniverseRow]) -> Result<(), StoreError> {
        self.transaction("claim the database", |connection| write::claim(connection, identity, default_universe))
    }

    fn ensure_partitions(&self, _from: NaiveDate, _to: NaiveDate) -> Result<(), StoreError> {
        Ok(())
    }

    fn missing_partitions(&self, _from: NaiveDate, _to: NaiveDate) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn retain_from(&self, lease: &Lease, from: UnixSeconds, stop: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        self.transaction("set the horizon", |connection| {
            lease::check(connection, lease)?;
            retention::set(connection, from)
        })?;
        let mut removal = removal::Removal::default();
        while !stop() {
            let is_complete = self.transaction("remove old bars", |connection| {
                lease::check(connection, lease)?;
                removal.step(connection, from)
            })?;
            if is_complete {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn write(&self, lease: &Lease, batch: &Batch) -> Result<(), StoreError> {
        self.transaction("write bars", |connection| {
            lease::check(connection, lease)?;
            write::batch(connection, batch)
        })
    }

    fn follow(&self) -> Result<Box<dyn Follow>, StoreError> {
        Ok(Box::new(follow::Watcher::begin(&self.path, self.timeout)?))
    }

    fn fill(&self, roles: FillRoles<'_>, fill: &Fill) -> Result<(), StoreError> {
        self.transaction("write bars", |connection| {
            roles.check(|lease| lease::check(connection, lease))?;
            bulk::fill(connection, fill)
        })
    }

    fn make_room(&self, _month: NaiveDate) -> Result<Room, StoreError> {
        Ok(Room::None("SQLite keeps all bars in one tree"))
    }

    fn fill_month(
        &self,
        _roles: FillRoles<'_>,
        _month: NaiveDate,
        _supplier: &mut dyn Supplier,
    ) -> Result<MonthFill, StoreError> {
        Ok(MonthFill::Taken)
    }

    fn bars_after(&self, ends: &[(Symbol, UnixSeconds)]) -> Result<BTreeSet<Symbol>, StoreError> {
        self.read("look for later bars", |connection| write::bars_after(connection, ends).map(Ok))
    }

    fn clear(&self, lease: &Lease, symbol: Option<&Symbol>) -> Result<(), StoreError> {
        self.transaction("remove bars", |connection| {
            lease::check(connection, lease)?;
            clearing::clear(connection, symbol)
        })
    }

    fn bars(&self, ranges: &[BarRange], limit: usize) -> Result<Vec<StoredBar>, StoreError> {
        // One transaction, so that all ranges are of the same moment.
        transaction::run(&mut *self.connection()?, "read bars", |connection| {
            let mut found = Vec::new();
            for (range, place) in ranges.iter().zip(1i64..) {
                let left = limit.saturating_sub(found.len());
                if left == 0 {
                    break;
                }
                found.extend(bars_of(connection, place, range, "time", left)?);
            }
            Ok(found)
        })
    }

    fn last_bars(&self, ranges: &[BarRange], count: usize) -> Result<Vec<StoredBar>, StoreError> {
        transaction::run(&mut *self.connection()?, "read bars", |connection| {
            let mut found = Vec::new();
            for (range, place) in ranges.iter().zip(1i64..) {
                let mut bars: Vec<StoredBar> = bars_of(connection, place, range, "time DESC", count)?.collect();
                bars.reverse();
                found.append(&mut bars);
            }
            Ok(found)
        })
    }

    fn rollup_tasks(&self, lease: &Lease) -> Result<Vec<RollupTask>, StoreError> {
        self.transaction("look for bars to roll up", |connection| {
            lease::check(connection, lease)?;
            rollups::claim_changes(connection, lease.shard, |connection, symbol| {
                sql_query(rollups::CLAIM_CHANGES_OF).bind::<Text, _>(symbol).execute(connection)
            })?;
            rollups::tasks(connection, lease.shard).during("look for bars to roll up")?
        })
    }

    fn rollup_lanes(&self) -> usize {
        1
    }

    fn write_rollups(&self, lease: &Lease, writes: &[RollupWrite]) -> Result<(), StoreError> {
        self.transaction("write roll-ups", |connection| {
            lease::check(connection, lease)?;
            bulk::rollups(connection, writes)
        })
    }
}
