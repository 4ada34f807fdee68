//! `exchange-calibrate`: estimates curves of rates from logs.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Parser;

use crate::calibrate::{Cell, Estimator};
use crate::event::Side;
use crate::log::LogReader;

/// Estimates curves of rates by the queue's length from .qrsdp logs, for exchange-producer --hlr-curves
#[derive(Debug, Clone, Parser)]
#[command(name = "exchange-calibrate", version)]
pub struct CalibrateArgs {
    /// Logs, all with the same number of levels or more
    #[arg(long, env = "EXCHANGE_CALIBRATE_INPUT", value_name = "FILE", required = true, num_args = 1.., value_delimiter = ',')]
    pub input: Vec<PathBuf>,
    /// The file of curves to write
    #[arg(long, env = "EXCHANGE_CALIBRATE_OUTPUT", value_name = "FILE", default_value = "hlr_curves.json")]
    pub output: PathBuf,
    /// Levels a side that get curves [default: those of the first log]
    #[arg(long, env = "EXCHANGE_CALIBRATE_LEVELS", value_name = "K", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub levels: Option<u32>,
    /// The longest queue with a rate of its own
    #[arg(long, env = "EXCHANGE_CALIBRATE_N_MAX", value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub n_max: u32,
    /// Effect of a wide spread on limit orders and market orders; this value is taken as given and not estimated
    #[arg(long, env = "EXCHANGE_CALIBRATE_SPREAD_SENS", value_name = "X", default_value_t = 0.3, value_parser = sensitivity,
          allow_negative_numbers = true)]
    pub spread_sens: f64,
    /// Effect of an imbalance on market orders; this value is taken as given and not estimated
    #[arg(long, env = "EXCHANGE_CALIBRATE_IMBALANCE_SENS", value_name = "X", default_value_t = 1.0,
          value_parser = sensitivity, allow_negative_numbers = true)]
    pub imbalance_sens: f64,
    /// The logs' sessions were stopped before their end: count them up to their last events
    #[arg(long, env = "EXCHANGE_CALIBRATE_PARTIAL")]
    pub partial: bool,
    /// Print the number of times that each state was seen
    #[arg(long, env = "EXCHANGE_CALIBRATE_VERBOSE")]
    pub verbose: bool,
}

fn sensitivity(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=100.0).contains(&value) => Ok(value),
        _ => Err("it must be a number from 0 to 100".to_owned()),
    }
}

/// Estimates and writes.
///
/// # Errors
/// Names the log that cannot be used; nothing is written then.
pub fn run(args: CalibrateArgs) -> anyhow::Result<()> {
    let mut estimator: Option<Estimator> = None;
    for path in &args.input {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut log = LogReader::open(file).with_context(|| path.display().to_string())?;
        let found = log.header().session.shape().levels();
        let levels = args.levels.map_or(found, |levels| levels as usize);
        let fresh = || Estimator::new(levels, args.n_max, args.spread_sens, args.imbalance_sens);
        let estimator = estimator.get_or_insert_with(fresh);
        estimator.observe(&mut log, args.partial).with_context(|| path.display().to_string())?;
    }
    let estimator = estimator.context("no log is given")?;
    ensure!(estimator.events() > 0, "the logs have no events: nothing can be estimated");
    let curves = estimator.curves();
    if args.verbose {
        print(&estimator, curves.levels());
    }
    let beside = args.output.with_extension("json.new");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&beside)?;
        file.write_all(curves.to_json()?.as_bytes())?;
        fs::rename(&beside, &args.output)
    };
    write().with_context(|| format!("cannot write {}", args.output.display()))?;
    println!("{}: curves of {} levels from {} events", args.output.display(), curves.levels(), estimator.events());
    Ok(())
}

fn print(estimator: &Estimator, levels: usize) {
    let list = |name: &str, cells: &[Cell]| {
        for (length, cell) in cells.iter().enumerate().filter(|(_, cell)| cell.count > 0) {
            let rate = cell.rate().unwrap_or(0.0);
            println!("{name}, {length} waiting: {} events in {:.1} s, {rate:.4} a second", cell.count, cell.exposure_s);
        }
    };
    for (side, name) in [(Side::Bid, "bid"), (Side::Ask, "ask")] {
        for level in 0..levels {
            list(&format!("add {name} {level}"), estimator.adds(side, level).map_or(&[], |seen| seen.cells()));
            list(&format!("cancel {name} {level}"), estimator.cancels(side, level).map_or(&[], |seen| seen.cells()));
        }
        list(&format!("execute {name}"), estimator.executions(side).cells());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        CalibrateArgs::command().debug_assert();
    }
}
