//! A market in PostgreSQL: month partitions, binary COPY for bulk, arrays for the live minute.

mod bulk;
mod follow;
mod lease;
mod notify;
mod numeric;
mod partitions;
mod session;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool, PooledConnection};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Nullable, Text};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use self::session::{PooledSession, Server, one_line};
use super::bar_rows::BarRow;
use super::data::{
    BarRange, Batch, Identity, Listing, MarketStatus, PriceRow, Progress, RollupBacklog, RollupTask, RollupWrite,
    StateRow, StoredBar, StoredScenario,
};
use super::error::During;
use super::url::without_passwords_of;
use super::{
    BarStore, Fill, FillRoles, Follow, Lease, MonthFill, PoolUse, Role, Room, StoreError, StoreOptions, Supplier,
    clock, epoch, migrations, prices, retention, rollups, rows, scenarios, transaction,
};
use klined_market::bars::Halt;
use klined_market::base::{Interval, MarketClock, Shard, Symbol, UnixSeconds};
use klined_market::universe::UniverseRow;

pub(super) use numeric::StoredPrice;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");
/// PostgreSQL 13, the oldest that has everything used here.
const SERVER_VERSION_MIN: i32 = 130_000;

type Pooled = PooledConnection<ConnectionManager<PgConnection>>;

/// A pool of connections to one PostgreSQL database.
pub struct PostgresStore {
    pool: Pool<ConnectionManager<PgConnection>>,
    /// For connections that must not go back to the pool.
    server: Server,
    /// Sessions of leases that were given up while their connection was lost.
    left_behind: lease::LeftBehind,
}

#[derive(QueryableByName)]
struct HoldsRow {
    #[diesel(sql_type = Bool)]
    holds: bool,
}

#[derive(QueryableByName)]
struct SymbolRow {
    #[diesel(sql_type = Text)]
    symbol: String,
}

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = Integer)]
    version: i32,
}

impl PostgresStore {
    pub(super) fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let super::DatabaseUrl::Postgres(url) = &options.url else {
            return Err(StoreError::Unusable { url: options.url.to_string(), reason: "not PostgreSQL".to_owned() });
        };
        let server = Server::new(url, options.url.to_string(), options.timeout);
        // Tried once outside the pool, whose own error says only that it timed out.
        let mut first = server.connect()?;
        let version = sql_query("SELECT current_setting('server_version_num')::int AS version")
            .get_result::<VersionRow>(&mut first)
            .during("ask the server for its version")?
            .version;
        if version < SERVER_VERSION_MIN {
            let reason = format!("its server is PostgreSQL {}; 13 or newer is needed", version / 10_000);
            return Err(StoreError::Unusable { url: server.shown_url, reason });
        }
        let pool = Pool::builder()
            .max_size(options.pool_size)
            .min_idle(Some(1))
            .connection_timeout(options.timeout)
            .test_on_check_out(true)
            .connection_customizer(Box::new(PooledSession::with(&server)))
            .build_unchecked(ConnectionManager::new(&server.url));
        Ok(Self { pool, server, left_behind: lease::LeftBehind::default() })
    }

    fn connection(&self) -> Result<Pooled, StoreError> {
        self.pool.get().or_else(|error| {
            // The pool waits alike for a server that is gone and for a connection that is busy: asked anew, the server tells.
            self.server.connect()?;
            let reason = without_passwords_of(&self.server.url, &one_line(&error));
            Err(StoreError::PoolTimeout { waited: self.server.timeout, reason })
        })
    }

    /// Reads on a connection of the pool.
    fn read<T>(
        &self,
        action: &'static str,
        reading: impl FnOnce(&mut PgConnection) -> QueryResult<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        reading(&mut *self.connection()?).during(action)?
    }

    /// What the server says of this user's rights.
    fn holds(&self, right: &str) -> Result<bool, StoreError> {
        let row: HoldsRow = sql_query(format!("SELECT {right} AS holds"))
            .get_result(&mut *self.connection()?)
            .during("ask for the user's rights")?;
        Ok(row.holds)
    }

    /// Writes in one transaction on a connection of the pool.
    fn transaction<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        transaction::run(&mut *self.connection()?, action, work)
    }

    /// Reads bars of ranges by one statement, whose fifth parameter is a limit.
    fn bars_by(&self, statement: &str, ranges: &[BarRange], limit: usize) -> Result<Vec<StoredBar>, StoreError> {
        let symbols: Vec<&str> = ranges.iter().map(|range| range.symbol.as_str()).collect();
        let intervals: Vec<&str> = ranges.iter().map(|range| range.interval.as_str()).collect();
        let froms: Vec<i64> = ranges.iter().map(|range| range.from.get()).collect();
        let tos: Vec<i64> = ranges.iter().map(|range| range.to.get()).collect();
        // What all ranges lie in tells which partitions need not be looked at.
        let (earliest, latest) = (froms.iter().min().copied().unwrap_or(0), tos.iter().max().copied().unwrap_or(0));
        let found = sql_query(statement)
            .bind::<Array<Text>, _>(symbols)
            .bind::<Array<Text>, _>(intervals)
            .bind::<Array<BigInt>, _>(froms)
            .bind::<Array<BigInt>, _>(tos)
            .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind::<BigInt, _>(earliest)
            .bind::<BigInt, _>(latest)
            .get_results::<BarRow>(&mut *self.connection()?)
            .during("read bars")?;
        Ok(found.into_iter().map(StoredBar::from).collect())
    }

    /// Writes bars of these times in one transaction. Their partitions were made ahead; when somebody has removed one since,
    /// it is made again.
    fn write_bars(
        &self,
        action: &'static str,
        times: impl Iterator<Item = UnixSeconds> + Clone,
        work: impl Fn(&mut PgConnection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self.transaction(action, &work) {
            // So PostgreSQL calls a row without a partition.
            Err(error) if error.is_check_violation() && partitions::make_for(&mut *self.connection()?, times)? => {
                self.transaction(action, work)
            }
            outcome => outcome,
        }
    }
}

