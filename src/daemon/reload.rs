//! The calendar: that of the market's hours once the database has said which it has, and read again on SIGHUP. A calendar that cannot
//! be used then is reported, and the old one stays.

use std::sync::Arc;

use chrono::NaiveDate;
use klined_service::one_line;
use tokio::sync::watch;
use tracing::{error, info};

use super::clock::SystemClock;
use crate::config::CalendarArgs;
use klined_market::base::{Clock, UnixSeconds};
use klined_market::calendar::{Calendar, Hours};

/// The calendar as it was read last.
pub type Calendars = watch::Receiver<Arc<Calendar>>;

/// The sender's side of [`Calendars`], with what is needed to read again.
#[derive(Debug)]
pub struct CalendarReload {
    calendars: watch::Sender<Arc<Calendar>>,
    args: CalendarArgs,
}

impl CalendarReload {
    /// Reads the calendar for the first time, before the database is open: of the hours that are asked for, if any are.
    ///
    /// # Errors
    /// The calendar file cannot be used.
    pub fn begin(args: &CalendarArgs, asked: Option<Hours>) -> anyhow::Result<(Arc<Self>, Calendars)> {
        let (sender, receiver) = watch::channel(Arc::new(args.provisional(asked)?));
        Ok((Arc::new(Self { calendars: sender, args: args.clone() }), receiver))
    }

    /// The calendar of a market with these hours, which everything in this process follows from now on.
    ///
    /// # Errors
    /// The calendar file cannot be used for these hours.
    pub fn follow(&self, hours: Hours) -> anyhow::Result<Arc<Calendar>> {
        let held = self.calendars.borrow().clone();
        if held.hours() == hours {
            return Ok(held);
        }
        let calendar = Arc::new(self.args.calendar(hours)?);
        self.calendars.send_replace(calendar.clone());
        Ok(calendar)
    }

    /// Reads the calendar again. `last_bar` gives the start of the market's newest bar. Gives the calendar that holds from now
    /// on, if it could be used.
    pub fn read(&self, last_bar: impl FnOnce() -> anyhow::Result<Option<UnixSeconds>>) -> Option<Arc<Calendar>> {
        let old = self.calendars.borrow().clone();
        let now = SystemClock.now();
        let newest = last_bar().map(|last_bar| last_bar.map_or(now, |last_bar| last_bar.max(now)));
        let read = newest.and_then(|newest| agree(&old, self.args.calendar(old.hours())?, old.date_of(newest)?));
        match read {
            Ok(new) => {
                let new = Arc::new(new);
                info!(known_until = %new.known_until(), "the calendar was read again");
                self.calendars.send_replace(new.clone());
                Some(new)
            }
            Err(error) => {
                error!("the calendar is unchanged: {}", one_line(&error));
                None
            }
        }
    }
}

/// Gives the new calendar if it has the same days as the old one up to a date, of the same lengths: bars may have been made on
/// them.
fn agree(old: &Calendar, new: Calendar, until: NaiveDate) -> anyhow::Result<Calendar> {
    let (before, after) = (old.days(old.first_day(), until), new.days(new.first_day(), until));
    match before
        .iter()
        .zip(after)
        .find(|(before, after)| before != after || old.minutes_on(**before) != new.minutes_on(**after))
    {
        None if before.len() == after.len() => Ok(new),
        differing => {
            let day = differing.map_or(until, |(before, after)| *before.min(after));
            Err(anyhow::anyhow!(
                "the new one changes {day}, which is not after {until}, and bars may exist for that day; change later days only"
            ))
        }
    }
}
