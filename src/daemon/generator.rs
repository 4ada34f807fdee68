//! The generator as a daemon.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{debug, info, warn};

use super::alarm::Alarm;
use super::clock::SystemClock;
use super::health::{self, Duty, Health, Metrics, Vitals};
use super::reload::{Calendars, Reload};
use super::retry::Backoff;
use super::shutdown::Shutdown;
use super::{blocking, check, logging, open_store, patiently, supervisor};
use crate::config::GeneratorArgs;
use crate::jobs::{Generator, JobError, Market, ModelChoice, Stop};
use klined_market::base::{Clock, Pace, Shard, Symbol};

/// Runs `market-generator` until told to stop, or checks whether it could run.
///
/// # Errors
/// The database cannot be used, or fails in a way that trying again cannot mend.
pub async fn run(args: GeneratorArgs) -> anyhow::Result<ExitCode> {
    if args.check.check {
        return check::generator(args).await;
    }
    let logs = logging::start(&args.log, "market_generator")?;
    let shutdown = Shutdown::on_signals()?;
    shutdown.end_in_time();
    let pace = if args.test { Pace::Test { speed: args.pace.speed } } else { Pace::Live };
    let (reload, calendars) = Reload::begin(&args.calendar, logs)?;
    let metrics = Arc::new(Metrics::default());
    let shard = args.shard.part();
    let vitals = vitals(pace, shard, metrics.clone());
    let health = Health::new(vec![vitals.clone()], metrics, calendars.clone());
    health::serve(args.health.address(), health.clone()).await?;
    let supervised = supervisor::Report::begin(health.clone(), shutdown.clone());

    let calendar = calendars.borrow().clone();
    let (database, seed, choice) = (args.database.clone(), args.model.seed, args.model.choice()?);
    let patience = args.database.patience();
    let plan = Plan { only: args.symbols, pace, choice: choice.clone(), calendars, patience };
    let universe = args.universe.universe()?;
    let claim = move || {
        let store = open_store(&database)?;
        anyhow::Ok(Market::claim_filling(store, calendar, choice, seed, universe.as_ref())?)
    };
    let market = blocking(claim).await??.retaining(args.retention.retain_months).of_shard(shard);
    health.has_opened(market.store.clone());
    reload.on_hangup(vitals.clone())?;
    info!(database = %args.database.db_url, seed = market.model.seed.0, model = market.model.version(), %shard, "started");
    generate(market, plan, &vitals, &shutdown, &Notify::new()).await?;
    supervised.end().await;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// The signs of life of a generator.
pub fn vitals(pace: Pace, shard: Shard, metrics: Arc<Metrics>) -> Arc<Vitals> {
    let duty = if pace == Pace::Live { Duty::FollowClock } else { Duty::RunFree };
    Vitals::new("generator", shard, duty, metrics)
}

/// What to generate and when.
#[derive(Clone)]
pub struct Plan {
    /// Empty means all.
    pub only: Vec<Symbol>,
    pub pace: Pace,
    /// What the market was claimed with, to claim it on another calendar.
    pub choice: ModelChoice,
    pub calendars: Calendars,
    /// How long the database may leave a request without an answer.
    pub patience: Duration,
}

/// Generates until told to stop, and tells `written` of every write.
pub async fn generate(
    mut market: Market,
    mut plan: Plan,
    vitals: &Arc<Vitals>,
    shutdown: &Shutdown,
    written: &Notify,
) -> anyhow::Result<()> {
    let pace = plan.pace;
    let mut alarm = match pace {
        Pace::Live => Alarm::on_the_minute().await?,
        Pace::Test { speed } => Alarm::at_speed(speed),
    };
    market.store = market.store.observed_by(vitals.clone());
    let mut backoff = Backoff::default();
    let mut is_first = true;
    while !shutdown.is_asked() {
        let (begin, calendar) = (market.clone(), plan.calendars.borrow_and_update().clone());
        let (only, choice, stop) = (plan.only.clone(), plan.choice.clone(), shutdown.stop.clone());
        let begun = patiently(vitals, plan.patience, move || {
            // As it was claimed before, but for the calendar.
            let seed = Some(begin.model.seed.0);
            let market = Market::claim(begin.store, calendar, choice, seed)?
                .retaining(begin.retain_months)
                .of_shard(begin.shard);
            start(market, &only, pace, is_first, &stop)
        });
        let mut running = match begun.await? {
            Ok(generator) => {
                generator.at().inspect(|at| vitals.stands_at(at.start()));
                vitals.holds();
                is_first = false;
                Some(generator)
            }
            Err(error) => {
                backoff.wait_after(error, shutdown, vitals).await?;
                None
            }
        };
        let mut is_time = true;
        while let Some(mut generator) = running.take().filter(|_| !shutdown.is_asked()) {
            let stop = shutdown.stop.clone();
            let outcome = patiently(vitals, plan.patience, move || {
                let minutes = match is_time {
                    true => advance(&mut generator, pace, &stop)?,
                    false => generator.confirm().map(|()| 0)?,
                };
                Ok::<_, JobError>((generator, minutes))
            });
            match outcome.await? {
                Ok((generator, minutes)) => {
                    backoff.reset();
                    if minutes > 0 {
                        debug!(minutes, at = generator.at().map(tracing::field::display), "written");
                        written.notify_one();
                    }
                    running = Some(generator);
                }
                // What a generator has made may not be written after an error: the next one reads back where it was.
                Err(error) => {
                    backoff.wait_after(error, shutdown, vitals).await?;
                    break;
                }
            }
            is_time = tokio::select! {
                () = alarm.ring() => true,
                () = tokio::time::sleep(supervisor::pulse()) => false,
                () = shutdown.asked() => break,
                // The next generator goes by the new calendar.
                Ok(()) = plan.calendars.changed() => break,
            };
        }
    }
    Ok(())
}

fn start(market: Market, only: &[Symbol], pace: Pace, is_first: bool, stop: &Stop) -> Result<Generator, JobError> {
    let calendar = market.calendar.clone();
    let now = SystemClock.now();
    let today = calendar.date_of(now)?;
    let first_day = match pace {
        Pace::Live => calendar.day_at_or_after(today)?,
        Pace::Test { .. } => calendar.day_at_or_before(today).map_or_else(|| calendar.day_at_or_after(today), Ok)?,
    };
    let generator = Generator::start(market, only, first_day, stop)?;
    if pace == Pace::Live {
        // A clock that is set back later on is waited for.
        if is_first {
            generator.refuse_future(now)?;
        }
        if calendar.is_projected(today) {
            warn!(known_until = %calendar.known_until(),
                "today's status comes from a projection; give the exchange's holidays with --calendar-file");
        }
        let due = generator.at().map_or(0, |at| calendar.minutes_between(at.end(), now));
        if due > 1 {
            info!(minutes = due, "catching up");
        }
    }
    Ok(generator)
}

fn advance(generator: &mut Generator, pace: Pace, stop: &Stop) -> Result<u64, JobError> {
    generator.keep_time(pace, SystemClock.now_nanos());
    match pace {
        Pace::Test { .. } => {
            let next = generator.next()?;
            generator.advance(next, stop)
        }
        Pace::Live => {
            let now = SystemClock.now();
            let minutes = match generator.market().calendar.last_completed(now)? {
                Some(target) => generator.advance(target, stop)?,
                None => 0,
            };
            generator.show_session(now)?;
            Ok(minutes)
        }
    }
}
