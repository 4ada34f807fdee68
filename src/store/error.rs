//! What can go wrong with a store.

use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use thiserror::Error;

use super::{Identity, Role};
use klined_market::base::Shard;
use klined_market::calendar::CalendarError;

/// A failure of a store, with what was being done.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database does not answer, or not yet.
    #[error("cannot reach the database {url}: {reason}; check host and port, and that the server runs")]
    Unreachable { url: String, reason: String },
    /// The server answers, and will not let this user in.
    #[error(
        "the database {url} lets nobody in like this: {reason}; check user and password, that the database exists and that \
         the server's pg_hba.conf allows it"
    )]
    Refused { url: String, reason: String },
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
    /// Another process holds the same part of the role.
    #[error(
        "another process is this database's {} of shard {shard}; only one may run at a time. Stop it first, or wait until it \
         is gone",
        role.as_str()
    )]
    ShardTaken { role: Role, shard: Shard },
    /// Others have divided the market otherwise.
    #[error(
        "this database's {} runs without --shard or with another number of shards than {}; stop those processes first: all must \
         be given the same number",
        role.as_str(),
        shard.of()
    )]
    DividedOtherwise { role: Role, shard: Shard },
    /// Another process has taken the role since.
    #[error("another process has become this database's {} since; this one must not write any more", role.as_str())]
    RoleLost { role: Role },
    /// What is stored cannot be read back.
    #[error("{what} in the database cannot be read: {reason}")]
    Corrupt { what: String, reason: String },
    /// A time that the exchange's calendar cannot place.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// A statement failed.
    #[error("could not {action}: {source}")]
    Query {
        action: &'static str,
        #[source]
        source: DieselError,
    },
}

impl StoreError {
    /// Whether another process holds the role that was asked for, or a part of it.
    #[must_use]
    pub fn is_held_by_another(&self) -> bool {
        matches!(self, Self::RoleTaken { .. } | Self::ShardTaken { .. } | Self::DividedOtherwise { .. })
    }

    /// Whether the same call can succeed later without a change to the database or to the call.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::PoolTimeout { .. } => true,
            Self::Query { source, .. } => can_pass(source),
            _ => false,
        }
    }

    /// Whether a row broke a rule of its table; PostgreSQL says so too when there is no partition for it.
    pub(super) fn is_check_violation(&self) -> bool {
        let Self::Query { source, .. } = self else { return false };
        matches!(source, DieselError::DatabaseError(DatabaseErrorKind::CheckViolation, _))
    }
}

fn can_pass(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(kind, information) => match kind {
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::SerializationFailure
            | DatabaseErrorKind::UnableToSendCommand => true,
            DatabaseErrorKind::Unknown => tells_of_passing(information.message()),
            _ => false,
        },
        DieselError::RollbackErrorOnCommit { commit_error, .. } => can_pass(commit_error),
        DieselError::BrokenTransactionManager => true,
        _ => false,
    }
}

/// What both databases tell only in words: a wait that was too long, a disk that is full, a connection that ended.
const PASSING: [&str; 17] = [
    // SQLite
    "database is locked",
    "database table is locked",
    "database or disk is full",
    "disk I/O error",
    // SQLite undoes a transaction by itself when the disk is full, and then there is none to roll back.
    "cannot rollback - no transaction is active",
    // PostgreSQL: waits
    "canceling statement due to",
    "deadlock detected",
    // PostgreSQL: room
    "No space left on device",
    "could not extend file",
    "out of memory",
    "out of shared memory",
    "too many clients",
    "remaining connection slots",
    // PostgreSQL: a connection that ended, or one to a server that starts or stops
    "server closed the connection",
    "terminating connection",
    "the database system is",
    "connection to server",
];

/// Words in another language, as a server may use with a user who may not choose, are taken for something that can pass: a
/// retry too many does no harm.
fn tells_of_passing(message: &str) -> bool {
    PASSING.iter().any(|words| message.contains(words)) || !message.is_ascii()
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
