//! `klined up`: a whole market in one process.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tracing::info;

use super::aggregator::{self, aggregate};
use super::generator::{self, generate};
use super::health::{self, Health, Metrics, Vitals};
use super::reload::{self, Reload};
use super::shutdown::Shutdown;
use super::{api, backfill, blocking, logging, open_store, supervisor};
use crate::config::UpArgs;
use crate::jobs::{Aggregator, Market, Window};
use crate::store::DatabaseUrl;
use klined_market::base::{Pace, Shard};

/// How long the aggregator waits when no minute is written.
const AGGREGATE_EVERY: Duration = Duration::from_secs(60);

/// Sets the market up where it is not yet, and runs it until told to stop.
///
/// # Errors
/// The database cannot be used, or fails in a way that trying again cannot mend.
pub async fn run(args: UpArgs) -> anyhow::Result<ExitCode> {
    let logs = logging::start(&args.log, "klined")?;
    let shutdown = Shutdown::on_signals()?;
    shutdown.end_in_time();
    let (reload, calendars) = Reload::begin(&args.calendar, logs)?;
    let calendar = calendars.borrow().clone();
    let pace = if args.live { Pace::Live } else { Pace::Test { speed: args.pace.speed } };
    let metrics = Arc::new(Metrics::default());
    let jobs = [
        generator::vitals(pace, Shard::WHOLE, metrics.clone()),
        aggregator::vitals(AGGREGATE_EVERY, Shard::WHOLE, metrics.clone()),
    ];
    let health = Health::new(jobs.to_vec(), metrics, calendars.clone());
    health::serve(args.health.address(), health.clone()).await?;
    let supervised = supervisor::Report::begin(health.clone(), shutdown.clone());
    let (database, seed, choice) = (args.database.clone(), args.model.seed, args.model.choice()?);
    let plan =
        generator::Plan { only: vec![], pace, choice: choice.clone(), calendars, patience: args.database.patience() };
    let universe = args.universe.universe()?;
    let (stop, days, filler) = (shutdown.stop.clone(), usize::from(args.days), jobs[0].clone());
    let retain_months = args.retention.retain_months;
    let (market, is_filled) = blocking(move || {
        let store = open_store(&database)?;
        let market = Market::claim_filling(store, calendar, choice, seed, universe.as_ref())?.retaining(retain_months);
        let observed = Market { store: market.store.observed_by(filler), ..market.clone() };
        let is_filled = market.is_even()? || backfill::fill(&observed, Window::Days(days), None, &stop)?;
        anyhow::Ok((market, is_filled))
    })
    .await??;
    if is_filled {
        let server = api::beside(&args.server, &market).await?;
        tell(&args, &market, server.as_ref());
        health.has_opened(market.store.clone());
        read_on_hangup(reload, server.as_ref(), jobs[0].clone())?;
        let serving = server.map(|beside| tokio::spawn(beside.server.run(beside.listener, shutdown.token())));
        run_market(market, plan, &jobs, &shutdown).await?;
        if let Some(serving) = serving {
            serving.await?;
        }
    }
    supervised.end().await;
    info!("stopped; the next start goes on from here");
    Ok(ExitCode::SUCCESS)
}

/// Reads log filter, calendar and keys again on every SIGHUP.
fn read_on_hangup(reload: Reload, server: Option<&api::Beside>, generator: Arc<Vitals>) -> anyhow::Result<()> {
    let Some(beside) = server else { return reload.on_hangup(generator) };
    let (server, keys) = (beside.server.clone(), beside.keys_file.clone());
    reload::on_hangup(move || api::read_again(&reload, &server, keys.as_deref(), || Ok(generator.last_minute())))
}

async fn run_market(
    market: Market,
    plan: generator::Plan,
    [generator, aggregator]: &[Arc<Vitals>; 2],
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let (calendars, patience) = (plan.calendars.clone(), plan.patience);
    let roll_ups = aggregator::Plan {
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
        let outcome = generate(market.clone(), plan, generator, shutdown, &written).await;
        shutdown.ask();
        outcome
    };
    let aggregating = async {
        let outcome = aggregate(market.store.clone(), roll_ups, aggregator, shutdown, &written).await;
        shutdown.ask();
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

/// Says where the data is and how to look at it.
fn tell(args: &UpArgs, market: &Market, server: Option<&api::Beside>) {
    let (url, seed) = (&args.database.db_url, market.model.seed.0);
    println!("The market is open: {url}, seed {seed}. Ctrl-C stops it, the next start goes on.");
    let query = "SELECT symbol, current_price, market_state FROM stock_state";
    match url {
        DatabaseUrl::Sqlite(path) => println!("Look at it: sqlite3 {} \"{query}\"", path.display()),
        DatabaseUrl::Postgres(_) => println!("Look at it: psql \"$DATABASE_URL\" -c \"{query}\""),
    }
    if args.live {
        println!("It follows the real clock: bars come from 09:30 to 11:30 and from 13:00 to 15:00 in Shanghai.");
    } else {
        let every = Duration::from_secs_f64(60.0 / args.pace.speed);
        println!("Test mode: a new minute every {every:?}, closed hours are skipped.");
    }
    if let Some(server) = server {
        println!("It is served on http://{}; /docs tells of the routes.", server.address);
        if let Some(key) = &server.new_key {
            println!("The key, which is shown only now: {} (its hash is in {})", key.text(), api::KEYS_FILE);
        }
    }
}
