//! The health of a process: what its jobs show, judged for whoever asks over HTTP or runs the process.

mod metrics;
mod observed;
mod server;
mod vitals;

pub use metrics::Metrics;
pub use server::serve;
pub use vitals::{Duty, Vitals};

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::clock::SystemClock;
use crate::store::BarStore;
use klined_market::base::Clock;
use klined_market::calendar::Calendar;

/// What a process shows of itself.
pub struct Health {
    jobs: Vec<Arc<Vitals>>,
    metrics: Arc<Metrics>,
    calendar: watch::Receiver<Arc<Calendar>>,
    store: Mutex<Option<Arc<dyn BarStore>>>,
}

impl Health {
    /// The health of some jobs that share metrics.
    pub fn new(jobs: Vec<Arc<Vitals>>, metrics: Arc<Metrics>, calendar: watch::Receiver<Arc<Calendar>>) -> Arc<Self> {
        Arc::new(Self { jobs, metrics, calendar, store: Mutex::default() })
    }

    /// The database has been opened.
    pub fn has_opened(&self, store: Arc<dyn BarStore>) {
        *self.store.lock().unwrap_or_else(PoisonError::into_inner) = Some(store);
    }

    /// How often each job has moved.
    pub fn moves(&self) -> Vec<u64> {
        self.jobs.iter().map(|job| job.moves()).collect()
    }

    /// Whether every job holds its role.
    pub fn is_holding(&self) -> bool {
        self.jobs.iter().all(|job| job.is_holding())
    }

    /// What the jobs do, on one line.
    pub fn summary(&self) -> String {
        self.jobs.iter().map(|job| job.summary()).collect::<Vec<_>>().join("; ").replace('\n', " ")
    }

    /// Why the process must be taken for dead.
    fn standstills(&self) -> Vec<String> {
        self.jobs.iter().filter_map(|job| job.standstill()).collect()
    }

    /// Why the process is not ready.
    fn objections(&self) -> Vec<String> {
        let (now, calendar) = (SystemClock.now(), self.calendar.borrow().clone());
        self.jobs.iter().filter_map(|job| job.objection(now, &calendar)).collect()
    }

    /// The metrics as they are now.
    fn metrics_text(&self) -> Result<String, std::fmt::Error> {
        let (now, calendar) = (SystemClock.now(), self.calendar.borrow().clone());
        self.jobs.iter().for_each(|job| job.measure(now, &calendar));
        if let Ok(today) = calendar.date_of(now) {
            self.metrics.set_known_days((calendar.known_until() - today).num_days());
        }
        if let Some(store) = &*self.store.lock().unwrap_or_else(PoisonError::into_inner) {
            self.metrics.set_pool(store.pool());
        }
        self.metrics.text()
    }
}
