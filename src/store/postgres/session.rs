//! How a session with the server begins, and what keeps every wait for it bounded.
//!
//! | what could last for ever | what ends it |
//! |---|---|
//! | connecting | `connect_timeout` |
//! | a network that swallows packets | `tcp_user_timeout` and keep-alives, on both sides |
//! | another session's lock | `lock_timeout` |
//! | a statement | `statement_timeout`, [`PATIENCE`] times as long |
//! | a transaction whose program hangs | `idle_in_transaction_session_timeout`, the same |

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::r2d2::CustomizeConnection;

use super::super::StoreError;
use super::super::url::without_passwords_of;

/// How many times longer than for a connection or a lock a statement may take.
const PATIENCE: u32 = 10;

/// What a server says to a client that it will never let in, unless somebody changes the one or the other. What is not
/// among these can pass: nobody listens, the server starts or stops, it has too many clients.
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
pub(super) struct Server {
    /// With the bounds of the waits, and with the password.
    pub url: String,
    pub shown_url: String,
    pub timeout: Duration,
}

impl Server {
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
            if REFUSALS.iter().any(|words| reason.contains(words)) {
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
            .map_err(|source| StoreError::Query { action: "begin a session", source })?;
        Ok(connection)
    }

    /// What every session begins with. The server's side gives a lost client up as soon as the client gives up the
    /// server, or it would keep the client's locks for hours. The words of errors tell what can pass, so they should be
    /// English where the user may say so.
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

/// Sets up the sessions of the pool.
#[derive(Debug)]
pub(super) struct PooledSession {
    begin: String,
}

impl PooledSession {
    pub fn with(server: &Server) -> Self {
        let patience = (server.timeout * PATIENCE).as_millis();
        let begin = format!(
            "{}; SET statement_timeout = {patience}; SET idle_in_transaction_session_timeout = {patience}",
            server.begin("klined")
        );
        Self { begin }
    }
}

impl CustomizeConnection<PgConnection, diesel::r2d2::Error> for PooledSession {
    fn on_acquire(&self, connection: &mut PgConnection) -> Result<(), diesel::r2d2::Error> {
        connection.batch_execute(&self.begin).map_err(diesel::r2d2::Error::QueryError)
    }
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
        let url = |url: &str, seconds| Server::new(url, String::new(), Duration::from_secs(seconds)).url;
        let bounds = "keepalives_idle=15&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=30000";
        assert_eq!(url("postgresql://h/db", 30), format!("postgresql://h/db?connect_timeout=30&{bounds}"));
        assert_eq!(
            url("postgresql://h/db?connect_timeout=7", 30),
            format!("postgresql://h/db?connect_timeout=7&{bounds}")
        );
    }
}
