//! What a store offers, one trait a purpose. [`BarStore`] is all of them, and what callers hold is `dyn BarStore`, on which the
//! methods of every one can be called.
//!
//! Every method may fail with [`StoreError`]; [`StoreError::is_retriable`] says whether the same call can succeed later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;

use klined_market::bars::Halt;
use klined_market::base::{MarketClock, Shard, Symbol, Traded, UnixSeconds};
use klined_market::universe::UniverseRow;

use super::data::{
    BarRange, Identity, Listing, MarketStatus, MarketWrite, Mend, ParametersSince, PriceRow, RollupBacklog, RollupTask,
    RollupWrite, StateRow, StoredBar, StoredScenario, SymbolProgress,
};
use super::error::StoreError;
use super::history::{HistoryPart, LoadRoles, MonthLoad, MonthRoom, PartSource};
use super::lease::Lease;
use super::observe::StoreObserver;
use super::options::PoolUse;
use super::role::Role;

/// A database that holds one market.
///
/// Laws, each tested on every implementation:
/// - **Atomic.** The effect of one call is visible whole or not at all, to every reader and after any crash.
/// - **Idempotent.** The same write again changes nothing.
/// - **Exact.** Prices and volumes come back as they were written.
/// - **Ordered.** Bars of a range come in order of time.
/// - **One writer.** While a lease of a role lives, the store refuses a second lease for the same part of the market, and one for
///   another division of it. A write under a lease that another process has replaced is refused and changes nothing.
/// - **Nothing before the horizon.** After [`RetainBars::retain_from`] has begun, no bar earlier than its instant is written.
/// - **Every late change is noted.** A 1-minute bar that any program inserts behind the roll-up's watermark, or changes or
///   removes anywhere, appears as repair work in [`RollUp::rollup_tasks`].
pub trait BarStore:
    SchemaVersion + Leases + ReadMarket + ReadBars + WriteMarket + LoadHistory + RetainBars + RollUp + Send + Sync
{
    /// Fails when the file of the database is not the one any more that was opened. Does not wait for the database.
    fn check_place(&self) -> Result<(), StoreError>;

    /// Connections of the pool at this moment. Does not wait for the database.
    fn pool(&self) -> PoolUse;

    /// Follows what other connections commit, on a connection of its own.
    fn follow(&self) -> Result<Box<dyn Follow>, StoreError>;

    /// The same store, on the same pool, with an observer of every call in the place of the present one.
    fn observed_by(&self, observer: Arc<dyn StoreObserver>) -> Arc<dyn BarStore>;
}

/// The version of the tables, and what the database's user may do with them.
pub trait SchemaVersion {
    /// Fails where programs that write cannot work by way of this address, whatever the user may do: every call that changes something
    /// would fail alike.
    fn require_writable(&self) -> Result<(), StoreError>;

    /// Runs the migrations that are missing; returns their versions, oldest first.
    fn migrate(&self) -> Result<Vec<String>, StoreError>;

    /// The migrations that [`SchemaVersion::migrate`] would run, oldest first. Changes nothing. Fails when the database has a
    /// migration that this program does not know.
    fn pending_migrations(&self) -> Result<Vec<String>, StoreError>;

    /// Whether this user may create tables, as migrations need.
    fn may_create_tables(&self) -> Result<bool, StoreError>;

    /// Whether this user may make partitions, as the writer needs. Needs a migrated database.
    fn may_make_partitions(&self) -> Result<bool, StoreError>;

    /// Whether this user may write roll-ups and their watermarks. Needs a migrated database.
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
}

/// Roles and the leases on them.
pub trait Leases {
    /// Takes a role for the whole market, or fails with [`StoreError::RoleTaken`] while another process has it or a shard of it.
    fn acquire(&self, role: Role) -> Result<Lease, StoreError> {
        self.acquire_shard(role, Shard::WHOLE)
    }

    /// Takes a role for a part of the market. Fails with [`StoreError::ShardTaken`] while another process has the same part,
    /// and with [`StoreError::DividedOtherwise`] while one has the whole or a part of another count.
    fn acquire_shard(&self, role: Role, shard: Shard) -> Result<Lease, StoreError>;

    /// Asks the database whether a lease is still held and the newest of its role. Fails when it is not.
    fn confirm(&self, lease: &Lease) -> Result<(), StoreError>;
}

