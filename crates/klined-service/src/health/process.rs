//! The health of a process: that of its jobs together, and its metrics.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::vitals::{self, JobStatus, Vitals, VitalsLimits};

type JobLabel = [(&'static str, &'static str); 1];
type MetricsHook = Box<dyn Fn() + Send + Sync>;

/// What a process shows of itself.
pub struct Health {
    jobs: Mutex<Vec<Arc<dyn JobStatus>>>,
    hooks: Mutex<Vec<MetricsHook>>,
    registry: Mutex<Registry>,
    retries: Family<JobLabel, Counter>,
    ready: Family<JobLabel, Gauge>,
    silence: Family<JobLabel, Gauge<f64, AtomicU64>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Health {
    /// The health of a program of this version that has no jobs yet. Its metrics' names begin with `klined_`.
    pub(crate) fn new(version: &str) -> Self {
        // The registry ends each help text with a full stop.
        let mut registry = Registry::with_prefix("klined");
        registry.register("build", "Version of the program", Info::new([("version", version.to_owned())]));
        let health = Self {
            jobs: Mutex::default(),
            hooks: Mutex::default(),
            registry: Mutex::default(),
            retries: Family::default(),
            ready: Family::default(),
            silence: Family::default(),
        };
        registry.register("retries", "Failures after which the job was tried again", health.retries.clone());
        registry.register("job_ready", "1 when the job is ready, as on /readyz; else 0", health.ready.clone());
        let help = "Age in seconds of the last good answer that the job got, from its database for example";
        registry.register("job_silence_seconds", help, health.silence.clone());
        *locked(&health.registry) = registry;
        health
    }

    /// The vital signs of a job that does not count for the health yet. Its counters begin with 0, so that a rate sees the
    /// first failure.
    pub(crate) fn vitals(&self, job: &'static str, name: String, limits: VitalsLimits) -> Vitals {
        let retries = self.retries.get_or_create(&[("job", job)]).clone();
        Vitals::new(job, name, limits, retries)
    }

    /// Lets a job count for the health.
    pub(crate) fn add_job(&self, job: Arc<dyn JobStatus>) {
        locked(&self.jobs).push(job);
    }

    /// Has a hook called before each page of metrics.
    pub(crate) fn before_metrics(&self, hook: MetricsHook) {
        locked(&self.hooks).push(hook);
    }

    /// Registers metrics.
    pub(crate) fn register<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(&mut locked(&self.registry))
    }

    fn jobs(&self) -> Vec<Arc<dyn JobStatus>> {
        locked(&self.jobs).clone()
    }

    /// How often each job has moved.
    pub(crate) fn moves(&self) -> Vec<u64> {
        self.jobs().iter().map(|job| job.vitals().moves()).collect()
    }

    /// Whether there are jobs and all of them work.
    pub(crate) fn is_working(&self) -> bool {
        let jobs = self.jobs();
        !jobs.is_empty() && jobs.iter().all(|job| job.vitals().is_working())
    }

    /// What the jobs do, on one line.
    pub(crate) fn summary(&self) -> String {
        self.jobs().iter().map(|job| vitals::summary(&**job)).collect::<Vec<_>>().join("; ").replace('\n', " ")
    }

    /// Why the process counts as dead, a reason for each job that stands still.
    pub(super) fn standstills(&self) -> Vec<String> {
        self.jobs().iter().filter_map(|job| job.vitals().standstill()).collect()
    }

    /// Why the process is not ready, a reason for each job that is not.
    pub(super) fn objections(&self) -> Vec<String> {
        let jobs = self.jobs();
        if jobs.is_empty() {
            return vec!["starting".to_owned()];
        }
        jobs.iter().filter_map(|job| vitals::objection(&**job)).collect()
    }

    /// The metrics as they are now, as OpenMetrics text.
    pub(super) fn metrics_text(&self) -> Result<String, std::fmt::Error> {
        for job in self.jobs() {
            job.measure();
            let label = [("job", job.vitals().job())];
            self.ready.get_or_create(&label).set(i64::from(vitals::objection(&*job).is_none()));
            self.silence.get_or_create(&label).set(job.vitals().silence_seconds());
        }
        locked(&self.hooks).iter().for_each(|hook| hook());
        let mut text = String::new();
        text::encode(&mut text, &locked(&self.registry))?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_jobs_is_starting() {
        let health = Health::new("1.2.3");
        assert!(!health.is_working() && health.standstills().is_empty());
        assert_eq!(health.objections(), ["starting"]);
        let job = Arc::new(health.vitals("a", "a".to_owned(), VitalsLimits::default()));
        health.add_job(job.clone());
        assert!(!health.is_working());
        job.works();
        assert!(health.is_working() && health.objections().is_empty());
    }

    #[test]
    fn metrics_are_those_of_the_service_and_of_the_daemon() {
        let health = Health::new("1.2.3");
        let orders: Counter = Counter::default();
        health.register(|registry| registry.register("orders", "Orders taken", orders.clone()));
        let job = Arc::new(health.vitals("a", "a".to_owned(), VitalsLimits::default()));
        health.add_job(job.clone());
        let counted = orders.clone();
        health.before_metrics(Box::new(move || {
            counted.inc();
        }));
        job.works();
        job.failed(&"no server");
        let text = health.metrics_text().unwrap();
        for line in [
            "klined_build_info{version=\"1.2.3\"} 1",
            "# HELP klined_orders Orders taken.",
            "klined_orders_total 1",
            "klined_retries_total{job=\"a\"} 1",
            "klined_job_ready{job=\"a\"} 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in {text}");
        }
    }
}
