//! `klined realism`: makes a market in memory, scores it and shows the outcome.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use anyhow::{Context, bail};
use chrono::NaiveDate;
use klined_service::progress::Progress;
use klined_service::{output, say_error};

use crate::config::{RealismArgs, SYMBOL_DAYS_MAX};
use klined_market::base::{Instrument, Seed};
use klined_market::calendar::Calendar;
use klined_market::model::{FullParameters, Model, ModelKind};
use klined_market::universe::UniverseRow;
#[cfg(feature = "picture")]
use klined_realism::{DailyCandles, Picture, PictureFormat};
use klined_realism::{RealismReport, Reference, ScoredSeed, Series, caution, generate, score};

/// The first day of every sample: it lies after the newest change of most boards' price limits.
const FIRST_DAY: NaiveDate = NaiveDate::from_ymd_opt(2024, 6, 3).unwrap();
/// The status of a wrong command line.
const MISUSED: u8 = 2;

/// Runs the command.
///
/// # Errors
/// The universe or the parameters cannot be read, or a file cannot be written.
pub fn run(args: &RealismArgs) -> anyhow::Result<ExitCode> {
    if let Some(misuse) = args.misuse() {
        say_error!("error: {misuse}");
        return Ok(ExitCode::from(MISUSED));
    }
    let calendar = Arc::new(Calendar::shanghai());
    let days: Vec<NaiveDate> =
        calendar.days(FIRST_DAY, calendar.last_day()).iter().copied().take(usize::from(args.days)).collect();
    let (Some(&first_day), Some(&last_day)) = (days.first(), days.last()) else { bail!("the calendar has no days") };
    let (parameters, universe) = (args.parameters()?, args.universe()?);
    let mut report = RealismReport {
        model: String::new(),
        universe: args.universe.to_string(),
        symbols: 0,
        days: days.len(),
        first_day,
        last_day,
        runs: Vec::new(),
    };
    let threads = available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let mut compared = Reference::ASHARE;
    let mut shown: Option<(Instrument, Vec<Series>)> = None;
    for &seed in &args.seed {
        let rows = universe.rows(Seed(seed), calendar.hours());
        let active = rows.iter().filter(|row| row.is_active);
        let stocks = active.map(UniverseRow::instrument).collect::<Result<Vec<_>, _>>()?;
        let Some(&stock) = stocks.first() else { bail!("the universe {} has no active stock", args.universe) };
        if stocks.len() * days.len() > SYMBOL_DAYS_MAX {
            let most = SYMBOL_DAYS_MAX / stocks.len();
            say_error!("error: --days {} is too many for {} symbols: at most {most}", days.len(), stocks.len());
            return Ok(ExitCode::from(MISUSED));
        }
        let reference = Reference::of(stocks.iter().map(|stock| stock.board));
        compared = reference;
        let model = model(args.model, seed, parameters, &calendar);
        let progress = Mutex::new(Progress::begin("stocks", stocks.len() as u64));
        let made = || progress.lock().unwrap_or_else(PoisonError::into_inner).add(1);
        let series = generate(&model, &stocks, &days, threads, &made);
        drop(progress);
        (report.model, report.symbols) = (model.version(), stocks.len());
        report.runs.push(ScoredSeed { seed, scorecard: score(&series, reference)? });
        if shown.is_none() && args.plot.is_some() {
            shown = Some((stock, series));
        }
    }
    if let Some(caution) = caution(compared, report.symbols, report.days) {
        say_error!("warning: {caution}");
    }
    if let (Some(path), Some((stock, series))) = (&args.plot, &shown) {
        draw(path, &report, stock, series, &days)?;
    }
    print(args.json.as_deref(), &report)?;
    Ok(if report.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn model(kind: ModelKind, seed: u64, parameters: FullParameters, calendar: &Arc<Calendar>) -> Model {
    match kind {
        ModelKind::Gbm => Model::gbm(Seed(seed), calendar.clone()),
        ModelKind::Full => Model::full(Seed(seed), parameters, calendar.clone()),
    }
}

#[cfg(feature = "picture")]
fn draw(
    path: &Path,
    report: &RealismReport,
    stock: &Instrument,
    series: &[Series],
    days: &[NaiveDate],
) -> anyhow::Result<()> {
    let candles = DailyCandles {
        symbol: stock.symbol.as_str(),
        dates: days,
        days: series.first().map_or(&[][..], |series| &series.days),
    };
    let picture = Picture::draw(report, series, candles).to_bytes(PictureFormat::of(path)?)?;
    fs::write(path, picture).with_context(|| format!("cannot write the picture {}", path.display()))
}

/// The command line refuses `--plot` in such a build, so this is not reached.
#[cfg(not(feature = "picture"))]
fn draw(_: &Path, _: &RealismReport, _: &Instrument, _: &[Series], _: &[NaiveDate]) -> anyhow::Result<()> {
    Err(klined_realism::PictureError::NotBuilt.into())
}

fn print(json: Option<&Path>, report: &RealismReport) -> anyhow::Result<()> {
    let text = json.map(|path| (path, format!("{:#}\n", report.to_json())));
    let out = match text {
        Some((path, text)) if path == Path::new("-") => text,
        Some((path, text)) => {
            fs::write(path, text).with_context(|| format!("cannot write the scorecard {}", path.display()))?;
            report.to_string()
        }
        None => report.to_string(),
    };
    output::print(|stdout| stdout.write_all(out.as_bytes())).context("cannot write to standard output")
}
