//! What is kept, and the laws of keeping it.
//!
//! [`BarStore`] has two implementations, PostgreSQL and SQLite, and one contract suite that both must pass. Reads see
//! only what is committed. Whatever is written together is seen together or not at all.

mod bar_rows;
mod clock;
mod columns;
mod data;
mod epoch;
mod error;
mod fill;
mod follow;
mod migrations;
mod postgres;
mod prices;
mod retention;
mod rollups;
mod rows;
mod scenarios;
mod sqlite;
mod transaction;
mod url;

pub use data::{
    BarRange, Batch, Identity, Listing, MarketStatus, PriceRow, Progress, RollupBacklog, RollupTask, RollupWrite,
    StateRow, StoredBar, StoredScenario,
};
pub use error::StoreError;
pub use fill::{Fill, FillRoles, MonthFill, Room, Supplier, Supply};
pub use url::{DatabaseUrl, InvalidUrl, without_passwords_of};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;

use klined_market::bars::Halt;
use klined_market::base::{MarketClock, Shard, Symbol, UnixSeconds};
use klined_market::universe::UniverseRow;

/// How a store is reached.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    pub url: DatabaseUrl,
    /// The most connections held at once.
    pub pool_size: u32,
    /// How long to wait for a connection, and for a lock that another session holds.
    pub timeout: Duration,
}

/// How many connections a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// At work for somebody.
    pub busy: u32,
    /// Open and waiting.
    pub idle: u32,
    /// The most that may be open.
    pub max: u32,
}

impl PoolUse {
    fn of(state: &diesel::r2d2::State, max: u32) -> Self {
        Self { busy: state.connections.saturating_sub(state.idle_connections), idle: state.idle_connections, max }
    }
}

/// The two roles, each of which one process at a time may hold, or one for each shard of the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Writes 1-minute bars and all that belongs to them: the generator or a backfill.
    Writer,
    /// Writes roll-ups.
    Aggregator,
}

impl Role {
    /// The name in messages and lock files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Writer => "writer",
            Self::Aggregator => "aggregator",
        }
    }
}

/// Holds a role until it is dropped or its process ends, however it ends.
pub struct Lease {
    role: Role,
    shard: Shard,
    /// What [`BarStore::write`] compares, so that a writer whose lock was lost with its connection cannot write on
    /// after another has taken over.
    epoch: i64,
    guard: Box<dyn Guard>,
}

/// What a lease is held by.
trait Guard: Send + Sync {
    /// Fails when what holds the lease is gone. The holder may still be the newest of its role, but no longer keeps others
    /// from it: it has to take the role anew.
    fn check(&self) -> Result<(), StoreError>;
}

impl Lease {
    /// The role held.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The part of the market that it is held for.
    #[must_use]
    pub fn shard(&self) -> Shard {
        self.shard
    }

    /// Fails unless this is the newest lease of its role.
    fn compare(&self, newest_epoch: Option<i64>) -> Result<(), StoreError> {
        if newest_epoch == Some(self.epoch) { Ok(()) } else { Err(StoreError::RoleLost { role: self.role }) }
    }
}

/// A database that holds one market.
///
/// Laws, each tested on every implementation:
/// - **Atomic.** The effect of one call is visible whole or not at all, to every reader and after any crash.
/// - **Idempotent.** The same write again changes nothing.
/// - **Exact.** Prices and volumes come back as they were written.
/// - **Ordered.** Bars of a range come in order of time.
/// - **One writer.** While a lease of a role lives, a second of the same part of the market is refused, and any that divides it
///   otherwise; a write under a lease that has been taken over is refused and changes nothing.
/// - **Nothing before the horizon.** Once [`BarStore::retain_from`] has begun, no bar earlier than its instant is written.
/// - **Nothing unseen.** A 1-minute bar that is inserted behind the roll-up's watermark, or changed or removed anywhere, by
///   whatever program, turns up as repair work in [`BarStore::rollup_tasks`].
///
/// Every method may fail with [`StoreError`]; [`StoreError::is_retriable`] says whether trying again can help.
pub trait BarStore: Send + Sync {
    /// Brings the schema up to date; gives the migrations that it ran.
    fn migrate(&self) -> Result<Vec<String>, StoreError>;

    /// The migrations that [`BarStore::migrate`] would run, oldest first. Changes nothing. Fails when the database has had one
    /// that this program does not know.
    fn pending_migrations(&self) -> Result<Vec<String>, StoreError>;

