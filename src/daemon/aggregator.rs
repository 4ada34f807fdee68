//! The aggregator as a daemon.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{debug, info};

use super::retry::{Backoff, once_free};
use super::shutdown::Shutdown;
use super::{blocking, logging, open_store};
use crate::base::Symbol;
use crate::calendar::Calendar;
use crate::config::AggregatorArgs;
use crate::jobs::{Aggregator, Folded, JobError, Stop};
use crate::store::BarStore;

/// Runs `data-aggregator` until told to stop, or once.
///
/// # Errors
/// The database cannot be used, or fails in a way that trying again cannot mend.
pub async fn run(args: AggregatorArgs) -> anyhow::Result<ExitCode> {
    logging::start(&args.log, "data_aggregator")?;
    let shutdown = Shutdown::on_signals()?;
    let calendar = Arc::new(args.calendar.calendar()?);
    let database = args.database.clone();
    let store = blocking(move || open_store(&database)).await??;
    info!(database = %args.database.db_url, "started");
    if args.once {
        let folded = blocking(move || {
            once_free(|| Aggregator::start(store.clone(), calendar.clone(), args.symbol))?
                .run(args.lookback_hours, &shutdown.stop)
        })
        .await??;
        report(&folded);
    } else {
        let every = Duration::from_secs(60 * u64::from(args.interval));
        let plan = Plan { every, only: args.symbol, lookback_hours: args.lookback_hours };
        aggregate(store, calendar, plan, &shutdown, &Notify::new()).await?;
    }
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn report(folded: &Folded) {
    let Folded { symbols, minutes, bars, repaired } = *folded;
    info!(symbols, minutes, bars, repaired, "rolled up");
}

/// What to aggregate and when.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The time between two runs when nobody calls.
    pub every: Duration,
    pub only: Option<Symbol>,
    /// For the first run.
    pub lookback_hours: Option<u32>,
}

/// Aggregates until told to stop, whenever `called` and every so often without.
pub async fn aggregate(
    store: Arc<dyn BarStore>,
    calendar: Arc<Calendar>,
    mut plan: Plan,
    shutdown: &Shutdown,
    called: &Notify,
) -> anyhow::Result<()> {
    let mut backoff = Backoff::default();
    while !shutdown.is_asked() {
        let (begin_store, begin_calendar) = (store.clone(), calendar.clone());
        let mut running = match blocking(move || {
            once_free(|| Aggregator::start(begin_store.clone(), begin_calendar.clone(), plan.only))
        })
        .await?
        {
            Ok(aggregator) => Some(aggregator),
            Err(error) => {
                backoff.wait_after(error, shutdown).await?;
                None
            }
        };
        while let Some(aggregator) = running.take().filter(|_| !shutdown.is_asked()) {
            let stop = shutdown.stop.clone();
            match blocking(move || run_once(aggregator, plan.lookback_hours, &stop)).await? {
                Ok((aggregator, folded)) => {
                    backoff.reset();
                    plan.lookback_hours = None;
                    if folded.repaired > 0 {
                        report(&folded);
                    } else if folded.minutes > 0 {
                        debug!(symbols = folded.symbols, minutes = folded.minutes, bars = folded.bars, "rolled up");
                    }
                    running = Some(aggregator);
                }
                Err(error) => {
                    backoff.wait_after(error, shutdown).await?;
                    break;
                }
            }
            tokio::select! {
                () = called.notified() => {}
                () = tokio::time::sleep(plan.every) => {}
                () = shutdown.asked() => {}
            }
        }
    }
    Ok(())
}

fn run_once(
    aggregator: Aggregator,
    lookback_hours: Option<u32>,
    stop: &Stop,
) -> Result<(Aggregator, Folded), JobError> {
    let folded = aggregator.run(lookback_hours, stop)?;
    Ok((aggregator, folded))
}
