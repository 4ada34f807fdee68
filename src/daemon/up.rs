//! `klined up`: a whole market in one process.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use klined_service::args::ServiceArgs;
use klined_service::{Daemon, Service, Shutdown, blocking};
use tracing::{info, warn};

use super::aggregator::{self, AggregatorTask, aggregate};
use super::clock::SystemClock;
use super::fake_place::FakePlace;
use super::generator::{self, GeneratorEvents, GeneratorTask, generate};
use super::health::{MarketHealth, MarketVitals};
use super::reload::CalendarReload;
use super::renew::{reset, return_to_now};
use super::work::{open_store, stop_on};
use super::{api, backfill, welcome};
use crate::config::UpArgs;
use crate::jobs::{self, Aggregator, Market, Stop, Window};
use klined_market::base::{Clock, Pace, Shard};
use klined_market::calendar::Calendar;

/// The longest time between two runs of the aggregator when no minute is written.
const AGGREGATE_EVERY: Duration = Duration::from_secs(60);
/// Trading days of history that a new market gets.
const DAYS: u16 = 30;

impl Daemon for UpArgs {
    fn service_args(&self) -> ServiceArgs {
        self.run.clone().into()
    }

    /// Sets the market up where there is none yet, and runs it until the request to stop.
    async fn run(self, service: Service) -> anyhow::Result<()> {
        // Removed when the market has ended.
        let place = self.fake.fake_data.then(FakePlace::begin).transpose()?;
        let database =
            place.as_ref().map_or_else(|| Ok(self.database.clone()), |place| place.database(&self.database))?;
        Self { database, ..self }.run_in_place(service).await
    }
}

impl UpArgs {
    async fn run_in_place(self, service: Service) -> anyhow::Result<()> {
        let asked = self.hours()?;
        let (reload, calendars) = CalendarReload::begin(&self.calendar.changes, asked)?;
        let pace = if self.is_live() { Pace::Live } else { Pace::Test { speed: self.pace.speed } };
        let health = MarketHealth::of(&service, calendars.clone());
        let jobs = [
            generator::vitals(&health, pace, Shard::WHOLE),
            aggregator::vitals(&health, AGGREGATE_EVERY, Shard::WHOLE),
        ];
        let choice = self.choice()?;
        let patience = self.database.patience();
        let task = GeneratorTask { only: vec![], pace, choice: choice.clone(), calendars, patience };
        let universe = self.universe()?;
        // A vendor without a key and a port that is taken are noticed before the history is made.
        self.relay.options()?;
        let listener = api::listen_first(&self.server).await?;
        let tdx = if listener.is_some() { api::listen_for_tdx(&self.server).await? } else { None };
        let (args, stop, filler) = (self.clone(), stop_on(service.shutdown()), jobs[0].clone());
        let calendar_of = reload.clone();
        let (market, is_filled) = blocking(move || {
            if args.fresh {
                reset(
                    &args.database,
                    args.yes,
                    "--fresh --yes",
                    universe.as_ref(),
                    args.model.seed,
                    args.calendar.hours,
                )?;
            }
            let store = open_store(&args.database)?;
            let calendar = calendar_of.follow(jobs::hours(&*store, asked)?)?;
            let (seed, universe) = (args.model.seed, universe.as_ref());
            let market =
                Market::claim_filling(store, calendar, choice, seed, universe)?.retaining(args.retention.retained());
            if args.from_now {
                return_to_now(&market, &args)?;
            }
            let is_filled = set_up(&market, args.days(), filler, &stop)?;
            anyhow::Ok((market, is_filled))
        })
        .await??;
        if is_filled {
            let server = listener.map(|listener| api::beside(&self, (listener, tdx), &market)).transpose()?;
            health.has_opened(market.store.clone());
            if self.fake.fake_data {
                FakePlace::announce(&self.fake);
            }
            read_on_hangup(reload, server.as_ref(), jobs[0].clone(), &service);
            self.run_with(market, task, &jobs, server, service.shutdown()).await?;
        }
        if !self.fake.fake_data {
            info!("the next start continues where this one stopped");
        }
        Ok(())
    }

