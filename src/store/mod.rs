//! What is kept, and the laws of keeping it.
//!
//! [`BarStore`] has two implementations, PostgreSQL and SQLite, and one contract suite that both must pass. Reads see
//! only what is committed. Whatever is written together is seen together or not at all.
//!
//! A backend implements `database::MarketDatabase`; what both do alike is written once, over that trait and over the rows and
//! statements of `tables`.

mod connection;
mod data;
mod database;
mod error;
mod follow;
mod history;
mod lease;
mod migrations;
mod observe;
mod options;
mod postgres;
mod postgres_url;
mod role;
mod schema;
mod sqlite;
mod tables;
mod traits;
mod transaction;
mod url;
mod values;

pub use data::{
    BarRange, Identity, InvalidBar, Listing, MarketStatus, MarketWrite, Mend, Outdated, ParametersSince, PriceRow,
    RollupBacklog, RollupTask, RollupWrite, StateRow, StoredBar, StoredScenario, SymbolProgress, to_decimals,
};
pub use error::StoreError;
pub use history::{HistoryPart, LoadRoles, MonthLoad, MonthRoom, NextPart, PartSource};
pub use lease::Lease;
pub use observe::{CommittedBars, Observation, Operation, StoreObserver};
pub use options::{PoolUse, StoreOptions};
pub use postgres_url::PostgresUrl;
pub use role::Role;
pub use traits::{
    BarStore, Follow, Leases, LoadHistory, ReadBars, ReadMarket, RetainBars, RollUp, SchemaVersion, WriteMarket,
};
pub use url::{DatabaseUrl, InvalidUrl};

use std::sync::Arc;

/// Opens a store that is only read, and writes nothing, not even locks: a copy on a read-only medium will do.
///
/// # Errors
/// The database cannot be reached or is of a version that cannot be used.
pub fn open_read_only(options: &StoreOptions) -> Result<Arc<dyn BarStore>, StoreError> {
    Ok(match &options.url {
        DatabaseUrl::Postgres(_) => return open(options),
        DatabaseUrl::Sqlite(path) => Arc::new(sqlite::SqliteStore::open_read_only(path, options)?),
    })
}

/// Opens a store. Nothing is created but, for SQLite, the file.
///
/// # Errors
/// The database cannot be reached or is of a version that cannot be used.
pub fn open(options: &StoreOptions) -> Result<Arc<dyn BarStore>, StoreError> {
    Ok(match &options.url {
        DatabaseUrl::Postgres(url) => Arc::new(postgres::PostgresStore::open(url, options)?),
        DatabaseUrl::Sqlite(path) => Arc::new(sqlite::SqliteStore::open(path, options)?),
    })
}
