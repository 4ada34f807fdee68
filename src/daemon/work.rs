//! What the daemons have in common: opening the database, and waiting for it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use klined_service::{Retriable, Shutdown, blocking};
use tracing::debug;

use super::health::MarketVitals;
use crate::config::DatabaseArgs;
use crate::jobs::{JobError, Stop};
use crate::store::{self, BarStore};

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
pub fn open_store(args: &DatabaseArgs) -> anyhow::Result<Arc<dyn BarStore>> {
    let store = store::open(&args.options())?;
    for migration in store.migrate()? {
        debug!(migration, "migrated");
    }
    Ok(store)
}
