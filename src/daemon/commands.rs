//! The commands of `klined`.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::shutdown::Shutdown;
use super::{api, blocking, realism, up};
use crate::access::chaos;
use crate::config::{CalendarCommand, KeyCommand, KlinedArgs, KlinedCommand, UniverseCommand, VerifyArgs};
use crate::jobs;
use crate::store;
use klined_market::base::Seed;
use klined_market::universe::csv;

/// Runs `klined`.
///
/// # Errors
/// The command fails.
pub async fn run(args: KlinedArgs) -> anyhow::Result<ExitCode> {
    match args.command.unwrap_or(KlinedCommand::Up(Box::new(args.up))) {
        KlinedCommand::Up(args) => up::run(*args).await,
        KlinedCommand::Calendar(args) => calendar(&args),
        KlinedCommand::Universe(args) => universe(&args),
        KlinedCommand::Verify(args) => verify(args).await,
        KlinedCommand::Key(args) => key(&args),
        KlinedCommand::Realism(args) => blocking(move || realism::run(&args)).await?,
    }
}

fn calendar(args: &CalendarCommand) -> anyhow::Result<ExitCode> {
    let calendar = args.calendar.calendar()?;
    if args.from > args.to {
        bail!("--from {} is later than --to {}", args.from, args.to);
    }
    if args.from < calendar.first_day() || args.to > calendar.last_day() {
        bail!(
            "the calendar covers {} to {}; --from {} --to {} reaches beyond it",
            calendar.first_day(),
            calendar.last_day(),
            args.from,
            args.to
        );
    }
    if calendar.is_projected(args.to) {
        eprintln!(
            "warning: days after {} are projected; give the exchange's holidays with --calendar-file",
            calendar.known_until()
        );
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = calendar.days(args.from, args.to).iter().try_for_each(|&day| {
        if args.minutes {
            calendar.minutes_of(day).try_for_each(|minute| writeln!(out, "{}", minute.start()))
        } else {
            writeln!(out, "{day}")
        }
    });
    settle(printed.and_then(|()| out.flush()))
}

fn universe(args: &UniverseCommand) -> anyhow::Result<ExitCode> {
    let rows = args.universe()?.rows(Seed(args.seed));
    settle(csv::write(&rows, io::stdout().lock()))
}

fn key(args: &KeyCommand) -> anyhow::Result<ExitCode> {
    let key = api::NewKey::draw()?;
    eprintln!("The key, which is shown only now: {}", key.text());
    let chaos = args.chaos.map(chaos::example).unwrap_or_default();
    settle(write!(io::stdout(), "{}{chaos}", key.entry(&args.name)))
}

/// The end of a command that printed.
fn settle(printed: io::Result<()>) -> anyhow::Result<ExitCode> {
    match printed {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        printed => printed.map(|()| ExitCode::SUCCESS).context("cannot print"),
    }
}

async fn verify(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::on_signals()?;
    let stop = shutdown.stop.clone();
    let calendar = args.calendar.calendar()?;
    let report = blocking(move || {
        let options = args.database.options();
        // Opening would make the file, and then find it empty.
        if options.url.missing_file().is_some() {
            bail!("there is no database {}", options.url);
        }
        let store = store::open(&options)?;
        store.check_schema()?;
        jobs::verify(&*store, &calendar, &stop).map_err(anyhow::Error::from)
    })
    .await??;
    if shutdown.is_asked() {
        bail!("stopped before everything was checked");
    }
    println!("{report}");
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
