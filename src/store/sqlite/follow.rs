//! Following by `PRAGMA data_version`, which changes on a connection when another one has committed.

use std::path::Path;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Integer;

use super::super::error::During;
use super::super::follow::Patience;
use super::super::{Follow, StoreError};

/// A connection that looks whether others have committed. It never writes.
pub(super) struct Watcher {
    connection: SqliteConnection,
    version: i32,
    patience: Patience,
}

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = Integer)]
    data_version: i32,
}

impl Watcher {
    pub fn begin(path: &Path, timeout: Duration) -> Result<Self, StoreError> {
        let unreachable = |reason: String| StoreError::Unreachable { url: path.display().to_string(), reason };
        let name = path.to_str().ok_or_else(|| unreachable("its path is not UTF-8".to_owned()))?;
        let mut connection = SqliteConnection::establish(name).map_err(|error| unreachable(error.to_string()))?;
        super::configure(&mut connection, timeout.as_millis()).during("watch the database")?;
        let version = version(&mut connection)?;
        Ok(Self { connection, version, patience: Patience::default() })
    }
}

fn version(connection: &mut SqliteConnection) -> Result<i32, StoreError> {
    let row: VersionRow = sql_query("PRAGMA data_version").get_result(connection).during("watch the database")?;
    Ok(row.data_version)
}

impl Follow for Watcher {
    fn wait(&mut self, timeout: Duration) -> Result<bool, StoreError> {
        let Self { connection, version: seen, patience } = self;
        patience.wait(timeout, || {
            let found = version(connection)?;
            Ok(std::mem::replace(seen, found) != found)
        })
    }
}
