//! A market in PostgreSQL: month partitions, binary COPY for bulk, arrays for the live minute.

mod lease;
mod numeric;
mod partitions;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use chrono::NaiveDate;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool, PooledConnection};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Nullable, Text};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use super::data::{
    BarRange, Batch, Identity, Listing, MarketStatus, Progress, RollupBacklog, RollupTask, RollupWrite, StateRow,
    StoredBar, StoredScenario,
};
use super::error::During;
use super::url::without_passwords_of;
use super::{BarStore, Lease, PoolUse, Role, StoreError, StoreOptions, migrations, rows, scenarios, transaction};
use crate::bars::Halt;
use crate::base::{Interval, Symbol, UnixSeconds};
use crate::universe::UniverseRow;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");
/// PostgreSQL 13, the oldest that has everything used here.
const SERVER_VERSION_MIN: i32 = 130_000;

type Pooled = PooledConnection<ConnectionManager<PgConnection>>;

/// A pool of connections to one PostgreSQL database.
pub struct PostgresStore {
    pool: Pool<ConnectionManager<PgConnection>>,
    /// For the connection that holds a lease, which must not go back to the pool.
    connection_url: String,
    shown_url: String,
    timeout: Duration,
    /// Months known to have a partition, so that asking again costs nothing.
    partitions: Mutex<BTreeSet<partitions::Month>>,
}

#[derive(Debug)]
struct Session {
    lock_timeout_ms: u128,
}

impl CustomizeConnection<PgConnection, diesel::r2d2::Error> for Session {
    fn on_acquire(&self, connection: &mut PgConnection) -> Result<(), diesel::r2d2::Error> {
        connection
            .batch_execute(&format!(
                "SET application_name = 'klined'; SET lock_timeout = {}; SET datestyle = 'ISO'",
                self.lock_timeout_ms
            ))
            .map_err(diesel::r2d2::Error::QueryError)
    }
}

