//! A file that is only read: on a medium that cannot be written, or without the right to write.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};

use super::file::DatabaseFile;
use super::{SqliteStore, cause, name_of, unusable};
use crate::store::error::{During, StoreError};
use crate::store::observe::Hook;
use crate::store::options::StoreOptions;

/// Sets up connections that write nothing.
#[derive(Debug)]
struct ReadingSetup {
    settings: String,
}

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for ReadingSetup {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        connection.batch_execute(&self.settings).map_err(diesel::r2d2::Error::QueryError)
    }
}

/// The characters of a path that mean something else in a URI.
fn escaped(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

impl SqliteStore {
    /// Opens a file of which nothing is written. A file whose write-ahead log is empty needs no other file beside it.
    pub(in crate::store) fn open_read_only(path: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        let unusable = |reason| unusable(options, reason);
        // First, because it says which directory is missing.
        name_of(path, options)?;
        let file = DatabaseFile::to_read(path).map_err(unusable)?;
        let (path, name) = (file.path(), name_of(file.path(), options)?);
        let settings = format!("PRAGMA busy_timeout = {}; PRAGMA query_only = ON", options.timeout.as_millis());
        let attempt = |uri: &str| {
            let mut connection = SqliteConnection::establish(uri).map_err(|error| unusable(error.to_string()))?;
            let probe = format!("{settings}; SELECT count(*) FROM sqlite_master");
            connection
                .batch_execute(&probe)
                .during("open the database")
                .map_err(|error| if error.is_retriable() { error } else { unusable(cause(&error)) })
        };
        let log = path.with_file_name(format!("{}-wal", path.file_name().unwrap_or_default().to_string_lossy()));
        let has_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
        let mut uri = format!("file:{}?mode=ro", escaped(name));
        if let Err(error) = attempt(&uri) {
            if has_log {
                return Err(error);
            }
            uri.push_str("&immutable=1");
            attempt(&uri)?;
        }
        let pool = Pool::builder()
            .max_size(options.pool_size)
            .min_idle(Some(1))
            .connection_timeout(options.timeout)
            .connection_customizer(Box::new(ReadingSetup { settings }))
            .build_unchecked(ConnectionManager::new(uri));
        Ok(Self { pool, file, timeout: options.timeout, hook: Hook::default() })
    }
}
