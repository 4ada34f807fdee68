//! Roles as advisory locks. The lock lives as long as its connection, so it is gone the moment its holder is; the epoch
//! in `role_epoch`, compared inside every writing transaction, covers a holder that has lost its connection unawares.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Integer, Text};

use super::super::error::During;
use super::super::{Lease, Role, StoreError, epoch, rows};
use super::session::Server;
use klined_market::base::Shard;

/// The first half of every advisory lock's key: "klnd" in ASCII.
const LOCK_CLASS: i32 = 0x6b6c_6e64;
const MIGRATION_LOCK: i32 = 0;

/// How often a role is tried, and the pause between two tries: the server takes a moment to notice that a holder which was
/// killed is gone.
const TRIES: u32 = 15;
const PAUSE: Duration = Duration::from_millis(200);

/// The server's sessions of leases whose connection was lost: the server may not have noticed, and then keeps their locks.
pub(super) type LeftBehind = Arc<Mutex<Vec<Backend>>>;

/// One session as the server knows it. Its beginning tells it from a later one with the same number.
#[derive(QueryableByName)]
pub(super) struct Backend {
    #[diesel(sql_type = Integer)]
    pid: i32,
    #[diesel(sql_type = Text)]
    began: String,
}

/// A connection that is kept for the lock it holds.
pub(super) struct Guard {
    connection: Mutex<PgConnection>,
    shown_url: String,
    /// Itself on the server, and where to put that when it can no longer be told to let go.
    backend: Option<(Backend, LeftBehind)>,
}

impl Drop for Guard {
    /// The server learns of a closed connection only some time later; whoever takes the role next need not wait for it.
    fn drop(&mut self) {
        let connection = self.connection.get_mut().unwrap_or_else(PoisonError::into_inner);
        if connection.batch_execute("SELECT pg_advisory_unlock_all()").is_err()
            && let Some((backend, left_behind)) = self.backend.take()
        {
            left_behind.lock().unwrap_or_else(PoisonError::into_inner).push(backend);
        }
    }
}

impl super::super::Guard for Guard {
    fn check(&self) -> Result<(), StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
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

/// The number of shards in the second half of a lock's key, and the shard's own; both 0 for the whole market.
fn division(shard: Shard) -> [i32; 2] {
    if shard.is_whole() { [0, 0] } else { [i32::from(shard.of()), i32::from(shard.number())] }
}

/// Whether anybody holds a lock of the role for another number of shards. Asked by who holds one already: of two who take
/// theirs at the same time the later one sees the other's.
const OTHERWISE: &str = "SELECT EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted \
     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
     AND l.classid::bigint = $1 AND l.objid::bigint & 255 = $2 AND l.objid::bigint >> 16 <> $3) AS taken";

/// Takes a role's lock for a part of the market, or fails when somebody still stands in the way after a few tries.
pub(super) fn take(server: &Server, role: Role, shard: Shard, left_behind: &LeftBehind) -> Result<Guard, StoreError> {
    let [of, number] = division(shard);
    let key = key(role) | number << 8 | of << 16;
    let mut is_divided_otherwise = false;
    let mut connection = server.connect_as("klined lease")?;
    end_sessions(&mut connection, left_behind)?;
    let backend =
        sql_query("SELECT pid, backend_start::text AS began FROM pg_stat_activity WHERE pid = pg_backend_pid()")
            .get_result::<Backend>(&mut connection)
            .during("take the role's lock")?;
    for tries_left in (0..TRIES).rev() {
        let TakenRow { taken } = sql_query("SELECT pg_try_advisory_lock($1, $2) AS taken")
            .bind::<Integer, _>(LOCK_CLASS)
            .bind::<Integer, _>(key)
            .get_result(&mut connection)
            .during("take the role's lock")?;
        if taken {
            TakenRow { taken: is_divided_otherwise } = sql_query(OTHERWISE)
                .bind::<BigInt, _>(i64::from(LOCK_CLASS))
                .bind::<BigInt, _>(i64::from(self::key(role)))
                .bind::<BigInt, _>(i64::from(of))
                .get_result(&mut connection)
                .during("take the role's lock")?;
            if !is_divided_otherwise {
                let backend = Some((backend, left_behind.clone()));
                return Ok(Guard { connection: Mutex::new(connection), shown_url: server.shown_url.clone(), backend });
            }
            connection.batch_execute("SELECT pg_advisory_unlock_all()").during("give the role's lock back")?;
        }
        if tries_left > 0 {
            std::thread::sleep(PAUSE);
        }
    }
    Err(match shard {
        Shard::WHOLE => StoreError::RoleTaken { role },
        _ if is_divided_otherwise => StoreError::DividedOtherwise { role, shard },
        _ => StoreError::ShardTaken { role, shard },
    })
}

/// Ends what this process has left behind on the server. Its user may end its own sessions.
fn end_sessions(connection: &mut PgConnection, left_behind: &LeftBehind) -> Result<(), StoreError> {
    let mut sessions = left_behind.lock().unwrap_or_else(PoisonError::into_inner);
    for Backend { pid, began } in sessions.iter() {
        sql_query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2")
            .bind::<Integer, _>(pid)
            .bind::<Text, _>(began)
            .execute(connection)
            .during("end the session that held the role")?;
    }
    sessions.clear();
    Ok(())
}

/// Waits for the lock under which migrations run, so that two daemons started together do not run them twice.
pub(super) fn hold_migration_lock(server: &Server) -> Result<Guard, StoreError> {
    let mut connection = server.connect_as("klined migration")?;
    connection
        .batch_execute(&format!("SELECT pg_advisory_lock({LOCK_CLASS}, {MIGRATION_LOCK})"))
        .during("wait for another process's migrations")?;
    Ok(Guard { connection: Mutex::new(connection), shown_url: server.shown_url.clone(), backend: None })
}

/// Fails unless the lease is held and the newest of its role. The row stays locked until the transaction ends, so nobody takes
/// the role over in its middle.
pub(super) fn check(connection: &mut PgConnection, lease: &Lease) -> Result<(), StoreError> {
    lease.guard.check()?;
    let newest = sql_query("SELECT epoch FROM role_epoch WHERE role = $1 FOR SHARE")
        .bind::<Text, _>(epoch::name(lease.role, lease.shard))
        .get_result::<rows::EpochRow>(connection)
        .optional()
        .during("check the role")?;
    lease.compare(newest.map(|row| row.epoch))
}
