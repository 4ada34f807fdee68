//! The length of the history: `KLINED_RETAIN_MONTHS`.

use clap::Args;

/// How much history is kept.
#[derive(Debug, Clone, Args)]
pub struct RetentionArgs {
    /// Keep the bars of the current month and of N full months before it. When a month begins, older bars of every interval are
    /// removed for good [default: keep everything]
    #[arg(long, env = "KLINED_RETAIN_MONTHS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1200),
          allow_negative_numbers = true)]
    pub retain_months: Option<u32>,
}
