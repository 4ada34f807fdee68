//! Transactions whose work fails with a [`StoreError`].

use diesel::connection::Connection;
use diesel::result::Error as DieselError;
use diesel::sqlite::SqliteConnection;

use super::error::{During, StoreError};

/// What ends a transaction: the work's own failure, or that of beginning or committing it.
enum TransactionFailure {
    Work(StoreError),
    Frame(DieselError),
}

impl From<DieselError> for TransactionFailure {
    fn from(error: DieselError) -> Self {
        Self::Frame(error)
    }
}

fn settle<T>(outcome: Result<T, TransactionFailure>, action: &'static str) -> Result<T, StoreError> {
    outcome.or_else(|failure| match failure {
        TransactionFailure::Work(error) => Err(error),
        TransactionFailure::Frame(error) => Err(error).during(action),
    })
}

/// Runs some work in a transaction: committed when it succeeds, rolled back when it fails.
pub(super) fn run<C: Connection, T>(
    connection: &mut C,
    action: &'static str,
    work: impl FnOnce(&mut C) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    settle(connection.transaction(|connection| work(connection).map_err(TransactionFailure::Work)), action)
}

/// As [`run`], but takes SQLite's write lock at the beginning: a transaction that begins by reading and then wants to
/// write is refused at once when another has written in between, however long the busy timeout.
pub(super) fn run_immediate<T>(
    connection: &mut SqliteConnection,
    action: &'static str,
    work: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    settle(connection.immediate_transaction(|connection| work(connection).map_err(TransactionFailure::Work)), action)
}
