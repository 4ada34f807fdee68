//! How a connection to the server begins, and what keeps every wait for it bounded.
//!
//! | what could last for ever | what ends it |
//! |---|---|
//! | connecting | `connect_timeout` |
//! | a network that swallows packets | `tcp_user_timeout` and keep-alives, on both sides |
//! | another connection's lock | `lock_timeout` |
//! | a statement | `statement_timeout`, [`PATIENCE`] times as long |
//! | a transaction whose program hangs | `idle_in_transaction_session_timeout`, the same |

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::r2d2::CustomizeConnection;

use super::super::error::StoreError;
use super::super::url::without_passwords_of;

/// How many times longer than for a connection or a lock a statement may take.
const PATIENCE: u32 = 10;

/// Phrases of a server, or of libpq, that refuses a client until one of them is changed. Every other failure to connect can pass:
/// nobody listens, the server starts or stops, it has too many clients. A test has each phrase in a message as they give it.
const REFUSALS: [&str; 11] = [
    "authentication failed",
    "no password supplied",
    "pg_hba.conf",
    "does not exist",
    "permission denied for database",
    "is not permitted to log in",
    "is not currently accepting connections",
    "invalid connection option",
    "invalid URI",
    "does not support SSL",
    "sslmode value",
];

/// The server's address and how long to wait for it.
#[derive(Clone)]
pub(super) struct PgServer {
    /// With the bounds of the waits, and with the password.
    pub url: String,
    pub shown_url: String,
    pub timeout: Duration,
}

impl PgServer {
    pub fn new(url: &str, shown_url: String, timeout: Duration) -> Self {
        let seconds = timeout.as_secs().max(2);
        // A connection on which nothing comes is probed after half the time, and given up when three probes fail.
        let bounds = [
            ("connect_timeout", seconds),
            ("keepalives_idle", seconds.div_ceil(2)),
            ("keepalives_interval", seconds.div_ceil(6)),
            ("keepalives_count", 3),
            ("tcp_user_timeout", seconds * 1000),
        ];
        let mut bounded = url.to_owned();
        for (name, value) in bounds.into_iter().filter(|(name, _)| !url.contains(&format!("{name}="))) {
            let separator = if bounded.contains('?') { '&' } else { '?' };
            bounded.push_str(&format!("{separator}{name}={value}"));
        }
        Self { url: bounded, shown_url, timeout }
    }

    /// Connects, with nothing set yet.
    pub fn connect(&self) -> Result<PgConnection, StoreError> {
        PgConnection::establish(&self.url).map_err(|error| {
            let reason = without_passwords_of(&self.url, &one_line(&error));
            let url = self.shown_url.clone();
            if let Some(name) = missing_database(&reason) {
                StoreError::NoDatabase { url, name: name.to_owned(), reason }
            } else if is_refusal(&reason) {
                StoreError::Refused { url, reason }
            } else {
                StoreError::Unreachable { url, reason }
            }
        })
    }

    /// Connects for something that may take its time, or that is held on to.
    pub fn connect_as(&self, name: &str) -> Result<PgConnection, StoreError> {
        let mut connection = self.connect()?;
        connection
            .batch_execute(&self.begin(name))
            .map_err(|source| StoreError::Query { action: "set up a connection", source })?;
        Ok(connection)
    }

    /// The settings of every connection. The server gives a lost client up as soon as the client gives up the server, or it
    /// would keep the client's locks for hours. Messages are English where the user may choose so, because some errors are
    /// recognised by their words.
    fn begin(&self, name: &str) -> String {
        let seconds = self.timeout.as_secs().max(2);
        format!(
            "SET application_name = '{name}'; SET datestyle = 'ISO'; SET lock_timeout = {}; \
             SET tcp_keepalives_idle = {}; SET tcp_keepalives_interval = {}; SET tcp_keepalives_count = 3; \
             SET tcp_user_timeout = {}; \
             DO $$ BEGIN SET lc_messages = 'C'; EXCEPTION WHEN insufficient_privilege THEN NULL; END $$",
            self.timeout.as_millis(),
            seconds.div_ceil(2),
            seconds.div_ceil(6),
            seconds * 1000,
        )
    }
}

