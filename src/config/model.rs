//! The model: `KLINED_SEED`.

use clap::Args;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelArgs {
    /// The number that all prices follow from [default: the database's own, 42 for a new one]
    #[arg(long, env = "KLINED_SEED", value_name = "N")]
    pub seed: Option<u64>,
}
