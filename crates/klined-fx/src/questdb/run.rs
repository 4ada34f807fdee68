//! What a run is handed, what it has done, and how it can fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;

use super::pace::{Clock, Pace};
use super::progress::Progress;
use super::schema::{SchemaError, Views};
use super::send::{IlpSettings, SendError};
use super::server::{PgSettings, ServerError};
use crate::base::{NoMarket, Pair};
use crate::out::ilp::IlpError;
use crate::out::{PerTable, TableNames};
use crate::pipeline::PipelineError;

/// How rows are brought into the database.
#[derive(Debug, Clone)]
pub struct IngestSettings {
    pub pg: PgSettings,
    pub ilp: IlpSettings,
    pub names: Arc<TableNames>,
    /// How many entities trade.
    pub entities: usize,
    pub views: Views,
    pub incremental: bool,
    /// Whether the plan's start was given; else `incremental` begins where the database's newest rows are.
    pub is_start_given: bool,
    pub pace: Pace,
}

/// A run that did not end well.
#[derive(Debug, Error)]
pub enum IngestError {
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error(transparent)]
    Making(#[from] PipelineError<IlpError, Box<IngestError>>),
    #[error(transparent)]
    NoMarket(#[from] NoMarket),
    #[error(
        "{sent} rows of {table} were sent and {found} are there from {from} to {until}: rows were lost, or rows of another run lie there; the same command again sends them anew, rows that are there stay as they are"
    )]
    Unequal { table: String, sent: u64, found: u64, from: String, until: String },
    #[error(
        "rows that were sent are not applied after {0} s without any progress: look at wal_tables() and the server's log"
    )]
    NotApplied(u64),
    #[error(
        "--incremental: the newest {pair} price in the database, {found}, is not {expected} as this market has it: give the --seed, pairs, levels and orders of the run before"
    )]
    AnotherMarket { pair: Pair, found: String, expected: String },
}

/// What a run has done.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Rows that were sent, and found applied.
    pub rows: PerTable<u64>,
    /// The seconds that were sent, in Unix seconds; none when there was nothing to do.
    pub seconds: Option<(i64, i64)>,
    /// Whether the run was asked to stop before its plan's end.
    pub was_stopped: bool,
}

/// What a run is handed.
pub struct Surroundings<'a> {
    pub clock: &'a dyn Clock,
    /// Set when the run shall end with the second it is in.
    pub stop: &'a AtomicBool,
    pub progress: &'a Arc<Progress>,
}

impl Surroundings<'_> {
    /// Whether the run shall end; asking counts as a sign of life.
    pub(crate) fn is_over(&self) -> bool {
        self.progress.moves();
        self.stop.load(Ordering::Relaxed)
    }
}
