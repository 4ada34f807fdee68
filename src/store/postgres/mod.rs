//! A market in PostgreSQL: month partitions, binary COPY for bulk, arrays for the live minute.

mod connect;
mod copy;
mod follow;
mod klines;
mod lease;
mod month;
mod notify;
mod partitions;
mod pooler;
mod schema;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool, PooledConnection};
use diesel::sql_types::Bool;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use klined_market::base::{Shard, Symbol, Traded, UnixSeconds};
use klined_market::calendar::Hours;
use klined_market::universe::UniverseRow;

use self::connect::{PgServer, one_line};
use self::pooler::{PoolSetup, Sessions};
use super::connection::AnyConnection;
use super::data::{BarRange, MarketWrite, RollupWrite, StoredBar, VolumeFilter};
use super::database::{MarketDatabase, TimeSpan};
use super::error::{During, StoreError};
use super::history::{HistoryPart, LoadRoles, MonthLoad, MonthRoom, PartSource};
use super::lease::LeaseLock;
use super::observe::{Hook, Operation, StoreObserver};
use super::options::{PoolUse, StoreOptions};
use super::postgres_url::PostgresUrl;
use super::role::Role;
use super::traits::{BarStore, Follow, ReadBars, SchemaVersion};
use super::{migrations, transaction};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");
/// PostgreSQL 13, the oldest that has everything used here.
const SERVER_VERSION_MIN: i32 = 130_000;

// What the user may do: expressions of SQL, because diesel has no names for the server's objects.
const MAY_CREATE_TABLES: &str = "coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)";
const MAY_MAKE_PARTITIONS: &str = "has_function_privilege('klines_make_partition(text, bigint, bigint)', 'EXECUTE')";
const MAY_LOAD_MONTHS: &str = "has_function_privilege('klines_end_month(text)', 'EXECUTE')";
// A month that is loaded into a table of its own reaches a subscriber under that table's name, which the subscriber does not have.
const IS_READ_ONLY: &str = "current_setting('transaction_read_only')::boolean";
const IS_PUBLISHED: &str = "EXISTS (SELECT FROM pg_publication)";
const MAY_WRITE_ROLLUPS: &str = "has_table_privilege('market_klines', 'INSERT') \
     AND has_column_privilege('rollup_watermark', 'folded_to', 'UPDATE')";

/// Every writing transaction has read the horizon under its role's row: it ends before this lock is granted.
const WAIT_FOR_WRITERS: &str = "SELECT FROM role_epoch FOR UPDATE";

type PgPooled = PooledConnection<ConnectionManager<PgConnection>>;

/// A pool of connections to one PostgreSQL database.
#[derive(Clone)]
pub(super) struct PostgresStore {
    pool: Pool<ConnectionManager<PgConnection>>,
    /// For connections that must not go back to the pool.
    server: PgServer,
    sessions: Sessions,
    /// The server's processes of leases that were given up while their connection was lost.
    left_behind: lease::LeftBehind,
    hook: Hook,
}

impl PostgresStore {
    pub(super) fn open(url: &PostgresUrl, options: &StoreOptions) -> Result<Self, StoreError> {
        let server = PgServer::new(url, options.timeout)?;
        // Tried once outside the pool, whose own error says only that it timed out.
        let (facts, sessions) = pooler::look(&server)?;
        let unusable = |reason| Err(StoreError::Unusable { url: options.url.to_string(), reason });
        if facts.version < SERVER_VERSION_MIN {
            return unusable(format!("its server is PostgreSQL {}; 13 or newer is needed", facts.version / 10_000));
        }
        if !facts.has_schema {
            return unusable(
                "its search path names no schema that exists and that this user may use; CREATE SCHEMA first"
                    .to_owned(),
            );
        }
        let pool = Pool::builder()
            .max_size(options.pool_size)
            .min_idle(Some(1))
            .connection_timeout(options.timeout)
            // Asking on a lent session would be a transaction of its own, and say nothing of the next one's.
            .test_on_check_out(sessions == Sessions::Own)
            .connection_customizer(Box::new(PoolSetup::with(&server, sessions)))
            .build_unchecked(ConnectionManager::new(&server.url));
        Ok(Self { pool, server, sessions, left_behind: lease::LeftBehind::default(), hook: Hook::default() })
    }

    fn connection(&self) -> Result<PgPooled, StoreError> {
        self.pool.get().or_else(|error| {
            // The pool waits alike for a server that is gone and for a connection that is busy: connecting anew shows which.
            self.server.connect()?;
            Err(StoreError::PoolTimeout { waited: self.server.timeout, reason: one_line(&error) })
        })
    }

