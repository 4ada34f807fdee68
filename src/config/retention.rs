//! The length of the history: `KLINED_RETAIN_MONTHS`, `KLINED_RETAIN_DAYS`.

use clap::Args;

use crate::jobs::Retained;

/// How much history is kept.
#[derive(Debug, Clone, Args)]
pub struct RetentionArgs {
    /// Keep the bars of the current month and of N full months before it. When a month begins, older bars of every interval are
    /// removed for good [default: keep everything]
    #[arg(long, env = "KLINED_RETAIN_MONTHS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1200),
          allow_negative_numbers = true, conflicts_with = "retain_days")]
    pub retain_months: Option<u32>,

    /// Keep the bars of the current day and of N calendar days before it. When a day begins, older bars of every interval are removed
    /// for good [default: keep everything]
    #[arg(long, env = "KLINED_RETAIN_DAYS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36_500),
          allow_negative_numbers = true)]
    pub retain_days: Option<u32>,
}

impl RetentionArgs {
    /// What is kept; none when everything is.
    #[must_use]
    pub fn retained(&self) -> Option<Retained> {
        self.retain_days.map(Retained::Days).or(self.retain_months.map(Retained::Months))
    }
}
