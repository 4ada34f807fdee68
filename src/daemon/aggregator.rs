//! The aggregator as a daemon.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{debug, info};

use super::health::{self, Duty, Health, Metrics, Vitals};
use super::reload::{Calendars, Reload};
use super::retry::Backoff;
use super::shutdown::Shutdown;
use super::{blocking, check, logging, open_store, patiently, supervisor};
use crate::config::AggregatorArgs;
use crate::jobs::{Aggregator, Folded};
use crate::store::BarStore;
use klined_market::base::{Shard, Symbol};

/// How long a run is expected to take at most.
const RUN_MAX: Duration = Duration::from_secs(60);

/// Runs `data-aggregator` until told to stop, or once, or checks whether it could run.
///
/// # Errors
/// The database cannot be used, or fails in a way that trying again cannot mend.
pub async fn run(args: AggregatorArgs) -> anyhow::Result<ExitCode> {
    if args.check.check {
        return check::aggregator(args).await;
    }
    let logs = logging::start(&args.log, "data_aggregator")?;
    let shutdown = Shutdown::on_signals()?;
    shutdown.end_in_time();
    let every = Duration::from_secs(60 * u64::from(args.interval));
    let (reload, calendars) = Reload::begin(&args.calendar, logs)?;
    let metrics = Arc::new(Metrics::default());
    let shard = args.shard.part();
    let vitals = vitals(every, shard, metrics.clone());
    let health = Health::new(vec![vitals.clone()], metrics, calendars.clone());
    health::serve(args.health.address(), health.clone()).await?;
    let supervised = supervisor::Report::begin(health.clone(), shutdown.clone());

    let database = args.database.clone();
    let store = blocking(move || open_store(&database)).await??;
    health.has_opened(store.clone());
    info!(database = %args.database.db_url, %shard, "started");
    if args.once {
        let (calendar, store) = (calendars.borrow().clone(), store.observed_by(vitals.clone()));
        let stop = shutdown.stop.clone();
        let run = move || Aggregator::start_shard(store, calendar, args.symbol, shard)?.run(args.lookback_hours, &stop);
        let folded = patiently(&vitals, args.database.patience(), run).await??;
        report(&folded);
    } else {
        reload.on_hangup(vitals.clone())?;
        let (lookback_hours, patience) = (args.lookback_hours, args.database.patience());
        let plan = Plan { every, only: args.symbol, shard, lookback_hours, calendars, patience };
        aggregate(store, plan, &vitals, &shutdown, &Notify::new()).await?;
    }
    supervised.end().await;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// The signs of life of an aggregator that runs so often.
pub fn vitals(every: Duration, shard: Shard, metrics: Arc<Metrics>) -> Arc<Vitals> {
    Vitals::new("aggregator", shard, Duty::RunWithin(2 * every + RUN_MAX), metrics)
}

fn report(folded: &Folded) {
    let Folded { symbols, minutes, bars, repaired } = *folded;
    info!(symbols, minutes, bars, repaired, "rolled up");
}

/// What to aggregate and when.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The time between two runs when nobody calls.
    pub every: Duration,
    pub only: Option<Symbol>,
    pub shard: Shard,
    /// For the first run.
    pub lookback_hours: Option<u32>,
    pub calendars: Calendars,
    /// How long the database may leave a request without an answer.
    pub patience: Duration,
}

/// Aggregates until told to stop, whenever `called` and every so often without.
pub async fn aggregate(
    store: Arc<dyn BarStore>,
    mut plan: Plan,
    vitals: &Arc<Vitals>,
    shutdown: &Shutdown,
    called: &Notify,
) -> anyhow::Result<()> {
    let store = store.observed_by(vitals.clone());
    let mut backoff = Backoff::default();
    while !shutdown.is_asked() {
        let (store, calendar) = (store.clone(), plan.calendars.borrow_and_update().clone());
        let (only, shard) = (plan.only, plan.shard);
        let mut running =
            match patiently(vitals, plan.patience, move || Aggregator::start_shard(store, calendar, only, shard))
                .await?
            {
                Ok(aggregator) => {
                    vitals.holds();
                    Some(aggregator)
                }
                Err(error) => {
                    backoff.wait_after(error, shutdown, vitals).await?;
                    None
                }
            };
        let mut is_time = true;
        let mut next_run = Instant::now() + plan.every;
        while let Some(aggregator) = running.take().filter(|_| !shutdown.is_asked()) {
            let (stop, lookback_hours) = (shutdown.stop.clone(), plan.lookback_hours);
            let outcome = patiently(vitals, plan.patience, move || match is_time {
                true => aggregator.run(lookback_hours, &stop).map(|folded| (aggregator, Round::Ran(folded))),
                false => aggregator.confirm().map(|behind| (aggregator, Round::Confirmed { behind })),
            });
            match outcome.await? {
                Ok((aggregator, round)) => {
                    backoff.reset();
                    match round {
                        Round::Confirmed { behind } => vitals.lags(behind),
                        Round::Ran(folded) => {
                            vitals.ran();
                            plan.lookback_hours = None;
                            next_run = Instant::now() + plan.every;
                            if folded.repaired > 0 {
                                report(&folded);
                            } else if folded.minutes > 0 {
                                let Folded { symbols, minutes, bars, .. } = folded;
                                debug!(symbols, minutes, bars, "rolled up");
                            }
                        }
                    }
                    running = Some(aggregator);
                }
                Err(error) => {
                    backoff.wait_after(error, shutdown, vitals).await?;
                    break;
                }
            }
            is_time = tokio::select! {
                () = called.notified() => true,
                () = tokio::time::sleep_until(next_run) => true,
                () = tokio::time::sleep(supervisor::pulse()) => false,
                () = shutdown.asked() => break,
                // The next aggregator goes by the new calendar.
                Ok(()) = plan.calendars.changed() => break,
            };
        }
    }
    Ok(())
}

/// What one round of the aggregator was.
enum Round {
    Ran(Folded),
    /// It still has its role, and so many trading minutes wait to be rolled up.
    Confirmed {
        behind: u64,
    },
}