/// Sets up the connections of the pool.
#[derive(Debug)]
pub(super) struct PoolSetup {
    begin: String,
}

impl PoolSetup {
    pub fn with(server: &PgServer) -> Self {
        let patience = (server.timeout * PATIENCE).as_millis();
        let begin = format!(
            "{}; SET statement_timeout = {patience}; SET idle_in_transaction_session_timeout = {patience}",
            server.begin("klined")
        );
        Self { begin }
    }
}

impl CustomizeConnection<PgConnection, diesel::r2d2::Error> for PoolSetup {
    fn on_acquire(&self, connection: &mut PgConnection) -> Result<(), diesel::r2d2::Error> {
        connection.batch_execute(&self.begin).map_err(diesel::r2d2::Error::QueryError)
    }
}

/// The database that a message says is missing.
fn missing_database(message: &str) -> Option<&str> {
    let (before, _) = message.split_once("\" does not exist")?;
    before.split_once("database \"").map(|(_, name)| name)
}

fn is_refusal(message: &str) -> bool {
    REFUSALS.iter().any(|phrase| message.contains(phrase))
}

/// libpq breaks its messages into lines.
pub(super) fn one_line(error: &impl ToString) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wait_is_bounded_unless_the_url_says_how() {
        let url = |url: &str, seconds| PgServer::new(url, String::new(), Duration::from_secs(seconds)).url;
        let bounds = "keepalives_idle=15&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=30000";
        assert_eq!(url("postgresql://h/db", 30), format!("postgresql://h/db?connect_timeout=30&{bounds}"));
        assert_eq!(
            url("postgresql://h/db?connect_timeout=7", 30),
            format!("postgresql://h/db?connect_timeout=7&{bounds}")
        );
    }

    #[test]
    fn a_database_that_is_missing_is_named_and_a_role_is_none() {
        let failed = "connection to server at \"127.0.0.1\", port 5432 failed: FATAL: ";
        let of = |message: &str| missing_database(&format!("{failed}{message}")).map(str::to_owned);
        assert_eq!(of("database \"happystock\" does not exist").as_deref(), Some("happystock"));
        assert_eq!(of("role \"market\" does not exist"), None);
        assert_eq!(of("password authentication failed for user \"market\""), None);
    }

    /// Messages of connecting, and whether they are refusals.
    const MESSAGES: &[(&str, bool)] = &[
        // 28P01, libpq, 28000, 3D000, 28000, 42501, 28000, 55000.
        ("FATAL:  password authentication failed for user \"market\"", true),
        ("fe_sendauth: no password supplied", true),
        (
            "FATAL:  no pg_hba.conf entry for host \"10.0.0.7\", user \"market\", database \"happystock\", no encryption",
            true,
        ),
        ("FATAL:  database \"happystock\" does not exist", true),
        ("FATAL:  role \"nobody\" does not exist", true),
        ("FATAL:  permission denied for database \"happystock\" DETAIL:  User does not have CONNECT privilege.", true),
        ("FATAL:  role \"market\" is not permitted to log in", true),
        ("FATAL:  database \"happystock\" is not currently accepting connections", true),
        // libpq alone.
        ("invalid connection option \"colour\"", true),
        ("invalid URI query parameter: \"colour\"", true),
        ("server does not support SSL, but SSL was required", true),
        ("sslmode value \"require\" invalid when SSL support is not compiled in", true),
        // 57P03, 53300, libpq.
        ("FATAL:  the database system is starting up", false),
        ("FATAL:  sorry, too many clients already", false),
        ("Connection refused Is the server running on that host and accepting TCP/IP connections?", false),
        ("timeout expired", false),
    ];

    #[test]
    fn what_only_a_change_can_mend_is_a_refusal() {
        for (message, is_refused) in MESSAGES {
            let message = format!("connection to server at \"127.0.0.1\", port 5432 failed: {message}");
            assert_eq!(is_refusal(&message), *is_refused, "{message}");
        }
    }

    #[test]
    fn every_phrase_is_needed_for_a_message() {
        for phrase in REFUSALS {
            let alone = |message: &str| REFUSALS.iter().all(|other| message.contains(other) == (*other == phrase));
            assert!(MESSAGES.iter().any(|(message, _)| alone(message)), "no message has only \"{phrase}\"");
        }
    }
}
