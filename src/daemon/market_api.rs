//! `market-api`: serves a market that other programs write, or one of test symbols.

use std::sync::Arc;

use anyhow::bail;
use klined_service::args::ServiceArgs;
use klined_service::{CheckReport, Daemon, Service, blocking, one_line, pulse};
use tracing::warn;

use super::api::of_market;
use super::check;
use super::fake::FakeMarket;
use super::health::MarketHealth;
use super::reload::CalendarReload;
use crate::config::{ApiArgs, DatabaseArgs};
use crate::jobs::{Market, ModelChoice};
use crate::store::{self, BarStore, StoreError};

impl Daemon for ApiArgs {
    fn service_args(&self) -> ServiceArgs {
        self.service.clone()
    }

    fn check(&self, report: &mut CheckReport) {
        check::api(self, report);
    }

    async fn run(self, service: Service) -> anyhow::Result<()> {
        if self.fake.fake_data {
            return match FakeMarket::begin(&self, &service).await? {
                Some(market) => market.run(&self, &service).await,
                None => Ok(()),
            };
        }
        let (reload, calendars) = CalendarReload::begin(&self.calendar, None)?;
        let health = MarketHealth::of(&service, calendars);
        let database = self.database.clone();
        let store = blocking(move || open_to_read(&database)).await??;
        health.has_opened(store.clone());
        let market = recognise(store.clone(), reload.clone(), &self).await?;
        let serving = of_market(&self, market, &health, reload, &service).await?;
        tokio::select! {
            () = serving => {}
            lost = look(store) => return Err(lost.into()),
        }
        Ok(())
    }
}

/// The market that a database holds, as another program has begun it.
async fn recognise(store: Arc<dyn BarStore>, reload: Arc<CalendarReload>, args: &ApiArgs) -> anyhow::Result<Market> {
    let parameters = args.parameters.parameters()?;
    let url = args.database.db_url.clone();
    blocking(move || {
        let Some(found) = store.identity()? else {
            bail!("there is no market in {url} yet; start market-generator or market-backfill first");
        };
        let calendar = reload.follow(found.hours)?;
        let choice = ModelChoice { parameters, ..ModelChoice::default() };
        Ok(Market::inspect(store, calendar, choice, None)?)
    })
    .await?
}

/// Opens a database that another program has made, and changes nothing.
fn open_to_read(args: &DatabaseArgs) -> anyhow::Result<Arc<dyn BarStore>> {
    if let Some(file) = args.db_url.missing_file() {
        bail!("there is no database {} ({} is missing); start market-generator first", args.db_url, file.display());
    }
    let store = store::open(&args.options())?;
    store.check_schema()?;
    Ok(store)
}

/// Asks the database regularly, so that it is known to answer when no client asks for anything. Ends when its file is lost.
async fn look(store: Arc<dyn BarStore>) -> StoreError {
    loop {
        tokio::time::sleep(pulse()).await;
        if let Err(lost) = store.check_place() {
            return lost;
        }
        let asked = store.clone();
        match blocking(move || asked.status()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!("the database does not answer: {error}"),
            Err(error) => warn!("{}", one_line(&error)),
        }
    }
}
