//! The universe: `KLINED_UNIVERSE`.

use std::fs::File;
use std::io::Read;

use anyhow::Context;
use clap::Args;
use klined_service::text;

use crate::jobs::DEFAULT_SEED;
use klined_market::calendar::Hours;
use klined_market::universe::{Universe, UniverseChoice, csv};

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Universe")]
pub struct UniverseArgs {
    /// Stocks of a new market: demo, synth, ashare:N with N from 1 to 5429, or a CSV file. A market that has stocks keeps them, and the
    /// start fails when a stock named here is missing from it [default: the stocks of the database, demo for a new one]
    #[arg(long, env = "KLINED_UNIVERSE", value_name = "demo|synth|ashare:N|FILE.csv")]
    pub universe: Option<UniverseChoice>,
}

/// Print a universe as CSV
///
/// A file must have the columns symbol, name, sector, base_price and base_volatility, and may have board, is_st, beta,
/// daily_turnover, is_active, drift, min_price and max_price. The output can be used as FILE.csv.
#[derive(Debug, Clone, Args)]
pub struct UniverseCommand {
    /// Stocks: demo, synth, ashare:N with N from 1 to 5429, or a CSV file, which the command checks
    #[arg(value_name = "demo|synth|ashare:N|FILE.csv", default_value = "demo")]
    pub universe: UniverseChoice,

    /// Seed of the market, from which an ashare universe follows
    #[arg(long, env = "KLINED_SEED", value_name = "N", default_value_t = DEFAULT_SEED)]
    pub seed: u64,

    /// Calendar of the market: from its days and minutes follow the daily volatility and turnover of a synth universe
    #[arg(long, env = "KLINED_CALENDAR", value_name = "sse|nyse|24x7|fx", default_value_t)]
    pub calendar: Hours,
}

impl UniverseArgs {
    /// The universe that is asked for, if one is.
    ///
    /// # Errors
    /// Its file cannot be read or has a fault.
    pub fn universe(&self) -> anyhow::Result<Option<Universe>> {
        self.universe.as_ref().map(universe).transpose()
    }
}

impl UniverseCommand {
    /// The universe that is asked for.
    ///
    /// # Errors
    /// Its file cannot be read or has a fault.
    pub fn universe(&self) -> anyhow::Result<Universe> {
        universe(&self.universe)
    }
}

/// The universe of a name.
///
/// # Errors
/// Its file cannot be read or has a fault.
pub fn universe(choice: &UniverseChoice) -> anyhow::Result<Universe> {
    let path = match choice {
        UniverseChoice::Demo => return Ok(Universe::demo()),
        UniverseChoice::Synth => return Ok(Universe::synth()),
        UniverseChoice::Ashare(count) => return Ok(Universe::ashare(*count)),
        UniverseChoice::File(path) => path,
    };
    let unreadable =
        || format!("cannot read the universe file {} (or say demo, synth or ashare:N, without a file)", path.display());
    let mut bytes = Vec::new();
    // One byte more than may be there tells a file that is too long, whatever its length is said to be.
    let bytes_max = csv::BYTES_MAX as u64 + 1;
    File::open(path).and_then(|file| file.take(bytes_max).read_to_end(&mut bytes)).with_context(unreadable)?;
    // A text that cannot be decoded is refused there, with the line and column.
    let bytes = text::decode(&bytes).map_or(bytes, String::into_bytes);
    let rows = csv::read(&bytes).with_context(|| format!("cannot use the universe file {}", path.display()))?;
    Ok(Universe::of_file(path.clone(), rows))
}
