//! The wait before a failed job is tried again: twice as long each time, up to a cap. Chance varies each wait, so that programs
//! which lost the same server do not all come back at the same moment.

use std::fmt::Display;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tracing::warn;

use crate::health::Vitals;
use crate::shutdown::Shutdown;
use crate::systemd;

/// The shortest first wait. Chance adds up to as much again to every wait: 0.5 to 1 s, 1 to 2 s, … 15 to 30 s.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The shortest of the longest waits.
const LAST_WAIT: Duration = Duration::from_secs(15);

/// An error that may pass by itself.
pub trait Retriable: Display {
    /// Whether the same work can succeed later without anybody's help.
    fn is_retriable(&self) -> bool;
}

/// The waits between tries: 0.5 to 1 s, 1 to 2 s, … 15 to 30 s, and so on without an end.
pub struct Backoff {
    waits: ExponentialBackoff,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { waits: waits().with_jitter().build() }
    }
}

impl Backoff {
    /// A try has succeeded: the wait after the next failure is a short one again.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// The wait after a failure.
    pub fn next_wait(&mut self) -> Duration {
        // The number of tries is not limited, so there always is a next wait.
        self.waits.next().unwrap_or(LAST_WAIT)
    }
}

/// The waits of one job.
#[derive(Default)]
pub struct Retry {
    backoff: Backoff,
}

impl Retry {
    /// The job has succeeded: the wait after the next failure is a short one again.
    pub fn reset(&mut self) {
        self.backoff.reset();
    }

    /// Logs the failure and waits before the job is tried again; a request to stop ends the wait.
    ///
    /// # Errors
    /// The failure itself, when another try cannot help.
    pub async fn wait_after<E: Retriable>(&mut self, error: E, shutdown: &Shutdown, vitals: &Vitals) -> Result<(), E> {
        if !error.is_retriable() {
            return Err(error);
        }
        let wait = self.backoff.next_wait();
        warn!(retry_in_ms = wait.as_millis(), "{error}");
        vitals.failed(&error);
        tokio::select! {
            () = vitals.while_waiting(tokio::time::sleep(wait), systemd::pulse()) => {}
            () = shutdown.requested() => {}
        }
        Ok(())
    }
}

fn waits() -> ExponentialBuilder {
    ExponentialBuilder::new().with_min_delay(FIRST_WAIT).with_max_delay(LAST_WAIT).without_max_times()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORTEST: [u128; 8] = [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000];

    #[test]
    fn waits_double_up_to_a_cap_and_chance_adds_at_most_as_much_again() {
        let milliseconds = |builder: ExponentialBuilder| builder.build().take(8).map(|wait| wait.as_millis());
        assert_eq!(milliseconds(waits()).collect::<Vec<_>>(), SHORTEST);
        let (mut shorter, mut longer) = (0, 0);
        for seed in 0..100 {
            for (wait, shortest) in milliseconds(waits().with_jitter().with_jitter_seed(seed)).zip(SHORTEST) {
                assert!((shortest..=2 * shortest).contains(&wait), "{wait} after {shortest}");
                *if 2 * wait < 3 * shortest { &mut shorter } else { &mut longer } += 1;
            }
        }
        assert!(shorter > 200 && longer > 200, "{shorter} {longer}");
    }

    #[test]
    fn the_waits_have_no_end() {
        assert_eq!(Backoff::default().waits.take(10_000).count(), 10_000);
    }
}
