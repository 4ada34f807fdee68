//! The settings of every connection.

use std::thread::sleep;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::CustomizeConnection;
use diesel::result::Error;

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

/// How often the switch to the log is tried, and the time between.
const ATTEMPTS: usize = 100;
const PAUSE: Duration = Duration::from_millis(20);

/// The log makes readers and the writer independent; with it, synchronous = NORMAL keeps the file consistent through a
/// power cut and loses no transaction when only the process dies.
pub(super) fn configure(connection: &mut SqliteConnection, timeout: Duration) -> QueryResult<()> {
    connection.batch_execute(&format!("PRAGMA busy_timeout = {}", timeout.as_millis()))?;
    // SQLite does not wait for a lock where the file of a new database is switched to the log while another process opens it.
    let mut switch = || connection.batch_execute("PRAGMA journal_mode = WAL");
    let mut switched = switch();
    for _ in 1..ATTEMPTS {
        if !switched.as_ref().is_err_and(is_locked) {
            break;
        }
        sleep(PAUSE);
        switched = switch();
    }
    switched?;
    connection.batch_execute("PRAGMA synchronous = NORMAL")
}

fn is_locked(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, information) if information.message() == "database is locked")
}
