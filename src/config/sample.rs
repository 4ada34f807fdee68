//! The command line of `klined sample`. It has no variables, because each flag is about one run.

use chrono::NaiveDate;
use clap::Args;

use crate::jobs::DEFAULT_SEED;
use klined_market::base::Symbol;
use klined_market::calendar::Hours;
use klined_market::model::{ModelKind, Regime};
use klined_market::universe::UniverseChoice;

#[derive(Debug, Clone, Args)]
pub struct SampleCommand {
    /// Print the bars of this regime only [default: those of each regime, from the same random numbers]
    #[arg(long, value_name = "bull|bear|sideways", value_parser = regime)]
    pub regime: Option<Regime>,

    /// Number of 1-minute bars of each regime
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000),
          allow_negative_numbers = true)]
    pub bars: u32,

    /// Stock of the universe [default: its first one]
    #[arg(long, value_name = "SYMBOL")]
    pub symbol: Option<Symbol>,

    /// Stocks: demo, synth, ashare:N with N from 1 to 5429, or a CSV file
    #[arg(long, value_name = "demo|synth|ashare:N|FILE.csv", default_value = "demo")]
    pub universe: UniverseChoice,

    /// Model: gbm for plain geometric Brownian motion, or full
    #[arg(long, value_name = "full|gbm", default_value = "gbm")]
    pub model: ModelKind,

    /// Seed of all random numbers
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    pub seed: u64,

    /// First trading day at or after this date (YYYY-MM-DD)
    #[arg(long, value_name = "DATE", default_value = "2026-01-05")]
    pub from: NaiveDate,

    /// Hours and days: sse (Shanghai), nyse (New York), 24x7 (every minute of UTC) or fx (Sunday to Friday 17:00 New York)
    #[arg(long, default_value_t, value_name = "sse|nyse|24x7|fx")]
    pub calendar: Hours,
}

fn regime(text: &str) -> Result<Regime, String> {
    let found = Regime::ALL.into_iter().find(|regime| regime.as_str() == text);
    found.ok_or_else(|| "it must be bull, bear or sideways".to_owned())
}
