//! The command line of `klined realism`. It has no variables, because each flag is about one run.

use std::path::PathBuf;

use clap::Parser;

use super::{model, universe};
use klined_market::model::{FullParameters, ModelKind};
use klined_market::universe::{Universe, UniverseChoice};
use klined_realism::PictureFormat;

/// The most seeds that one run scores.
pub const SEEDS_MAX: usize = 16;
/// The most symbols times days: about 2 GB of memory.
pub const SYMBOL_DAYS_MAX: usize = 1_500_000;

#[derive(Debug, Clone, Parser)]
pub struct RealismArgs {
    /// Model: full, or gbm for plain geometric Brownian motion
    #[arg(long, value_name = "full|gbm", default_value = "full")]
    pub model: ModelKind,

    /// TOML file that overrides parameters of the full model; docs/MODEL.md lists them
    #[arg(long, value_name = "FILE")]
    pub model_params: Option<PathBuf>,

    /// Stocks: demo, synth, ashare:N with N from 1 to 5429, or a CSV file
    #[arg(long, value_name = "demo|synth|ashare:N|FILE.csv", default_value = "ashare:200")]
    pub universe: UniverseChoice,

    /// Number of trading days, from 2024-06-03 on
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u16).range(30..=2500),
          allow_negative_numbers = true)]
    pub days: u16,

    /// Score one market for each of these seeds, separated by commas; an invented universe is drawn from the same seed
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = seed, default_value = "21")]
    pub seed: Vec<u64>,

    /// Write the scorecard as JSON to this file; - prints it instead of the table
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Draw the results of the first seed (tails, memory of volatility, daily profiles, candles) into an .svg or .png file
    #[arg(long, value_name = "FILE.svg|FILE.png", value_parser = picture)]
    pub plot: Option<PathBuf>,
}

/// A seed of a list, which may have blanks around its commas.
fn seed(text: &str) -> Result<u64, std::num::ParseIntError> {
    text.trim().parse()
}

fn picture(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    PictureFormat::of(&path).map(|_| path).map_err(|error| error.to_string())
}

impl RealismArgs {
    /// The full model's parameters.
    ///
    /// # Errors
    /// Their file cannot be read, names an unknown key or has a value that is out of range.
    pub fn parameters(&self) -> anyhow::Result<FullParameters> {
        model::parameters(self.model_params.as_deref())
    }

    /// The universe.
    ///
    /// # Errors
    /// Its file cannot be read or has a fault.
    pub fn universe(&self) -> anyhow::Result<Universe> {
        universe::universe(&self.universe)
    }

    /// Why flags that are valid one by one cannot be used together; none when they can.
    #[must_use]
    pub fn misuse(&self) -> Option<String> {
        if self.model == ModelKind::Gbm && self.model_params.is_some() {
            return Some("--model-params is for --model full".to_owned());
        }
        (self.seed.len() > SEEDS_MAX).then(|| format!("--seed takes at most {SEEDS_MAX} seeds"))
    }
}
