//! The generator as a daemon.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use klined_service::args::ServiceArgs;
use klined_service::{Alarm, CheckReport, Daemon, Retry, Service, Shutdown, pulse};
use tokio::sync::Notify;
use tracing::field::display;
use tracing::{debug, info, warn};

use super::check;
use super::clock::SystemClock;
use super::health::{Duty, MarketHealth, MarketVitals};
use super::reload::{CalendarReload, Calendars};
use super::work::{once_writable, open_store, patiently, stop_on};
use crate::config::GeneratorArgs;
use crate::jobs::{self, Generator, JobError, Market, ModelChoice, Stop};
use klined_market::base::{Clock, Pace, Shard, Symbol};
use klined_market::calendar::Hours;

/// The longest sleep of the generator, should the alarm fail.
const LONGEST_SLEEP: Duration = Duration::from_secs(300);

impl Daemon for GeneratorArgs {
    fn service_args(&self) -> ServiceArgs {
        self.service.clone()
    }

    fn check_configuration(&self) -> anyhow::Result<()> {
        check::wanted(&self.model, &self.universe).map(drop)
    }

    fn check(&self, report: &mut CheckReport) {
        check::generator(self, report);
    }

    async fn run(self, service: Service) -> anyhow::Result<()> {
        let pace = if self.test { Pace::Test { speed: self.pace.speed } } else { Pace::Live };
        let (reload, calendars) = CalendarReload::begin(&self.calendar.changes, self.calendar.hours)?;
        let health = MarketHealth::of(&service, calendars.clone());
        let shard = self.shard.part();
        let vitals = vitals(&health, pace, shard);
        let (database, seed, choice) = (self.database.clone(), self.model.seed, self.model.choice()?);
        let patience = self.database.patience();
        let task = GeneratorTask { only: self.symbols, pace, choice: choice.clone(), calendars, patience };
        let universe = self.universe.universe()?;
        let asked = self.calendar.hours;
        let open = move || {
            let store = open_store(&database)?;
            let hours = jobs::hours(&*store, asked)?;
            Ok((store, hours))
        };
        let Some((store, hours)) = once_writable(&vitals, service.shutdown(), open).await? else { return Ok(()) };
        let calendar = reload.follow(hours)?;
        let claim =
            move || Market::claim_filling(store.clone(), calendar.clone(), choice.clone(), seed, universe.as_ref());
        let Some(market) = once_writable(&vitals, service.shutdown(), claim).await? else { return Ok(()) };
        let market = market.retaining(self.retention.retained()).of_shard(shard);
        health.has_opened(market.store.clone());
        service.on_reload({
            let vitals = vitals.clone();
            move || drop(reload.read(|| Ok(vitals.last_minute())))
        });
        info!(database = %self.database.db_url, seed = market.source.seed().0, model = market.source.version(), %shard, "started");
        generate(market, task, &vitals, service.shutdown(), &GeneratorEvents::default()).await
    }
}

/// Adds a generator to a process's health.
pub fn vitals(health: &MarketHealth, pace: Pace, shard: Shard) -> Arc<MarketVitals> {
    let duty = if pace == Pace::Live { Duty::FollowClock } else { Duty::RunFree };
    health.job("generator", shard, duty)
}

/// What to generate and when.
#[derive(Clone)]
pub struct GeneratorTask {
    /// Only these symbols; empty means all.
    pub only: Vec<Symbol>,
    pub pace: Pace,
    /// The model that the market was claimed with, to claim it again under another calendar.
    pub choice: ModelChoice,
    pub calendars: Calendars,
    /// How long the database may leave a request without an answer.
    pub patience: Duration,
}

/// What others learn of a generator that runs beside them.
#[derive(Default)]
pub struct GeneratorEvents {
    /// It has the writer's role and is where the last run ended.
    pub started: Notify,
    /// Minutes were written.
    pub written: Notify,
}

