//! What can go wrong with a store.

use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use thiserror::Error;

use super::{Identity, Role};

/// A failure of a store, with what was being done.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database does not answer.
    #[error("cannot reach the database {url}: {reason}")]
    Unreachable { url: String, reason: String },
    /// No connection came free in time.
    #[error(
        "no database connection came free within {waited:?} ({reason}); raise --db-pool-size or --db-timeout, or look \
         for long transactions"
    )]
    PoolTimeout { waited: Duration, reason: String },
    /// The server or the file is not of a kind that can be used.
    #[error("the database {url} cannot be used: {reason}")]
    Unusable { url: String, reason: String },
    /// Tables are missing or of another version.
    #[error("the database's tables are not those of this program: {0}")]
    Schema(String),
    /// The database holds another market.
    #[error(
        "this database holds the market of seed {} and model {}, not of seed {} and model {}; run with --seed {}, the \
         --model and --model-params it was made with and the klined version of that model, use another database, or remove its bars with `market-backfill --days N --clear`",
        found.seed, found.model, wanted.seed, wanted.model, found.seed
    )]
    OtherMarket { found: Identity, wanted: Identity },
    /// Another process holds the role.
    #[error(
        "another process is this database's {}; only one may run at a time. Stop it first, or wait until it is gone",
        role.as_str()
    )]
    RoleTaken { role: Role },
    /// Another process has taken the role since.
    #[error("another process has become this database's {} since; this one must not write any more", role.as_str())]
    RoleLost { role: Role },
    /// What is stored cannot be read back.
    #[error("{what} in the database cannot be read: {reason}")]
    Corrupt { what: String, reason: String },
    /// A statement failed.
    #[error("could not {action}: {source}")]
    Query {
        action: &'static str,
        #[source]
        source: DieselError,
    },
}

impl StoreError {
    /// Whether the same call can succeed later without anybody's help.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::PoolTimeout { .. } => true,
            Self::Query { source, .. } => match source {
                DieselError::DatabaseError(kind, information) => match kind {
                    DatabaseErrorKind::ClosedConnection
                    | DatabaseErrorKind::SerializationFailure
                    | DatabaseErrorKind::UnableToSendCommand => true,
                    DatabaseErrorKind::Unknown => {
                        let message = information.message();
                        is_lock_missed(message) || is_connection_lost(message)
                    }
                    _ => false,
                },
                DieselError::BrokenTransactionManager => true,
                _ => false,
            },
            _ => false,
        }
    }
}

/// Both databases tell of a lock that was not freed in time only in words, as does PostgreSQL of a deadlock's victim.
fn is_lock_missed(message: &str) -> bool {
    ["database is locked", "canceling statement due to lock timeout", "deadlock detected"].contains(&message)
}

/// libpq reports a connection that ended in mid-statement without an error code, only in words.
fn is_connection_lost(message: &str) -> bool {
    ["server closed the connection", "terminating connection", "the database system is", "connection to server"]
        .iter()
        .any(|words| message.contains(words))
}

/// Names what was being done when a statement failed.
pub(super) trait During<T> {
    fn during(self, action: &'static str) -> Result<T, StoreError>;
}

impl<T> During<T> for Result<T, DieselError> {
    fn during(self, action: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| match &source {
            DieselError::DatabaseError(_, information) if is_missing_table(information.message()) => {
                StoreError::Schema(format!(
                    "{}; start a daemon once with a role that may create tables",
                    information.message()
                ))
            }
            _ => StoreError::Query { action, source },
        })
    }
}

fn is_missing_table(message: &str) -> bool {
    message.starts_with("no such table") || (message.starts_with("relation ") && message.ends_with("does not exist"))
}
