//! A market in one SQLite file: write-ahead log, one writing transaction at a time, roles as locked files beside it.

mod bulk;
mod clearing;
mod file;
mod follow;
mod klines;
mod lease;
mod reading;
mod removal;
mod settings;
mod write;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool, PooledConnection};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use klined_market::base::{Shard, Symbol, Traded, UnixSeconds};
use klined_market::calendar::Hours;
use klined_market::universe::UniverseRow;

use self::file::DatabaseFile;
use super::connection::AnyConnection;
use super::data::{BarRange, MarketWrite, RollupWrite, StoredBar, VolumeFilter};
use super::database::{MarketDatabase, TimeSpan};
use super::error::{During, StoreError};
use super::history::{HistoryPart, LoadRoles, MonthLoad, MonthRoom, PartSource};
use super::lease::LeaseLock;
use super::observe::{Hook, Operation, StoreObserver};
use super::options::{PoolUse, StoreOptions};
use super::role::Role;
use super::traits::{BarStore, Follow, ReadBars, SchemaVersion};
use super::{migrations, transaction};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

type SqlitePooled = PooledConnection<ConnectionManager<SqliteConnection>>;

/// A pool of connections to one SQLite file.
#[derive(Clone)]
pub(super) struct SqliteStore {
    pool: Pool<ConnectionManager<SqliteConnection>>,
    file: DatabaseFile,
    timeout: Duration,
    hook: Hook,
}

/// SQLite's own message.
fn cause(error: &StoreError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// The same, with the remedy where a right is missing.
fn explained(error: &StoreError) -> String {
    let cause = cause(error);
    if cause.contains("readonly database") {
        return format!(
            "{cause}; this user must be able to write the file and its directory, where the log lies beside it"
        );
    }
    cause
}

fn unusable(options: &StoreOptions, reason: String) -> StoreError {
    StoreError::Unusable { url: options.url.to_string(), reason }
}

/// The name of a database file for SQLite.
///
/// # Errors
/// The path is not UTF-8, or its directory does not exist.
fn name_of<'a>(path: &'a Path, options: &StoreOptions) -> Result<&'a str, StoreError> {
    let Some(name) = path.to_str() else {
        return Err(unusable(options, "its path is not UTF-8".to_owned()));
    };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.is_dir() {
        return Err(unusable(options, format!("there is no directory {}", directory.display())));
    }
    Ok(name)
}

impl SqliteStore {
    /// Reads bars in one transaction, so that all ranges are of the same moment.
    fn bars_at_once(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<Vec<StoredBar>, StoreError>,
    ) -> Result<Vec<StoredBar>, StoreError> {
        self.read(|connection| transaction::run(connection, "read bars", work))
    }

    pub(super) fn open(path: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        let unusable = |reason| unusable(options, reason);
        let name = name_of(path, options)?;
        // A second name would be seen too late: opening by it makes a log of its own.
        if path.exists() {
            DatabaseFile::of(path).map_err(unusable)?;
        }
        // Tried once outside the pool, whose own error says only that it timed out.
        let mut first = SqliteConnection::establish(name)
            .map_err(|error| unusable(format!("{error}; the file and its directory must be readable and writable")))?;
        settings::configure(&mut first, options.timeout)
            .and_then(|()| first.immediate_transaction(|_| Ok::<_, diesel::result::Error>(())))
            .during("open the database")
            .map_err(|error| if error.is_retriable() { error } else { unusable(explained(&error)) })?;
        // From here on under the name that the file has whatever it was called.
        let file = DatabaseFile::of(path).map_err(unusable)?;
        let name = name_of(file.path(), options)?;
        let pool = Pool::builder()
            .max_size(options.pool_size)
            .min_idle(Some(1))
            .connection_timeout(options.timeout)
            .test_on_check_out(true)
            .connection_customizer(Box::new(settings::SqliteSetup { timeout: options.timeout }))
            .build_unchecked(ConnectionManager::new(name));
        Ok(Self { pool, file, timeout: options.timeout, hook: Hook::default() })
    }

    fn connection(&self) -> Result<SqlitePooled, StoreError> {
        // Before the pool may open another connection, which would make a new file.
        self.file.check()?;
        self.pool.get().map_err(|error| StoreError::PoolTimeout { waited: self.timeout, reason: error.to_string() })
    }
}

impl MarketDatabase for SqliteStore {
    type Link = SqliteConnection;
    type Removal = removal::Removal;

