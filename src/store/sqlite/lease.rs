//! Roles as locked files beside the database, `market.db.writer.lock`. The operating system frees the lock when its
//! holder ends, however it ends; the epoch in `role_epoch` is compared inside every writing transaction.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;

use super::super::error::During;
use super::super::{Lease, Role, StoreError, rows};

fn lock_path(database: &Path, name: &str) -> PathBuf {
    let mut path = OsString::from(database);
    path.push(format!(".{name}.lock"));
    path.into()
}

fn open(path: &Path) -> Result<File, StoreError> {
    File::options().create(true).truncate(false).write(true).open(path).map_err(|error| cannot_lock(path, &error))
}

fn cannot_lock(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unusable { url: path.display().to_string(), reason: format!("its lock file cannot be used: {error}") }
}

/// Takes a role's lock without waiting for it.
pub(super) fn take(database: &Path, role: Role) -> Result<File, StoreError> {
    let path = lock_path(database, role.as_str());
    let file = open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::RoleTaken { role }),
        Err(TryLockError::Error(error)) => Err(cannot_lock(&path, &error)),
    }
}

/// Waits for the lock under which migrations run. They take milliseconds, so the wait is short.
pub(super) fn hold_migration_lock(database: &Path) -> Result<File, StoreError> {
    let path = lock_path(database, "migration");
    let file = open(&path)?;
    file.lock().map_err(|error| cannot_lock(&path, &error))?;
    Ok(file)
}

impl super::super::Guard for File {
    /// An open file keeps its lock.
    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Fails unless the lease is held and the newest of its role.
pub(super) fn check(connection: &mut SqliteConnection, lease: &Lease) -> Result<(), StoreError> {
    lease.guard.check()?;
    let newest = sql_query("SELECT epoch FROM role_epoch WHERE role = $1")
        .bind::<Text, _>(lease.role.as_str())
        .get_result::<rows::EpochRow>(connection)
        .optional()
        .during("check the role")?;
    lease.compare(newest.map(|row| row.epoch))
}
