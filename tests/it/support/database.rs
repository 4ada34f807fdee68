//! A throw-away database of either kind, and the macro that runs a test on both.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use klined::store::{self, BarStore, StoreOptions};
use tempfile::TempDir;

use super::cluster::Cluster;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// An empty database that goes with its test.
pub struct Database {
    pub backend: Backend,
    url: String,
    /// Holds the SQLite file, and is the directory in which programs under test run.
    pub directory: TempDir,
}

#[derive(QueryableByName)]
struct TextRow {
    #[diesel(sql_type = Text)]
    text: String,
}

impl Database {
    pub fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let directory = tempfile::tempdir().unwrap();
                let url = format!("sqlite:///{}", directory.path().join("market.db").display());
                Self { backend, url, directory }
            }
            Backend::Postgres => Self::on(Cluster::shared(), ""),
        }
    }

    /// On a cluster, made with these options.
    pub fn on(cluster: &Cluster, options: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = format!("postgresql://postgres@127.0.0.1:{}", cluster.port);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::establish(&format!("{server}/postgres")).unwrap();
        connection.batch_execute(&format!("CREATE DATABASE {name} {options}")).unwrap();
        let url = format!("{server}/{name}");
        Self { backend: Backend::Postgres, url, directory: tempfile::tempdir().unwrap() }
    }

    /// The same database, or another one of its kind, by a URL of its own.
    pub fn called(&self, url: String) -> Self {
        Self { backend: self.backend, url, directory: tempfile::tempdir().unwrap() }
    }

    /// The same database by way of another port.
    pub fn url_by(&self, port: u16) -> String {
        let (server, name) = self.url.rsplit_once('/').unwrap();
        let (host, _) = server.rsplit_once(':').unwrap();
        format!("{host}:{port}/{name}")
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The store without its schema.
    pub fn open_empty(&self) -> Arc<dyn BarStore> {
        let options = StoreOptions { url: self.url.parse().unwrap(), pool_size: 4, timeout: Duration::from_secs(10) };
        store::open(&options).unwrap()
    }

    /// The store, migrated.
    pub fn open(&self) -> Arc<dyn BarStore> {
        let store = self.open_empty();
        store.migrate().unwrap();
        store
    }

    /// Does what an operator might do with psql or sqlite3.
    pub fn execute(&self, sql: &str) {
        self.try_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The same, which may be refused.
    pub fn try_execute(&self, sql: &str) -> QueryResult<()> {
        match self.backend {
            Backend::Sqlite => self.sqlite().batch_execute(sql),
            Backend::Postgres => PgConnection::establish(&self.url).unwrap().batch_execute(sql),
        }
    }

    /// The first column, which must be called `text`, read past the store under test.
    pub fn column(&self, sql: &str) -> Vec<String> {
        let rows: Vec<TextRow> = match self.backend {
            Backend::Sqlite => diesel::sql_query(sql).get_results(&mut self.sqlite()).unwrap(),
            Backend::Postgres => {
                diesel::sql_query(sql).get_results(&mut PgConnection::establish(&self.url).unwrap()).unwrap()
            }
        };
        rows.into_iter().map(|row| row.text).collect()
    }

    /// The Unix seconds of a column of time, as SQL.
    pub fn seconds_of(&self, column: &str) -> String {
        match self.backend {
            Backend::Sqlite => format!("CAST(strftime('%s', {column}) AS integer)"),
            Backend::Postgres => format!("extract(epoch FROM {column})::bigint"),
        }
    }

    /// The only value of a query whose column is called `text`.
    pub fn value(&self, sql: &str) -> String {
        self.column(sql).pop().unwrap_or_default()
    }

    /// Everything that must not depend on how a market came to be where it is, as text.
    pub fn contents(&self) -> Vec<String> {
        let bar = "symbol || ' ' || interval || ' ' || time || ' ' || CAST(open AS text) || ' ' || CAST(high AS text) \
             || ' ' || CAST(low AS text) || ' ' || CAST(close AS text) || ' ' || volume \
             || ' ' || coalesce(CAST(turnover AS text), '-') || ' ' || coalesce(CAST(trades AS text), '-')";
        [
            format!("SELECT {bar} AS text FROM market_klines"),
            "SELECT symbol || ' ' || CAST(current_price AS text) || ' ' || CAST(volatility AS text) || ' ' || \
             CAST(trend AS text) || ' ' || market_state || ' ' || last_update || ' ' || CAST(is_halted AS text) AS text FROM stock_state"
                .to_owned(),
            "SELECT symbol || ' ' || CAST(current_price AS text) || ' ' || CAST(change_percent AS text) || ' ' || volume \
             || ' ' || last_update AS text FROM stock_realtime_price"
                .to_owned(),
            "SELECT symbol || ' ' || CAST(day AS text) || ' ' || opening AS text FROM model_checkpoint".to_owned(),
            "SELECT symbol || ' ' || CAST(first_day AS text) || ' ' || coalesce(CAST(last_day AS text), '-') AS text \
             FROM stock_listing"
                .to_owned(),
            "SELECT symbol || ' ' || from_time || ' ' || until_time AS text FROM stock_halt".to_owned(),
            "SELECT CAST(is_trading AS text) || ' ' || current_session || ' ' || session_start || ' ' || session_end || \
             ' ' || last_update AS text FROM market_status"
                .to_owned(),
        ]
        .iter()
        .flat_map(|sql| {
            let mut rows = self.column(sql);
            rows.sort();
            rows
        })
        .collect()
    }

    /// Keeps everybody from writing bars until the hold is dropped.
    pub fn hold_writes(&self) -> Hold {
        match self.backend {
            Backend::Sqlite => {
                let mut connection = self.sqlite();
                connection.batch_execute("BEGIN IMMEDIATE").unwrap();
                Hold::Sqlite { _connection: connection }
            }
            Backend::Postgres => {
                let mut connection = PgConnection::establish(&self.url).unwrap();
                connection
                    .batch_execute("BEGIN; LOCK TABLE market_klines, stock_state, market_status IN EXCLUSIVE MODE")
                    .unwrap();
                Hold::Postgres { _connection: connection }
            }
        }
    }

    fn sqlite(&self) -> SqliteConnection {
        let mut connection = SqliteConnection::establish(self.url.trim_start_matches("sqlite:///")).unwrap();
        connection.batch_execute("PRAGMA busy_timeout = 10000").unwrap();
        connection
    }
}

/// An open transaction that others wait for.
pub enum Hold {
    Sqlite { _connection: SqliteConnection },
    Postgres { _connection: PgConnection },
}

/// Writes one test for each kind of database.
#[macro_export]
macro_rules! on_every_backend {
    ($($(#[$attribute:meta])* fn $name:ident($database:ident: &Database) $body:block)*) => {
        $(
            $(#[$attribute])*
            mod $name {
                use super::*;

                fn check($database: &Database) $body

                #[test]
                fn sqlite() {
                    check(&Database::new($crate::support::database::Backend::Sqlite));
                }

                #[test]
                fn postgres() {
                    check(&Database::new($crate::support::database::Backend::Postgres));
                }
            }
        )*
    };
}