    /// Runs generator, aggregator and server together. What is printed comes when the generator has its role.
    async fn run_with(
        &self,
        market: Market,
        task: GeneratorTask,
        jobs: &[Arc<MarketVitals>; 2],
        server: Option<api::EmbeddedServer>,
        shutdown: &Shutdown,
    ) -> anyhow::Result<()> {
        let events = GeneratorEvents::default();
        let shown = server.as_ref().map(|beside| beside.server.clone());
        let introduction = welcome::Introduction::of(self, &market, server.as_ref());
        let serving =
            server.map(|beside| tokio::spawn(beside.server.run(beside.listener, beside.tdx, shutdown.token())));
        let welcoming = async {
            events.started.notified().await;
            introduction.print();
            welcome::show_state(market.clone(), shown).await;
        };
        tokio::select! {
            outcome = run_market(market.clone(), task, jobs, shutdown, &events) => outcome?,
            () = welcoming => {}
        }
        if let Some(serving) = serving {
            serving.await?;
        }
        Ok(())
    }
}

/// Fills a new market, and one whose first filling was interrupted; false when it is stopped before the end.
pub(super) fn set_up(
    market: &Market,
    days: Option<u16>,
    filler: Arc<MarketVitals>,
    stop: &Stop,
) -> anyhow::Result<bool> {
    let first_day = market.store.listings()?.iter().map(|listing| listing.first_day).min();
    if let Some((days, first_day)) = days.zip(first_day)
        && begins_before(&market.calendar, days, first_day)?
    {
        warn!(
            "--days {days} is for a new market, and this one begins on {first_day}; it goes on as it is. \
             `klined up --fresh --days {days}` removes it and begins a new one"
        );
    }
    if market.is_even()? {
        return Ok(true);
    }
    let observed = Market { store: market.store.clone().observed_by(filler), ..market.clone() };
    // What an interrupted filling has begun is completed from its own first day on.
    let window = match first_day {
        Some(from) => Window::Range { from, to: None },
        None => Window::Days(usize::from(days.unwrap_or(DAYS))),
    };
    backfill::fill(&observed, window, None, stop)
}

/// Whether so many days of history up to now would begin before a day.
fn begins_before(calendar: &Calendar, days: u16, first_day: NaiveDate) -> anyhow::Result<bool> {
    let Some(end) = calendar.last_completed(SystemClock.now())? else { return Ok(false) };
    let wanted = calendar.first_of_days_ending(calendar.day_of(end), usize::from(days));
    Ok(wanted.is_none_or(|wanted| wanted < first_day))
}

/// Has calendar and keys read again on every SIGHUP.
fn read_on_hangup(
    reload: Arc<CalendarReload>,
    server: Option<&api::EmbeddedServer>,
    generator: Arc<MarketVitals>,
    service: &Service,
) {
    let last_bar = move || Ok(generator.last_minute());
    match server.map(|beside| (beside.server.clone(), beside.keys_file.clone())) {
        None => service.on_reload(move || drop(reload.read(&last_bar))),
        Some((server, keys)) => {
            service.on_reload(move || api::read_again(&reload, &server, keys.as_deref(), &last_bar));
        }
    }
}

pub(super) async fn run_market(
    market: Market,
    task: GeneratorTask,
    [generator, aggregator]: &[Arc<MarketVitals>; 2],
    shutdown: &Shutdown,
    events: &GeneratorEvents,
) -> anyhow::Result<()> {
    let (calendars, patience) = (task.calendars.clone(), task.patience);
    let roll_ups = AggregatorTask {
        every: AGGREGATE_EVERY,
        only: None,
        shard: Shard::WHOLE,
        lookback_hours: None,
        calendars,
        patience,
    };
    // When one of the two fails the other must not run on alone.
    let generating = async {
        let outcome = generate(market.clone(), task, generator, shutdown, events).await;
        shutdown.request();
        outcome
    };
    let aggregating = async {
        let outcome = aggregate(market.store.clone(), roll_ups, aggregator, shutdown, &events.written).await;
        shutdown.request();
        outcome
    };
    let (generated, aggregated) = tokio::join!(generating, aggregating);
    generated.and(aggregated)?;
    // The last minutes may have been written while the aggregator was already stopping.
    blocking(move || {
        Aggregator::start(market.store.clone(), market.calendar.clone(), None)?.run(None, &Default::default())
    })
    .await??;
    Ok(())
}
