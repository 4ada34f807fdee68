//! The trading calendar: `KLINED_CALENDAR`, `KLINED_CALENDAR_FILE`, `KLINED_STRICT_CALENDAR`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use klined_service::text;

use klined_market::calendar::{Calendar, Hours, Overrides};

/// The calendar of a market, for programs that can make one.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Calendar")]
pub struct MarketCalendarArgs {
    /// Hours and days of a new market: sse (Shanghai), nyse (New York), 24x7 (every minute of UTC) or fx (Sunday to Friday 17:00 New
    /// York). A market keeps its calendar, and the start fails when another one is named [default: the calendar of the database, sse
    /// for a new one]
    #[arg(long = "calendar", env = "KLINED_CALENDAR", value_name = "sse|nyse|24x7|fx")]
    pub hours: Option<Hours>,

    #[command(flatten)]
    pub changes: CalendarArgs,
}

/// Changes of a calendar's days.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Calendar")]
pub struct CalendarArgs {
    /// File with days to add to the calendar or remove from it, in lines "open DATE", "closed DATE", "early DATE" and "known-until DATE"
    #[arg(long, env = "KLINED_CALENDAR_FILE", value_name = "FILE")]
    pub calendar_file: Option<PathBuf>,

    /// Refuse the days after the last year whose holidays are published; without it, their holidays are projected
    #[arg(long, env = "KLINED_STRICT_CALENDAR")]
    pub strict_calendar: bool,
}

impl CalendarArgs {
    /// The calendar until a database says which hours its market has: that of the hours that are asked for or, without them, of the
    /// first hours that the file fits.
    ///
    /// # Errors
    /// The file cannot be read or has a line that is damaged for all hours.
    pub fn provisional(&self, asked: Option<Hours>) -> anyhow::Result<Calendar> {
        let first = self.calendar(asked.unwrap_or_default());
        if asked.is_some() || first.is_ok() {
            return first;
        }
        Hours::ALL.into_iter().find_map(|hours| self.calendar(hours).ok()).map_or(first, Ok)
    }

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
