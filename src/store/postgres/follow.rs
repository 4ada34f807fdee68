//! Following by LISTEN: the writer notifies in its transaction, so the signal comes with the commit and not before. A standby takes
//! no LISTEN; there the position in the log that it has replayed shows that something has come.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Text};

use super::super::error::{During, StoreError};
use super::super::follow::SignalWait;
use super::super::traits::Follow;
use super::connect::PgServer;
use super::notify::CHANNEL;

/// Whether the server is a standby, and how far it has replayed its primary's log. SQL, because diesel has no names for it.
const REPLAYED: &str =
    "SELECT pg_is_in_recovery() AS is_standby, coalesce(pg_last_wal_replay_lsn()::text, '') AS position";
/// A standby is asked at every so many looks of a [`SignalWait`], which is every 25 ms.
const LOOKS_EACH: u32 = 5;

#[derive(QueryableByName)]
struct Replayed {
    #[diesel(sql_type = Bool)]
    is_standby: bool,
    #[diesel(sql_type = Text)]
    position: String,
}

fn replayed(connection: &mut PgConnection) -> Result<Replayed, StoreError> {
    sql_query(REPLAYED).get_result(connection).during("ask the standby how far it is")
}

/// Follows in the way that the server takes.
pub(super) fn begin(server: &PgServer) -> Result<Box<dyn Follow>, StoreError> {
    let mut connection = server.connect_as("klined follow")?;
    let signals = SignalWait::default();
    let Replayed { is_standby, position } = replayed(&mut connection)?;
    if is_standby {
        return Ok(Box::new(ReplayFollower { connection, signals, position, looks: 0, url: server.shown_url.clone() }));
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

/// A connection to a standby that asks.
struct ReplayFollower {
    connection: PgConnection,
    signals: SignalWait,
    position: String,
    looks: u32,
    url: String,
}

impl Follow for ReplayFollower {
    fn wait(&mut self, timeout: Duration) -> Result<bool, StoreError> {
        let Self { connection, signals, position: seen, looks, url } = self;
        signals.wait(timeout, || {
            *looks += 1;
            if !looks.is_multiple_of(LOOKS_EACH) {
                return Ok(false);
            }
            let Replayed { is_standby, position } = replayed(connection)?;
            if !is_standby {
                // Its new followers listen.
                return Err(StoreError::Unreachable {
                    url: url.clone(),
                    reason: "the standby has been promoted".to_owned(),
                });
            }
            Ok(std::mem::replace(seen, position.clone()) != position)
        })
    }
}
