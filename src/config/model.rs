//! The model: `KLINED_SEED`, `KLINED_MODEL`, `KLINED_MODEL_PARAMS`, `KLINED_SCENARIO`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use klined_service::text;

use crate::jobs::ModelChoice;
use klined_market::model::{FullParameters, ModelKind, Scenario};

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelArgs {
    /// Seed: the number that all prices follow from [default: the seed of the database, 42 for a new one]
    #[arg(long, env = "KLINED_SEED", value_name = "N")]
    pub seed: Option<u64>,

    /// Model: full, or gbm for plain geometric Brownian motion [default: the model of the database, full for a new one]
    #[arg(long, env = "KLINED_MODEL", value_name = "full|gbm")]
    pub model: Option<ModelKind>,

    #[command(flatten)]
    pub parameters: ParameterArgs,

    /// TOML files with events that the market must go through, such as crashes, halts and gaps; docs/SCENARIOS.md describes them
    #[arg(long, env = "KLINED_SCENARIO", value_name = "FILE,FILE", value_delimiter = ',', value_parser = path)]
    pub scenario: Vec<PathBuf>,
}

/// What programs that only read need of the model too.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub struct ParameterArgs {
    /// TOML file that overrides parameters of the full model; docs/MODEL.md lists them
    #[arg(long, env = "KLINED_MODEL_PARAMS", value_name = "FILE")]
    pub model_params: Option<PathBuf>,
}

/// A path of a list, which may have blanks around its commas.
fn path(text: &str) -> Result<PathBuf, String> {
    match text.trim() {
        "" => Err("it has a comma with no file beside it".to_owned()),
        path => Ok(path.into()),
    }
}

impl ParameterArgs {
    /// The full model's parameters.
    ///
    /// # Errors
    /// The file cannot be read, names an unknown key or has a value that is out of range.
    pub fn parameters(&self) -> anyhow::Result<FullParameters> {
        parameters(self.model_params.as_deref())
    }
}

impl ModelArgs {
    /// The model that is asked for.
    ///
    /// # Errors
    /// A file cannot be read, names an unknown key or has a value that is out of range.
    pub fn choice(&self) -> anyhow::Result<ModelChoice> {
        let scenarios = self.scenario.iter().map(|path| read(path, "the scenario", Scenario::from_toml));
        Ok(ModelChoice {
            kind: self.model,
            parameters: self.parameters.parameters()?,
            scenarios: scenarios.collect::<anyhow::Result<_>>()?,
            ..ModelChoice::default()
        })
    }
}

/// The full model's parameters with what a file overrides.
pub(super) fn parameters(file: Option<&Path>) -> anyhow::Result<FullParameters> {
    file.map_or_else(
        || Ok(FullParameters::default()),
        |path| read(path, "the model's parameters", FullParameters::from_toml),
    )
}

fn read<T, E: std::error::Error + Send + Sync + 'static>(
    path: &Path,
    what: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> anyhow::Result<T> {
    let context = || format!("cannot use {what} in {}", path.display());
    let text = text::read(path).with_context(context)?;
    parse(&text).with_context(context)
}
