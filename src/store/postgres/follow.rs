//! Following by LISTEN: the writer notifies in its transaction, so the signal comes with the commit and not before.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;

use super::super::error::{During, StoreError};
use super::super::follow::SignalWait;
use super::super::traits::Follow;
use super::connect::PgServer;
use super::notify::CHANNEL;

/// A connection that listens.
pub(super) struct NotifyFollower {
    connection: PgConnection,
    signals: SignalWait,
}

impl NotifyFollower {
    pub fn begin(server: &PgServer) -> Result<Self, StoreError> {
        let mut connection = server.connect_as("klined follow")?;
        connection.batch_execute(&format!("LISTEN {CHANNEL}")).during("listen to the writer")?;
        Ok(Self { connection, signals: SignalWait::default() })
    }
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
