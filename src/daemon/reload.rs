//! SIGHUP: the log filter and the calendar file are read again. What cannot be used is reported, and the old stays.

use std::io::IsTerminal;
use std::sync::Arc;

use anyhow::Context;
use chrono::NaiveDate;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info};

use super::clock::SystemClock;
use super::health::Vitals;
use super::logging::Logs;
use super::supervisor;
use crate::config::CalendarArgs;
use klined_market::base::{Clock, UnixSeconds};
use klined_market::calendar::Calendar;

/// The calendar, read anew whenever SIGHUP comes.
pub type Calendars = watch::Receiver<Arc<Calendar>>;

/// The sender's side of [`Calendars`], with what is needed to read again.
pub struct Reload {
    calendars: watch::Sender<Arc<Calendar>>,
    args: CalendarArgs,
    logs: Logs,
}

impl Reload {
    /// Reads the calendar for the first time.
    ///
    /// # Errors
    /// The calendar file cannot be used.
    pub fn begin(args: &CalendarArgs, logs: Logs) -> anyhow::Result<(Self, Calendars)> {
        let (sender, receiver) = watch::channel(Arc::new(args.calendar()?));
        Ok((Self { calendars: sender, args: args.clone(), logs }, receiver))
    }

    /// Reads again on every SIGHUP from now on. Not when started from a terminal, whose end the signal then tells of.
    ///
    /// # Errors
    /// The system refuses to deliver the signal.
    pub fn on_hangup(self, vitals: Arc<Vitals>) -> anyhow::Result<()> {
        on_hangup(move || drop(self.read(|| Ok(vitals.last_minute()))))
    }

    /// Reads again now, when the market's last bar is known; gives the calendar that holds from now on if it is another one.
    pub fn read(&self, last_bar: impl FnOnce() -> anyhow::Result<Option<UnixSeconds>>) -> Option<Arc<Calendar>> {
        match self.logs.reload() {
            Ok(filter) => info!(filter, "read the log filter again"),
            Err(error) => error!("the log filter stays as it was: {error:#}"),
        }
        let old = self.calendars.borrow().clone();
        let now = SystemClock.now();
        let newest = last_bar().map(|last_bar| last_bar.map_or(now, |last_bar| last_bar.max(now)));
        let read = newest.and_then(|newest| agree(&old, self.args.calendar()?, old.date_of(newest)?));
        match read {
            Ok(new) => {
                let new = Arc::new(new);
                info!(known_until = %new.known_until(), "read the calendar again");
                self.calendars.send_replace(new.clone());
                Some(new)
            }
            Err(error) => {
                error!("the calendar stays as it was: {error:#}");
                None
            }
        }
    }
}

/// Reads on every SIGHUP from now on. Not when started from a terminal, whose end the signal then tells of.
///
/// # Errors
/// The system refuses to deliver the signal.
pub fn on_hangup(read: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            supervisor::reloading();
            read();
            supervisor::reloaded();
        }
    });
    Ok(())
}

/// Days that may have bars must stay what they were.
fn agree(old: &Calendar, new: Calendar, until: NaiveDate) -> anyhow::Result<Calendar> {
    let (before, after) = (old.days(old.first_day(), until), new.days(new.first_day(), until));
    match before.iter().zip(after).find(|(before, after)| before != after) {
        None if before.len() == after.len() => Ok(new),
        differing => {
            let day = differing.map_or(until, |(before, after)| *before.min(after));
            Err(anyhow::anyhow!("it changes {day}, which is not after {until}: bars may have been made by it"))
        }
    }
}
