//! `exchange-producer`: makes order events and writes them to logs, and has a topic follow them.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use klined_service::args::ServiceArgs;
use klined_service::prometheus_client::metrics::gauge::Gauge;
use klined_service::{CheckReport, Daemon, Service, Shutdown, blocking, run_program, say, serve};

use super::pace::SystemPace;
use super::performance;
use super::producer::{ProducerArgs, ProducerCommand};
use crate::run::{DayDone, Directory, Pace, run_batch, run_paced};

/// The program's `main`.
pub fn main() -> ExitCode {
    run_program(
        &super::variables(),
        |args: &ProducerArgs| args.service.run.runtime,
        async |args, program| {
            if let Some(ProducerCommand::ClickhouseSetup(setup)) = args.command {
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

impl Daemon for ProducerArgs {
    fn service_args(&self) -> ServiceArgs {
        self.service.clone()
    }

    fn check_configuration(&self) -> anyhow::Result<()> {
        let run = self.spec()?;
        self.bars.check(&run)?;
        Directory::look(&self.directory(), &run)?;
        follower::check(self)
    }

    fn check(&self, report: &mut CheckReport) {
        let output = self.directory();
        match self.spec().and_then(|run| Ok(Directory::look(&output, &run)?)) {
            Ok(Some(sessions)) => {
                report.ok("output", format_args!("{} has {sessions} sessions of this run", output.display()));
            }
            Ok(None) => report.note("output", format_args!("{} has no run yet; the start makes it", output.display())),
            Err(error) => report.fail("output", format_args!("{error:#}")),
        }
    }

    async fn run(self, service: Service) -> anyhow::Result<()> {
        let run = self.spec()?;
        let output = self.directory();
        let job = service.job("exchange");
        let directory = Arc::new(Directory::open(&output, &run)?);
        let events = Gauge::<i64>::default();
        service
            .metrics(|registry| registry.register("exchange_events", "Events in the logs of the run", events.clone()));
        let counted = directory.clone();
        service.before_metrics(move || {
            events.set(counted.made_count().try_into().unwrap_or(i64::MAX));
        });
        let follower = follower::start(&self, &service, &directory)?;
        let bars = self.bars.start(&output, self.days, self.pace.speed, service.shutdown())?;
        job.works();
        let shutdown = service.shutdown().clone();
        let pace = SystemPace::start(shutdown.clone(), job);
        let making = directory.clone();
        let args = self.clone();
        let made = blocking(move || make(&args, &making, &pace, &shutdown)).await?;
        let made = made?;
        let (followed, written) = tokio::join!(follower.end(service.shutdown()), bars.end(service.shutdown()));
        followed.and(written)?;
        // A user who stops the program does not wait for its figures.
        if made.days.is_empty() || service.shutdown().is_requested() {
            return Ok(());
        }
        let page = self.perf_doc.unwrap_or_else(|| output.join("performance-results.md"));
        blocking(move || performance::write(&page, &run, &made.days, made.elapsed)).await?
    }
}

/// Days that the page of figures is made of, at most.
const DAYS_KEPT: usize = 100_000;

struct Made {
    days: Vec<DayDone>,
    elapsed: Duration,
}

/// Makes the run's events.
fn make(args: &ProducerArgs, directory: &Directory, pace: &SystemPace, shutdown: &Shutdown) -> anyhow::Result<Made> {
    let days = (args.days > 0).then_some(args.days);
    let made: Mutex<Vec<DayDone>> = Mutex::default();
    let is_warned = AtomicBool::new(false);
    let done = |day: &DayDone| {
        let run = directory.run();
        if let Ok(date) = run.date(day.day)
            && run.trading_days.is_projected(date)
            && !is_warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%date, calendar = run.trading_days.name(), "no published holidays reach this date: from here on trading days are projected");
        }
        let DayDone { path, events, open_ticks, close_ticks, .. } = day;
        say!("{}: {events} events, open {open_ticks}, close {close_ticks}", path.display());
        // A sign of life.
        pace.wait_until(Duration::ZERO);
        // An endless run keeps no list without bound.
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() < DAYS_KEPT {
            made.push(day.clone());
        }
    };
    if args.pace.realtime {
        run_paced(directory, days, args.pace.speed, pace, &mut |day| done(day)).context("the run ends")?;
    } else {
        let threads = args.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        run_batch(directory, days, threads, &shutdown.flag(), &done).context("the run ends")?;
    }
    Ok(Made { days: made.into_inner().unwrap_or_else(PoisonError::into_inner), elapsed: pace.elapsed() })
}

#[cfg(feature = "platform")]
mod follower {
    use std::sync::Arc;
    use std::time::Duration;

    use klined_service::prometheus_client::metrics::gauge::Gauge;
    use klined_service::{Service, Shutdown};
    use tokio::runtime::Handle;
    use tokio::task::JoinHandle;

    use super::ProducerArgs;
    use crate::kafka::{KafkaFailure, Progress, RunEvents, publish};
    use crate::run::Directory;

    /// How long the topic may still take after the request to stop: what the client holds, or a broker that is asked.
    const LAST_WORDS: Duration = Duration::from_millis(600);

    /// The job that follows the logs into the topic, if there is one.
    pub struct Follower(Option<(JoinHandle<Result<(), KafkaFailure>>, Progress)>);

    pub fn check(args: &ProducerArgs) -> anyhow::Result<()> {
        args.kafka.config().map(drop)
    }

    pub fn start(args: &ProducerArgs, service: &Service, directory: &Arc<Directory>) -> anyhow::Result<Follower> {
        let Some(config) = args.kafka.config()? else { return Ok(Follower(None)) };
        let (job, shutdown) = (service.job("kafka"), service.shutdown().clone());
        let progress = Progress::default();
        let (lag, delivered) = (Gauge::<i64>::default(), Gauge::<i64>::default());
        service.metrics(|registry| {
            registry.register("kafka_lag_events", "Events in the logs that the topic does not have yet", lag.clone());
            registry.register("kafka_delivered_events", "Events in the topic", delivered.clone());
        });
        let (counted, made) = (progress.clone(), directory.clone());
        service.before_metrics(move || {
            let known = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            let count = counted.delivered_count();
            lag.set(known(made.made_count().saturating_sub(count)));
            delivered.set(known(count));
        });
        let (following, directory) = (progress.clone(), directory.clone());
        let work = move || {
            let events = RunEvents { config: &config, directory: &directory };
            let outcome = publish(&config, &events, &following, &shutdown, &job, &Handle::current());
            if outcome.is_err() {
                // Without the topic the run must not go on unseen.
                shutdown.request();
            }
            outcome
        };
        Ok(Follower(Some((tokio::task::spawn_blocking(work), progress))))
    }

    impl Follower {
        /// Waits until the topic has all that the logs have; not for long after the request to stop.
        pub async fn end(self, shutdown: &Shutdown) -> anyhow::Result<()> {
            let Some((mut job, progress)) = self.0 else { return Ok(()) };
            progress.source_is_complete();
            let outcome = tokio::select! {
                outcome = &mut job => Some(outcome),
                () = shutdown.requested() => tokio::time::timeout(LAST_WORDS, job).await.ok(),
            };
            // A call that hangs is left behind: the next start goes on where the topic ends.
            outcome.map_or(Ok(()), |outcome| Ok(outcome??))
        }
    }
}

#[cfg(not(feature = "platform"))]
mod follower {
    use std::sync::Arc;

    use anyhow::ensure;
    use klined_service::{Service, Shutdown};

    use super::ProducerArgs;
    use crate::run::Directory;

    pub struct Follower;

    pub fn check(args: &ProducerArgs) -> anyhow::Result<()> {
        let brokers = &args.kafka.kafka_brokers;
        ensure!(
            brokers.is_empty(),
            "--kafka-brokers is {brokers}: this program was built without the feature \"platform\""
        );
        Ok(())
    }

    #[allow(clippy::unnecessary_wraps, reason = "as with the feature")]
    pub fn start(_: &ProducerArgs, _: &Service, _: &Arc<Directory>) -> anyhow::Result<Follower> {
        Ok(Follower)
    }

    impl Follower {
        #[allow(clippy::unused_async, clippy::unnecessary_wraps, reason = "as with the feature")]
        pub async fn end(self, _: &Shutdown) -> anyhow::Result<()> {
            Ok(())
        }
    }
}
