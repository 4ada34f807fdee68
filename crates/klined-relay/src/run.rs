//! What the program does between its command line and its end.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use klined::config::DatabaseArgs;
use klined::jobs::{self, Market, ModelChoice};
use klined::store::{self, BarStore};
use klined_exchange::kafka::{KafkaFailure, Progress, publish};
use klined_market::base::{Shard, UnixSeconds};
use klined_service::args::ServiceArgs;
use klined_service::{CheckReport, Daemon, Service, blocking, one_line, run_program, serve};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::args::{RelayArgs, RelayCommand};
use crate::lag::{self, Followed, Position};
use crate::publication::{Kind, MarketRecords};
use crate::reader::opening;

/// How long the topics may still take after the request to stop: what the client holds, or a broker that is asked.
const LAST_WORDS: Duration = Duration::from_millis(600);

/// The program's `main`.
#[must_use]
pub fn main() -> ExitCode {
    run_program(
        &klined::config::variables(),
        |args: &RelayArgs| args.service.run.runtime,
        async |args, program| {
            if let Some(RelayCommand::ClickhouseSetup(setup)) = args.command {
                return blocking(move || setup.run()).await?.map(|()| ExitCode::SUCCESS);
            }
            // What the program refuses leaves nothing behind, no log file either.
            if !args.service.check.check {
                args.check_configuration()?;
            }
            serve(args, &program).await
        },
    )
}

/// Opens a database that another program has made, and changes nothing.
fn open(args: &DatabaseArgs) -> anyhow::Result<Arc<dyn BarStore>> {
    if let Some(file) = args.db_url.missing_file() {
        bail!("there is no database {} ({} is missing); start market-generator first", args.db_url, file.display());
    }
    let store = store::open(&args.options())?;
    store.check_schema()?;
    Ok(store)
}

impl RelayArgs {
    /// The market of the database.
    fn market(&self) -> anyhow::Result<Market> {
        let store = open(&self.database)?;
        if store.identity()?.is_none() {
            bail!(
                "there is no market in {} yet; start market-generator or market-backfill first",
                self.database.db_url
            );
        }
        let calendar = Arc::new(self.calendar.calendar(jobs::hours(&*store, None)?)?);
        let choice = ModelChoice { parameters: self.parameters.parameters()?, ..ModelChoice::default() };
        Ok(Market::inspect(store, calendar, choice, None)?)
    }
}

impl Daemon for RelayArgs {
    fn service_args(&self) -> ServiceArgs {
        self.service.clone()
    }

    fn check_configuration(&self) -> anyhow::Result<()> {
        self.parameters.parameters()?;
        self.calendar.provisional(None)?;
        self.kinds().into_iter().try_for_each(|kind| self.topics.config(kind).map(drop))
    }

    fn check(&self, report: &mut CheckReport) {
        match self.market() {
            Ok(market) => match market.newest() {
                Ok(Some(newest)) => {
                    let at = market.calendar.local_minute(newest);
                    report.ok("database", format_args!("{} has bars up to {at}", self.database.db_url));
                }
                Ok(None) => report.note("database", format_args!("{} has no bar yet", self.database.db_url)),
                Err(error) => report.fail("database", error),
            },
            Err(error) => report.fail("database", one_line(&error)),
        }
    }

    async fn run(self, service: Service) -> anyhow::Result<()> {
        let opened = self.clone();
        let market = blocking(move || opened.market()).await??;
        let (store, calendar) = (market.store.clone(), market.calendar.clone());
        let (newest, mut followed, mut publishers) = (Position::default(), Vec::new(), Vec::new());
        for kind in self.kinds() {
            let config = self.topics.config(kind)?;
            let (progress, position) = (Progress::default(), Position::default());
            followed.push(Followed {
                topic: config.topic.clone(),
                position: position.clone(),
                progress: progress.clone(),
            });
            if self.once {
                progress.source_is_complete();
            }
            let job = service.job(match kind {
                Kind::Bars => "bars",
                Kind::Ticks => "ticks",
            });
            let records = MarketRecords {
                config,
                market: market.clone(),
                kind,
                format: self.topics.format,
                part: self.part.unwrap_or(Shard::WHOLE),
                from: self.from,
                progress,
                position,
                shutdown: service.shutdown().clone(),
            };
            publishers.push((records, job));
        }
        let listings = blocking({
            let store = store.clone();
            move || store.listings()
        });
        let first = listings.await??.iter().map(|listing| listing.first_day).min();
        let begins = first.and_then(|day| opening(&calendar, day).ok()).unwrap_or(UnixSeconds::EPOCH);
        lag::measure(&service, calendar, &newest, begins, followed);
        tracing::info!(database = %self.database.db_url, brokers = self.topics.kafka_brokers, "started");
        // All jobs are known before the first one works.
        let mut jobs = JoinSet::new();
        for (records, job) in publishers {
            let shutdown = service.shutdown().clone();
            let work =
                move || publish(&records.config, &records, &records.progress, &shutdown, &job, &Handle::current());
            jobs.spawn_blocking(work);
        }
        let looking = tokio::spawn(lag::watch(store, newest, service.clone()));
        let outcome = ended(&mut jobs, &service).await;
        looking.abort();
        outcome
    }
}

/// Waits for the jobs; not for long after the request to stop, which the first failure makes.
async fn ended(jobs: &mut JoinSet<Result<(), KafkaFailure>>, service: &Service) -> anyhow::Result<()> {
    let mut outcome = Ok(());
    loop {
        let next = tokio::select! {
            next = jobs.join_next() => next,
            () = service.shutdown().requested() => match tokio::time::timeout(LAST_WORDS, jobs.join_next()).await {
                Ok(next) => next,
                // A call that hangs is left behind: the next start goes on where the topic ends.
                Err(_) => return outcome,
            },
        };
        match next {
            None => return outcome,
            Some(Ok(Ok(()))) => {}
            Some(failure) => {
                service.shutdown().request();
                if outcome.is_ok() {
                    outcome = match failure {
                        Ok(failed) => failed.map_err(Into::into),
                        Err(panicked) => Err(panicked.into()),
                    };
                }
            }
        }
    }
}
