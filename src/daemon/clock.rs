//! The system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use klined_market::base::{Clock, UnixNanos};

/// Real time.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that may ask")]
    fn now_nanos(&self) -> UnixNanos {
        // A clock before 1970 is taken for 1970: the calendar then has no minute that is over, and nothing is written.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(UnixNanos::EPOCH, |since| i64::try_from(since.as_nanos()).map_or(UnixNanos::MAX, UnixNanos::new))
    }
}
