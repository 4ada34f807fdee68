//! Following what is written: a signal that is looked for every few milliseconds, which costs the server nothing.

use std::time::Duration;

use super::error::StoreError;

/// How long a follower sleeps between two looks.
const STEP: Duration = Duration::from_millis(5);
/// After so long without a signal the follower reports that there may be something: a signal can be lost with its connection.
const QUIET_MAX: Duration = Duration::from_secs(1);

/// Waits for a signal that has to be looked for.
#[derive(Debug, Default)]
pub(super) struct SignalWait {
    /// How long there has been none.
    quiet: Duration,
}

impl SignalWait {
    /// Looks for a signal until there is one or the time is over.
    pub fn wait(
        &mut self,
        timeout: Duration,
        mut is_there: impl FnMut() -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let mut left = timeout;
        loop {
            if is_there()? || self.quiet >= QUIET_MAX {
                self.quiet = Duration::ZERO;
                return Ok(true);
            }
            if left.is_zero() {
                return Ok(false);
            }
            // Counted in sleeps, which only take longer than asked: no clock is needed for that.
            let nap = left.min(STEP);
            std::thread::sleep(nap);
            self.quiet += nap;
            left -= nap;
        }
    }
}
