//! What the program does with a request.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::Context;

use super::args::{Cli, Command, Format, Mode};
use super::request::{Request, Target};
use crate::out::csv::{CsvEncoder, CsvFiles};
use crate::out::text::push_instant;
use crate::pipeline::Flow;
use crate::questdb::ingest::{Surroundings, ingest};
use crate::questdb::schema;
use crate::questdb::server::Server;
use crate::questdb::verify::verify;
use crate::realism::Scorecard;

/// What the program's edge gives to a run.
pub struct Edge<'a> {
    /// Unix nanoseconds.
    pub now_nanos: &'a (dyn Fn() -> i64 + Sync),
    /// Set when the program is asked to end.
    pub stop: &'a AtomicBool,
    /// Takes a line of what is done.
    pub say: &'a (dyn Fn(&str) + Sync),
}

/// Does what the command line asks for; false when what was looked at is not as it should be.
///
/// # Errors
/// A flag cannot be obeyed, or what was begun cannot be brought to an end.
pub fn run(cli: &Cli, edge: &Edge) -> anyhow::Result<bool> {
    let now = (edge.now_nanos)();
    match &cli.command {
        Some(Command::Realism(args)) => return realism(&args.seeds, edge),
        Some(Command::Verify(args)) => return check_rows(&Request::in_mode(args, Mode::FasterThanLife, now)?, edge),
        None => {}
    }
    let request = Request::of(&cli.generate, now)?;
    (edge.say)(&plan_text(&request));
    if cli.generate.dry_run {
        return Ok(true);
    }
    match &request.target {
        Target::Files(_) if cli.generate.check => Ok(true),
        Target::Files(directory) => {
            match cli.generate.format {
                Format::Csv => write_csv(&request, directory)?,
            }
            (edge.say)(&format!("wrote market_data.csv, core_price.csv and fx_trades.csv to {}", directory.display()));
            Ok(true)
        }
        Target::QuestDb(settings) if cli.generate.check => {
            schema::check(&mut Server::connect(&settings.pg)?)?;
            settings.ilp.open()?;
            (edge.say)("the database can be reached and its tables are as they should be");
            Ok(true)
        }
        Target::QuestDb(settings) => {
            let around = Surroundings { now_nanos: edge.now_nanos, stop: edge.stop, say: edge.say };
            let outcome = ingest(&request.job, settings, &around)?;
            let [books, prices, trades] = outcome.rows.0;
            let seconds = ((edge.now_nanos)() - now) as f64 / 1e9;
            let end = if outcome.was_stopped { "stopped" } else { "done" };
            (edge.say)(&format!(
                "{end}: {books} rows of market_data, {prices} of core_price, {trades} of fx_trades sent and applied in {seconds:.1} s, {:.0} rows/s",
                (books + prices + trades) as f64 / seconds.max(1e-3),
            ));
            Ok(true)
        }
    }
}

/// Lines of differences that are said.
const DIFFERENCES_MOST: usize = 20;

/// Compares a database with the market.
fn check_rows(request: &Request, edge: &Edge) -> anyhow::Result<bool> {
    let Target::QuestDb(settings) = &request.target else { anyhow::bail!("--to: verify looks at QuestDB") };
    (edge.say)(&plan_text(request));
    let differences = verify(&request.job, &mut Server::connect(&settings.pg)?, DIFFERENCES_MOST)?;
    for line in &differences {
        (edge.say)(line);
    }
    (edge.say)(if differences.is_empty() { "the database holds the market's rows" } else { "the database differs" });
    Ok(differences.is_empty())
}

fn write_csv(request: &Request, directory: &Path) -> anyhow::Result<()> {
    let mut files = CsvFiles::create(directory)?;
    let streams = request.job.market.streams;
    request.job.run(|| CsvEncoder::new(streams), |_, lines| files.append(lines).map(|()| Flow::Continue))?;
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
         {} pairs, {} to {} orders a second, {} workers that take turns, {} seconds each",
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
        job.block_seconds,
    )
}

/// Measures markets; false when a figure lies outside its band.
fn realism(seeds: &str, edge: &Edge) -> anyhow::Result<bool> {
    let parse = |text: &str| text.trim().parse::<u64>().with_context(|| format!("--seeds: \"{text}\" is not a seed"));
    let seeds: Vec<u64> = seeds.split(',').map(parse).collect::<Result<_, _>>()?;
    let mut is_inside = true;
    for seed in seeds {
        let card = Scorecard::of(seed).context("measuring a market")?;
        (edge.say)(card.table().trim_end());
        is_inside &= card.is_inside();
    }
    Ok(is_inside)
}
