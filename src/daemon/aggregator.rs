//! The aggregator as a daemon.

use std::sync::Arc;
use std::time::Duration;

use klined_service::args::ServiceArgs;
use klined_service::{CheckReport, Daemon, Retry, Service, Shutdown, pulse};
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{debug, info};

use super::check;
use super::health::{Duty, MarketHealth, MarketVitals};
use super::reload::{CalendarReload, Calendars};
use super::work::{once_writable, open_store, patiently, stop_on};
use crate::config::AggregatorArgs;
use crate::jobs::{Aggregator, Filled, Folded, JobError};
use crate::store::BarStore;
use klined_market::base::{Shard, Symbol};

/// How long a run is expected to take at most.
const RUN_MAX: Duration = Duration::from_secs(60);

impl Daemon for AggregatorArgs {
    fn service_args(&self) -> ServiceArgs {
        self.service.clone()
    }

    fn check(&self, report: &mut CheckReport) {
        check::aggregator(self, report);
    }

    async fn run(self, service: Service) -> anyhow::Result<()> {
        let every = Duration::from_secs(60 * u64::from(self.interval));
        let (reload, calendars) = CalendarReload::begin(&self.calendar, None)?;
        let health = MarketHealth::of(&service, calendars.clone());
        let shard = self.shard.part();
        let vitals = vitals(&health, every, shard);
        let database = self.database.clone();
        let open = move || {
            let store = open_store(&database)?;
            let found = store.identity()?;
            Ok((store, found))
        };
        let Some((store, found)) = once_writable(&vitals, service.shutdown(), open).await? else { return Ok(()) };
        if let Some(found) = found {
            reload.follow(found.hours)?;
        }
        health.has_opened(store.clone());
        info!(database = %self.database.db_url, %shard, "started");
        let (lookback_hours, patience) = (self.lookback_hours, self.database.patience());
        if self.fill_turnover {
            let (calendar, store) = (calendars.borrow().clone(), store.observed_by(vitals.clone()));
            let (only, stop) = (self.symbol, stop_on(service.shutdown()));
            let run = move || Aggregator::start_shard(store, calendar, only, shard)?.fill_turnover(&stop);
            let Filled { bars, left, folded } = patiently(&vitals, patience, run).await??;
            info!(bars, left, rolled_up = folded.bars, "filled in turnovers");
            return Ok(());
        }
        if self.once {
            let (calendar, store) = (calendars.borrow().clone(), store.observed_by(vitals.clone()));
            let (only, stop) = (self.symbol, stop_on(service.shutdown()));
            let interval_only = self.interval_only;
            let run = move || {
                let aggregator = Aggregator::start_shard(store, calendar, only, shard)?;
                match interval_only {
                    Some(interval) => aggregator.run_only(interval, &stop),
                    None => aggregator.run(lookback_hours, &stop),
                }
            };
            let folded = patiently(&vitals, patience, run).await??;
            report(&folded);
            return Ok(());
        }
        service.on_reload({
            let (reload, vitals) = (reload.clone(), vitals.clone());
            move || drop(reload.read(|| Ok(vitals.last_minute())))
        });
        let task = AggregatorTask { every, only: self.symbol, shard, lookback_hours, calendars, patience };
        loop {
            let outcome = aggregate(store.clone(), task.clone(), &vitals, service.shutdown(), &Notify::new()).await;
            match outcome.as_ref().map_err(|error| error.downcast_ref::<JobError>()) {
                // The market has begun since the start.
                Err(Some(&JobError::OtherHours { found, .. })) => reload.follow(found)?,
                _ => return outcome,
            };
        }
    }
}

/// Adds an aggregator that runs this often to a process's health.
pub fn vitals(health: &MarketHealth, every: Duration, shard: Shard) -> Arc<MarketVitals> {
    health.job("aggregator", shard, Duty::RunWithin(2 * every + RUN_MAX))
}

fn report(folded: &Folded) {
    let Folded { symbols, minutes, bars, repaired } = *folded;
    info!(symbols, minutes, bars, repaired, "rolled up");
}

/// What to aggregate and when.
#[derive(Debug, Clone)]
pub struct AggregatorTask {
    /// The longest time between two runs.
    pub every: Duration,
    /// One symbol; none means all.
    pub only: Option<Symbol>,
    pub shard: Shard,
    /// For the first run.
    pub lookback_hours: Option<u32>,
    pub calendars: Calendars,
    /// How long the database may leave a request without an answer.
    pub patience: Duration,
}

/// Aggregates until the request to stop, whenever `called`, and after [`AggregatorTask::every`] at the latest.
pub async fn aggregate(
    store: Arc<dyn BarStore>,
    mut task: AggregatorTask,
    vitals: &Arc<MarketVitals>,
    shutdown: &Shutdown,
    called: &Notify,
) -> anyhow::Result<()> {
    let store = store.observed_by(vitals.clone());
    let mut retry = Retry::default();
    while !shutdown.is_requested() {
        let (store, calendar) = (store.clone(), task.calendars.borrow_and_update().clone());
        let (only, shard) = (task.only, task.shard);
        let mut running =
            match patiently(vitals, task.patience, move || Aggregator::start_shard(store, calendar, only, shard))
                .await?
            {
                Ok(aggregator) => {
                    vitals.common.works();
                    Some(aggregator)
                }
                Err(error) => {
                    retry.wait_after(error, shutdown, &vitals.common).await?;
                    None
                }
            };
        let mut is_time = true;
        let mut next_run = Instant::now() + task.every;
        while let Some(aggregator) = running.take().filter(|_| !shutdown.is_requested()) {
            let (stop, lookback_hours) = (stop_on(shutdown), task.lookback_hours);
            let outcome = patiently(vitals, task.patience, move || match is_time {
                true => aggregator.run(lookback_hours, &stop).map(|folded| (aggregator, AggregatorStep::Ran(folded))),
                false => aggregator.confirm().map(|behind| (aggregator, AggregatorStep::Confirmed { behind })),
            });
            match outcome.await? {
                Ok((aggregator, step)) => {
                    retry.reset();
                    match step {
                        AggregatorStep::Confirmed { behind } => vitals.lags(behind),
                        AggregatorStep::Ran(folded) => {
                            vitals.ran();
                            task.lookback_hours = None;
                            next_run = Instant::now() + task.every;
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
                    retry.wait_after(error, shutdown, &vitals.common).await?;
                    break;
                }
            }
            is_time = tokio::select! {
                () = called.notified() => true,
                () = tokio::time::sleep_until(next_run) => true,
                () = tokio::time::sleep(pulse()) => false,
                () = shutdown.requested() => break,
                // The next aggregator uses the new calendar.
                Ok(()) = task.calendars.changed() => break,
            };
        }
    }
    Ok(())
}

/// What the aggregator has done in one step.
enum AggregatorStep {
    Ran(Folded),
    /// It still has its role, and this many trading minutes are to be rolled up.
    Confirmed {
        behind: u64,
    },
}
