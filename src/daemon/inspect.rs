//! `klined verify` and `klined repair`: what a database holds against what the function makes.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};

use klined_service::{GRACE, Shutdown, blocking, output};

use super::backfill::TerminalProgress;
use super::clock::SystemClock;
use super::confirm::confirm;
use super::work::{open_store, stop_on};
use crate::config::{RepairArgs, StoredMarketArgs, VerifyArgs};
use crate::jobs::{self, Market, ModelChoice, Repair, Report, Sample, Stop};
use crate::store::{self, BarStore};
use klined_market::base::Clock;
use klined_market::calendar::Calendar;

pub(super) const CANNOT_PRINT: &str = "cannot write to standard output";

/// The model that a command line names. Fails where the database's file is missing: opening it would make the file, and then find it
/// empty.
fn wanted(args: &StoredMarketArgs) -> anyhow::Result<ModelChoice> {
    let url = &args.database.db_url;
    if url.missing_file().is_some() {
        bail!("there is no database {url}");
    }
    let parameters = args.parameters.parameters()?;
    // A file that cannot be read is noticed before the database is.
    args.changes.provisional(args.hours)?;
    Ok(ModelChoice { parameters, ..ModelChoice::default() })
}

/// The calendar of the market in a database.
fn calendar(args: &StoredMarketArgs, store: &dyn BarStore) -> anyhow::Result<Arc<Calendar>> {
    Ok(Arc::new(args.changes.calendar(jobs::hours(store, args.hours)?)?))
}

fn report_on(market: &Market, sample: Sample, stop: &Stop) -> anyhow::Result<Report> {
    let mut progress = TerminalProgress::default();
    let report = jobs::verify(market, sample, &mut progress, stop);
    drop(progress);
    Ok(report?)
}

fn conclude(report: &Report) -> anyhow::Result<ExitCode> {
    output::print(|out| writeln!(out, "{report}")).context(CANNOT_PRINT)?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs `klined verify`.
///
/// # Errors
/// The database cannot be read.
pub async fn verify(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::on_signals()?;
    let stop = stop_on(&shutdown);
    let choice = wanted(&args.market)?;
    let sample = Sample { share: args.sample, place: SystemClock.now().get().unsigned_abs() };
    let report = blocking(move || {
        let store = store::open_read_only(&args.market.database.options())?;
        store.check_schema()?;
        let calendar = calendar(&args.market, &*store)?;
        report_on(&Market::inspect(store, calendar, choice, args.market.seed)?, sample, &stop)
    })
    .await??;
    if shutdown.is_requested() {
        bail!("stopped before all bars were checked; run it again");
    }
    conclude(&report)
}

/// Runs `klined repair`.
///
/// # Errors
/// A daemon of the database is running, the change is not confirmed, or the database fails.
pub async fn repair(args: RepairArgs) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::on_signals()?;
    shutdown.end_within(GRACE);
    let stop = stop_on(&shutdown);
    let choice = wanted(&args.market)?;
    blocking(move || repair_now(&args, choice, &stop)).await?
}

fn repair_now(args: &RepairArgs, choice: ModelChoice, stop: &Stop) -> anyhow::Result<ExitCode> {
    let database = &args.market.database;
    let store = open_store(database)?;
    let calendar = calendar(&args.market, &*store)?;
    let market = Market::assume(store, calendar, choice, args.market.seed)?;
    if market.store.identity()?.is_none() && args.market.seed.is_none() {
        bail!(
            "market_identity has no row, so the seed of the bars is not known; give it with --seed. `klined verify --seed N` \
             shows whether N is the seed"
        );
    }
    let mut progress = TerminalProgress::default();
    let repair = Repair::survey(&market, args.keep_edits, &mut progress, stop);
    drop(progress);
    let repair = repair?;
    if stop.is_asked() {
        bail!("stopped before all bars were compared; nothing was changed");
    }
    let plan = repair.plan();
    output::print(|out| writeln!(out, "{plan}")).context(CANNOT_PRINT)?;
    let is_sound = plan.report.is_clean();
    if plan.is_empty() || args.dry_run {
        return Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if !args.yes {
        confirm(&format!("Change {} in this way?", database.db_url), "--yes")?;
    }
    let mut progress = TerminalProgress::default();
    let is_whole = repair.apply(&mut progress, stop);
    drop(progress);
    if !is_whole? {
        bail!("stopped before everything was repaired; the same command goes on");
    }
    drop(repair);
    let report = report_on(&market, Sample::default(), stop)?;
    if stop.is_asked() {
        bail!("everything was repaired, but the check afterwards was stopped; `klined verify` makes it again");
    }
    conclude(&report)
}
