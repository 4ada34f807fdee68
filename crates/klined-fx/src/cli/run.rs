//! What the program does: a daemon that sends a market's rows, and two commands that look at one.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use klined_service::args::ServiceArgs;
use klined_service::{CheckReport, Daemon, ProgramInfo, Service, blocking, run_program, say, serve};
use tracing::{info, warn};

use super::args::{Cli, Command, Format, GenerateArgs, Mode, Program};
use super::files;
use super::request::{InvalidRequest, Request, Target};
use crate::out::csv::CsvFiles;
#[cfg(feature = "parquet")]
use crate::out::parquet::ParquetFiles;
use crate::out::text::push_instant;
use crate::plan::PlanTotals;
use crate::questdb::ingest::ingest;
use crate::questdb::pace::Clock;
use crate::questdb::progress::Progress;
use crate::questdb::run::{IngestSettings, Surroundings};
use crate::questdb::schema;
use crate::questdb::server::Server;
use crate::questdb::verify::verify;
use crate::realism::Scorecard;

/// The program.
pub fn main() -> ExitCode {
    run_program(
        &BTreeSet::new(),
        |Program(cli): &Program| cli.service.run.runtime,
        async |Program(cli): Program, program| run(cli, &program).await,
    )
}

/// The system's clock: the program's edge, where the time of day comes in.
struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything below is handed")]
    fn now_nanos(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_nanos() as i64)
    }

    fn sleep(&self, span: Duration) {
        std::thread::sleep(span);
    }
}

