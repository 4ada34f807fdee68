//! The database over the PostgreSQL wire: statements one at a time, answers as text.

use std::time::Duration;

use postgres::{Client, NoTls, SimpleQueryMessage};
use thiserror::Error;

/// Where the database is, and who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PgSettings {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
}

/// A statement that was not carried out.
#[derive(Debug, Error)]
pub enum ServerError {
    #[error("cannot connect to {user}@{host}:{port} (--host, --pg_port, --user, --password): {}", deepest(source))]
    Connect { host: String, port: u16, user: String, source: postgres::Error },
    #[error("the database refused \"{statement}\": {}", deepest(source))]
    Statement { statement: String, source: postgres::Error },
    #[error("the database answered \"{statement}\" with {found}")]
    Answer { statement: String, found: String },
}

/// What is at the bottom of an error: the client's own message leaves the server's words out.
fn deepest(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => said.message().to_owned(),
        None => {
            std::error::Error::source(error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
        }
    }
}

impl ServerError {
    /// Whether the connection, not the statement, is what failed.
    #[must_use]
    pub fn is_connection(&self) -> bool {
        match self {
            Self::Connect { source, .. } => source.as_db_error().is_none(),
            Self::Statement { source, .. } => source.as_db_error().is_none(),
            Self::Answer { .. } => false,
        }
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);

/// A connection that is made anew when it is lost.
pub struct Server {
    settings: PgSettings,
    client: Option<Client>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({}:{})", self.settings.host, self.settings.port)
    }
}

fn open_client(settings: &PgSettings) -> Result<Client, ServerError> {
    let PgSettings { host, port, user, password } = settings.clone();
    let mut config = postgres::Config::new();
    config.host(&host).port(port).user(&user).password(&password).dbname("qdb");
    config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(SILENCE).keepalives_idle(Duration::from_secs(20));
    config.connect(NoTls).map_err(|source| ServerError::Connect { host, port, user, source })
}

/// A row as text.
pub type TextRow = Vec<Option<String>>;

impl Server {
    /// Connects.
    ///
    /// # Errors
    /// The database cannot be reached, or refuses the user.
    pub fn connect(settings: &PgSettings) -> Result<Self, ServerError> {
        let mut server = Self { settings: settings.clone(), client: None };
        server.client()?;
        Ok(server)
    }

    fn client(&mut self) -> Result<&mut Client, ServerError> {
        let open = self.client.take().filter(|client| !client.is_closed());
        let client = match open {
            Some(client) => client,
            None => open_client(&self.settings)?,
        };
        Ok(self.client.insert(client))
    }

    /// Carries a statement out and gives its rows.
    ///
    /// # Errors
    /// The database refused it.
    pub fn rows(&mut self, statement: &str) -> Result<Vec<TextRow>, ServerError> {
        let was_open = self.client.is_some();
        let mut answer = self.client()?.simple_query(statement);
        // An open connection may be one to a server that has been restarted since. All statements may be said twice.
        if was_open && answer.as_ref().is_err_and(|error| error.as_db_error().is_none()) {
            self.client = None;
            answer = self.client()?.simple_query(statement);
        }
        let failed = |source| ServerError::Statement { statement: statement.trim().to_owned(), source };
        let messages = answer.map_err(failed)?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(rows.map(|row| (0..row.len()).map(|place| row.get(place).map(str::to_owned)).collect()).collect())
    }

    /// The one number that a statement gives.
    ///
    /// # Errors
    /// The database refused it, or gave something else.
    pub fn number(&mut self, statement: &str) -> Result<i64, ServerError> {
        let rows = self.rows(statement)?;
        let found = rows.first().and_then(|row| row.first().cloned().flatten());
        found
            .as_deref()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| ServerError::Answer { statement: statement.to_owned(), found: format!("{found:?}") })
    }
}

/// Whether a text column says yes.
#[must_use]
pub fn is_true(text: Option<&str>) -> bool {
    matches!(text, Some("t" | "true"))
}
