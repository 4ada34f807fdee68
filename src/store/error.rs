//! What can go wrong with a store.

use std::path::PathBuf;
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use thiserror::Error;

use klined_market::base::Shard;
use klined_market::calendar::CalendarError;

use super::data::Identity;
use super::role::Role;

/// A failure of a store, with what was being done.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database does not answer, or not yet.
    #[error("cannot reach the database {url}: {reason}; check host and port, and that the server runs")]
    Unreachable { url: String, reason: String },
    /// The server answers, and refuses this user.
    #[error(
        "the database {url} refused the login: {reason}; check user and password, that the database exists and that \
         the server's pg_hba.conf allows it"
    )]
    Refused { url: String, reason: String },
    /// The server answers, and has no database of this name.
    #[error(
        "the database {url} cannot be used: {reason}; make it with `createdb {name}` (-h, -p and -U name the server and the user of \
         the URL), or correct the URL"
    )]
    NoDatabase { url: String, name: String, reason: String },
    /// No encrypted connection comes about, because of the server, the URL or a file of certificates.
    #[error(
        "there is no TLS connection to the database {url}: {reason}; check sslmode, sslrootcert, sslcert and sslkey in the URL, and the \
         server's ssl"
    )]
    NoTls { url: String, reason: String },
    /// A pooler stands between this program and the server and lends its sessions.
    #[error(
        "the database {url} is reached through a pooler that lends a session of the server for a transaction only, so that locks and \
         settings of this program would be lost; use the server's own address, or a pool in session mode (PgBouncer: pool_mode = session)"
    )]
    Pooled { url: String },
    /// No connection came free in time.
    #[error(
        "no database connection came free within {waited:?} ({reason}); raise --db-pool-size or --db-timeout, or look \
         for long transactions"
    )]
    PoolTimeout { waited: Duration, reason: String },
    /// The server or the file is not of a kind that can be used.
    #[error("the database {url} cannot be used: {reason}")]
    Unusable { url: String, reason: String },
    /// The file of an SQLite database is not the one any more that was opened.
    #[error(
        "the database's file {} {what} while this program was using it, so nothing more is written to it; put the file back, or \
         make sure that the right one is there, and start the program again",
        path.display()
    )]
    FileLost { path: PathBuf, what: &'static str },
    /// Another partition takes a part of a month, so that the month's own cannot be made.
    #[error(
        "the partition {month} cannot be made, because {by} holds a part of its month; detach {by}, or make partitions for the rest \
         of the month by hand"
    )]
    Overlapped { month: String, by: String },
    /// The database takes no writes at present.
    #[error("the database {url} is read-only at present, as a standby is until it is promoted")]
    ReadOnly { url: String },
    /// Tables are missing or of another version.
    #[error("the database's tables are not those of this program: {0}")]
    Schema(String),
    /// The database holds another market.
    #[error(
        "this database holds the market of {}, not of {}; run with --seed {}, the \
         --model and --model-params it was made with and the klined version of that model, use another database, or remove its bars with `market-backfill --days N --clear`",
        found.beside(wanted), wanted.beside(found), found.seed
    )]
    OtherMarket { found: Identity, wanted: Identity },
    /// Another process holds the role.
    #[error(
        "another process is this database's {}; only one may run at a time. Stop it first, or wait until it has ended",
        role.as_str()
    )]
    RoleTaken { role: Role },
    /// Another process holds the same part of the role.
    #[error(
        "another process is this database's {} of shard {shard}; only one may run at a time. Stop it first, or wait until it \
         has ended",
        role.as_str()
    )]
    ShardTaken { role: Role, shard: Shard },
    /// Other processes divide the market into another number of shards.
    #[error(
        "this database's {} runs without --shard or with another number of shards than {}; stop those processes first: all must \
         be given the same number",
        role.as_str(),
        shard.of()
    )]
    DividedOtherwise { role: Role, shard: Shard },
    /// Another process has taken the role since.
    #[error("another process has become this database's {} since; this process must not write any more", role.as_str())]
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
            Self::Unreachable { .. } | Self::PoolTimeout { .. } | Self::ReadOnly { .. } => true,
            Self::Query { source, .. } => can_pass(source),
            _ => false,
        }
    }

    /// Whether the database takes no writes at present.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        let Self::Query { source, .. } = self else { return matches!(self, Self::ReadOnly { .. }) };
        matches!(source, DieselError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _))
    }

    /// Whether the server refuses this user, the login or a table.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        let Self::Query { source, .. } = self else { return matches!(self, Self::Refused { .. }) };
        matches!(source, DieselError::DatabaseError(_, information) if information.message().starts_with("permission denied"))
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
            // A standby, until it is promoted.
            | DatabaseErrorKind::ReadOnlyTransaction
            | DatabaseErrorKind::SerializationFailure
            | DatabaseErrorKind::UnableToSendCommand => true,
            DatabaseErrorKind::Unknown => is_passing(information.message()),
            _ => false,
        },
        DieselError::RollbackErrorOnCommit { commit_error, .. } => can_pass(commit_error),
        DieselError::BrokenTransactionManager => true,
        _ => false,
    }
}

/// Phrases of errors that can pass: a wait that was too long, a disk that is full, a connection that ended. Where diesel makes a kind
/// of PostgreSQL's SQLSTATE, the kind decides; of all other errors it passes the message only. A test has each phrase in a message as
/// the databases give it.
const PASSING: [&str; 22] = [
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
    // The same over TLS.
    "SSL connection has been closed",
    "SSL SYSCALL error",
    "SSL error: unexpected eof",
    // PgBouncer in session mode
    "server conn crashed",
    "query_wait_timeout",
];

