//! What a job shows of itself: whether it moves, whether it works, when it was last answered.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;

use crate::clock::instant;

/// A job as its process's health sees it. A daemon whose readiness has conditions of its own implements it around its
/// [`Vitals`]; for others the vitals are enough.
pub trait JobStatus: Send + Sync + 'static {
    /// The job's vital signs.
    fn vitals(&self) -> &Vitals;

    /// Why the job is not ready although it works and is answered, such as "81 minutes behind"; none when it is ready.
    fn unmet_condition(&self) -> Option<String> {
        None
    }

    /// What the job does while it works, in a few words, for `systemctl status`.
    fn activity(&self) -> String {
        "running".to_owned()
    }

    /// Sets the metrics that change with time alone. Called before each page of metrics; it must not wait for anything.
    fn measure(&self) {}
}

/// How long a job may show no sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VitalsLimits {
    /// A job that has not moved for longer counts as dead: `/healthz` fails.
    pub standstill: Duration,
    /// A job that has not been answered well for longer, by its database for example, is not ready: `/readyz` fails.
    pub silence: Duration,
}

impl Default for VitalsLimits {
    /// 120 and 60 seconds.
    fn default() -> Self {
        Self { standstill: Duration::from_secs(120), silence: Duration::from_secs(60) }
    }
}

/// A job's vital signs. It moves with every answer that it gets, be it an error, and while it waits on purpose; it stands still
/// while a call hangs.
pub struct Vitals {
    job: &'static str,
    name: String,
    limits: VitalsLimits,
    retries: Counter,
    moves: AtomicU64,
    signs: Mutex<Signs>,
}

struct Signs {
    phase: Phase,
    moved_at: Instant,
    answered_at: Instant,
}

enum Phase {
    Starting,
    Working,
    WaitingToRetry(String),
}

impl Vitals {
    pub(super) fn new(job: &'static str, name: String, limits: VitalsLimits, retries: Counter) -> Self {
        let now = instant();
        let signs = Signs { phase: Phase::Starting, moved_at: now, answered_at: now };
        Self { job, name, limits, retries, moves: AtomicU64::new(0), signs: Mutex::new(signs) }
    }

    fn signs(&self) -> MutexGuard<'_, Signs> {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job's name in metrics.
    #[must_use]
    pub fn job(&self) -> &'static str {
        self.job
    }

    /// How often the job has moved.
    #[must_use]
    pub fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    /// The job has done a step.
    pub fn moved(&self) {
        self.signs().moved_at = instant();
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    /// The job has got an answer from what it depends on; `is_good` when it is not an error.
    pub fn answered(&self, is_good: bool) {
        if is_good {
            self.signs().answered_at = instant();
        }
        self.moved();
    }

    /// The job has all that it needs, and works.
    pub fn works(&self) {
        self.signs().phase = Phase::Working;
    }

    /// The job has failed and will be tried again.
    pub fn failed(&self, why: &impl ToString) {
        self.retries.inc();
        self.signs().phase = Phase::WaitingToRetry(why.to_string());
        self.moved();
    }

    /// Counts as moving, once every `pulse`, while something is waited for on purpose.
    pub async fn while_waiting<T>(&self, waiting: impl Future<Output = T>, pulse: Duration) -> T {
        tokio::pin!(waiting);
        loop {
            tokio::select! {
                done = &mut waiting => return done,
                () = tokio::time::sleep(pulse) => self.moved(),
            }
        }
    }

    /// Waits until the job has not moved for at least this long, and less than twice as long.
    pub async fn standing_still(&self, patience: Duration) {
        let mut before = None;
        while before.replace(self.moves()) != Some(self.moves()) {
            tokio::time::sleep(patience).await;
        }
    }

    /// Whether the job works: it has begun, and does not wait for another try.
    #[must_use]
    pub fn is_working(&self) -> bool {
        matches!(self.signs().phase, Phase::Working)
    }

    /// Seconds since the last good answer.
    pub(super) fn silence_seconds(&self) -> f64 {
        self.signs().answered_at.elapsed().as_secs_f64()
    }

    /// Why the job counts as dead; none while it moves.
    pub(super) fn standstill(&self) -> Option<String> {
        let still = self.signs().moved_at.elapsed();
        (still > self.limits.standstill).then(|| format!("{}: has not moved for {} s", self.name, still.as_secs()))
    }
}

