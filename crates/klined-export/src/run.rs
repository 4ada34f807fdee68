//! What the program does between its command line and its end.

use std::process::ExitCode;

use anyhow::{Context, bail};
use arrow_array::RecordBatch;
use chrono::NaiveDate;

use klined::config::{ModelArgs, UniverseArgs};
use klined::jobs::Stop;
use klined_data::columns::{Dataset, Prices, Style};
use klined_data::market::{Listed, MadeMarket, MarketChoice, stocks, trading_days};
use klined_data::pipeline::{Job, Piece, PipelineError};
use klined_data::source::Source;
use klined_data::tables;
use klined_market::base::Seed;
use klined_market::calendar::Calendar;
use klined_market::model::ModelKind;
use klined_market::universe::{Universe, UniverseRow};
use klined_service::progress::Progress;
use klined_service::{ProgramInfo, Shutdown, blocking, say_error};

use crate::args::{CalendarCommand, ExportArgs, ExportCommand, RowsArgs, SourceArgs, TicksCommand, UniverseCommand};
use crate::database::{StoredMarket, open};
use crate::out::{OutError, Target};

/// The range of a market that is made, if none is asked for: the first quarter of 2026.
const FIRST_DAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
const LAST_DAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 3, 31).unwrap();

/// Runs the program.
///
/// # Errors
/// The rows cannot be made, read or written. Then nothing is at the target that was not there before.
pub async fn run(args: ExportArgs, _: ProgramInfo) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::on_signals()?;
    let stop = Stop::from(shutdown.flag());
    let outcome = blocking(move || match args.command {
        ExportCommand::Bars(args) => {
            let style = Style { prices: args.rows.prices, label: args.label, layout: args.layout };
            let target = Target::of_rows(&args.out)?;
            if let Some(layout) = args.layout {
                layout.require(args.interval)?;
                if args.rows.prices == Prices::Decimal {
                    bail!("--layout {layout} has prices in double precision; leave out --prices decimal");
                }
                if target.cut().by_day && layout.looks_back(args.interval) {
                    bail!("--layout {layout} has changes from bar to bar, which days by themselves do not have; use --partition symbol");
                }
            }
            rows(Dataset::Bars(args.interval), style, &args.rows, &target, args.source, &stop)
        }
        ExportCommand::Trades(args) => ticks(Dataset::Trades, *args, &stop),
        ExportCommand::Quotes(args) => ticks(Dataset::Quotes, *args, &stop),
        ExportCommand::Universe(args) => universe(*args),
        ExportCommand::Calendar(args) => calendar(&args),
    })
    .await?;
    match outcome {
        // A reader that has what it wants is no failure.
        Err(error) if !matches!(error.downcast_ref(), Some(OutError::Closed)) => Err(error),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn ticks(dataset: Dataset, args: TicksCommand, stop: &Stop) -> anyhow::Result<()> {
    let style = Style { prices: args.rows.prices, ..Style::default() };
    rows(dataset, style, &args.rows, &Target::of_rows(&args.out)?, args.source, stop)
}

/// Writes the rows of a market.
fn rows(
    dataset: Dataset,
    style: Style,
    wanted: &RowsArgs,
    target: &Target,
    source: SourceArgs,
    stop: &Stop,
) -> anyhow::Result<()> {
    let RowsArgs { symbols, from, to, .. } = wanted;
    match made(source)? {
        Made::FromNothing(choice, listed) => {
            let (from, to) = (from.unwrap_or(FIRST_DAY), to.unwrap_or(LAST_DAY));
            let market = MadeMarket::new(*choice, symbols, from, to, listed)?;
            warn_of_projection(market.calendar(), to);
            let job = Job::whole(dataset, style, market.days(), wanted.threads()).cut(target.cut());
            write(&job.with_provenance(market.provenance()), dataset, &market, market.days(), target, stop)
        }
        Made::InDatabase(source) => {
            let market = StoredMarket::new(open(&source)?, symbols, *from, *to)?;
            let job = Job::whole(dataset, style, market.days(), wanted.threads()).cut(target.cut());
            write(&job.with_provenance(market.provenance()), dataset, &market, market.days(), target, stop)
        }
    }
}

/// Where a market's numbers come from.
enum Made {
    FromNothing(Box<MarketChoice>, Listed),
    InDatabase(Box<SourceArgs>),
}

fn made(args: SourceArgs) -> anyhow::Result<Made> {
    let Some(seed) = args.seed else { return Ok(Made::InDatabase(Box::new(args))) };
    if args.named.0 {
        bail!(
            "--seed makes the rows without a database; leave out --db-url, or leave out --seed to read the rows from it"
        );
    }
    let universe = UniverseArgs { universe: args.universe }.universe()?.unwrap_or_else(Universe::demo);
    let calendar = args.changes.calendar(args.calendar.unwrap_or_default())?;
    let (model, parameters) = (args.model, args.parameters);
    let model = ModelArgs { seed: Some(seed), model, parameters, scenario: args.scenario }.choice()?;
    let choice = MarketChoice {
        kind: model.kind.unwrap_or(ModelKind::Full),
        parameters: model.parameters,
        scenarios: model.scenarios,
        ..MarketChoice::new(Seed(seed), universe, calendar)
    };
    Ok(Made::FromNothing(Box::new(choice), args.listed.map_or(Listed::WithTheRange, Listed::On)))
}

/// Writes the rows of a job.
fn write<S: Source<Error: Send + Sync>>(
    job: &Job,
    dataset: Dataset,
    source: &S,
    days: &[NaiveDate],
    target: &Target,
    stop: &Stop,
) -> anyhow::Result<()> {
    let mut out = target.begin(&job.schema(source))?;
    let mut progress = Steps::begin(dataset, source, days);
    let outcome = job.run(source, |piece: Piece| {
        if stop.is_asked() {
            return Err(OutError::Stopped);
        }
        let (Some(&date), Some(&symbol)) = (piece.days.first(), source.symbols().get(piece.place)) else {
            return Ok(());
        };
        out.write(date, symbol, &piece.batch)?;
        progress.add(&piece);
        Ok(())
    });
    drop(progress);
    match outcome {
        Ok(()) => Ok(out.finish()?),
        Err(PipelineError::Consumer(error)) => Err(error.into()),
        Err(error) => Err(error.into()),
    }
}

/// How far the rows are: bars are counted, because their number is known, and stocks where it is not.
struct Steps {
    progress: Progress,
    counts_bars: bool,
}

impl Steps {
    fn begin(dataset: Dataset, source: &impl Source, days: &[NaiveDate]) -> Self {
        let symbols = source.symbols().len() as u64;
        let Dataset::Bars(interval) = dataset else {
            return Self { progress: Progress::begin("stocks", symbols), counts_bars: false };
        };
        let minutes: u64 = days.iter().map(|&day| u64::from(source.calendar().minutes_on(day))).sum();
        let bars = interval.trading_minutes().map_or(days.len() as u64, |length| minutes / u64::from(length));
        Self { progress: Progress::begin("bars", symbols * bars), counts_bars: true }
    }

    fn add(&mut self, piece: &Piece) {
        if self.counts_bars {
            self.progress.add(piece.batch.num_rows() as u64);
        } else {
            self.progress.set(piece.place as u64);
        }
    }
}

fn universe(args: UniverseCommand) -> anyhow::Result<()> {
    let target = Target::of_sheet(&args.out)?;
    let rows: Vec<UniverseRow> = match made(args.source)? {
        Made::FromNothing(choice, _) => stocks(&choice.universe, choice.seed, choice.calendar.hours()),
        Made::InDatabase(source) => open(&source)?.store.universe()?,
    };
    table(&target, &tables::universe(&rows)?)
}

fn calendar(args: &CalendarCommand) -> anyhow::Result<()> {
    let calendar = args.changes.calendar(args.calendar)?;
    let days = trading_days(&calendar, args.from, args.to).context("--from and --to")?;
    warn_of_projection(&calendar, args.to);
    table(&Target::of_sheet(&args.out)?, &tables::sessions(&calendar, days)?)
}

/// Writes a table that is in memory.
fn table(target: &Target, rows: &RecordBatch) -> anyhow::Result<()> {
    let mut out = target.begin(&rows.schema())?;
    out.write_all(rows)?;
    Ok(out.finish()?)
}

fn warn_of_projection(calendar: &Calendar, last: NaiveDate) {
    if calendar.is_projected(last) {
        say_error!(
            "warning: the holidays after {} are projected, not published; give the exchange's holidays with --calendar-file",
            calendar.known_until()
        );
    }
}
