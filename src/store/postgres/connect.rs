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

use super::super::error::StoreError;
use super::super::postgres_url::PostgresUrl;

/// How many times longer than for a connection or a lock a statement may take.
const PATIENCE: u32 = 10;

/// Phrases of a server, or of libpq, that refuses a client until one of them is changed. Every other failure to connect can pass:
/// nobody listens, the server starts or stops, it has too many clients. A test has each phrase in a message as they give it.
const REFUSALS: [&str; 12] = [
    "authentication failed",
    "no password supplied",
    "pg_hba.conf",
    "does not exist",
    "permission denied for database",
    "is not permitted to log in",
    "is not currently accepting connections",
    "invalid connection option",
    "invalid URI",
    "no such database",
    "no such user",
    "unsupported startup parameter",
];

/// Phrases of libpq, of OpenSSL below it, or of the server, when no TLS connection comes about until a file, the URL or the server is
/// changed. They go before [`REFUSALS`].
const TLS_FAILURES: [&str; 14] = [
    "does not support SSL",
    "sslmode value",
    "weak sslmode",
    "root certificate file",
    "certificate verify failed",
    "server certificate for",
    "could not open certificate file",
    "could not read certificate file",
    "could not load private key file",
    "could not read root certificate",
    "private key file",
    "requires a valid client certificate",
    "alert certificate required",
    "alert unknown ca",
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
    /// # Errors
    /// The URL asks for the system's own root certificates, and the system has none.
    pub fn new(url: &PostgresUrl, timeout: Duration) -> Result<Self, StoreError> {
        let shown_url = url.to_string();
        let url = trusting_the_system(url.clone())
            .map_err(|reason| StoreError::NoTls { url: shown_url.clone(), reason: reason.to_owned() })?;
        let seconds = timeout.as_secs().max(2);
        // A connection on which nothing comes is probed after half the time, and given up when three probes fail.
        let bounds = [
            ("connect_timeout", seconds),
            ("keepalives_idle", seconds.div_ceil(2)),
            ("keepalives_interval", seconds.div_ceil(6)),
            ("keepalives_count", 3),
            ("tcp_user_timeout", seconds * 1000),
        ];
        let bounded = bounds.into_iter().fold(url, |url, (name, value)| match url.option(name) {
            Some(_) => url,
            None => url.with(name, &value.to_string()),
        });
        Ok(Self { url: bounded.for_libpq(), shown_url, timeout })
    }

    /// Connects, with nothing set yet.
    pub fn connect(&self) -> Result<PgConnection, StoreError> {
        PgConnection::establish(&self.url).map_err(|error| {
            let (url, reason) = (self.shown_url.clone(), one_line(&error));
            if TLS_FAILURES.iter().any(|phrase| reason.contains(phrase)) {
                StoreError::NoTls { url, reason }
            } else if let Some(name) = missing_database(&reason) {
                StoreError::NoDatabase { url, name: name.to_owned(), reason }
            } else if is_refusal(&reason) {
                StoreError::Refused { url, reason }
            } else {
                StoreError::Unreachable { url, reason }
            }
        })
    }

    /// The error of a writer whose sessions are lent by a pooler.
    pub fn pooled(&self) -> StoreError {
        StoreError::Pooled { url: self.shown_url.clone() }
    }

    /// Connects for something that may take its time, or that is held on to.
    pub fn connect_as(&self, name: &str) -> Result<PgConnection, StoreError> {
        let mut connection = self.connect()?;
        connection
            .batch_execute(&self.begin(name))
            .map_err(|source| StoreError::Query { action: "set up a connection", source })?;
        Ok(connection)
    }

    /// The settings of a transaction on a session that a pooler lends: they end with it.
    pub fn begin_transaction(&self) -> String {
        let (lock, patience) = (self.timeout.as_millis(), self.patience().as_millis());
        format!(
            "SET LOCAL datestyle = 'ISO'; SET LOCAL lock_timeout = {lock}; SET LOCAL statement_timeout = {patience}; \
             SET LOCAL idle_in_transaction_session_timeout = {patience}"
        )
    }

    /// How long a statement may take.
    pub fn patience(&self) -> Duration {
        self.timeout * PATIENCE
    }

    /// The settings of every connection. The server gives a lost client up as soon as the client gives up the server, or it
    /// would keep the client's locks for hours. Messages are English where the user may choose so, because some errors are
    /// recognised by their words.
    pub fn begin(&self, name: &str) -> String {
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

/// A URL with `sslrootcert=system`, with the file of certificates that this system trusts in its place: the bundled OpenSSL has no
/// directory of its own here. As with libpq, it means `sslmode=verify-full`, and no less.
fn trusting_the_system(url: PostgresUrl) -> Result<PostgresUrl, &'static str> {
    if url.option("sslrootcert").as_deref() != Some("system") {
        return Ok(url);
    }
    if url.option("sslmode").is_some_and(|mode| mode != "verify-full") {
        return Err(
            "with sslrootcert=system the sslmode must be verify-full, because anybody can have a certificate of a public \
                    authority",
        );
    }
    let file =
        system_certificates().ok_or("sslrootcert=system finds no file of certificates on this system; name one")?;
    Ok(url.with("sslrootcert", &file).with("sslmode", "verify-full"))
}

#[cfg(feature = "tls")]
fn system_certificates() -> Option<String> {
    openssl_probe::probe().cert_file?.to_str().map(str::to_owned)
}

#[cfg(not(feature = "tls"))]
fn system_certificates() -> Option<String> {
    None
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
        let url = |rest: &str, seconds| {
            let url = PostgresUrl::parse("postgresql", rest).unwrap();
            PgServer::new(&url, Duration::from_secs(seconds)).unwrap().url
        };
        let bounds = "keepalives_idle=15&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=30000";
        assert_eq!(url("h/db", 30), format!("postgresql://h/db?connect_timeout=30&{bounds}"));
        assert_eq!(url("h/db?connect_timeout=7", 30), format!("postgresql://h/db?connect_timeout=7&{bounds}"));
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
        // PgBouncer.
        ("FATAL:  no such database: happystock", true),
        ("FATAL:  no such user", true),
        ("FATAL:  unsupported startup parameter in options: search_path", true),
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

    #[test]
    fn what_keeps_tls_from_coming_about_is_known_by_its_words() {
        for message in [
            "server does not support SSL, but SSL was required",
            "sslmode value \"require\" invalid when SSL support is not compiled in",
            "weak sslmode \"require\" may not be used with sslrootcert=system (use \"verify-full\")",
            "root certificate file \"/nowhere\" does not exist",
            "SSL error: certificate verify failed",
            "server certificate for \"server\" (and 1 other name) does not match host name \"localhost\"",
            "could not open certificate file \"c\": Permission denied",
            "could not read certificate file \"c\": no start line",
            "could not load private key file \"k\": key values mismatch",
            "could not read root certificate file \"c\": no start line",
            "certificate present, but not private key file \"k\"",
            "FATAL:  connection requires a valid client certificate",
            "SSL error: tlsv13 alert certificate required",
            "SSL error: tlsv1 alert unknown ca",
        ] {
            assert!(TLS_FAILURES.iter().any(|phrase| message.contains(phrase)), "{message}");
        }
        for message in ["SSL SYSCALL error: EOF detected", "FATAL:  the database system is starting up"] {
            assert!(!TLS_FAILURES.iter().any(|phrase| message.contains(phrase)), "{message}");
        }
    }

    #[test]
    fn the_certificates_of_the_system_are_only_trusted_with_the_servers_name() {
        let url = |rest: &str| trusting_the_system(PostgresUrl::parse("postgresql", rest).unwrap());
        assert!(url("h/db?sslrootcert=system&sslmode=require").is_err());
        assert_eq!(url("h/db?sslmode=require").unwrap().option("sslmode").as_deref(), Some("require"));
        match system_certificates() {
            Some(file) => {
                let url = url("h/db?sslrootcert=system").unwrap();
                assert_eq!(url.option("sslrootcert"), Some(file));
                assert_eq!(url.option("sslmode").as_deref(), Some("verify-full"));
            }
            None => assert!(url("h/db?sslrootcert=system").is_err()),
        }
    }
}
