//! Several processes on one market: `KLINED_SHARD`.

use clap::Args;

use klined_market::base::Shard;

#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Shards")]
pub struct ShardArgs {
    /// Work on part i of n of the stocks, counted from 1. So n processes share the market; all need the same n [default: all stocks]
    #[arg(long, env = "KLINED_SHARD", value_name = "i/n")]
    pub shard: Option<Shard>,
}

impl ShardArgs {
    /// The part that is asked for.
    #[must_use]
    pub fn part(self) -> Shard {
        self.shard.unwrap_or_default()
    }
}