impl BarStore for PostgresStore {
    fn migrate(&self) -> Result<Vec<String>, StoreError> {
        // Whoever finds nothing to do needs no right to create tables.
        if self.pending_migrations()?.is_empty() {
            return Ok(vec![]);
        }
        // Not on the pool's terms: to build an index takes as long as it takes.
        let mut connection = self.server.connect_as("klined migration")?;
        let _serial = lease::hold_migration_lock(&self.server)?;
        migrations::run(&mut connection, MIGRATIONS)
    }

    fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        migrations::pending(&mut *self.connection()?, MIGRATIONS)
    }

    fn may_create_tables(&self) -> Result<bool, StoreError> {
        self.holds("coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)")
    }

    fn may_make_partitions(&self) -> Result<bool, StoreError> {
        self.holds("has_function_privilege('klines_make_partition(text, bigint, bigint)', 'EXECUTE')")
    }

    fn may_write_rollups(&self) -> Result<bool, StoreError> {
        self.holds(
            "has_table_privilege('market_klines', 'INSERT') AND has_column_privilege('rollup_watermark', 'folded_to', 'UPDATE')",
        )
    }

    fn pool(&self) -> PoolUse {
        PoolUse::of(&self.pool.state(), self.pool.max_size())
    }

    fn acquire_shard(&self, role: Role, shard: Shard) -> Result<Lease, StoreError> {
        let guard = lease::take(&self.server, role, shard, &self.left_behind)?;
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

    fn ensure_partitions(&self, from: NaiveDate, to: NaiveDate) -> Result<(), StoreError> {
        partitions::ensure(&mut *self.connection()?, &partitions::months(from, to).collect::<Vec<_>>())
    }

    fn missing_partitions(&self, from: NaiveDate, to: NaiveDate) -> Result<Vec<String>, StoreError> {
        partitions::missing(&mut *self.connection()?, from, to)
    }

    fn retain_from(&self, lease: &Lease, from: UnixSeconds, stop: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        self.transaction("set the horizon", |connection| {
            lease::check(connection, lease)?;
            // Whoever writes has read the horizon under its role's row: what was read before is written before.
            connection.batch_execute("SELECT FROM role_epoch FOR UPDATE").during("wait for other writers")?;
            retention::set(connection, from)
        })?;
        while !stop() {
            let dropped = self.transaction("drop a partition", |connection| {
                lease::check(connection, lease)?;
                connection.batch_execute(partitions::SHORT_WAIT).during("drop a partition")?;
                partitions::drop_oldest(connection)
            })?;
            if dropped.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn write(&self, lease: &Lease, batch: &Batch) -> Result<(), StoreError> {
        let times = batch.bars.iter().map(|(_, bar)| bar.first.start());
        self.write_bars("write bars", times, |connection| {
            lease::check(connection, lease)?;
            write::batch(connection, batch)
        })
    }

    fn follow(&self) -> Result<Box<dyn Follow>, StoreError> {
        Ok(Box::new(follow::Listener::begin(&self.server)?))
    }

    fn fill(&self, roles: FillRoles<'_>, fill: &Fill) -> Result<(), StoreError> {
        let minutes = fill.batch.bars.iter().map(|(_, bar)| bar);
        let rolled = fill.rollups.iter().flat_map(|write| write.bars.iter().map(|(_, bar)| bar));
        self.write_bars("write bars", minutes.chain(rolled).map(|bar| bar.first.start()), |connection| {
            roles.check(|lease| lease::check(connection, lease))?;
            write::batch(connection, &fill.batch)?;
            write::rollups(connection, &fill.rollups)
        })
    }

    fn make_room(&self, month: NaiveDate) -> Result<Room, StoreError> {
        if !self.holds("has_function_privilege('klines_end_month(text)', 'EXECUTE')")? {
            return Ok(Room::None("this user may not attach months; run sql_scripts/roles.sql again"));
        }
        if !self.transaction("read the horizon", |connection| bulk::is_kept(connection, month))? {
            return Ok(Room::None("its bars are not kept any more"));
        }
        match self.transaction("make room for a month", |connection| bulk::clear_month(connection, month)) {
            Ok(true) => Ok(Room::Free),
            Ok(false) => Ok(Room::None("it has rows")),
            Err(error) if error.is_retriable() => Ok(Room::None("its empty partition is in use")),
            Err(error) => Err(error),
        }
    }

    fn fill_month(
        &self,
        roles: FillRoles<'_>,
        month: NaiveDate,
        supplier: &mut dyn Supplier,
    ) -> Result<MonthFill, StoreError> {
        match self.transaction("write a month", |connection| bulk::month(connection, roles, month, supplier)) {
            Err(error) if bulk::is_given_up(&error) => Ok(MonthFill::GivenUp),
            outcome => outcome,
        }
    }

    fn bars_after(&self, ends: &[(Symbol, UnixSeconds)]) -> Result<BTreeSet<Symbol>, StoreError> {
        let rows: Vec<SymbolRow> = sql_query(include_str!("sql/bars_after.sql"))
            .bind::<Array<Text>, _>(ends.iter().map(|(symbol, _)| symbol.as_str()).collect::<Vec<_>>())
            .bind::<Array<BigInt>, _>(ends.iter().map(|(_, end)| end.get()).collect::<Vec<_>>())
            .get_results(&mut *self.connection()?)
            .during("look for later bars")?;
        rows.iter().map(|row| rows::symbol(&row.symbol, "market_klines")).collect()
    }

    fn clear(&self, lease: &Lease, symbol: Option<&Symbol>) -> Result<(), StoreError> {
        self.transaction("remove bars", |connection| {
            // To remove years takes as long as it takes.
            connection.batch_execute("SET LOCAL statement_timeout = 0").during("remove bars")?;
            lease::check(connection, lease)?;
            write::clear(connection, symbol)
        })
    }

    fn bars(&self, ranges: &[BarRange], limit: usize) -> Result<Vec<StoredBar>, StoreError> {
        let [range] = ranges else {
            return self.bars_by(include_str!("sql/bars.sql"), ranges, limit);
        };
        // The key gives the order, and the partitions are known before the statement runs.
        let found = sql_query(include_str!("sql/bars_of_one.sql"))
            .bind::<Text, _>(range.symbol.as_str())
            .bind::<Text, _>(range.interval.as_str())
            .bind::<BigInt, _>(range.from.get())
            .bind::<BigInt, _>(range.to.get())
            .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
            .get_results::<BarRow>(&mut *self.connection()?)
            .during("read bars")?;
        Ok(found.into_iter().map(StoredBar::from).collect())
    }

    fn last_bars(&self, ranges: &[BarRange], count: usize) -> Result<Vec<StoredBar>, StoreError> {
        self.bars_by(include_str!("sql/last_bars.sql"), ranges, count)
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
        // Each reads on one connection and writes on another.
        if self.pool.max_size() >= 4 { 2 } else { 1 }
    }

    fn write_rollups(&self, lease: &Lease, writes: &[RollupWrite]) -> Result<(), StoreError> {
        let times = writes.iter().flat_map(|write| write.bars.iter().map(|(_, bar)| bar.first.start()));
        self.write_bars("write roll-ups", times, |connection| {
            lease::check(connection, lease)?;
            write::rollups(connection, writes)
        })
    }
}

/// The names of the rolled intervals.
fn rolled_names() -> Vec<&'static str> {
    Interval::ROLLED.iter().map(|interval| interval.as_str()).collect()
}
