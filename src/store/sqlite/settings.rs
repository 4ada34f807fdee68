//! The settings of every connection.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::CustomizeConnection;

/// Sets up the connections of the pool.
#[derive(Debug)]
pub(super) struct SqliteSetup {
    /// How long to wait for another connection's lock.
    pub timeout: Duration,
}

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for SqliteSetup {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        configure(connection, self.timeout).map_err(diesel::r2d2::Error::QueryError)
    }
}

/// The log makes readers and the writer independent; with it, synchronous = NORMAL keeps the file consistent through a
/// power cut and loses no transaction when only the process dies.
pub(super) fn configure(connection: &mut SqliteConnection, timeout: Duration) -> QueryResult<()> {
    connection.batch_execute(&format!(
        "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
        timeout.as_millis()
    ))
}
