//! The clock of a run, which the request to stop ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use klined_service::{Shutdown, Vitals, instant, pulse};
use tokio::runtime::Handle;

use crate::run::Pace;

/// The system's clock, monotonic, from the run's start on. Waiting is done on threads that are not the runtime's own.
pub struct SystemPace {
    start: Instant,
    runtime: Handle,
    shutdown: Shutdown,
    job: Arc<Vitals>,
}

impl SystemPace {
    /// Starts the clock. `job` shows signs of life while it waits.
    pub fn start(shutdown: Shutdown, job: Arc<Vitals>) -> Self {
        Self { start: instant(), runtime: Handle::current(), shutdown, job }
    }
}

impl Pace for SystemPace {
    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn wait_until(&self, elapsed: Duration) -> bool {
        loop {
            self.job.answered(true);
            if self.shutdown.is_requested() {
                return false;
            }
            let left = elapsed.saturating_sub(self.start.elapsed());
            if left.is_zero() {
                return true;
            }
            let wait = async { tokio::time::timeout(left.min(pulse()), self.shutdown.requested()).await };
            let _ = self.runtime.block_on(wait);
        }
    }
}
