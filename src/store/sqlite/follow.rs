//! Following by `PRAGMA data_version`, which changes on a connection when another one has committed.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Integer;

use super::super::error::{During, StoreError};
use super::super::follow::SignalWait;
use super::super::traits::Follow;
use super::file::DatabaseFile;
use super::settings;

/// A connection that looks whether others have committed. It never writes.
pub(super) struct VersionFollower {
    connection: SqliteConnection,
    file: DatabaseFile,
    version: i32,
    signals: SignalWait,
}

/// The version that another connection's commit changes. SQL, because it is no table.
const DATA_VERSION: &str = "PRAGMA data_version";

#[derive(QueryableByName)]
struct DataVersion {
    #[diesel(sql_type = Integer)]
    data_version: i32,
}

impl VersionFollower {
    pub fn begin(file: DatabaseFile, timeout: Duration) -> Result<Self, StoreError> {
        file.check()?;
        let path = file.path();
        let unreachable = |reason: String| StoreError::Unreachable { url: path.display().to_string(), reason };
        let name = path.to_str().ok_or_else(|| unreachable("its path is not UTF-8".to_owned()))?;
        let mut connection = SqliteConnection::establish(name).map_err(|error| unreachable(error.to_string()))?;
        settings::configure(&mut connection, timeout).during("watch the database")?;
        let version = version(&mut connection)?;
        Ok(Self { connection, file, version, signals: SignalWait::default() })
    }
}

fn version(connection: &mut SqliteConnection) -> Result<i32, StoreError> {
    let row: DataVersion = sql_query(DATA_VERSION).get_result(connection).during("watch the database")?;
    Ok(row.data_version)
}

impl Follow for VersionFollower {
    fn wait(&mut self, timeout: Duration) -> Result<bool, StoreError> {
        let Self { connection, file, version: seen, signals } = self;
        signals.wait(timeout, || {
            file.check()?;
            let found = version(connection)?;
            Ok(std::mem::replace(seen, found) != found)
        })
    }
}
