//! Roles as advisory locks. The lock lives as long as its connection, so it is gone the moment its holder is; the epoch
//! in `role_epoch`, compared inside every writing transaction, covers a holder that has lost its connection unawares.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Integer, Text};

use klined_market::base::Shard;

use super::super::error::{During, StoreError};
use super::super::lease::LeaseLock;
use super::super::role::Role;
use super::connect::{PgServer, one_line};

/// The first half of the key of every advisory lock on a market in the schema `public`: "klnd" in ASCII. A market in another schema of the
/// database has its own locks, as far from this as the schema's number is from that of `public`, which is the same in every database.
const LOCK_CLASS: i32 = 0x6b6c_6e64;
const PUBLIC_SCHEMA: i64 = 2200;
const MIGRATION_LOCK: i32 = 0;

/// How often a role is tried, and the pause between two tries: the server takes a moment to notice that a holder which was
/// killed is gone.
const TRIES: u32 = 15;
const PAUSE: Duration = Duration::from_millis(200);

/// The server's processes of leases whose connection was lost: the server may not have noticed, and then keeps their locks.
pub(super) type LeftBehind = Arc<Mutex<Vec<ServerProcess>>>;

/// The server's process for one connection. Its beginning distinguishes it from a later one with the same number.
#[derive(QueryableByName)]
pub(super) struct ServerProcess {
    #[diesel(sql_type = Integer)]
    pid: i32,
    #[diesel(sql_type = Text)]
    began: String,
}

/// The number of the schema that holds the market, whatever search path or URL leads to it; of one to come, that in which tables are made.
/// SQL, because the catalog is not in diesel's schema.
const SCHEMA: &str = "SELECT coalesce((SELECT relnamespace FROM pg_class WHERE oid = to_regclass('role_epoch')), \
     (SELECT oid FROM pg_namespace WHERE nspname = current_schema()))::bigint AS schema";

#[derive(QueryableByName)]
struct Schema {
    #[diesel(sql_type = BigInt)]
    schema: i64,
}

/// The first half of the keys of this market's locks.
fn lock_class(connection: &mut PgConnection) -> Result<i32, StoreError> {
    let Schema { schema } = sql_query(SCHEMA).get_result(connection).during("look for the market's schema")?;
    // An oid has 32 bits.
    Ok(LOCK_CLASS.wrapping_add((schema - PUBLIC_SCHEMA) as i32))
}

/// A connection that is kept for the lock it holds.
pub(super) struct LockConnection {
    connection: Mutex<PgConnection>,
    shown_url: String,
    /// The server's process, and where to put it when the lock cannot be given up.
    process: Option<(ServerProcess, LeftBehind)>,
}

impl Drop for LockConnection {
    /// The server notices a closed connection only some time later; the next process that takes the role need not wait for that.
    fn drop(&mut self) {
        let connection = self.connection.get_mut().unwrap_or_else(PoisonError::into_inner);
        if connection.batch_execute("SELECT pg_advisory_unlock_all()").is_err()
            && let Some((process, left_behind)) = self.process.take()
        {
            left_behind.lock().unwrap_or_else(PoisonError::into_inner).push(process);
        }
    }
}

impl LeaseLock for LockConnection {
    fn check(&self) -> Result<(), StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.batch_execute("SELECT 1").map_err(|error| StoreError::Unreachable {
            url: self.shown_url.clone(),
            reason: format!("the connection that held the role is lost: {}", one_line(&error)),
        })
    }
}

diesel::define_sql_function! {
    /// Takes an advisory lock unless another session has it; whether it did.
    fn pg_try_advisory_lock(class: Integer, key: Integer) -> Bool;
}

/// The server's process for this connection. SQL, as are the next two, because the server's views are not in diesel's schema.
const OWN_PROCESS: &str = "SELECT pid, backend_start::text AS began FROM pg_stat_activity WHERE pid = pg_backend_pid()";
/// Ends a process.
const END_PROCESS: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2";

#[derive(QueryableByName)]
struct OtherDivision {
    #[diesel(sql_type = Bool)]
    is_held: bool,
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

/// Whether another process holds a lock of the role for another number of shards. Asked while holding one's own lock: of two
/// processes that take theirs at the same time the later one sees the other's.
const OTHERWISE: &str = "SELECT EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted \
     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
     AND l.classid::bigint = $1 AND l.objid::bigint & 255 = $2 AND l.objid::bigint >> 16 <> $3) AS is_held";

/// Takes a role's lock for a part of the market, or fails when another process still holds it after a few tries.
pub(super) fn take(
    server: &PgServer,
    role: Role,
    shard: Shard,
    left_behind: &LeftBehind,
) -> Result<LockConnection, StoreError> {
    let [of, number] = division(shard);
    let key = key(role) | number << 8 | of << 16;
    let mut is_divided_otherwise = false;
    let mut connection = server.connect_as("klined lease")?;
    end_processes(&mut connection, left_behind)?;
    let class = lock_class(&mut connection)?;
    let process = sql_query(OWN_PROCESS).get_result::<ServerProcess>(&mut connection).during("take the role's lock")?;
    for tries_left in (0..TRIES).rev() {
        let is_taken: bool = diesel::select(pg_try_advisory_lock(class, key))
            .get_result(&mut connection)
            .during("take the role's lock")?;
        if is_taken {
            OtherDivision { is_held: is_divided_otherwise } = sql_query(OTHERWISE)
                .bind::<BigInt, _>(i64::from(class.cast_unsigned()))
                .bind::<BigInt, _>(i64::from(self::key(role)))
                .bind::<BigInt, _>(i64::from(of))
                .get_result(&mut connection)
                .during("take the role's lock")?;
            if !is_divided_otherwise {
                let process = Some((process, left_behind.clone()));
                let shown_url = server.shown_url.clone();
                return Ok(LockConnection { connection: Mutex::new(connection), shown_url, process });
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

/// Ends what this program has left behind on the server. A user may end the processes of its own connections.
fn end_processes(connection: &mut PgConnection, left_behind: &LeftBehind) -> Result<(), StoreError> {
    let mut processes = left_behind.lock().unwrap_or_else(PoisonError::into_inner);
    for ServerProcess { pid, began } in processes.iter() {
        sql_query(END_PROCESS)
            .bind::<Integer, _>(pid)
            .bind::<Text, _>(began)
            .execute(connection)
            .during("end the server's process that held the role")?;
    }
    processes.clear();
    Ok(())
}

/// Waits for the lock under which migrations run, so that two daemons started together do not run them twice. It lasts as long as the
/// connection's transaction, so that no pooler can keep it.
pub(super) fn hold_migration_lock(server: &PgServer) -> Result<PgConnection, StoreError> {
    let mut connection = server.connect_as("klined migration")?;
    let class = lock_class(&mut connection)?;
    connection
        .batch_execute(&format!(
            "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; SELECT pg_advisory_xact_lock({class}, {MIGRATION_LOCK})"
        ))
        .during("wait for another process's migrations")?;
    Ok(connection)
}
