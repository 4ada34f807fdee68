//! Scales of time as unsigned numbers: a log's times are unsigned nanoseconds since midnight.

use klined_market::base::{Nanos, Seconds};

/// Nanoseconds in a second.
pub const NANOS_PER_SECOND: u64 = Nanos::SECOND.get().unsigned_abs();
/// Seconds in a day.
pub const SECONDS_PER_DAY: u64 = Seconds::DAY.get().unsigned_abs();
