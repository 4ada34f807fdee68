//! What can end a run.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::log::LogError;
use crate::session::TooFewLevels;

/// A run that cannot start or go on. Logs hold whole chunks still: the next start goes on from them.
#[derive(Debug, Error)]
pub enum RunError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: {source}")]
    Log { path: PathBuf, source: LogError },
    #[error("{path} is in use by another producer")]
    InUse { path: PathBuf },
    #[error("{path} holds another run: its {name} is {found}, not {expected}")]
    OtherRun { path: PathBuf, name: String, found: String, expected: String },
    #[error("{path} has logs but no manifest.json: it is not known which run they are of")]
    NoManifest { path: PathBuf },
    #[error("{path} is no manifest: {source}")]
    Manifest { path: PathBuf, source: serde_json::Error },
    #[error(
        "{path} holds other events than this run makes, from event {order_id} on: it is a log with other parameters"
    )]
    OtherEvents { path: PathBuf, order_id: u64 },
    #[error(
        "event {order_id} of {path} is not the one that its readers were given last: they have been given another run's events"
    )]
    OtherStream { path: PathBuf, order_id: u64 },
    #[error("{path} cannot be followed: its {name} is \"{found}\"")]
    Strange { path: PathBuf, name: String, found: String },
    #[error("session {} from {start} on has no date: the days of {trading_days} end before it", u64::from(*day) + 1)]
    Dates { start: chrono::NaiveDate, day: u32, trading_days: &'static str },
    #[error(transparent)]
    Model(#[from] TooFewLevels),
}

impl RunError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.into(), source }
    }

    pub(crate) fn log(path: impl Into<PathBuf>) -> impl FnOnce(LogError) -> Self {
        move |source| Self::Log { path: path.into(), source }
    }
}
