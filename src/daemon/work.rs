//! What the daemons have in common: opening the database, and waiting for it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use klined_service::{Retriable, Retry, Shutdown, blocking};
use tracing::debug;

use super::health::MarketVitals;
use crate::config::DatabaseArgs;
use crate::jobs::{JobError, Stop};
use crate::store::{self, BarStore, StoreError};

impl Retriable for JobError {
    fn is_retriable(&self) -> bool {
        JobError::is_retriable(self)
    }
}

/// The request to stop, as the jobs see it.
pub fn stop_on(shutdown: &Shutdown) -> Stop {
    Stop::from(shutdown.flag())
}

/// Does a job's blocking work, and gives up when the database leaves it without any answer for this long: something between
/// the two takes what is sent, answers nothing and keeps the connection up, which no other bound sees.
pub async fn patiently<T: Send + 'static>(
    vitals: &MarketVitals,
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<T> {
    tokio::select! {
        outcome = blocking(work) => outcome,
        () = vitals.common.standing_still(patience) => bail!(
            "the database has accepted a request and not answered it within {patience:?}; check the network between this \
             program and its server, and start the program again"
        ),
    }
}

/// Opens a database and brings its schema up to date.
///
/// # Errors
/// The database cannot be used, or takes no writes and lacks a migration.
pub fn open_store(args: &DatabaseArgs) -> Result<Arc<dyn BarStore>, StoreError> {
    let store = store::open(&args.options())?;
    for migration in store.migrate()? {
        debug!(migration, "migrated");
    }
    Ok(store)
}

/// Does what a writer's start has to do in its database, and tries again while the database takes no writes: it may be a standby that
/// is about to be promoted. None after the request to stop.
pub async fn once_writable<T: Send + 'static>(
    vitals: &MarketVitals,
    shutdown: &Shutdown,
    begin: impl Fn() -> Result<T, JobError> + Clone + Send + 'static,
) -> anyhow::Result<Option<T>> {
    let mut retry = Retry::default();
    while !shutdown.is_requested() {
        match blocking(begin.clone()).await? {
            Err(JobError::Store(error)) if error.is_read_only() => {
                retry.wait_after(JobError::Store(error), shutdown, &vitals.common).await?;
            }
            outcome => return Ok(Some(outcome?)),
        }
    }
    Ok(None)
}
