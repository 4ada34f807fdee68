//! The one place that time comes from. Below the daemons nobody asks the system what time it is: whoever needs
//! "now" is handed a [`Clock`].

/// Seconds since 1970-01-01T00:00:00Z.
pub type UnixSeconds = i64;

/// Nanoseconds since 1970-01-01T00:00:00Z. Reaches to the year 2262.
pub type UnixNanos = i64;

/// A source of "now".
pub trait Clock: Send + Sync {
    /// The present instant in Unix seconds.
    fn now(&self) -> UnixSeconds;
}
