//! Threads: `KLINED_WORKER_THREADS`.

use clap::Args;

/// The most threads that can be asked for.
const WORKER_THREADS_MAX: i64 = 1024;

#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Runtime")]
pub struct RuntimeArgs {
    /// Number of threads that serve connections and timers [default: one for each core]
    #[arg(long, env = "KLINED_WORKER_THREADS", value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=WORKER_THREADS_MAX), allow_negative_numbers = true)]
    pub worker_threads: Option<u16>,
}
