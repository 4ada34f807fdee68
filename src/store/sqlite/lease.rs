//! Roles as locked files beside the database, `market.db.writer.lock`. The operating system frees the lock when its
//! holder ends, however it ends; the epoch in `role_epoch` is compared inside every writing transaction.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use klined_market::base::Shard;

use super::super::error::StoreError;
use super::super::lease::LeaseLock;
use super::super::role::Role;
use super::file::DatabaseFile;

fn lock_path(database: &Path, name: &str) -> PathBuf {
    let mut path = OsString::from(database);
    path.push(format!(".{name}.lock"));
    path.into()
}

fn open(path: &Path) -> Result<File, StoreError> {
    File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| cannot_lock(path, &error))
}

fn cannot_lock(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unusable { url: path.display().to_string(), reason: format!("its lock file cannot be used: {error}") }
}

/// The locks of a role: the role's own file, which the holders of parts share, and the part's.
pub(super) struct LockFiles {
    files: Vec<File>,
    database: DatabaseFile,
}

impl Drop for LockFiles {
    /// Gives the locks up at once: closing alone would leave them to a child process that has just been forked and has the files
    /// open until it runs its own program.
    fn drop(&mut self) {
        for file in &self.files {
            // Closing it comes next.
            let _ = file.unlock();
        }
    }
}

/// Takes a role's lock for a part of the market without waiting for it.
pub(super) fn take(database: &DatabaseFile, role: Role, shard: Shard) -> Result<LockFiles, StoreError> {
    let locked = |files| LockFiles { files, database: database.clone() };
    let database = database.path();
    // One at a time, for an exclusive lock becomes a shared one by way of none.
    let _serial = hold_migration_lock(database)?;
    let path = lock_path(database, role.as_str());
    let mut file = open(&path)?;
    let failed = |error: std::io::Error| cannot_lock(&path, &error);
    let is_free = is_taken(file.try_lock(), &path)?;
    if shard.is_whole() {
        return if is_free { Ok(locked(vec![file])) } else { Err(StoreError::RoleTaken { role }) };
    }
    if is_free {
        // The first of the shards says how many there are.
        file.set_len(0).and_then(|()| write!(file, "{}", shard.of())).and_then(|()| file.unlock()).map_err(failed)?;
    }
    let mut count = String::new();
    let is_shared = is_taken(file.try_lock_shared(), &path)?;
    file.rewind().and_then(|()| file.read_to_string(&mut count)).map_err(failed)?;
    if !is_shared || count != shard.of().to_string() {
        return Err(StoreError::DividedOtherwise { role, shard });
    }
    let path = lock_path(database, &format!("{}-{}-of-{}", role.as_str(), shard.number(), shard.of()));
    let part = open(&path)?;
    if is_taken(part.try_lock(), &path)? {
        Ok(locked(vec![file, part]))
    } else {
        Err(StoreError::ShardTaken { role, shard })
    }
}

/// Whether a lock was taken; false when another process has it.
fn is_taken(outcome: Result<(), TryLockError>, path: &Path) -> Result<bool, StoreError> {
    match outcome {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(cannot_lock(path, &error)),
    }
}

/// Waits for the lock under which migrations run. They take milliseconds, so the wait is short.
pub(super) fn hold_migration_lock(database: &Path) -> Result<File, StoreError> {
    let path = lock_path(database, "migration");
    let file = open(&path)?;
    file.lock().map_err(|error| cannot_lock(&path, &error))?;
    Ok(file)
}

impl LeaseLock for LockFiles {
    /// Open files keep their locks; what may be lost is the database that they are of.
    fn check(&self) -> Result<(), StoreError> {
        self.database.check()
    }
}