/// Reads everything about the market but its bars.
pub trait ReadMarket {
    /// The identity of the market; none while the database has not been claimed.
    fn identity(&self) -> Result<Option<Identity>, StoreError>;

    /// Every row of `stock_metadata`, unchecked, in order of symbol.
    fn universe(&self) -> Result<Vec<UniverseRow>, StoreError>;

    /// How far every symbol that was ever listed has come, in order of symbol.
    fn progress(&self) -> Result<Vec<SymbolProgress>, StoreError>;

    /// Every span of trading days in which a symbol has bars, in order of symbol and first day.
    fn listings(&self) -> Result<Vec<Listing>, StoreError>;

    /// What each stock's bars were made with, in order of symbol and first day.
    fn parameters(&self) -> Result<Vec<ParametersSince>, StoreError>;

    /// Every text that stands as a symbol in `market_klines`.
    fn bar_symbols(&self) -> Result<Vec<String>, StoreError>;

    /// The symbols whose rows in `stock_realtime_price` and `stock_state` differ in price or time, or of which one is missing.
    fn stray_prices(&self) -> Result<Vec<String>, StoreError>;

    /// What the database finds wrong with its own storage: SQLite's integrity check. PostgreSQL reports nothing.
    fn storage_faults(&self) -> Result<Vec<String>, StoreError>;

    /// The scenarios applied to this market, in the order in which they were.
    fn scenarios(&self) -> Result<Vec<StoredScenario>, StoreError>;

    /// Every halt that has been reached, in order of symbol and time.
    fn halts(&self) -> Result<Vec<Halt>, StoreError>;

    /// Every stock that `stock_metadata` has and that has a bar, in order of symbol.
    fn prices(&self) -> Result<Vec<PriceRow>, StoreError>;

    /// Every row of `stock_state`, in order of symbol.
    fn states(&self) -> Result<Vec<StateRow>, StoreError>;

    /// The row of `market_status`.
    fn status(&self) -> Result<Option<MarketStatus>, StoreError>;

    /// Which minute is open, and how it passes; none before the generator's first minute.
    fn clock(&self) -> Result<Option<MarketClock>, StoreError>;

    /// Start of the first month whose bars are kept, in Unix seconds; none while all are.
    fn retained_from(&self) -> Result<Option<UnixSeconds>, StoreError>;

    /// The last 1-minute bar of each generated symbol that is part of its roll-ups, in Unix seconds.
    fn watermarks(&self) -> Result<BTreeMap<Symbol, UnixSeconds>, StoreError>;

    /// How far the roll-ups are behind, of symbols that have any; none when there are no such.
    fn rollup_backlog(&self) -> Result<Option<RollupBacklog>, StoreError>;
}

/// Reads bars.
pub trait ReadBars {
    /// The bars of some ranges, range after range, at most `limit` in all.
    fn bars(&self, ranges: &[BarRange], limit: usize) -> Result<Vec<StoredBar>, StoreError>;

    /// The newest bars of some ranges, at most `count` of each; range after range, and within it in order of time. With a
    /// range that ends at an instant and a count of 1 this is the bar before that instant.
    fn last_bars(&self, ranges: &[BarRange], count: usize) -> Result<Vec<StoredBar>, StoreError>;

    /// The bars of some ranges that have a volume, as [`ReadBars::bars`] gives them.
    fn traded_bars(&self, ranges: &[BarRange], limit: usize) -> Result<Vec<StoredBar>, StoreError>;

    /// The newest bars of some ranges that have a volume, as [`ReadBars::last_bars`] gives them.
    fn last_traded_bars(&self, ranges: &[BarRange], count: usize) -> Result<Vec<StoredBar>, StoreError>;

    /// The symbols that have a 1-minute bar later than the instant given for them.
    fn bars_after(&self, ends: &[(Symbol, UnixSeconds)]) -> Result<BTreeSet<Symbol>, StoreError>;
}

/// Writes the market minute by minute.
pub trait WriteMarket {
    /// Makes this database the market of an identity. Fails with [`StoreError::OtherMarket`] when it is another's. An
    /// empty universe is filled with `default_universe` when, and only when, the database had no identity yet.
    fn claim(&self, identity: &Identity, default_universe: &[UniverseRow]) -> Result<(), StoreError>;