async fn run(cli: Cli, program: &ProgramInfo) -> anyhow::Result<ExitCode> {
    let looked = match cli.command.clone() {
        Some(Command::Realism(args)) => blocking(move || realism(&args.seeds)).await?,
        Some(Command::Verify(args)) => blocking(move || check_rows(&args)).await?,
        None if cli.service.check.check => return serve(Generator(cli), program).await,
        None => {
            // Before logs are begun: a command line that cannot be obeyed leaves nothing behind.
            let request = Generator::request(&cli.generate)?;
            if cli.dry_run {
                say!("{}", plan_text(&request));
                without_effect(&cli.generate).iter().for_each(|note| say!("{note}"));
                return Ok(ExitCode::SUCCESS);
            }
            return serve(Generator(cli), program).await;
        }
    };
    looked.map(|is_right| if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The daemon.
#[derive(Debug, Clone)]
struct Generator(Cli);

impl Generator {
    fn request(args: &GenerateArgs) -> Result<Request, InvalidRequest> {
        Request::of(args, SystemClock.now_nanos())
    }
}

impl Daemon for Generator {
    /// A run ends with a proof, and its parts have bounds of their own; a run that was cut off there would count as a good
    /// one. The service manager's patience is shorter.
    const GRACE: Duration = Duration::from_hours(24);

    fn service_args(&self) -> ServiceArgs {
        self.0.service.clone()
    }

    fn check_configuration(&self) -> anyhow::Result<()> {
        Ok(Self::request(&self.0.generate).map(drop)?)
    }

    fn check(&self, report: &mut CheckReport) {
        let Ok(request) = Self::request(&self.0.generate) else { return };
        match &request.target {
            Target::Files(directory) => report.ok("files", format_args!("in {}", directory.display())),
            Target::QuestDb(settings) => check_database(settings, report),
        }
    }

    async fn run(self, service: Service) -> anyhow::Result<()> {
        let request = Self::request(&self.0.generate)?;
        plan_text(&request).lines().for_each(|line| info!("{line}"));
        without_effect(&self.0.generate).iter().for_each(|note| warn!("{note}"));
        let format = self.0.generate.format;
        blocking(move || generate(&request, format, &service)).await?
    }
}

fn check_database(settings: &IngestSettings, report: &mut CheckReport) {
    match Server::connect(&settings.pg) {
        Err(error) => report.fail("database", error),
        Ok(mut server) => {
            report.ok("database", "answers");
            match schema::check(&mut server, &settings.names) {
                Ok(()) => report.ok("tables", "are missing or as they should be"),
                Err(error) => report.fail("tables", error),
            }
        }
    }
    match settings.ilp.open() {
        Ok(_) => report.ok("line protocol", "can be reached"),
        Err(error) => report.fail("line protocol", error),
    }
}

fn generate(request: &Request, format: Format, service: &Service) -> anyhow::Result<()> {
    let progress = Arc::new(Progress::of(service, matches!(request.target, Target::QuestDb(_))));
    let stop = service.shutdown().flag();
    let around = Surroundings { clock: &SystemClock, stop: &stop, progress: &progress };
    match &request.target {
        Target::Files(directory) => {
            match format {
                Format::Csv => files::write::<CsvFiles>(request, directory, &around)?,
                #[cfg(feature = "parquet")]
                Format::Parquet => files::write::<ParquetFiles>(request, directory, &around)?,
            }
            info!("wrote market_data, core_price and fx_trades to {}", directory.display());
        }
        Target::QuestDb(settings) => {
            let began = SystemClock.now_nanos();
            let outcome = ingest(&request.job, settings, &around)?;
            let [books, prices, trades] = outcome.rows.0;
            let seconds = (SystemClock.now_nanos() - began) as f64 / crate::base::NANOS_PER_SECOND as f64;
            let end = if outcome.was_stopped { "stopped" } else { "done" };
            info!(
                "{end}: {books} rows of market_data, {prices} of core_price, {trades} of fx_trades sent and applied in {seconds:.1} s, {:.0} rows/s",
                (books + prices + trades) as f64 / seconds.max(1e-3),
            );
            if let Some((_, last)) = outcome.seconds {
                info!("the last second is {}", instant(last));
            }
        }
    }
    Ok(())
}

/// Lines of differences that are printed.
const DIFFERENCES_MOST: usize = 20;

/// Compares a database with the market.
fn check_rows(args: &GenerateArgs) -> anyhow::Result<bool> {
    let request = Request::in_mode(args, Mode::FasterThanLife, SystemClock.now_nanos())?;
    let Target::QuestDb(settings) = &request.target else { anyhow::bail!("--to: verify looks at QuestDB") };
    say!("{}", plan_text(&request));
    let mut server = Server::connect(&settings.pg)?;
    let differences = verify(&request.job, &settings.names, &mut server, DIFFERENCES_MOST)?;
    for line in &differences {
        say!("{line}");
    }
    say!("{}", if differences.is_empty() { "the database holds the market's rows" } else { "the database differs" });
    Ok(differences.is_empty())
}

/// A second as ISO 8601.
fn instant(second: i64) -> String {
    let mut text = Vec::new();
    push_instant(&mut text, second * crate::base::NANOS_PER_SECOND, 0);
    String::from_utf8_lossy(&text).replace(".Z", "Z")
}

/// What is said of a flag of the original generator that changes nothing here.
fn without_effect(args: &GenerateArgs) -> Option<&'static str> {
    let note = "--yahoo_refresh_secs has no effect: prices follow from the seed, and nothing is fetched from Yahoo";
    args.rows.yahoo_refresh_secs.map(|_| note)
}

/// The plan in words.
fn plan_text(request: &Request) -> String {
    let (job, totals) = (&request.job, &request.totals);
    let plan = &job.plan;
    let (at_least, until) = match totals.last {
        Some(last) => ("", instant(last + 1)),
        None => ("more than ", "years later".to_owned()),
    };
    let PlanTotals { seconds, book_rows, core_rows, first, .. } = *totals;
    let [books, prices] =
        [plan.book_rate, plan.core_rate].map(|rate| format!("{} to {} a second", rate.least, rate.most));
    let orders = job.market.settings.orders;
    [
        format!(
            "seed {}: {at_least}{seconds} seconds of the market from {} to {until}",
            job.market.settings.seed.0,
            instant(first),
        ),
        format!("market_data {at_least}{book_rows} rows, {books}, {} to {} levels", job.depth.least, job.depth.most),
        format!("core_price {at_least}{core_rows} rows, {prices}"),
        format!(
            "{} pairs, {} to {} orders a second, {} workers that take turns, {} seconds each",
            job.pairs.len(),
            orders.least,
            orders.most,
            job.workers,
            job.block_seconds,
        ),
    ]
    .join("\n")
}

/// Measures markets; false when a figure lies outside its band.
fn realism(seeds: &str) -> anyhow::Result<bool> {
    let parse = |text: &str| text.trim().parse::<u64>().with_context(|| format!("--seeds: \"{text}\" is not a seed"));
    let seeds: Vec<u64> = seeds.split(',').map(parse).collect::<Result<_, _>>()?;
    let mut is_inside = true;
    for seed in seeds {
        let card = Scorecard::of(seed).context("measuring a market")?;
        say!("{}", card.table().trim_end());
        is_inside &= card.is_inside();
    }
    Ok(is_inside)
}
