//! What the runner hands to a daemon.

use std::sync::Arc;

use prometheus_client::registry::Registry;

use crate::health::{Health, JobStatus, Vitals, VitalsLimits};
use crate::reload::ReloadHooks;
use crate::shutdown::Shutdown;

/// A daemon's connection with its runner: the request to stop, its health and metrics, SIGHUP. Clones share it.
#[derive(Clone)]
pub struct Service {
    pub(crate) health: Arc<Health>,
    pub(crate) shutdown: Shutdown,
    pub(crate) reload: ReloadHooks,
}

impl Service {
    /// The request to stop.
    #[must_use]
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Adds a job whose health is its [`Vitals`] alone. The process is ready when all its jobs work, so all of them are added
    /// before the first works.
    #[must_use]
    pub fn job(&self, job: &'static str) -> Arc<Vitals> {
        let vitals = Arc::new(self.vitals(job, job.to_owned(), VitalsLimits::default()));
        self.add_job(vitals.clone());
        vitals
    }

    /// The vital signs of a job for [`add_job`](Self::add_job). `job` is its label in metrics, `name` its name in what people
    /// read.
    #[must_use]
    pub fn vitals(&self, job: &'static str, name: String, limits: VitalsLimits) -> Vitals {
        self.health.vitals(job, name, limits)
    }

    /// Adds a job whose readiness has conditions of its own.
    pub fn add_job(&self, job: Arc<dyn JobStatus>) {
        self.health.add_job(job);
    }

    /// Registers metrics. The registry puts `klined_` before their names.
    pub fn metrics<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        self.health.register(register)
    }

    /// Has a function called before each page of metrics. It must not wait for anything.
    pub fn before_metrics(&self, hook: impl Fn() + Send + Sync + 'static) {
        self.health.before_metrics(Box::new(hook));
    }

    /// Has a function called on each SIGHUP, after the log filter has been read again. It reports what it cannot use, and keeps
    /// what was there before.
    pub fn on_reload(&self, hook: impl Fn() + Send + Sync + 'static) {
        self.reload.add(Arc::new(hook));
    }
}
