//! Monotonic time.

use std::time::Instant;

/// An instant to measure spans from; a change of the wall clock does not affect it.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the daemons measure spans from here and nowhere else")]
pub fn instant() -> Instant {
    Instant::now()
}
