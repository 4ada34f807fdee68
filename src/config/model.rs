//! The model: `KLINED_SEED`, `KLINED_MODEL`, `KLINED_MODEL_PARAMS`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::jobs::ModelChoice;
use crate::model::{FullParameters, ModelKind};

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelArgs {
    /// The number that all prices follow from [default: the database's own, 42 for a new one]
    #[arg(long, env = "KLINED_SEED", value_name = "N")]
    pub seed: Option<u64>,

    /// gbm for plain geometric Brownian motion, or full [default: the database's own, gbm for a new one]
    #[arg(long, env = "KLINED_MODEL", value_name = "gbm|full")]
    pub model: Option<ModelKind>,

    /// A TOML file that overrides parameters of the full model; docs/MODEL.md lists them
    #[arg(long, env = "KLINED_MODEL_PARAMS", value_name = "FILE")]
    pub model_params: Option<PathBuf>,
}

impl ModelArgs {
    /// The model asked for.
    ///
    /// # Errors
    /// The file of parameters cannot be read, names an unknown key or has a value that is out of range.
    pub fn choice(&self) -> anyhow::Result<ModelChoice> {
        let parameters = match &self.model_params {
            None => FullParameters::default(),
            Some(path) => {
                let context = || format!("cannot use the model's parameters in {}", path.display());
                let text = std::fs::read_to_string(path).with_context(context)?;
                FullParameters::from_toml(&text).with_context(context)?
            }
        };
        Ok(ModelChoice { kind: self.model, parameters })
    }
}