/// A message in another language, which a server may use with a user who may not choose, is taken for one that can pass: a retry too
/// many does no harm.
fn is_passing(message: &str) -> bool {
    PASSING.iter().any(|phrase| message.contains(phrase)) || !message.is_ascii()
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
            DieselError::DeserializationError(reason) => {
                StoreError::Corrupt { what: "a value".to_owned(), reason: format!("could not {action}: {reason}") }
            }
            _ => StoreError::Query { action, source },
        })
    }
}

fn is_missing_table(message: &str) -> bool {
    message.starts_with("no such table") || (message.starts_with("relation ") && message.ends_with("does not exist"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages as the databases and libpq give them, and whether what they report can pass.
    const MESSAGES: &[(&str, bool)] = &[
        // SQLite: SQLITE_BUSY, SQLITE_LOCKED, SQLITE_FULL, SQLITE_IOERR, and a ROLLBACK after SQLITE_FULL.
        ("database is locked", true),
        ("database table is locked: market_klines", true),
        ("database or disk is full", true),
        ("disk I/O error", true),
        ("cannot rollback - no transaction is active", true),
        // PostgreSQL: 57014, 55P03, 57014, 40P01.
        ("canceling statement due to statement timeout", true),
        ("canceling statement due to lock timeout", true),
        ("canceling statement due to user request", true),
        ("deadlock detected", true),
        // 53100, 53100, 53200, 53200, 53300, 53300.
        ("could not write to file \"pg_wal/xlogtemp.4711\": No space left on device", true),
        ("could not extend file \"base/16384/16396\": wrote only 4096 of 8192 bytes at block 3", true),
        ("out of memory", true),
        ("out of shared memory", true),
        ("sorry, too many clients already", true),
        ("remaining connection slots are reserved for roles with the SUPERUSER attribute", true),
        // libpq, 57P01, 57P02, 25P03.
        (
            "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or \
             while processing the request.\n",
            true,
        ),
        ("terminating connection due to administrator command", true),
        ("terminating connection because of crash of another server process", true),
        ("terminating connection due to idle-in-transaction timeout", true),
        // 57P03, and libpq.
        ("the database system is starting up", true),
        ("the database system is shutting down", true),
        (
            "connection to server at \"127.0.0.1\", port 5432 failed: Connection refused\n\tIs the server running on that host \
             and accepting TCP/IP connections?\n",
            true,
        ),
        // libpq over TLS.
        ("SSL connection has been closed unexpectedly\n", true),
        ("SSL SYSCALL error: EOF detected\n", true),
        ("SSL error: unexpected eof while reading\n", true),
        // PgBouncer.
        ("server conn crashed?", true),
        ("query_wait_timeout", true),
        // Of a server that speaks another language.
        ("storniere Anfrage wegen Zeitüberschreitung der Anfrage", true),
        // 42501, 22003, 42703, 22P02, and SQLite.
        ("permission denied for table market_klines", false),
        ("numeric field overflow", false),
        ("column \"is_halted\" of relation \"stock_state\" does not exist", false),
        ("invalid input syntax for type bigint: \"x\"", false),
        ("no such column: is_halted", false),
        ("attempt to write a readonly database", false),
        ("file is not a database", false),
    ];

    fn failed(kind: DatabaseErrorKind, message: &str) -> StoreError {
        let source = DieselError::DatabaseError(kind, Box::new(message.to_owned()));
        Err::<(), _>(source).during("write bars").unwrap_err()
    }

    #[test]
    fn a_message_decides_whether_an_unknown_error_can_pass() {
        for (message, can_pass) in MESSAGES {
            assert_eq!(failed(DatabaseErrorKind::Unknown, message).is_retriable(), *can_pass, "{message}");
        }
    }

    #[test]
    fn every_phrase_is_needed_for_a_message() {
        for phrase in PASSING {
            let alone = |message: &str| PASSING.iter().all(|other| message.contains(other) == (*other == phrase));
            assert!(MESSAGES.iter().any(|(message, _)| alone(message)), "no message has only \"{phrase}\"");
        }
    }

    #[test]
    fn a_kind_decides_where_diesel_knows_it() {
        use DatabaseErrorKind as Kind;
        for (kind, message, can_pass) in [
            (Kind::SerializationFailure, "could not serialize access due to concurrent update", true),
            (Kind::ClosedConnection, "no connection to the server\n", true),
            (Kind::UnableToSendCommand, "another command is already in progress\n", true),
            (Kind::UniqueViolation, "duplicate key value violates unique constraint \"stock_state_pkey\"", false),
            (Kind::CheckViolation, "no partition of relation \"market_klines\" found for row", false),
            (Kind::NotNullViolation, "NOT NULL constraint failed: market_status.odd", false),
            (Kind::ReadOnlyTransaction, "cannot execute INSERT in a read-only transaction", true),
        ] {
            assert_eq!(failed(kind, message).is_retriable(), can_pass, "{message}");
        }
        assert!(
            failed(Kind::CheckViolation, "no partition of relation \"market_klines\" found for row")
                .is_check_violation()
        );
    }

    #[test]
    fn a_standby_and_a_refused_user_are_recognised() {
        use DatabaseErrorKind as Kind;
        let standby = failed(Kind::ReadOnlyTransaction, "cannot execute INSERT in a read-only transaction");
        assert!(standby.is_read_only() && standby.is_retriable() && !standby.is_refusal());
        let refused = failed(Kind::Unknown, "permission denied for table market_klines");
        assert!(refused.is_refusal() && !refused.is_retriable() && !refused.is_read_only());
    }

    #[test]
    fn a_table_that_is_missing_is_a_matter_of_the_schema() {
        for message in ["no such table: market_klines", "relation \"market_klines\" does not exist"] {
            assert!(matches!(failed(DatabaseErrorKind::Unknown, message), StoreError::Schema(_)), "{message}");
        }
    }
}
