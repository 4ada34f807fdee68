//! Waiting before a failed job is tried again: twice as long each time, up to a cap, and by chance up to a half shorter, lest
//! all the programs that lost the same server come back at the same moment.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tracing::warn;

use super::health::Vitals;
use super::shutdown::Shutdown;
use super::supervisor;
use crate::jobs::JobError;

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

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
    pub async fn wait_after(&mut self, error: JobError, shutdown: &Shutdown, vitals: &Vitals) -> Result<(), JobError> {
        if !error.is_retriable() {
            return Err(error);
        }
        let wait = self.next_wait(chance());
        warn!(retry_in_ms = wait.as_millis(), "{error}");
        vitals.failed(&error);
        tokio::select! {
            () = vitals.while_waiting(tokio::time::sleep(wait), supervisor::pulse()) => {}
            () = shutdown.asked() => {}
        }
        Ok(())
    }

    /// The next wait, by a number from 0 to 1.
    fn next_wait(&mut self, chance: f64) -> Duration {
        let wait = self.next.mul_f64(1.0 - 0.5 * chance);
        self.next = (self.next * 2).min(LONGEST_WAIT);
        wait
    }
}

/// A number from 0 to 1, of no quality: the standard library seeds each of its hash maps differently.
fn chance() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_cap_and_chance_takes_at_most_half() {
        let waits = |chance: f64| {
            let mut backoff = Backoff::default();
            std::iter::from_fn(|| Some(backoff.next_wait(chance).as_millis())).take(7).collect::<Vec<_>>()
        };
        assert_eq!(waits(0.0), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!(waits(1.0), [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
    }

    #[test]
    fn chance_lies_between_0_and_1_and_varies() {
        let chances: Vec<f64> = (0..100).map(|_| chance()).collect();
        assert!(chances.iter().all(|chance| (0.0..=1.0).contains(chance)));
        assert!(chances.iter().any(|&chance| chance < 0.5) && chances.iter().any(|&chance| chance > 0.5));
    }
}
