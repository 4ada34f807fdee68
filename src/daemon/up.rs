//! `klined up`: a whole market in one process.

use std::sync::Arc;
use std::time::Duration;

use klined_service::args::ServiceArgs;
use klined_service::{Daemon, Service, Shutdown, blocking, say};
use tokio::sync::Notify;
use tracing::info;

use super::aggregator::{self, AggregatorTask, aggregate};
use super::generator::{self, GeneratorTask, generate};
use super::health::{MarketHealth, MarketVitals};
use super::keys::KEYS_FILE;
use super::reload::CalendarReload;
use super::work::{open_store, stop_on};
use super::{api, backfill};
use crate::config::UpArgs;
use crate::jobs::{Aggregator, Market, Window};
use crate::store::DatabaseUrl;
use klined_market::base::{Pace, Shard};

/// The longest time between two runs of the aggregator when no minute is written.
const AGGREGATE_EVERY: Duration = Duration::from_secs(60);

impl Daemon for UpArgs {
    fn service_args(&self) -> ServiceArgs {
        self.run.clone().into()
    }

    /// Sets the market up where there is none yet, and runs it until the request to stop.
    async fn run(self, service: Service) -> anyhow::Result<()> {
        let (reload, calendars) = CalendarReload::begin(&self.calendar)?;
        let calendar = calendars.borrow().clone();
        let pace = if self.live { Pace::Live } else { Pace::Test { speed: self.pace.speed } };
        let health = MarketHealth::of(&service, calendars.clone());
        let jobs = [
            generator::vitals(&health, pace, Shard::WHOLE),
            aggregator::vitals(&health, AGGREGATE_EVERY, Shard::WHOLE),
        ];
        let (database, seed, choice) = (self.database.clone(), self.model.seed, self.model.choice()?);
        let patience = self.database.patience();
        let task = GeneratorTask { only: vec![], pace, choice: choice.clone(), calendars, patience };
        let universe = self.universe.universe()?;
        let (stop, days, filler) = (stop_on(service.shutdown()), usize::from(self.days), jobs[0].clone());
        let retain_months = self.retention.retain_months;
        let (market, is_filled) = blocking(move || {
            let store = open_store(&database)?;
            let market =
                Market::claim_filling(store, calendar, choice, seed, universe.as_ref())?.retaining(retain_months);
            let observed = Market { store: market.store.clone().observed_by(filler), ..market.clone() };
            let is_filled = market.is_even()? || backfill::fill(&observed, Window::Days(days), None, &stop)?;
            anyhow::Ok((market, is_filled))
        })
        .await??;
        if is_filled {
            let server = api::beside(&self.server, &market).await?;
            introduce(&self, &market, server.as_ref());
            health.has_opened(market.store.clone());
            read_on_hangup(reload, server.as_ref(), jobs[0].clone(), &service);
            let stop = service.shutdown().token();
            let serving = server.map(|beside| tokio::spawn(beside.server.run(beside.listener, stop)));
            run_market(market, task, &jobs, service.shutdown()).await?;
            if let Some(serving) = serving {
                serving.await?;
            }
        }
        info!("the next start goes on from here");
        Ok(())
    }
}

/// Has calendar and keys read again on every SIGHUP.
fn read_on_hangup(
    reload: CalendarReload,
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

async fn run_market(
    market: Market,
    task: GeneratorTask,
    [generator, aggregator]: &[Arc<MarketVitals>; 2],
    shutdown: &Shutdown,
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
    let written = Notify::new();
    // When one of the two fails the other must not run on alone.
    let generating = async {
        let outcome = generate(market.clone(), task, generator, shutdown, &written).await;
        shutdown.request();
        outcome
    };
    let aggregating = async {
        let outcome = aggregate(market.store.clone(), roll_ups, aggregator, shutdown, &written).await;
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

/// Prints where the data is and how to look at it.
fn introduce(args: &UpArgs, market: &Market, server: Option<&api::EmbeddedServer>) {
    let (url, seed) = (&args.database.db_url, market.model.seed.0);
    say!("The market is open: {url}, seed {seed}. Ctrl-C stops it; the next start goes on from there.");
    let query = "SELECT symbol, current_price, market_state FROM stock_state";
    match url {
        DatabaseUrl::Sqlite(path) => say!("Look at it: sqlite3 {} \"{query}\"", path.display()),
        DatabaseUrl::Postgres(_) => say!("Look at it: psql \"$DATABASE_URL\" -c \"{query}\""),
    }
    if args.live {
        say!("It follows the real clock: bars come from 09:30 to 11:30 and from 13:00 to 15:00 in Shanghai.");
    } else {
        let every = Duration::from_secs_f64(60.0 / args.pace.speed);
        say!("Test mode: a new minute comes every {every:?}, and closed hours are skipped.");
    }
    if let Some(server) = server {
        say!("It is served on http://{}; /docs describes the routes.", server.address);
        if let Some(key) = &server.new_key {
            say!("The key, which is shown only now: {} (its hash is in {KEYS_FILE})", key.text());
        }
    }
}
