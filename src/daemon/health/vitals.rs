//! The vital signs of a job on a market: how far it has got, and when it is too far behind to be ready.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use klined_service::{JobStatus, Vitals, instant};

use super::Place;
use super::metrics::MarketMetrics;
use crate::daemon::clock::SystemClock;
use crate::daemon::reload::Calendars;
use crate::store::MarketStatus;
use klined_market::base::{Clock, Seconds, UnixSeconds};
use klined_market::calendar::Calendar;

/// The most trading minutes that a live market may be behind and still be ready.
const BACKLOG_MINUTES_MAX: u64 = 3;

/// When a job that works is ready.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Duty {
    /// When the finished minutes have been written but for a few.
    FollowClock,
    /// Always: it goes on at a pace of its own.
    RunFree,
    /// When its last complete run is no older than this.
    RunWithin(Duration),
}

/// A job's vital signs. Every answer of the database is one, be it an error.
pub struct MarketVitals {
    /// Those that jobs of any kind have.
    pub common: Vitals,
    pub metrics: Arc<MarketMetrics>,
    duty: Duty,
    calendars: Calendars,
    advance: Mutex<Advance>,
    condition: OnceLock<Box<Condition>>,
    place: Place,
}

/// Why a job is not ready; none when it is.
type Condition = dyn Fn() -> Option<String> + Send + Sync;

/// How far a job has got.
struct Advance {
    ran_at: Instant,
    last_minute: Option<UnixSeconds>,
    status: Option<MarketStatus>,
    lag_minutes: u64,
}

impl MarketVitals {
    pub(super) fn new(
        common: Vitals,
        duty: Duty,
        metrics: Arc<MarketMetrics>,
        calendars: Calendars,
        place: Place,
    ) -> Self {
        let advance = Advance { ran_at: instant(), last_minute: None, status: None, lag_minutes: 0 };
        Self { common, metrics, duty, calendars, advance: Mutex::new(advance), condition: OnceLock::new(), place }
    }

    fn advance(&self) -> MutexGuard<'_, Advance> {
        self.advance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last minute written is the one that starts here.
    pub fn stands_at(&self, start: UnixSeconds) {
        self.advance().last_minute = Some(start);
        self.metrics.set_last_minute(start);
    }

    /// The job is ready only while this gives no reason against it. The first such condition counts.
    pub fn is_ready_unless(&self, condition: impl Fn() -> Option<String> + Send + Sync + 'static) {
        self.condition.get_or_init(|| Box::new(condition));
    }

    /// The market's status is this from now on.
    pub fn shows(&self, status: MarketStatus) {
        self.advance().status = Some(status);
    }

    /// The roll-ups are this many trading minutes behind.
    pub fn lags(&self, minutes: u64) {
        self.advance().lag_minutes = minutes;
        self.metrics.set_aggregation_lag(minutes);
    }

    /// The aggregator has completed a run.
    pub fn ran(&self) {
        self.advance().ran_at = instant();
        self.lags(0);
    }

    /// Start of the last minute written.
    pub fn last_minute(&self) -> Option<UnixSeconds> {
        self.advance().last_minute
    }

    /// Age of the oldest minute that is due, and how many are due; zeroes when the clock is not followed.
    fn backlog(&self, now: UnixSeconds, calendar: &Calendar) -> (Seconds, u64) {
        let Some(last) = self.last_minute().filter(|_| self.duty == Duty::FollowClock) else {
            return (Seconds::ZERO, 0);
        };
        let (from, to) = Calendar::over_since(last, now);
        let oldest = calendar.minutes_in(from, to).next().map_or(Seconds::ZERO, |minute| now - minute.end());
        (oldest, calendar.minutes_between(from, to))
    }
}

impl JobStatus for MarketVitals {
    fn vitals(&self) -> &Vitals {
        &self.common
    }

    fn unmet_condition(&self) -> Option<String> {
        if let Some(lost) = self.place.get().and_then(|store| store.check_place().err()) {
            return Some(lost.to_string());
        }
        let since_run = self.advance().ran_at.elapsed();
        match self.duty {
            Duty::FollowClock => {
                let (_, backlog) = self.backlog(SystemClock.now(), &self.calendars.borrow());
                (backlog > BACKLOG_MINUTES_MAX).then(|| format!("{backlog} minutes behind"))
            }
            Duty::RunWithin(most) if since_run > most => {
                Some(format!("the last complete run was {} s ago", since_run.as_secs()))
            }
            Duty::RunWithin(_) | Duty::RunFree => self.condition.get().and_then(|condition| condition()),
        }
    }

    fn activity(&self) -> String {
        let advance = self.advance();
        match self.duty {
            Duty::RunWithin(_) => format!("{} minutes to roll up", advance.lag_minutes),
            Duty::FollowClock | Duty::RunFree => {
                let session = advance.status.map_or("no", |status| status.span.session.as_str());
                let last = advance
                    .last_minute
                    .map_or_else(|| "none".to_owned(), |last| self.calendars.borrow().local_time(last));
                format!("{session} session, last minute {last}")
            }
        }
    }

    fn measure(&self) {
        if self.duty == Duty::FollowClock {
            let (lag, minutes) = self.backlog(SystemClock.now(), &self.calendars.borrow());
            self.metrics.set_minute_lag(lag, minutes);
        }
    }
}
