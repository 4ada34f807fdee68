//! Roles as advisory locks. The lock lives as long as its connection, so it is gone the moment its holder is; the epoch
//! in `role_epoch`, compared inside every writing transaction, covers a holder that has lost its connection unawares.

use std::sync::Mutex;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Integer, Text};

use super::super::error::During;
use super::super::{Lease, Role, StoreError, rows};

/// The first half of every advisory lock's key: "klnd" in ASCII.
const LOCK_CLASS: i32 = 0x6b6c_6e64;
const MIGRATION_LOCK: i32 = 0;

/// How often a role is tried, and the pause between two tries: the server takes a moment to notice that a holder which was
/// killed is gone.
const TRIES: u32 = 15;
const PAUSE: Duration = Duration::from_millis(200);

/// A connection that is kept for the lock it holds.
pub(super) struct Guard {
    connection: Mutex<PgConnection>,
    shown_url: String,
}

impl Drop for Guard {
    /// The server learns of a closed connection only some time later; whoever takes the role next need not wait for it.
    fn drop(&mut self) {
        let connection = self.connection.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A connection that is lost has lost its locks too.
        let _ = connection.batch_execute("SELECT pg_advisory_unlock_all()");
    }
}

impl super::super::Guard for Guard {
    fn check(&self) -> Result<(), StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        connection.batch_execute("SELECT 1").map_err(|error| StoreError::Unreachable {
            url: self.shown_url.clone(),
            reason: format!("the connection that held the role is lost: {}", super::one_line(&error)),
        })
    }
}

#[derive(QueryableByName)]
struct TakenRow {
    #[diesel(sql_type = Bool)]
    taken: bool,
}

fn key(role: Role) -> i32 {
    match role {
        Role::Writer => 1,
        Role::Aggregator => 2,
    }
}

/// Takes a role's lock, or fails when somebody still holds it after a few tries.
pub(super) fn take(url: &str, shown_url: &str, role: Role) -> Result<Guard, StoreError> {
    let mut connection = super::connect(url, shown_url)?;
    connection.batch_execute("SET application_name = 'klined lease'").during("name the connection")?;
    for tries_left in (0..TRIES).rev() {
        let TakenRow { taken } = sql_query("SELECT pg_try_advisory_lock($1, $2) AS taken")
            .bind::<Integer, _>(LOCK_CLASS)
            .bind::<Integer, _>(key(role))
            .get_result(&mut connection)
            .during("take the role's lock")?;
        if taken {
            return Ok(Guard { connection: Mutex::new(connection), shown_url: shown_url.to_owned() });
        }
        if tries_left > 0 {
            std::thread::sleep(PAUSE);
        }
    }
    Err(StoreError::RoleTaken { role })
}

/// Waits for the lock under which migrations run, so that two daemons started together do not run them twice.
pub(super) fn hold_migration_lock(url: &str, shown_url: &str, timeout: Duration) -> Result<Guard, StoreError> {
    let mut connection = super::connect(url, shown_url)?;
    connection
        .batch_execute(&format!(
            "SET lock_timeout = {}; SELECT pg_advisory_lock({LOCK_CLASS}, {MIGRATION_LOCK})",
            timeout.as_millis()
        ))
        .during("wait for another process's migrations")?;
    Ok(Guard { connection: Mutex::new(connection), shown_url: shown_url.to_owned() })
}

/// Fails unless the lease is held and the newest of its role. The row stays locked until the transaction ends, so nobody takes
/// the role over in its middle.
pub(super) fn check(connection: &mut PgConnection, lease: &Lease) -> Result<(), StoreError> {
    lease.guard.check()?;
    let newest = sql_query("SELECT epoch FROM role_epoch WHERE role = $1 FOR SHARE")
        .bind::<Text, _>(lease.role.as_str())
        .get_result::<rows::EpochRow>(connection)
        .optional()
        .during("check the role")?;
    lease.compare(newest.map(|row| row.epoch))
}