/// Generates until the request to stop.
pub async fn generate(
    mut market: Market,
    mut task: GeneratorTask,
    vitals: &Arc<MarketVitals>,
    shutdown: &Shutdown,
    events: &GeneratorEvents,
) -> anyhow::Result<()> {
    let pace = task.pace;
    let mut alarm = match pace {
        Pace::Live => {
            let hours = market.calendar.hours();
            Alarm::on_schedule(&session_minutes(hours), hours.zone(), LONGEST_SLEEP).await?
        }
        Pace::Test { speed } => Alarm::every(Duration::from_secs_f64(60.0 / speed)),
    };
    market.store = market.store.observed_by(vitals.clone());
    let mut retry = Retry::default();
    let mut is_first = true;
    while !shutdown.is_requested() {
        let (begin, calendar) = (market.clone(), task.calendars.borrow_and_update().clone());
        let (only, choice, stop) = (task.only.clone(), task.choice.clone(), stop_on(shutdown));
        let begun = patiently(vitals, task.patience, move || {
            // As it was claimed before, but for the calendar.
            let seed = Some(begin.source.seed().0);
            let market =
                Market::claim(begin.store, calendar, choice, seed)?.retaining(begin.retained).of_shard(begin.shard);
            start(market, &only, pace, is_first, &stop)
        });
        let mut running = match begun.await? {
            Ok(generator) => {
                generator.at().inspect(|at| vitals.stands_at(at.start()));
                vitals.common.works();
                is_first = false;
                events.started.notify_one();
                Some(generator)
            }
            Err(error) => {
                retry.wait_after(error, shutdown, &vitals.common).await?;
                None
            }
        };
        let mut is_time = true;
        while let Some(mut generator) = running.take().filter(|_| !shutdown.is_requested()) {
            let stop = stop_on(shutdown);
            let outcome = patiently(vitals, task.patience, move || {
                let minutes = match is_time {
                    true => advance(&mut generator, pace, &stop)?,
                    false => generator.confirm().map(|()| 0)?,
                };
                Ok::<_, JobError>((generator, minutes))
            });
            match outcome.await? {
                Ok((generator, minutes)) => {
                    retry.reset();
                    if minutes > 0 {
                        let at = generator.at().map(|at| display(market.calendar.local_minute(at)));
                        debug!(minutes, at, "written");
                        events.written.notify_one();
                    }
                    running = Some(generator);
                }
                // What a generator has made may not be written after an error: the next one reads back where it was.
                Err(error) => {
                    retry.wait_after(error, shutdown, &vitals.common).await?;
                    break;
                }
            }
            is_time = tokio::select! {
                () = alarm.ring() => true,
                () = tokio::time::sleep(pulse()) => false,
                () = shutdown.requested() => break,
                // The next generator uses the new calendar.
                Ok(()) = task.calendars.changed() => break,
            };
        }
    }
    Ok(())
}

/// Each full minute of the hours in which sessions lie, by the market's clocks, on every day: the calendar knows the holidays. A minute
/// ends in the next hour at times, and the alarm does not follow a change of the clocks, so one hour more on either side of it rings too.
fn session_minutes(hours: Hours) -> String {
    let ringing: BTreeSet<u32> =
        hours.clock_hours().into_iter().flat_map(|hour| (23..=26).map(move |shift| (hour + shift) % 24)).collect();
    let ringing: Vec<String> = ringing.iter().map(u32::to_string).collect();
    format!("0 * {} * * *", ringing.join(","))
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
                "the holidays of this year are projected, not published; give the exchange's holidays with --calendar-file");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_rings_while_minutes_end_whatever_the_clocks_do() {
        assert_eq!(session_minutes(Hours::Sse), "0 * 8,9,10,11,12,13,14,15,16 * * *");
        assert_eq!(session_minutes(Hours::Nyse), "0 * 8,9,10,11,12,13,14,15,16,17 * * *");
        let all: Vec<String> = (0..24).map(|hour: u32| hour.to_string()).collect();
        for hours in [Hours::AroundTheClock, Hours::Fx] {
            assert_eq!(session_minutes(hours), format!("0 * {} * * *", all.join(",")));
        }
    }
}