    fn any(connection: &mut SqliteConnection) -> AnyConnection<'_> {
        AnyConnection::Sqlite(connection)
    }

    fn hook(&self) -> &Hook {
        &self.hook
    }

    fn read<T>(&self, work: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.hook.call(Operation::Other, || work(&mut *self.connection()?))
    }

    fn transaction<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let outcome = self.read(|connection| transaction::run_immediate(connection, action, work))?;
        // What went into a lost file is not written.
        self.file.check()?;
        Ok(outcome)
    }

    /// SQLite has no partitions.
    fn write_bars(
        &self,
        action: &'static str,
        _span: impl Fn() -> TimeSpan,
        work: impl Fn(&mut SqliteConnection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.transaction(action, work)
    }

    fn lock_role(&self, role: Role, shard: Shard) -> Result<Box<dyn LeaseLock>, StoreError> {
        Ok(Box::new(lease::take(&self.file, role, shard)?))
    }

    fn make_partitions(&self, _from: NaiveDate, _to: NaiveDate) -> Result<(), StoreError> {
        Ok(())
    }

    fn list_missing(&self, _from: NaiveDate, _to: NaiveDate) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn clear_month(&self, _month: NaiveDate) -> Result<MonthRoom, StoreError> {
        Ok(MonthRoom::None("SQLite keeps all bars in one tree"))
    }

    fn load_whole(
        &self,
        _roles: LoadRoles<'_>,
        _month: NaiveDate,
        _source: &mut dyn PartSource,
    ) -> Result<MonthLoad, StoreError> {
        Ok(MonthLoad::Taken)
    }

    fn lanes(&self) -> usize {
        1
    }

    fn fill_universe(connection: &mut SqliteConnection, universe: &[UniverseRow]) -> Result<(), StoreError> {
        write::universe(connection, universe)
    }

    fn fit_room(_connection: &mut SqliteConnection, _hours: Hours) -> Result<(), StoreError> {
        Ok(())
    }

    fn put_minutes(connection: &mut SqliteConnection, write: &MarketWrite) -> Result<(), StoreError> {
        write::minutes(connection, write)
    }

    fn put_rollups(connection: &mut SqliteConnection, writes: &[RollupWrite]) -> Result<(), StoreError> {
        bulk::rollups(connection, writes)
    }

    fn put_turnover(
        connection: &mut SqliteConnection,
        symbol: &Symbol,
        found: &[(UnixSeconds, Traded)],
    ) -> Result<(), StoreError> {
        bulk::fill_turnover(connection, symbol, found)
    }

    fn put_part(connection: &mut SqliteConnection, part: &HistoryPart) -> Result<(), StoreError> {
        bulk::part(connection, part)
    }

    fn remove(connection: &mut SqliteConnection, symbol: Option<&Symbol>) -> Result<(), StoreError> {
        clearing::clear(connection, symbol)
    }

    /// A follower sees every commit.
    fn announce_removal(_connection: &mut SqliteConnection) -> Result<(), StoreError> {
        Ok(())
    }

    /// The transaction is the only one that writes.
    fn wait_for_writers(_connection: &mut SqliteConnection) -> Result<(), StoreError> {
        Ok(())
    }

    fn remove_old(
        connection: &mut SqliteConnection,
        from: UnixSeconds,
        removal: &mut removal::Removal,
    ) -> Result<bool, StoreError> {
        removal.step(connection, from)
    }
}

impl SchemaVersion for SqliteStore {
    fn require_writable(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let _serial = lease::hold_migration_lock(self.file.path())?;
            migrations::run(connection, MIGRATIONS)
        })
    }

    fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let applied = migrations::applied(&mut AnyConnection::Sqlite(connection))?;
            migrations::pending::<diesel::sqlite::Sqlite>(applied, MIGRATIONS)
        })
    }

    /// A user who can open the file for writing, which opening the store has tried, can do everything in it.
    fn may_create_tables(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn may_make_partitions(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn may_write_rollups(&self) -> Result<bool, StoreError> {
        Ok(true)
    }
}

impl ReadBars for SqliteStore {
    fn bars(&self, ranges: &[BarRange], limit: usize) -> Result<Vec<StoredBar>, StoreError> {
        self.bars_at_once(|connection| klines::bars(connection, ranges, VolumeFilter::Any, limit))
    }

    fn last_bars(&self, ranges: &[BarRange], count: usize) -> Result<Vec<StoredBar>, StoreError> {
        self.bars_at_once(|connection| klines::last_bars(connection, ranges, VolumeFilter::Any, count))
    }

    fn traded_bars(&self, ranges: &[BarRange], limit: usize) -> Result<Vec<StoredBar>, StoreError> {
        self.bars_at_once(|connection| klines::bars(connection, ranges, VolumeFilter::Traded, limit))
    }

    fn last_traded_bars(&self, ranges: &[BarRange], count: usize) -> Result<Vec<StoredBar>, StoreError> {
        self.bars_at_once(|connection| klines::last_bars(connection, ranges, VolumeFilter::Traded, count))
    }

    fn bars_after(&self, ends: &[(Symbol, UnixSeconds)]) -> Result<BTreeSet<Symbol>, StoreError> {
        self.read(|connection| klines::bars_after(connection, ends))
    }
}

impl BarStore for SqliteStore {
    fn check_place(&self) -> Result<(), StoreError> {
        self.file.check()
    }

    fn pool(&self) -> PoolUse {
        PoolUse::of(&self.pool.state(), self.pool.max_size())
    }

    fn follow(&self) -> Result<Box<dyn Follow>, StoreError> {
        let follow =
            || Ok(Box::new(follow::VersionFollower::begin(self.file.clone(), self.timeout)?) as Box<dyn Follow>);
        self.hook.call(Operation::Other, follow)
    }

    fn observed_by(&self, observer: Arc<dyn StoreObserver>) -> Arc<dyn BarStore> {
        Arc::new(Self { hook: Hook::of(observer), ..self.clone() })
    }
}
