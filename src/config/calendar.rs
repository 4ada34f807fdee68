//! The trading calendar: `KLINED_CALENDAR_FILE`, `KLINED_STRICT_CALENDAR`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use klined_service::text;

use klined_market::calendar::{Calendar, Hours, Overrides};

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Calendar")]
pub struct CalendarArgs {
    /// File with days to add to the calendar or remove from it, in lines "open DATE", "closed DATE" and "known-until DATE"
    #[arg(long, env = "KLINED_CALENDAR_FILE", value_name = "FILE")]
    pub calendar_file: Option<PathBuf>,

    /// Refuse the days after the last year whose holidays are published; without it, their holidays are projected
    #[arg(long, env = "KLINED_STRICT_CALENDAR")]
    pub strict_calendar: bool,
}

impl CalendarArgs {
    /// The calendar that is asked for, of a market with these hours.
    ///
    /// # Errors
    /// The file cannot be read or has a damaged line.
    pub fn calendar(&self, hours: Hours) -> anyhow::Result<Calendar> {
        let overrides = match &self.calendar_file {
            None => Overrides::default(),
            Some(path) => {
                let context = || format!("cannot use the calendar file {}", path.display());
                let text = text::read(path).with_context(context)?;
                Overrides::parse(hours, &text).with_context(context)?
            }
        };
        let calendar = Calendar::with_overrides(hours, &overrides);
        Ok(if self.strict_calendar { calendar.strict() } else { calendar })
    }
}
