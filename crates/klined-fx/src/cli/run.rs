//! What the program does with a request.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::args::{Cli, Command, Format};
use super::request::{Request, Target};
use crate::out::csv::{CsvEncoder, CsvFiles};
use crate::out::text::push_instant;
use crate::pipeline::{Flow, PipelineError};
use crate::realism::Scorecard;

/// Does what the command line asks for, and says what it does on `out`.
///
/// # Errors
/// A flag cannot be obeyed, or what was begun cannot be brought to an end.
pub fn run(cli: &Cli, now_nanos: i64, out: &mut impl Write) -> anyhow::Result<bool> {
    if let Some(Command::Realism(args)) = &cli.command {
        return realism(&args.seeds, out);
    }
    let request = Request::of(&cli.generate, now_nanos)?;
    writeln!(out, "{}", plan_text(&request))?;
    if cli.generate.dry_run {
        return Ok(true);
    }
    match &request.target {
        Target::Files(directory) => {
            if cli.generate.check {
                return Ok(true);
            }
            match cli.generate.format {
                Format::Csv => write_csv(&request, directory)?,
            }
            writeln!(out, "wrote market_data.csv, core_price.csv and fx_trades.csv to {}", directory.display())?;
            Ok(true)
        }
        Target::QuestDb => anyhow::bail!("sending rows to QuestDB is not built yet: use --to file:DIRECTORY"),
    }
}

fn write_csv(request: &Request, directory: &Path) -> anyhow::Result<()> {
    let mut files = CsvFiles::create(directory)?;
    let streams = request.job.market.streams;
    let made = request.job.run(|| CsvEncoder::new(streams), |_, lines| files.append(lines).map(|()| Flow::Continue));
    match made {
        Err(PipelineError::Consumer(error)) => return Err(error.into()),
        other => other.context("making rows")?,
    }
    Ok(files.finish()?)
}

/// The plan in words.
fn plan_text(request: &Request) -> String {
    let (job, totals) = (&request.job, &request.totals);
    let instant = |second: i64| {
        let mut text = Vec::new();
        push_instant(&mut text, second * 1_000_000_000, 0);
        String::from_utf8_lossy(&text).replace(".Z", "Z")
    };
    let plan = &job.plan;
    format!(
        "seed {}: {} seconds of the market from {} to {}\n\
         market_data {} rows, {} to {} a second, {} to {} levels\n\
         core_price {} rows, {} to {} a second\n\
         {} pairs, {} to {} orders a second, {} workers, each making every {}th second",
        job.market.settings.seed.0,
        totals.seconds,
        instant(totals.first),
        instant(totals.last + 1),
        totals.book_rows,
        plan.book_rate.least,
        plan.book_rate.most,
        job.depth.least,
        job.depth.most,
        totals.core_rows,
        plan.core_rate.least,
        plan.core_rate.most,
        job.pairs.len(),
        job.market.settings.orders.least,
        job.market.settings.orders.most,
        job.workers,
        job.workers,
    )
}

/// Measures markets; false when a figure lies outside its band.
fn realism(seeds: &str, out: &mut impl Write) -> anyhow::Result<bool> {
    let parse = |text: &str| text.trim().parse::<u64>().with_context(|| format!("--seeds: \"{text}\" is not a seed"));
    let seeds: Vec<u64> = seeds.split(',').map(parse).collect::<Result<_, _>>()?;
    let mut is_inside = true;
    for seed in seeds {
        let card = Scorecard::of(seed).context("measuring a market")?;
        write!(out, "{}", card.table())?;
        is_inside &= card.is_inside();
    }
    Ok(is_inside)
}
