//! Which session an instant lies in.

use chrono::NaiveDate;

use super::session::{Session, SessionSpan};
use super::{Calendar, CalendarError, Minute};
use crate::base::UnixSeconds;

impl Calendar {
    /// The session that an instant lies in, or that comes next when the market is closed then.
    ///
    /// # Errors
    /// The calendar ends before a session follows.
    pub fn session_at(&self, instant: UnixSeconds) -> Result<SessionSpan, CalendarError> {
        let mut day = self.day_at_or_after(self.date_of(instant)?)?;
        loop {
            for SessionSpan { session, start, end } in self.sessions_of(day) {
                if instant < end {
                    let session = if instant < start { Session::Closed } else { session };
                    return Ok(SessionSpan { session, start, end });
                }
            }
            day = self.day_after(day)?;
        }
    }

    /// The sessions of a trading day in order; none on any other date.
    pub fn sessions_of(&self, day: NaiveDate) -> impl Iterator<Item = SessionSpan> + use<> {
        self.place_of_day(day).into_iter().flat_map(|(open, plan)| {
            plan.sessions().map(move |(first, of_session)| {
                let last = Minute::starting_at(open + plan.offset(first + of_session.minutes - 1));
                SessionSpan { session: of_session.session, start: open + plan.offset(first), end: last.end() }
            })
        })
    }

    /// The trading minute that an instant lies in; none while the market is closed.
    #[must_use]
    pub fn minute_containing(&self, instant: UnixSeconds) -> Option<Minute> {
        self.minute_starting(Minute::label_of(instant)).ok()
    }
}