    /// What every call that changes something asks first.
    fn require_own_sessions(&self) -> Result<(), StoreError> {
        if self.sessions == Sessions::Own { Ok(()) } else { Err(self.server.pooled()) }
    }

    /// Whether a condition holds, such as that the server grants this user a right.
    fn holds(&self, right: &'static str) -> Result<bool, StoreError> {
        self.read(|connection| {
            diesel::select(sql::<Bool>(right)).get_result(connection).during("ask for the user's rights")
        })
    }
}

impl MarketDatabase for PostgresStore {
    type Link = PgConnection;
    type Removal = partitions::Removal;

    fn any(connection: &mut PgConnection) -> AnyConnection<'_> {
        AnyConnection::Postgres(connection)
    }

    fn hook(&self) -> &Hook {
        &self.hook
    }

    fn read<T>(&self, work: impl FnOnce(&mut PgConnection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.hook.call(Operation::Other, || {
            let connection = &mut *self.connection()?;
            match self.sessions {
                Sessions::Own => work(connection),
                Sessions::Lent => transaction::run(connection, "read", |connection| {
                    connection.batch_execute(&self.server.begin_transaction()).during("begin to read")?;
                    work(connection)
                }),
            }
        })
    }

    fn transaction<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.require_own_sessions()?;
        self.read(|connection| transaction::run(connection, action, work))
    }

    fn write_bars(
        &self,
        action: &'static str,
        span: impl Fn() -> TimeSpan,
        work: impl Fn(&mut PgConnection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let outcome = self.transaction(action, &work);
        // So PostgreSQL calls a row without a partition.
        let is_partition_missing = outcome.as_ref().is_err_and(StoreError::is_check_violation);
        match span().filter(|_| is_partition_missing) {
            Some((from, to)) if self.read(|connection| partitions::make_for(connection, from, to))? => {
                self.transaction(action, work)
            }
            _ => outcome,
        }
    }

    fn lock_role(&self, role: Role, shard: Shard) -> Result<Box<dyn LeaseLock>, StoreError> {
        self.require_own_sessions()?;
        Ok(Box::new(lease::take(&self.server, role, shard, &self.left_behind)?))
    }

    fn make_partitions(&self, from: NaiveDate, to: NaiveDate) -> Result<(), StoreError> {
        self.require_own_sessions()?;
        self.read(|connection| partitions::ensure(connection, from, to))
    }

    fn list_missing(&self, from: NaiveDate, to: NaiveDate) -> Result<Vec<String>, StoreError> {
        self.read(|connection| partitions::missing(connection, from, to))
    }

    fn clear_month(&self, month: NaiveDate) -> Result<MonthRoom, StoreError> {
        if !self.holds(MAY_LOAD_MONTHS)? {
            return Ok(MonthRoom::None("this user may not attach months; run sql_scripts/roles.sql again"));
        }
        if self.holds(IS_PUBLISHED)? {
            return Ok(MonthRoom::None(
                "this database has a publication, and a subscriber cannot follow a month that is attached",
            ));
        }
        if !self.read(|connection| month::is_kept(connection, month))? {
            return Ok(MonthRoom::None("its bars are not kept any more"));
        }
        match self.transaction("make room for a month", |connection| month::clear(connection, month)) {
            Ok(true) => Ok(MonthRoom::Free),
            Ok(false) => Ok(MonthRoom::None("it has rows")),
            Err(error) if error.is_retriable() => Ok(MonthRoom::None("its empty partition is in use")),
            Err(error) => Err(error),
        }
    }

    fn load_whole(
        &self,
        roles: LoadRoles<'_>,
        month: NaiveDate,
        source: &mut dyn PartSource,
    ) -> Result<MonthLoad, StoreError> {
        match self.transaction("write a month", |connection| month::load(connection, roles, month, source)) {
            Err(error) if month::is_cancelled(&error) => Ok(MonthLoad::Cancelled),
            outcome => outcome,
        }
    }

    fn lanes(&self) -> usize {
        // Each reads on one connection and writes on another.
        if self.pool.max_size() >= 4 { 2 } else { 1 }
    }

    fn fill_universe(connection: &mut PgConnection, universe: &[UniverseRow]) -> Result<(), StoreError> {
        write::universe(connection, universe)
    }

    fn fit_room(connection: &mut PgConnection, hours: Hours) -> Result<(), StoreError> {
        partitions::drop_foreign(connection, hours)
    }

    fn put_minutes(connection: &mut PgConnection, write: &MarketWrite) -> Result<(), StoreError> {
        write::minutes(connection, write)
    }

    fn put_rollups(connection: &mut PgConnection, writes: &[RollupWrite]) -> Result<(), StoreError> {
        write::rollups(connection, writes)
    }

    fn put_turnover(
        connection: &mut PgConnection,
        symbol: &Symbol,
        found: &[(UnixSeconds, Traded)],
    ) -> Result<(), StoreError> {
        klines::fill_turnover(connection, symbol, found)
    }

    fn put_part(connection: &mut PgConnection, part: &HistoryPart) -> Result<(), StoreError> {
        write::minutes(connection, &part.minutes)?;
        write::rollups(connection, &part.rollups)
    }

    fn remove(connection: &mut PgConnection, symbol: Option<&Symbol>) -> Result<(), StoreError> {
        write::clear(connection, symbol)
    }

    fn announce_removal(connection: &mut PgConnection) -> Result<(), StoreError> {
        notify::of_removal(connection)
    }

    fn wait_for_writers(connection: &mut PgConnection) -> Result<(), StoreError> {
        connection.batch_execute(WAIT_FOR_WRITERS).during("wait for other writers")
    }

    fn remove_old(
        connection: &mut PgConnection,
        _from: UnixSeconds,
        removal: &mut partitions::Removal,
    ) -> Result<bool, StoreError> {
        removal.step(connection)
    }
}

