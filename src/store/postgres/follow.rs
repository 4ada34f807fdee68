//! Following by LISTEN: the writer notifies in its transaction, so the sign comes with the commit and not before.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;

use super::super::error::During;
use super::super::follow::Patience;
use super::super::{Follow, StoreError};
use super::notify::CHANNEL;
use super::session::Server;

/// A connection that listens.
pub(super) struct Listener {
    connection: PgConnection,
    patience: Patience,
}

impl Listener {
    pub fn begin(server: &Server) -> Result<Self, StoreError> {
        let mut connection = server.connect_as("klined follow")?;
        connection.batch_execute(&format!("LISTEN {CHANNEL}")).during("listen to the writer")?;
        Ok(Self { connection, patience: Patience::default() })
    }
}

impl Follow for Listener {
    fn wait(&mut self, timeout: Duration) -> Result<bool, StoreError> {
        let Self { connection, patience } = self;
        patience.wait(timeout, || {
            // What has come is taken in one go: many notes call for one look.
            connection.notifications_iter().try_fold(false, |_, note| note.map(|_| true)).during("listen to the writer")
        })
    }
}