impl JobStatus for Vitals {
    fn vitals(&self) -> &Vitals {
        self
    }
}

/// Why a job is not ready; none when it is.
pub(super) fn objection(job: &dyn JobStatus) -> Option<String> {
    let vitals = job.vitals();
    let why = {
        let signs = vitals.signs();
        let silence = signs.answered_at.elapsed();
        match &signs.phase {
            Phase::Starting => Some("starting".to_owned()),
            Phase::WaitingToRetry(why) => Some(why.clone()),
            Phase::Working if silence > vitals.limits.silence => {
                Some(format!("has not been answered for {} s", silence.as_secs()))
            }
            Phase::Working => None,
        }
    };
    why.or_else(|| job.unmet_condition()).map(|why| format!("{}: {why}", vitals.name))
}

/// What a job does, in a few words.
pub(super) fn summary(job: &dyn JobStatus) -> String {
    let vitals = job.vitals();
    let what = match &vitals.signs().phase {
        Phase::Starting => Some("starting".to_owned()),
        Phase::WaitingToRetry(why) => Some(format!("waiting to try again: {why}")),
        Phase::Working => None,
    };
    format!("{}: {}", vitals.name, what.unwrap_or_else(|| job.activity()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Behind(Vitals, Option<&'static str>);

    impl JobStatus for Behind {
        fn vitals(&self) -> &Vitals {
            &self.0
        }

        fn unmet_condition(&self) -> Option<String> {
            self.1.map(str::to_owned)
        }
    }

    fn vitals(limits: VitalsLimits) -> Vitals {
        Vitals::new("job", "job 1/2".to_owned(), limits, Counter::default())
    }

    #[test]
    fn a_job_is_ready_when_it_works_is_answered_and_meets_its_condition() {
        let job = vitals(VitalsLimits::default());
        assert_eq!(objection(&job).as_deref(), Some("job 1/2: starting"));
        job.works();
        assert_eq!(objection(&job), None);
        job.failed(&"no server");
        assert_eq!((objection(&job).as_deref(), job.retries.get()), (Some("job 1/2: no server"), 1));
        assert_eq!(summary(&job), "job 1/2: waiting to try again: no server");
        job.works();
        assert_eq!(summary(&job), "job 1/2: running");
        assert_eq!(objection(&Behind(job, None)), None);
        let behind = Behind(vitals(VitalsLimits::default()), Some("2 minutes behind"));
        assert_eq!(objection(&behind).as_deref(), Some("job 1/2: starting"));
        behind.0.works();
        assert_eq!(objection(&behind).as_deref(), Some("job 1/2: 2 minutes behind"));
    }

    #[test]
    fn the_limits_are_the_jobs_own() {
        let job = vitals(VitalsLimits { standstill: Duration::ZERO, silence: Duration::ZERO });
        job.works();
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(objection(&job).as_deref(), Some("job 1/2: has not been answered for 0 s"));
        assert_eq!(job.standstill().as_deref(), Some("job 1/2: has not moved for 0 s"));
        let patient = vitals(VitalsLimits::default());
        assert_eq!(patient.standstill(), None);
        // A bad answer is a move and no answer to go by.
        let before = patient.signs().answered_at;
        patient.answered(false);
        assert_eq!((patient.moves(), patient.signs().answered_at), (1, before));
        patient.answered(true);
        assert!(patient.signs().answered_at > before);
    }
}
