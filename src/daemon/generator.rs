//! The generator as a daemon.

use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::Notify;
use tracing::{debug, info, warn};

use super::alarm::Alarm;
use super::clock::SystemClock;
use super::retry::Backoff;
use super::shutdown::Shutdown;
use super::{blocking, logging, open_store};
use crate::base::{Clock, Symbol};
use crate::config::GeneratorArgs;
use crate::jobs::{Generator, JobError, Market, Stop};

/// How the market's time runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// With the clock, in the exchange's hours.
    Live,
    /// On from the last bar without closed hours, a minute every 60/speed seconds.
    Test { speed: f64 },
}

/// Runs `market-generator` until told to stop.
///
/// # Errors
/// The database cannot be used, or fails in a way that trying again cannot mend.
pub async fn run(args: GeneratorArgs) -> anyhow::Result<ExitCode> {
    logging::start(&args.log, "market_generator")?;
    let shutdown = Shutdown::on_signals()?;
    let calendar = Arc::new(args.calendar.calendar()?);
    let (database, seed, choice) = (args.database.clone(), args.model.seed, args.model.choice()?);
    let universe = args.universe.universe()?;
    let claim = move || {
        let store = open_store(&database)?;
        anyhow::Ok(Market::claim_filling(store, calendar, choice, seed, universe.as_ref())?)
    };
    let market = blocking(claim).await??;
    info!(database = %args.database.db_url, seed = market.model.seed.0, model = market.model.version(), "started");
    let pace = if args.test { Pace::Test { speed: args.pace.speed } } else { Pace::Live };
    generate(market, args.symbols, pace, &shutdown, &Notify::new()).await?;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Generates until told to stop, and tells `written` of every write.
pub async fn generate(
    market: Market,
    only: Vec<Symbol>,
    pace: Pace,
    shutdown: &Shutdown,
    written: &Notify,
) -> anyhow::Result<()> {
    let mut alarm = match pace {
        Pace::Live => Alarm::on_the_minute().await?,
        Pace::Test { speed } => Alarm::at_speed(speed),
    };
    let mut backoff = Backoff::default();
    while !shutdown.is_asked() {
        let (begin, stop) = (market.clone(), shutdown.stop.clone());
        let only = only.clone();
        let mut running = match blocking(move || start(begin, &only, pace, &stop)).await? {
            Ok(generator) => Some(generator),
            Err(error) => {
                backoff.wait_after(error, shutdown).await?;
                None
            }
        };
        while let Some(mut generator) = running.take().filter(|_| !shutdown.is_asked()) {
            let stop = shutdown.stop.clone();
            let outcome = blocking(move || match advance(&mut generator, pace, &stop) {
                Ok(minutes) => Ok((generator, minutes)),
                Err(error) => Err(error),
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
                    backoff.wait_after(error, shutdown).await?;
                    break;
                }
            }
            tokio::select! {
                () = alarm.ring() => {}
                () = shutdown.asked() => {}
            }
        }
    }
    Ok(())
}

fn start(market: Market, only: &[Symbol], pace: Pace, stop: &Stop) -> Result<Generator, JobError> {
    let calendar = market.calendar.clone();
    let now = SystemClock.now();
    let today = calendar.date_of(now);
    let first_day = match pace {
        Pace::Live => calendar.day_at_or_after(today)?,
        Pace::Test { .. } => calendar.day_at_or_before(today).map_or_else(|| calendar.day_at_or_after(today), Ok)?,
    };
    let generator = Generator::start(market, only, first_day, stop)?;
    if pace == Pace::Live {
        generator.refuse_future(now)?;
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
