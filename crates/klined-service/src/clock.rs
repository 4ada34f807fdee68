//! Monotonic time.

use std::time::{Duration, Instant};

/// An instant to measure spans from; a change of the wall clock does not affect it.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the daemons measure spans from here and nowhere else")]
pub fn instant() -> Instant {
    Instant::now()
}

/// The time since some instant, to measure spans of seconds for each of many records: it costs a quarter of [`instant`], and may be ten
/// milliseconds old.
#[cfg(target_os = "linux")]
#[must_use]
pub fn coarse_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    // A monotonic clock begins at zero.
    time.try_into().unwrap_or_default()
}

/// The time since some instant. Other systems have no cheaper clock than that of [`instant`].
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn coarse_time() -> Duration {
    static BEGUN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    BEGUN.get_or_init(instant).elapsed()
}
