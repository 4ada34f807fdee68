//! One sender a table, each in a thread of its own.
//!
//! A flush that the network broke is sent again: the tables' keys make a row that arrived twice the same row. Over TCP
//! the server answers nothing, so what was flushed may be lost; the count at the end of a run finds that out.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use ::questdb::ErrorCode;
use ::questdb::ingress::{Protocol, ProtocolVersion, Sender, SenderBuilder};
use thiserror::Error;
use tracing::warn;

use super::progress::Progress;
use crate::out::ilp::TableRows;
use crate::out::{PerTable, Table, TableNames};

/// How rows reach the database.
#[derive(Debug, Clone, PartialEq)]
pub struct IlpSettings {
    pub protocol: Protocol,
    pub host: String,
    pub port: u16,
    /// User and password over HTTP; user and private key over TCP.
    pub user: Option<String>,
    pub password: Option<String>,
    pub token: Option<String>,
    /// The public key's coordinates.
    pub coordinates: Option<(String, String)>,
    pub authority: Option<PathBuf>,
}

/// Rows that were not sent.
#[derive(Debug, Error)]
pub enum SendError {
    #[error("cannot send rows to {host}:{port}: {source}")]
    Open { host: String, port: u16, source: ::questdb::Error },
    #[error("cannot send rows of {table}: {source}")]
    Flush { table: String, source: ::questdb::Error },
    #[error("the sender of {0} ended before its rows were sent")]
    Lost(String),
}

/// Milliseconds before the tries to send a flush again.
const WAITS_MS: [u64; 12] = [50, 100, 200, 500, 1_000, 2_000, 5_000, 5_000, 10_000, 10_000, 10_000, 15_000];
/// Blocks that wait for each sender.
const BLOCKS_WAITING: usize = 1;

impl IlpSettings {
    /// A sender of its own connection.
    ///
    /// # Errors
    /// The database cannot be reached, or refuses the user.
    pub fn open(&self) -> Result<Sender, SendError> {
        let build = || -> ::questdb::Result<Sender> {
            let mut builder = SenderBuilder::new(self.protocol, self.host.as_str(), self.port)
                .protocol_version(ProtocolVersion::V2)?;
            if let Some(user) = &self.user {
                builder = builder.username(user)?;
            }
            if let Some(password) = &self.password {
                builder = builder.password(password)?;
            }
            if let Some(token) = &self.token {
                builder = builder.token(token)?;
            }
            if let Some((x, y)) = &self.coordinates {
                builder = builder.token_x(x)?.token_y(y)?;
            }
            if let Some(path) = &self.authority {
                builder = builder.tls_roots(path.clone())?;
            }
            builder.build()
        };
        build().map_err(|source| SendError::Open { host: self.host.clone(), port: self.port, source })
    }
}

/// The senders of the three tables.
#[derive(Debug)]
pub struct Senders {
    names: Arc<TableNames>,
    lanes: PerTable<Option<SyncSender<TableRows>>>,
    threads: Vec<(Table, JoinHandle<Result<u64, SendError>>)>,
}

impl Senders {
    /// Opens a connection for each table.
    ///
    /// # Errors
    /// The database cannot be reached, or refuses the user.
    pub fn open(settings: &IlpSettings, names: &Arc<TableNames>, progress: &Arc<Progress>) -> Result<Self, SendError> {
        let mut senders = Self { names: Arc::clone(names), lanes: PerTable::default(), threads: Vec::new() };
        for table in Table::ALL {
            let (lane, rows) = sync_channel(BLOCKS_WAITING);
            let open = Some(settings.open()?);
            let (name, progress) = (names.of(table).to_owned(), Arc::clone(progress));
            let mut lane_end = Lane { table, name, settings: settings.clone(), progress, open };
            let thread = std::thread::spawn(move || lane_end.send_all(&rows));
            *senders.lanes.of(table) = Some(lane);
            senders.threads.push((table, thread));
        }
        Ok(senders)
    }

    /// Hands rows over; waits while those before are sent.
    ///
    /// # Errors
    /// A sender has given up.
    pub fn send(&mut self, rows: PerTable<TableRows>) -> Result<(), SendError> {
        for (table, rows) in Table::ALL.into_iter().zip(rows.0) {
            let lane = self.lanes.of(table).as_ref();
            if rows.rows > 0 && lane.is_none_or(|lane| lane.send(rows).is_err()) {
                return Err(self.end().err().unwrap_or(SendError::Lost(self.names.of(table).to_owned())));
            }
        }
        Ok(())
    }

    /// Waits until all rows are sent, and says how many those were.
    ///
    /// # Errors
    /// A sender has given up.
    pub fn end(&mut self) -> Result<PerTable<u64>, SendError> {
        self.lanes = PerTable::default();
        let mut sent = PerTable::default();
        let mut failed = None;
        for (table, thread) in self.threads.drain(..) {
            match thread.join().unwrap_or_else(|_| Err(SendError::Lost(self.names.of(table).to_owned()))) {
                Ok(rows) => *sent.of(table) = rows,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(sent), Err)
    }
}

/// One table's sender.
struct Lane {
    table: Table,
    name: String,
    settings: IlpSettings,
    progress: Arc<Progress>,
    open: Option<Sender>,
}

impl Lane {
    fn send_all(&mut self, blocks: &Receiver<TableRows>) -> Result<u64, SendError> {
        let mut sent = 0;
        for block in blocks {
            let mut waits = WAITS_MS.iter();
            while let Err(error) = self.flush(&block) {
                let Some(&wait) = waits.next().filter(|_| error.can_pass()) else { return Err(error) };
                warn!(retry_in_ms = wait, "{error}");
                self.progress.sends_again();
                self.open = None;
                std::thread::sleep(Duration::from_millis(wait));
            }
            self.progress.sent(self.table, block.rows);
            sent += block.rows;
        }
        Ok(sent)
    }

    fn flush(&mut self, block: &TableRows) -> Result<(), SendError> {
        let sender = match self.open.take() {
            Some(sender) => sender,
            None => self.settings.open()?,
        };
        let flushed = self.open.insert(sender).flush_and_keep(&block.buffer);
        flushed.map_err(|source| SendError::Flush { table: self.name.clone(), source })
    }
}

impl SendError {
    /// Whether another try may succeed.
    #[must_use]
    pub fn can_pass(&self) -> bool {
        match self {
            Self::Open { source, .. } | Self::Flush { source, .. } => source.code() == ErrorCode::SocketError,
            Self::Lost(_) => false,
        }
    }
}