impl SchemaVersion for PostgresStore {
    fn require_writable(&self) -> Result<(), StoreError> {
        self.require_own_sessions()
    }

    fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.require_own_sessions()?;
        // A user who finds nothing to do needs no right to create tables.
        if self.pending_migrations()?.is_empty() {
            return Ok(vec![]);
        }
        if self.holds(IS_READ_ONLY)? {
            return Err(StoreError::ReadOnly { url: self.server.shown_url.clone() });
        }
        // Not on a connection of the pool, whose statements have a bound: building an index takes as long as it takes.
        self.hook.call(Operation::Other, || {
            let mut connection = self.server.connect_as("klined migration")?;
            let _serial = lease::hold_migration_lock(&self.server)?;
            migrations::run(&mut connection, MIGRATIONS)
        })
    }

    fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let applied = migrations::applied(&mut AnyConnection::Postgres(connection))?;
            migrations::pending::<diesel::pg::Pg>(applied, MIGRATIONS)
        })
    }

    fn may_create_tables(&self) -> Result<bool, StoreError> {
        self.holds(MAY_CREATE_TABLES)
    }

    fn may_make_partitions(&self) -> Result<bool, StoreError> {
        self.holds(MAY_MAKE_PARTITIONS)
    }

    fn may_write_rollups(&self) -> Result<bool, StoreError> {
        self.holds(MAY_WRITE_ROLLUPS)
    }
}

impl ReadBars for PostgresStore {
    fn bars(&self, ranges: &[BarRange], limit: usize) -> Result<Vec<StoredBar>, StoreError> {
        self.read(|connection| klines::bars(connection, ranges, VolumeFilter::Any, limit))
    }

    fn last_bars(&self, ranges: &[BarRange], count: usize) -> Result<Vec<StoredBar>, StoreError> {
        self.read(|connection| klines::last_bars(connection, ranges, VolumeFilter::Any, count))
    }

    fn traded_bars(&self, ranges: &[BarRange], limit: usize) -> Result<Vec<StoredBar>, StoreError> {
        self.read(|connection| klines::bars(connection, ranges, VolumeFilter::Traded, limit))
    }

    fn last_traded_bars(&self, ranges: &[BarRange], count: usize) -> Result<Vec<StoredBar>, StoreError> {
        self.read(|connection| klines::last_bars(connection, ranges, VolumeFilter::Traded, count))
    }

    fn bars_after(&self, ends: &[(Symbol, UnixSeconds)]) -> Result<BTreeSet<Symbol>, StoreError> {
        self.read(|connection| klines::bars_after(connection, ends))
    }
}

impl BarStore for PostgresStore {
    fn check_place(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn pool(&self) -> PoolUse {
        PoolUse::of(&self.pool.state(), self.pool.max_size())
    }

    fn follow(&self) -> Result<Box<dyn Follow>, StoreError> {
        self.hook.call(Operation::Other, || follow::begin(&self.server, self.sessions))
    }

    fn observed_by(&self, observer: Arc<dyn StoreObserver>) -> Arc<dyn BarStore> {
        Arc::new(Self { hook: Hook::of(observer), ..self.clone() })
    }
}
