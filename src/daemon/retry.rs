//! Waiting before a failed job is tried again: twice as long each time, up to a cap.

use std::time::Duration;

use tracing::warn;

use super::shutdown::Shutdown;
use crate::jobs::JobError;
use crate::store::StoreError;

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often, and after what pause, a role that is taken is tried again.
const ROLE_TRIES: u32 = 20;
const ROLE_PAUSE: Duration = Duration::from_millis(50);

/// Takes a role, and for a second tries again while it is taken. A server sees a moment later that a connection has ended,
/// and until then the role is that of a process which has just been killed, or of this very one's step before.
pub fn once_free<T>(mut take: impl FnMut() -> Result<T, JobError>) -> Result<T, JobError> {
    for _ in 0..ROLE_TRIES {
        match take() {
            Err(JobError::Store(StoreError::RoleTaken { .. })) => std::thread::sleep(ROLE_PAUSE),
            outcome => return outcome,
        }
    }
    take()
}

/// The waits of one job.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST_WAIT }
    }
}

impl Backoff {
    /// The job has succeeded: the next failure is waited for shortly again.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Waits before the job is tried again, or less when told to stop.
    ///
    /// # Errors
    /// The failure is one that trying again cannot mend.
    pub async fn wait_after(&mut self, error: JobError, shutdown: &Shutdown) -> Result<(), JobError> {
        if !error.is_retriable() {
            return Err(error);
        }
        warn!(retry_in_seconds = self.next.as_secs(), "{error}");
        tokio::select! {
            () = tokio::time::sleep(self.next) => {}
            () = shutdown.asked() => {}
        }
        self.next = (self.next * 2).min(LONGEST_WAIT);
        Ok(())
    }
}
