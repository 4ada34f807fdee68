//! Running a job until told to stop: signals, alarms, logs, retries, exit status.
//!
//! Real time enters the program here and nowhere below.

mod aggregator;
mod alarm;
mod api;
mod backfill;
mod check;
mod clock;
mod commands;
mod generator;
mod health;
mod logging;
mod realism;
mod reload;
mod retry;
mod shutdown;
mod supervisor;
mod up;

pub use aggregator::run as run_aggregator;
pub use api::run as run_api;
pub use backfill::run as run_backfill;
pub use commands::run as run_klined;
pub use generator::run as run_generator;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use tracing::{error, info};

use self::health::Vitals;
use crate::config::{self, DatabaseArgs};
use crate::store::{self, BarStore};

/// Reads the command line and runs a program: status 0 for a clean end, 1 for a failure, 2 for a wrong command line.
pub fn main<Args: Parser>(run: impl AsyncFnOnce(Args) -> anyhow::Result<ExitCode>) -> ExitCode {
    let outcome = config::read().and_then(|args| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let outcome = runtime.block_on(run(args));
        // Work that the database never answered is not waited for.
        runtime.shutdown_background();
        outcome
    });
    outcome.unwrap_or_else(|error| {
        if tracing::dispatcher::has_been_set() {
            error!(target: logging::FATAL, "{error:#}");
        } else {
            eprintln!("error: {error:#}");
        }
        ExitCode::FAILURE
    })
}

/// Does blocking work without holding up the runtime.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("a worker thread ended in a panic; this is a bug, please report it")
}

/// Does a job's blocking work, and gives up when the database leaves it without any answer for so long: something between
/// the two takes what is sent, answers nothing and keeps the connection up, which no other bound sees.
async fn patiently<T: Send + 'static>(
    vitals: &Vitals,
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<T> {
    tokio::select! {
        outcome = blocking(work) => outcome,
        () = vitals.standing_still(patience) => bail!(
            "the database has taken a request and not answered within {patience:?}; look for what is between this program and \
             its server, and start it again"
        ),
    }
}

/// Opens a database and brings its schema up to date.
fn open_store(args: &DatabaseArgs) -> anyhow::Result<Arc<dyn BarStore>> {
    let store = store::open(&args.options())?;
    for migration in store.migrate()? {
        info!(migration, "migrated");
    }
    Ok(store)
}