    /// Whether this user may create tables, as migrations need.
    fn may_create_tables(&self) -> Result<bool, StoreError>;

    /// Whether this user may make partitions, as the writer needs. Asked of a migrated database.
    fn may_make_partitions(&self) -> Result<bool, StoreError>;

    /// Whether this user may write roll-ups and their watermarks. Asked of a migrated database.
    fn may_write_rollups(&self) -> Result<bool, StoreError>;

    /// Checks that the schema is the one this program was built for, and changes nothing.
    fn check_schema(&self) -> Result<(), StoreError> {
        match self.pending_migrations()?.as_slice() {
            [] => Ok(()),
            pending @ [first, ..] => Err(StoreError::Schema(format!(
                "{} migrations have not been run, the first being {first}; start a daemon once with a role that may create \
                 tables",
                pending.len(),
            ))),
        }
    }

    /// Connections of the pool at this moment. Does not wait for the database.
    fn pool(&self) -> PoolUse;

    /// Takes a role for the whole market, or fails with [`StoreError::RoleTaken`] while another process has it or a shard of it.
    fn acquire(&self, role: Role) -> Result<Lease, StoreError> {
        self.acquire_shard(role, Shard::WHOLE)
    }

    /// Takes a role for a part of the market. Fails with [`StoreError::ShardTaken`] while another process has the same part,
    /// and with [`StoreError::DividedOtherwise`] while one has the whole or a part of another count.
    fn acquire_shard(&self, role: Role, shard: Shard) -> Result<Lease, StoreError>;

