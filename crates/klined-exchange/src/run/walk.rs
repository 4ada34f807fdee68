//! A run's events without logs: security after security, and day after day.

use chrono::NaiveDate;

use super::{RunError, RunSpec};
use crate::event::Event;
use crate::model::Model;
use crate::session::Session;

/// Which session events are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfSession {
    /// Which security, counted from 0.
    pub nth: usize,
    pub date: NaiveDate,
}

/// A way through the events of a run. They are those of the run's logs.
#[derive(Debug)]
pub struct EventWalk {
    run: RunSpec,
    model: Model,
    days: u32,
    nth: usize,
    day: u32,
    p0_ticks: i32,
    session: Option<Session>,
}

impl EventWalk {
    /// The first days of a run that can be made, see [`RunSpec::check`].
    #[must_use]
    pub fn new(run: RunSpec, days: u32) -> Self {
        let (model, p0_ticks) = (run.model(), run.first_p0_ticks(0));
        Self { run, model, days, nth: 0, day: 0, p0_ticks, session: None }
    }

    /// The run.
    #[must_use]
    pub const fn run(&self) -> &RunSpec {
        &self.run
    }

    /// Appends events of one session, at most `count_max`, and says which session it is; none when there are no more.
    ///
    /// # Errors
    /// [`RunError`] where the dates end before the session, or the book has fewer levels than the model.
    pub fn next_events(&mut self, events: &mut Vec<Event>, count_max: usize) -> Result<Option<OfSession>, RunError> {
        while self.nth < self.run.securities_count() {
            if self.day == self.days {
                self.nth += 1;
                (self.day, self.p0_ticks) = (0, self.run.first_p0_ticks(self.nth));
                continue;
            }
            let (nth, date) = (self.nth, self.run.date(self.day)?);
            let mut session = match self.session.take() {
                Some(session) => session,
                None => {
                    let header = self.run.header(nth, self.day, self.p0_ticks);
                    Session::open(&header.session, &self.model.in_market(self.run.market_seed(self.day)))?
                }
            };
            let made = session.next_events(events, count_max);
            if session.is_over() {
                self.p0_ticks = self.run.next_p0_ticks(session.close_ticks());
                self.day += 1;
            } else {
                self.session = Some(session);
            }
            if made > 0 {
                return Ok(Some(OfSession { nth, date }));
            }
        }
        Ok(None)
    }
}
