//! The command line of `exchange-bars`, and what the program does.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use clap::Parser;
use klined::config::DatabaseArgs;
use klined::store::{self, BarStore};
use klined_service::args::ServiceArgs;
use klined_service::prometheus_client::metrics::gauge::Gauge;
use klined_service::{CheckReport, Daemon, Retry, Service, Shutdown, blocking, one_line, output, run_program, serve};

use crate::exchange::Exchange;
use crate::follow::{Follower, compare};

/// Writes the trades of an exchange's logs as 1-minute bars of a market of its own, while exchange-producer writes the logs or afterwards
///
/// data-aggregator, market-api and the chart page serve the market like any other. The database holds the trades of one run; market-generator
/// and market-backfill refuse it. A program that was stopped or killed continues after the last minute that the database has, and in the end the
/// bars are those of a program that never stopped. The run needs the trading days of a calendar (exchange-producer --trading-days nyse).
#[derive(Debug, Clone, Parser)]
#[command(name = "exchange-bars", version)]
pub struct BarsArgs {
    /// Directory of the run
    #[arg(long, env = "EXCHANGE_BARS_INPUT", value_name = "DIR")]
    pub input: PathBuf,
    /// Number of the run's sessions to write; 0: until the program is stopped
    #[arg(long, env = "EXCHANGE_BARS_DAYS", value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub days: u32,
    /// Number of times faster than the clock the run is made, which clients of the market are shown
    #[arg(long, env = "EXCHANGE_BARS_SPEED", value_name = "X", default_value_t = 100.0, value_parser = speed, allow_negative_numbers = true)]
    pub speed: f64,
    /// Compare the bars of the database with the logs, change nothing, and end with status 1 if they differ
    #[arg(long)]
    pub verify: bool,
    /// End when standard input ends, as for exchange-producer
    #[arg(long, hide = true)]
    pub until_input_ends: bool,
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(flatten)]
    pub service: ServiceArgs,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.001..=1_000_000.0).contains(&speed) => Ok(speed),
        _ => Err("it must be a number from 0.001 to 1000000".to_owned()),
    }
}

/// The program's `main`, with the variables of all programs that may share a `.env`.
pub fn main(variables: &BTreeSet<String>) -> ExitCode {
    run_program(
        variables,
        |args: &BarsArgs| args.service.run.runtime,
        async |args, program| {
            if args.verify {
                return verify(args).await;
            }
            if !args.service.check.check {
                args.check_configuration()?;
            }
            serve(args, &program).await
        },
    )
}

async fn verify(args: BarsArgs) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::on_signals()?;
    let stop = shutdown.clone();
    let found = blocking(move || {
        let exchange = Exchange::open(&args.input)?;
        compare(&exchange, &open_read_only(&args.database)?, &stop).map_err(anyhow::Error::from)
    })
    .await??;
    anyhow::ensure!(!shutdown.is_requested(), "stopped before all bars were compared; run it again");
    output::print(|out| writeln!(out, "{found}"))?;
    Ok(if found.differing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open_read_only(database: &DatabaseArgs) -> anyhow::Result<Arc<dyn BarStore>> {
    anyhow::ensure!(database.db_url.missing_file().is_none(), "there is no database {}", database.db_url);
    let store = store::open_read_only(&database.options())?;
    store.check_schema()?;
    Ok(store)
}

impl Daemon for BarsArgs {
    fn service_args(&self) -> ServiceArgs {
        self.service.clone()
    }

    fn check_configuration(&self) -> anyhow::Result<()> {
        Ok(Exchange::open(&self.input).map(drop)?)
    }

    fn check(&self, report: &mut CheckReport) {
        let exchange = match Exchange::open(&self.input) {
            Ok(exchange) => exchange,
            Err(error) => return report.fail("input", error),
        };
        let (input, stocks) = (self.input.display(), exchange.stocks.len());
        report.ok("input", format_args!("{input} is a run of {stocks} securities"));
        let url = &self.database.db_url;
        if url.missing_file().is_some() {
            return report.note("database", format_args!("{url} is missing; the start makes it"));
        }
        match open_read_only(&self.database).and_then(|store| Ok(store.identity()?)) {
            Ok(None) => report.note("database", format_args!("{url} has no market yet; the start makes it")),
            Ok(Some(found)) => match klined::jobs::Venue::of_identity(&found) {
                Some(venue) if venue == exchange.venue => {
                    report.ok("database", format_args!("{url} has bars of {venue}"))
                }
                _ => report
                    .fail("database", format_args!("{url} holds the market of {found}, not of {}", exchange.venue)),
            },
            Err(error) => report.fail("database", one_line(&error)),
        }
    }

    async fn run(self, service: Service) -> anyhow::Result<()> {
        let job = service.job("bars");
        let reached = Arc::new(AtomicI64::new(0));
        let shown = Gauge::<i64>::default();
        service.metrics(|registry| {
            let help = "Start of the last minute of the exchange in the database, in Unix seconds";
            registry.register("exchange_bars_minute", help, shown.clone());
        });
        service.before_metrics({
            let reached = reached.clone();
            move || {
                shown.set(reached.load(Ordering::Relaxed));
            }
        });
        let shutdown = service.shutdown().clone();
        if self.until_input_ends {
            end_with_input(shutdown.clone());
        }
        let follower = Arc::new(Follower {
            exchange: Exchange::open(&self.input)?,
            options: self.database.options(),
            speed: self.speed,
            days: (self.days > 0).then_some(self.days),
            shutdown: shutdown.clone(),
            job: job.clone(),
            reached: reached.clone(),
        });
        tracing::info!(database = %self.database.db_url, input = %self.input.display(), "started");
        let mut retry = Retry::default();
        while !shutdown.is_requested() {
            let (before, following) = (reached.load(Ordering::Relaxed), follower.clone());
            let Err(error) = blocking(move || following.run()).await? else { break };
            if reached.load(Ordering::Relaxed) != before {
                retry.reset();
            }
            retry.wait_after(error, &shutdown, &job).await?;
        }
        Ok(())
    }
}

/// Requests the stop when standard input ends: the parent has ended, however it did.
fn end_with_input(shutdown: Shutdown) {
    std::thread::spawn(move || {
        let mut bytes = [0; 256];
        while matches!(std::io::stdin().read(&mut bytes), Ok(read) if read > 0) {}
        shutdown.request();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        BarsArgs::command().debug_assert();
    }
}
