//! Following by LISTEN: the writer notifies in its transaction, so the signal comes with the commit and not before. A standby takes
//! no LISTEN, and a pooler in transaction mode keeps none. There the server is asked: a standby for the position in the log that it
//! has replayed, another for the transactions that are visible.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Text};

use super::super::error::{During, StoreError};
use super::super::follow::SignalWait;
use super::super::traits::Follow;
use super::super::transaction;
use super::connect::PgServer;
use super::notify::CHANNEL;
use super::pooler::{Sessions, keep_no_statements};

/// Whether the server is a standby, and something that changes with every transaction that becomes visible. SQL, because diesel has no
/// names for it.
const POSITION: &str = "SELECT pg_is_in_recovery() AS is_standby, CASE WHEN pg_is_in_recovery() \
     THEN coalesce(pg_last_wal_replay_lsn()::text, '') ELSE pg_current_snapshot()::text END AS position";
/// The server is asked at every so many looks of a [`SignalWait`], which is every 25 ms.
const LOOKS_EACH: u32 = 5;

#[derive(QueryableByName)]
struct Position {
    #[diesel(sql_type = Bool)]
    is_standby: bool,
    #[diesel(sql_type = Text)]
    position: String,
}

/// In a transaction, so that a pooler answers all of it on one session.
fn position(connection: &mut PgConnection) -> Result<Position, StoreError> {
    transaction::run(connection, "ask the server for its position", |connection| {
        sql_query(POSITION).get_result(connection).during("ask the server for its position")
    })
}

/// Follows in the way that the server takes.
pub(super) fn begin(server: &PgServer, sessions: Sessions) -> Result<Box<dyn Follow>, StoreError> {
    let mut connection = match sessions {
        Sessions::Own => server.connect_as("klined follow")?,
        Sessions::Lent => server.connect()?,
    };
    if sessions == Sessions::Lent {
        keep_no_statements(&mut connection);
    }
    let signals = SignalWait::default();
    let seen = position(&mut connection)?;
    if seen.is_standby || sessions == Sessions::Lent {
        return Ok(Box::new(AskingFollower { connection, signals, seen, looks: 0, url: server.shown_url.clone() }));
    }
    connection.batch_execute(&format!("LISTEN {CHANNEL}")).during("listen to the writer")?;
    Ok(Box::new(NotifyFollower { connection, signals }))
}

/// A connection that listens.
struct NotifyFollower {
    connection: PgConnection,
    signals: SignalWait,
}

impl Follow for NotifyFollower {
    fn wait(&mut self, timeout: Duration) -> Result<bool, StoreError> {
        let Self { connection, signals } = self;
        signals.wait(timeout, || {
            // What has come is taken in one go: many notes call for one look.
            connection.notifications_iter().try_fold(false, |_, note| note.map(|_| true)).during("listen to the writer")
        })
    }
}

/// A connection that asks.
struct AskingFollower {
    connection: PgConnection,
    signals: SignalWait,
    seen: Position,
    looks: u32,
    url: String,
}

impl Follow for AskingFollower {
    fn wait(&mut self, timeout: Duration) -> Result<bool, StoreError> {
        let Self { connection, signals, seen, looks, url } = self;
        signals.wait(timeout, || {
            *looks += 1;
            if !looks.is_multiple_of(LOOKS_EACH) {
                return Ok(false);
            }
            let before = std::mem::replace(seen, position(connection)?);
            if before.is_standby && !seen.is_standby {
                // Its new followers listen.
                return Err(StoreError::Unreachable {
                    url: url.clone(),
                    reason: "the standby has been promoted".to_owned(),
                });
            }
            Ok(before.position != seen.position)
        })
    }
}
