//! What a job shows of itself: whether it moves, whether it holds its role, how far it has got.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::metrics::Metrics;
use crate::daemon::clock::instant;
use crate::store::MarketStatus;
use klined_market::base::{Seconds, Shard, UnixSeconds};
use klined_market::calendar::{Calendar, local_time};

/// The most trading minutes that a live market may be behind and still be ready.
const BACKLOG_MINUTES_MAX: u64 = 3;
/// How long the database may leave a ready job without an answer.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// After so long without moving a job is taken for dead.
const STANDSTILL_MAX: Duration = Duration::from_secs(120);

/// What is expected of a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Duty {
    /// Every minute that is over has been written.
    FollowClock,
    /// It runs on at a pace of its own.
    RunFree,
    /// It has run through within so long.
    RunWithin(Duration),
}

/// A job's signs of life. It moves whenever the database has answered it, be it with an error, and while it waits on
/// purpose; it stands still while a call hangs.
pub struct Vitals {
    pub job: &'static str,
    /// The job, and the part of the market that it is for, in what people read.
    name: String,
    duty: Duty,
    pub metrics: Arc<Metrics>,
    moves: AtomicU64,
    signs: Mutex<Signs>,
}

struct Signs {
    state: State,
    moved_at: Instant,
    answered_at: Instant,
    ran_at: Instant,
    last_minute: Option<UnixSeconds>,
    status: Option<MarketStatus>,
    lag_minutes: u64,
}

enum State {
    Starting,
    Holding,
    Failing(String),
}

impl Vitals {
    pub fn new(job: &'static str, shard: Shard, duty: Duty, metrics: Arc<Metrics>) -> Arc<Self> {
        metrics.announce(job, shard);
        let name = if shard.is_whole() { job.to_owned() } else { format!("{job} {shard}") };
        let now = instant();
        let signs = Signs {
            state: State::Starting,
            moved_at: now,
            answered_at: now,
            ran_at: now,
            last_minute: None,
            status: None,
            lag_minutes: 0,
        };
        Arc::new(Self { job, name, duty, metrics, moves: AtomicU64::new(0), signs: Mutex::new(signs) })
    }

    fn signs(&self) -> MutexGuard<'_, Signs> {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often it has moved.
    pub fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    fn moved(&self) {
        self.signs().moved_at = instant();
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    /// The database has answered; with `is_well` as it should.
    pub fn answered(&self, is_well: bool) {
        if is_well {
            self.signs().answered_at = instant();
        }
        self.moved();
    }

    /// The job holds its role.
    pub fn holds(&self) {
        self.signs().state = State::Holding;
    }

    /// The job has failed and will be tried again.
    pub fn failed(&self, why: &impl ToString) {
        self.metrics.count_retry(self.job);
        self.signs().state = State::Failing(why.to_string());
        self.moved();
    }

    /// Moves on while something is waited for on purpose.
    pub async fn while_waiting<T>(&self, waiting: impl Future<Output = T>, pulse: Duration) -> T {
        tokio::pin!(waiting);
        loop {
            tokio::select! {
                done = &mut waiting => return done,
                () = tokio::time::sleep(pulse) => self.moved(),
            }
        }
    }

    /// Waits until it has not moved for at least so long, and less than twice as long.
    pub async fn standing_still(&self, patience: Duration) {
        let mut before = None;
        while before.replace(self.moves()) != Some(self.moves()) {
            tokio::time::sleep(patience).await;
        }
    }

    /// The last minute written is the one that starts here.
    pub fn stands_at(&self, start: UnixSeconds) {
        self.signs().last_minute = Some(start);
        self.metrics.set_last_minute(start);
    }

    pub fn shows(&self, status: MarketStatus) {
        self.signs().status = Some(status);
    }

    /// The roll-ups are so many trading minutes behind.
    pub fn lags(&self, minutes: u64) {
        self.signs().lag_minutes = minutes;
        self.metrics.set_aggregation_lag(minutes);
    }

    /// The aggregator has run through.
    pub fn ran(&self) {
        self.signs().ran_at = instant();
        self.lags(0);
    }

    /// Start of the last minute written.
    pub fn last_minute(&self) -> Option<UnixSeconds> {
        self.signs().last_minute
    }

    pub fn is_holding(&self) -> bool {
        matches!(self.signs().state, State::Holding)
    }

    /// Why it must be taken for dead; none while it moves.
    pub fn standstill(&self) -> Option<String> {
        let still = self.signs().moved_at.elapsed();
        (still > STANDSTILL_MAX).then(|| format!("{}: has not moved for {} s", self.name, still.as_secs()))
    }

    /// Since when the oldest minute due is over, in seconds, and how many are due; zeroes when the clock is not followed.
    fn backlog(&self, now: UnixSeconds, calendar: &Calendar) -> (Seconds, u64) {
        let Some(last) = self.last_minute().filter(|_| self.duty == Duty::FollowClock) else {
            return (Seconds::ZERO, 0);
        };
        let (from, to) = Calendar::over_since(last, now);
        let oldest = calendar.minutes_in(from, to).next().map_or(Seconds::ZERO, |minute| now - minute.end());
        (oldest, calendar.minutes_between(from, to))
    }

    /// Why it is not ready; none when it is.
    pub fn objection(&self, now: UnixSeconds, calendar: &Calendar) -> Option<String> {
        let (_, backlog) = self.backlog(now, calendar);
        let signs = self.signs();
        let silence = signs.answered_at.elapsed();
        let since_run = signs.ran_at.elapsed();
        let why = match (&signs.state, self.duty) {
            (State::Starting, _) => "starting".to_owned(),
            (State::Failing(why), _) => why.clone(),
            (State::Holding, _) if silence > SILENCE_MAX => {
                format!("the database has not answered for {} s", silence.as_secs())
            }
            (State::Holding, Duty::FollowClock) if backlog > BACKLOG_MINUTES_MAX => format!("{backlog} minutes behind"),
            (State::Holding, Duty::RunWithin(most)) if since_run > most => {
                format!("has not run through for {} s", since_run.as_secs())
            }
            (State::Holding, _) => return None,
        };
        drop(signs);
        Some(format!("{}: {why}", self.name))
    }

    /// Puts into the metrics what changes by itself.
    pub fn measure(&self, now: UnixSeconds, calendar: &Calendar) {
        if self.duty == Duty::FollowClock {
            let (lag, minutes) = self.backlog(now, calendar);
            self.metrics.set_minute_lag(lag, minutes);
        }
        let silence = self.signs().answered_at.elapsed().as_secs_f64();
        self.metrics.set_job(self.job, self.objection(now, calendar).is_none(), silence);
    }

    /// What it does, in a few words.
    pub fn summary(&self) -> String {
        let signs = self.signs();
        let what = match (&signs.state, self.duty) {
            (State::Starting, _) => "starting".to_owned(),
            (State::Failing(why), _) => format!("waiting to try again: {why}"),
            (State::Holding, Duty::RunWithin(_)) => format!("{} minutes to roll up", signs.lag_minutes),
            (State::Holding, _) => {
                let session = signs.status.map_or("no", |status| status.span.session.as_str());
                let last = signs.last_minute.map_or_else(|| "none".to_owned(), local_time);
                format!("{session} session, last minute {last}")
            }
        };
        format!("{}: {what}", self.name)
    }
}