#[derive(QueryableByName)]
struct HoldsRow {
    #[diesel(sql_type = Bool)]
    holds: bool,
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
        let shown_url = options.url.to_string();
        let connection_url = with_connect_timeout(url, options.timeout);
        // Tried once outside the pool, whose own error says only that it timed out.
        let mut first = connect(&connection_url, &shown_url)?;
        let version = sql_query("SELECT current_setting('server_version_num')::int AS version")
            .get_result::<VersionRow>(&mut first)
            .during("ask the server for its version")?
            .version;
        if version < SERVER_VERSION_MIN {
            let reason = format!("its server is PostgreSQL {}; 13 or newer is needed", version / 10_000);
            return Err(StoreError::Unusable { url: shown_url, reason });
        }
        let pool = Pool::builder()
            .max_size(options.pool_size)
            .min_idle(Some(1))
            .connection_timeout(options.timeout)
            .test_on_check_out(true)
            .connection_customizer(Box::new(Session { lock_timeout_ms: options.timeout.as_millis() }))
            .build_unchecked(ConnectionManager::new(&connection_url));
        Ok(Self { pool, connection_url, shown_url, timeout: options.timeout, partitions: Mutex::default() })
    }

    fn connection(&self) -> Result<Pooled, StoreError> {
        self.pool.get().map_err(|error| {
            let reason = without_passwords_of(&self.connection_url, &one_line(&error));
            StoreError::PoolTimeout { waited: self.timeout, reason }
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

    /// Writes in one transaction on a connection of the pool.
    fn transaction<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        transaction::run(&mut *self.connection()?, action, work)
    }
}

/// libpq waits for ever for a host that does not answer, unless it is told otherwise.
fn with_connect_timeout(url: &str, timeout: Duration) -> String {
    if url.contains("connect_timeout=") {
        return url.to_owned();
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}connect_timeout={}", timeout.as_secs().max(2))
}

/// libpq breaks its messages into lines.
fn one_line(error: &impl ToString) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn connect(url: &str, shown_url: &str) -> Result<PgConnection, StoreError> {
    PgConnection::establish(url).map_err(|error| StoreError::Unreachable {
        url: shown_url.to_owned(),
        reason: format!(
            "{}; check host, port, user, password and that the database exists",
            without_passwords_of(url, &one_line(&error))
        ),
    })
}

impl BarStore for PostgresStore {
    fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let mut connection = self.connection()?;
        let _serial = lease::hold_migration_lock(&self.connection_url, &self.shown_url, self.timeout)?;
        migrations::run(&mut *connection, MIGRATIONS)
    }

    fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        migrations::pending(&mut *self.connection()?, MIGRATIONS)
    }

    fn may_create_tables(&self) -> Result<bool, StoreError> {
        let sql = "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS holds";
        let row =
            sql_query(sql).get_result::<HoldsRow>(&mut *self.connection()?).during("ask for the user's rights")?;
        Ok(row.holds)
    }

    fn pool(&self) -> PoolUse {
        PoolUse::of(&self.pool.state(), self.pool.max_size())
    }

    fn acquire(&self, role: Role) -> Result<Lease, StoreError> {
        let guard = lease::take(&self.connection_url, &self.shown_url, role)?;
        let epoch = sql_query(rows::NEXT_EPOCH)
            .bind::<Text, _>(role.as_str())
            .get_result::<rows::EpochRow>(&mut *self.connection()?)
            .during("count the holder of the role")?
            .epoch;
        Ok(Lease { role, epoch, guard: Box::new(guard) })
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
        let mut known = self.partitions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let missing: Vec<_> = partitions::months(from, to).filter(|month| !known.contains(month)).collect();
        if !missing.is_empty() {
            let mut connection = self.connection()?;
            partitions::ensure(&mut connection, &missing)?;
            known.extend(missing);
        }
        Ok(())
    }

    fn missing_partitions(&self, from: NaiveDate, to: NaiveDate) -> Result<Vec<String>, StoreError> {
        partitions::missing(&mut *self.connection()?, from, to)
    }

    fn write(&self, lease: &Lease, batch: &Batch) -> Result<(), StoreError> {
        self.transaction("write bars", |connection| {
            lease::check(connection, lease)?;
            write::batch(connection, batch)
        })
    }

    fn clear(&self, lease: &Lease, symbol: Option<&Symbol>) -> Result<(), StoreError> {
        self.transaction("remove bars", |connection| {
            lease::check(connection, lease)?;
            write::clear(connection, symbol)
        })
    }

    fn bars(&self, ranges: &[BarRange], limit: usize) -> Result<Vec<StoredBar>, StoreError> {
        let symbols: Vec<&str> = ranges.iter().map(|range| range.symbol.as_str()).collect();
        let intervals: Vec<&str> = ranges.iter().map(|range| range.interval.as_str()).collect();
        let froms: Vec<i64> = ranges.iter().map(|range| range.from).collect();
        let tos: Vec<i64> = ranges.iter().map(|range| range.to).collect();
        let found = sql_query(include_str!("sql/bars.sql"))
            .bind::<Array<Text>, _>(symbols)
            .bind::<Array<Text>, _>(intervals)
            .bind::<Array<BigInt>, _>(froms)
            .bind::<Array<BigInt>, _>(tos)
            .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
            .get_results::<rows::BarRow>(&mut *self.connection()?)
            .during("read bars")?;
        Ok(found.into_iter().map(StoredBar::from).collect())
    }

    fn rollup_tasks(&self, lease: &Lease) -> Result<Vec<RollupTask>, StoreError> {
        self.transaction("look for bars to roll up", |connection| {
            lease::check(connection, lease)?;
            connection.batch_execute(rows::CLAIM_CHANGES).during("claim changed bars")?;
            rows::rollup_tasks(connection).during("look for bars to roll up")?
        })
    }

    fn write_rollups(&self, lease: &Lease, writes: &[RollupWrite]) -> Result<(), StoreError> {
        self.transaction("write roll-ups", |connection| {
            lease::check(connection, lease)?;
            write::rollups(connection, writes)
        })
    }
}

/// The names of the rolled intervals.
fn rolled_names() -> Vec<&'static str> {
    Interval::ROLLED.iter().map(|interval| interval.as_str()).collect()
}