    /// Applies a scenario. Fails when one of its name has been.
    fn add_scenario(&self, lease: &Lease, scenario: &StoredScenario) -> Result<(), StoreError>;

    /// Makes the partitions that bars of the months from one date to another need. Cheap when they are there.
    fn ensure_partitions(&self, from: NaiveDate, to: NaiveDate) -> Result<(), StoreError>;

    /// The partitions that [`WriteMarket::ensure_partitions`] would make. Changes nothing.
    fn missing_partitions(&self, from: NaiveDate, to: NaiveDate) -> Result<Vec<String>, StoreError>;

    /// Writes bars with all that belongs to them in one transaction. A status earlier than the stored one is left out.
    fn write(&self, lease: &Lease, write: &MarketWrite) -> Result<(), StoreError>;

    /// Takes rows away and writes others in one transaction, and leaves a note for the aggregator where roll-ups have to follow.
    fn mend(&self, lease: &Lease, mend: &Mend) -> Result<(), StoreError>;

    /// Removes one symbol's bars and state, or with none the whole market and its identity. The universe stays.
    fn clear(&self, lease: &Lease, symbol: Option<&Symbol>) -> Result<(), StoreError>;
}

/// Loads history in bulk.
pub trait LoadHistory {
    /// Writes a part of a history in one transaction: bars with all that belongs to them, and their roll-ups when the roles
    /// hold the aggregator's.
    fn load_part(&self, roles: LoadRoles<'_>, part: &HistoryPart) -> Result<(), StoreError>;

    /// Makes room for the bars of a day's month in a table of its own, the fastest way to load them. There is no room where the
    /// month has rows, or the database no such tables; then nothing changes, and [`LoadHistory::load_part`] remains.
    fn make_room(&self, month: NaiveDate) -> Result<MonthRoom, StoreError>;

    /// Writes all of a month for which there is room, part after part as the source gives them, in one transaction. Two months
    /// that follow one another may be loaded at once. Of several writers that have shards of the market, the first one takes the
    /// month, and the others wait until it is written.
    ///
    /// `month` is any day of the month; no bar may be later than it, and 1-minute bars not earlier. No symbol comes twice.
    fn load_month(
        &self,
        roles: LoadRoles<'_>,
        month: NaiveDate,
        source: &mut dyn PartSource,
    ) -> Result<MonthLoad, StoreError>;
}

/// Removes old bars.
pub trait RetainBars {
    /// Keeps no bar earlier than an instant, the first of a day: such bars of any interval are not written any more, and the
    /// stored ones are removed in bounded transactions, until none are left or `stop` returns true. Returns whether none are
    /// left. Leaves no repair work, and does nothing when earlier ones were removed already.
    fn retain_from(&self, lease: &Lease, from: UnixSeconds, stop: &dyn Fn() -> bool) -> Result<bool, StoreError>;
}

/// Finds and writes roll-ups.
pub trait RollUp {
    /// What there is to roll up in the lease's part of the market, in order of symbol. Claims the notes of changed bars: the
    /// claimed ones stay until [`RollUp::write_rollups`] settles them, and it does not settle later ones.
    fn rollup_tasks(&self, lease: &Lease) -> Result<Vec<RollupTask>, StoreError>;

    /// The number of transactions with roll-ups of different symbols that it is worth running at once.
    fn rollup_lanes(&self) -> usize;

    /// Gives 1-minute bars of a symbol that have neither turnover nor number of trades these, in one transaction. Each is a change of a
    /// bar and leaves repair work.
    fn fill_turnover(&self, lease: &Lease, symbol: &Symbol, found: &[(UnixSeconds, Traded)]) -> Result<(), StoreError>;

    /// Writes the roll-ups of some symbols and settles what they repair, in one transaction.
    fn write_rollups(&self, lease: &Lease, writes: &[RollupWrite]) -> Result<(), StoreError>;
}

/// Waits for commits. After an error, start again with [`BarStore::follow`].
pub trait Follow: Send {
    /// Waits until another connection may have written something, at most for `timeout`; returns whether it may have. Returns
    /// true at least once a second of waiting, in case a signal was lost. Ignores what was written before the first call.
    ///
    /// # Errors
    /// The connection is lost; trying again can help.
    fn wait(&mut self, timeout: Duration) -> Result<bool, StoreError>;
}
