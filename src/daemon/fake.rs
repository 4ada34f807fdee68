//! `--fake-data` of `market-api` and `klined up`: a market of test symbols around the clock, which lives as long as the server.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use klined_service::{Service, blocking};

use super::fake_place::FakePlace;
use super::generator::{self, GeneratorTask};
use super::health::{MarketHealth, MarketVitals};
use super::reload::CalendarReload;
use super::up::{run_market, set_up};
use super::work::{open_store, stop_on};
use super::{aggregator, api};
use crate::config::{ApiArgs, FakeArgs};
use crate::daemon::generator::GeneratorEvents;
use crate::jobs::Market;
use klined_market::base::{Pace, Shard};
use klined_market::calendar::Hours;

/// The longest time between two runs of the aggregator when no minute is written.
const AGGREGATE_EVERY: Duration = Duration::from_secs(60);

/// The market's jobs, and the directory that goes with them.
pub struct FakeMarket {
    pub market: Market,
    pub health: MarketHealth,
    pub reload: Arc<CalendarReload>,
    task: GeneratorTask,
    jobs: [Arc<MarketVitals>; 2],
    /// Removed at the end.
    _place: FakePlace,
}

impl FakeMarket {
    /// Makes the market with its history; none when the request to stop comes first.
    ///
    /// # Errors
    /// There is no room for temporary files, the symbols cannot be stocks, or parameters of another model are given.
    pub async fn begin(args: &ApiArgs, service: &Service) -> anyhow::Result<Option<Self>> {
        if args.parameters.model_params.is_some() {
            bail!("--fake-data has its own model; leave out --model-params");
        }
        let place = FakePlace::begin()?;
        let database = place.database(&args.database)?;
        let universe = args.fake.universe()?;
        let (reload, calendars) = CalendarReload::begin(&args.calendar, Some(Hours::AroundTheClock))?;
        let health = MarketHealth::of(service, calendars.clone());
        let jobs = [
            generator::vitals(&health, Pace::Live, Shard::WHOLE),
            aggregator::vitals(&health, AGGREGATE_EVERY, Shard::WHOLE),
        ];
        let choice = FakeArgs::choice();
        let task = GeneratorTask {
            only: vec![],
            pace: Pace::Live,
            choice: choice.clone(),
            calendars,
            patience: database.patience(),
        };
        let (stop, filler, calendar_of) = (stop_on(service.shutdown()), jobs[0].clone(), reload.clone());
        let (market, is_filled) = blocking(move || {
            let store = open_store(&database)?;
            let calendar = calendar_of.follow(Hours::AroundTheClock)?;
            let market = Market::claim_filling(store, calendar, choice, None, Some(&universe))?;
            let is_filled = set_up(&market, Some(FakeArgs::DAYS), filler, &stop)?;
            anyhow::Ok((market, is_filled))
        })
        .await??;
        if !is_filled {
            return Ok(None);
        }
        health.has_opened(market.store.clone());
        FakePlace::announce(&args.fake);
        Ok(Some(Self { market, health, reload, task, jobs, _place: place }))
    }

    /// Runs the market beside its server until the request to stop.
    ///
    /// # Errors
    /// The market cannot go on.
    pub async fn run(self, args: &ApiArgs, service: &Service) -> anyhow::Result<()> {
        let server = api::of_market(args, self.market.clone(), &self.health, self.reload.clone(), service).await?;
        let serving = tokio::spawn(server);
        let events = GeneratorEvents::default();
        run_market(self.market.clone(), self.task, &self.jobs, service.shutdown(), &events).await?;
        Ok(serving.await?)
    }
}