    /// Asks the database whether a lease is still held and the newest of its role. Fails when it is not.
    fn confirm(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Whose market this is; none while the database has not been claimed.
    fn identity(&self) -> Result<Option<Identity>, StoreError>;

    /// Makes this database the market of an identity. Fails with [`StoreError::OtherMarket`] when it is another's. An
    /// empty universe is filled with `default_universe` when, and only when, the database had no identity yet.
    fn claim(&self, identity: &Identity, default_universe: &[UniverseRow]) -> Result<(), StoreError>;

    /// Every row of `stock_metadata`, as it stands, in order of symbol.
    fn universe(&self) -> Result<Vec<UniverseRow>, StoreError>;

    /// Where every symbol that was ever listed stands, in order of symbol.
    fn progress(&self) -> Result<Vec<Progress>, StoreError>;

    /// Every span of trading days in which a symbol has bars, in order of symbol and first day.
    fn listings(&self) -> Result<Vec<Listing>, StoreError>;

    /// The scenarios applied to this market, in the order in which they were.
    fn scenarios(&self) -> Result<Vec<StoredScenario>, StoreError>;

    /// Applies a scenario. Fails when one of its name has been.
    fn add_scenario(&self, lease: &Lease, scenario: &StoredScenario) -> Result<(), StoreError>;

    /// Every halt that has been reached, in order of symbol and time.
    fn halts(&self) -> Result<Vec<Halt>, StoreError>;

    /// Makes sure that bars of the months from one date to another have a place. Cheap when they have.
    fn ensure_partitions(&self, from: NaiveDate, to: NaiveDate) -> Result<(), StoreError>;

    /// The partitions that [`BarStore::ensure_partitions`] would make. Changes nothing.
    fn missing_partitions(&self, from: NaiveDate, to: NaiveDate) -> Result<Vec<String>, StoreError>;

    /// Start of the first month whose bars are kept, in Unix seconds; none while all are.
    fn retained_from(&self) -> Result<Option<UnixSeconds>, StoreError>;

    /// Keeps no bar earlier than an instant, a month's first: such bars of any interval are not written any more, and those
    /// that are there are removed in bounded transactions, until there are none or `stop` says so. Whether none are left.
    /// Leaves no repair work, and does nothing when earlier ones were removed already.
    fn retain_from(&self, lease: &Lease, from: UnixSeconds, stop: &dyn Fn() -> bool) -> Result<bool, StoreError>;

    /// Writes bars with all that belongs to them in one transaction. A status earlier than the one that is there is left out.
    fn write(&self, lease: &Lease, batch: &Batch) -> Result<(), StoreError>;

    /// Writes a part of a history in one transaction: bars with all that belongs to them, and their roll-ups when the roles
    /// hold the aggregator's.
    fn fill(&self, roles: FillRoles<'_>, fill: &Fill) -> Result<(), StoreError>;

    /// Makes room for the bars of a day's month in a place of their own, which takes them faster than any other. There is none
    /// where the month has rows, or the database no such places; nothing is changed then, and [`BarStore::fill`] remains.
    fn make_room(&self, month: NaiveDate) -> Result<Room, StoreError>;

    /// Writes all of a month for which there is room, part after part as they are supplied, in one transaction. Two months that
    /// follow one another may be under way at once. Of several writers who have parts of the market the first takes the month,
    /// and the others wait until it is written.
    ///
    /// `month` is any day of the month; no bar may be later than it, and 1-minute bars not earlier. No symbol comes twice.
    fn fill_month(
        &self,
        roles: FillRoles<'_>,
        month: NaiveDate,
        supplier: &mut dyn Supplier,
    ) -> Result<MonthFill, StoreError>;

    /// Those of some symbols that have 1-minute bars later than a symbol's instant.
    fn bars_after(&self, ends: &[(Symbol, UnixSeconds)]) -> Result<BTreeSet<Symbol>, StoreError>;

    /// Removes one symbol's bars and state, or with none the whole market and its identity. The universe stays.
    fn clear(&self, lease: &Lease, symbol: Option<&Symbol>) -> Result<(), StoreError>;

    /// The bars of some ranges, range after range, at most `limit` in all.
    fn bars(&self, ranges: &[BarRange], limit: usize) -> Result<Vec<StoredBar>, StoreError>;

    /// The newest bars of some ranges, at most `count` of each; range after range, and within it in order of time. With a
    /// range that ends at an instant and a count of 1 this is the bar before that instant.
    fn last_bars(&self, ranges: &[BarRange], count: usize) -> Result<Vec<StoredBar>, StoreError>;

    /// Every stock that `stock_metadata` has and that has a bar, in order of symbol.
    fn prices(&self) -> Result<Vec<PriceRow>, StoreError>;

    /// Every row of `stock_state`, in order of symbol.
    fn states(&self) -> Result<Vec<StateRow>, StoreError>;

    /// The row of `market_status`.
    fn status(&self) -> Result<Option<MarketStatus>, StoreError>;

    /// Which minute is open, and how it passes; none before the generator's first minute.
    fn clock(&self) -> Result<Option<MarketClock>, StoreError>;

    /// Begins to follow what is written, on a connection of its own.
    fn follow(&self) -> Result<Box<dyn Follow>, StoreError>;

    /// The last 1-minute bar of each generated symbol that is part of its roll-ups, in Unix seconds.
    fn watermarks(&self) -> Result<BTreeMap<Symbol, UnixSeconds>, StoreError>;

    /// How far the roll-ups are behind, of symbols that have any; none when there are no such.
    fn rollup_backlog(&self) -> Result<Option<RollupBacklog>, StoreError>;

    /// What there is to roll up in the lease's part of the market, in order of symbol. Notes of changed bars are claimed: they stay until
    /// [`BarStore::write_rollups`] settles them, and notes that come later are told apart.
    fn rollup_tasks(&self, lease: &Lease) -> Result<Vec<RollupTask>, StoreError>;

    /// How many transactions with roll-ups of different symbols are worth while at the same time.
    fn rollup_lanes(&self) -> usize;

    /// Writes the roll-ups of some symbols and what has been settled by them, in one transaction.
    fn write_rollups(&self, lease: &Lease, writes: &[RollupWrite]) -> Result<(), StoreError>;
}

/// Hears that something may have been written. After an error it is useless: begin anew with [`BarStore::follow`].
pub trait Follow: Send {
    /// Waits until another connection may have written something, at most for so long; whether it may. Says so at least once a
    /// second of waiting, should a sign have been lost. What was written before the first call is not told of.
    ///
    /// # Errors
    /// The connection is lost, which can pass.
    fn wait(&mut self, timeout: Duration) -> Result<bool, StoreError>;
}

/// Opens a store. Nothing is created but, for SQLite, the file.
///
/// # Errors
/// The database cannot be reached or is of a version that cannot be used.
pub fn open(options: &StoreOptions) -> Result<Arc<dyn BarStore>, StoreError> {
    Ok(match &options.url {
        DatabaseUrl::Postgres(_) => Arc::new(postgres::PostgresStore::open(options)?),
        DatabaseUrl::Sqlite(path) => Arc::new(sqlite::SqliteStore::open(path, options)?),
    })
}
