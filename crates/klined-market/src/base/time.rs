//! Instants and spans of time, and every conversion between scales of time.
//!
//! An instant is counted from 1970-01-01T00:00:00Z ([`UnixSeconds`], [`UnixNanos`]), a span from zero ([`Seconds`],
//! [`Nanos`]). They mix only as time does: an instant plus a span is an instant, the difference of two instants is a span.
//! Each is a plain `i64` in memory and in serde; [`get`](UnixSeconds::get) gives it to a database or a message.
//! Arithmetic by operators overflows as that of `i64` does; values from outside take the checked or saturating methods.

use std::fmt;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An instant in seconds that has no 64-bit count of nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("Unix second {0} lies outside of the years 1677 to 2262, the range of nanoseconds in 64 bits")]
pub struct BeyondNanos(pub UnixSeconds);

/// Declares a count of one unit of time.
macro_rules! count {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(transparent)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// The least value.
            pub const MIN: Self = Self(i64::MIN);
            /// The greatest value.
            pub const MAX: Self = Self(i64::MAX);

            /// The value that a plain number stands for.
            #[inline]
            #[must_use]
            pub const fn new(count: i64) -> Self {
                Self(count)
            }

            /// The plain number, for databases and messages.
            #[inline]
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

/// Declares a span of time.
macro_rules! span {
    ($(#[$doc:meta])* $name:ident) => {
        count!($(#[$doc])* $name);

        impl $name {
            /// No time.
            pub const ZERO: Self = Self(0);
        }

        impl Add for $name {
            type Output = Self;
            #[inline]
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl Sub for $name {
            type Output = Self;
            #[inline]
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl Neg for $name {
            type Output = Self;
            #[inline]
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl Mul<i64> for $name {
            type Output = Self;
            #[inline]
            fn mul(self, times: i64) -> Self {
                Self(self.0 * times)
            }
        }

        impl Mul<$name> for i64 {
            type Output = $name;
            #[inline]
            fn mul(self, span: $name) -> $name {
                span * self
            }
        }

        /// A part of the span, rounded towards zero.
        impl Div<i64> for $name {
            type Output = Self;
            #[inline]
            fn div(self, parts: i64) -> Self {
                Self(self.0 / parts)
            }
        }

        /// How often the other span fits in, rounded towards zero.
        impl Div for $name {
            type Output = i64;
            #[inline]
            fn div(self, other: Self) -> i64 {
                self.0 / other.0
            }
        }
    };
}

/// Declares an instant, whose differences are a span.
macro_rules! instant {
    ($(#[$doc:meta])* $name:ident, $span:ident) => {
        count!($(#[$doc])* $name);

        impl $name {
            /// 1970-01-01T00:00:00Z.
            pub const EPOCH: Self = Self(0);

            /// The instant so much later; none when it cannot be counted.
            #[inline]
            #[must_use]
            pub const fn checked_add(self, span: $span) -> Option<Self> {
                match self.0.checked_add(span.0) {
                    Some(count) => Some(Self(count)),
                    None => None,
                }
            }

            /// The instant so much later, or the last that can be counted.
            #[inline]
            #[must_use]
            pub const fn saturating_add(self, span: $span) -> Self {
                Self(self.0.saturating_add(span.0))
            }

            /// The instant so much earlier, or the first that can be counted.
            #[inline]
            #[must_use]
            pub const fn saturating_sub(self, span: $span) -> Self {
                Self(self.0.saturating_sub(span.0))
            }

            /// The span from an earlier instant to this one, negative when that one is later, or as much of it as can be counted.
            #[inline]
            #[must_use]
            pub const fn saturating_since(self, earlier: Self) -> $span {
                $span(self.0.saturating_sub(earlier.0))
            }

            /// The instant that is counted after this one; the last has none and is given itself.
            #[inline]
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// The instant that is counted before this one; the first has none and is given itself.
            #[inline]
            #[must_use]
            pub const fn previous(self) -> Self {
                Self(self.0.saturating_sub(1))
            }

            /// The last instant at or before this one that is a whole number of spans, above 0, from the epoch, or the first that
            /// can be counted.
            #[inline]
            #[must_use]
            pub const fn floor_to(self, span: $span) -> Self {
                Self(self.0.saturating_sub(self.0.rem_euclid(span.0)))
            }
        }

        impl Add<$span> for $name {
            type Output = Self;
            #[inline]
            fn add(self, span: $span) -> Self {
                Self(self.0 + span.0)
            }
        }

        impl AddAssign<$span> for $name {
            #[inline]
            fn add_assign(&mut self, span: $span) {
                self.0 += span.0;
            }
        }

        impl Sub<$span> for $name {
            type Output = Self;
            #[inline]
            fn sub(self, span: $span) -> Self {
                Self(self.0 - span.0)
            }
        }

        impl SubAssign<$span> for $name {
            #[inline]
            fn sub_assign(&mut self, span: $span) {
                self.0 -= span.0;
            }
        }

        impl Sub for $name {
            type Output = $span;
            #[inline]
            fn sub(self, earlier: Self) -> $span {
                $span(self.0 - earlier.0)
            }
        }
    };
}

span!(
    /// A span of time in whole seconds.
    Seconds
);
span!(
    /// A span of time in nanoseconds, at most 292 years.
    Nanos
);
instant!(
    /// Seconds since 1970-01-01T00:00:00Z.
    UnixSeconds,
    Seconds
);
instant!(
    /// Nanoseconds since 1970-01-01T00:00:00Z. Reaches from the year 1677 to 2262.
    UnixNanos,
    Nanos
);

impl Seconds {
    /// One second.
    pub const SECOND: Self = Self(1);
    /// 60 seconds.
    pub const MINUTE: Self = Self(60);
    /// 60 minutes.
    pub const HOUR: Self = Self::minutes(60);
    /// 24 hours.
    pub const DAY: Self = Self::minutes(24 * 60);

    /// So many minutes.
    #[inline]
    #[must_use]
    pub const fn minutes(count: i64) -> Self {
        Self(count * Self::MINUTE.0)
    }
}

impl Nanos {
    /// One nanosecond.
    pub const NANOSECOND: Self = Self(1);
    /// 1,000 nanoseconds.
    pub const MICROSECOND: Self = Self(1_000);
    /// 1,000 microseconds.
    pub const MILLISECOND: Self = Self(1_000 * Self::MICROSECOND.0);
    /// 1,000 milliseconds.
    pub const SECOND: Self = Self(1_000 * Self::MILLISECOND.0);
    /// 60 seconds.
    pub const MINUTE: Self = Self(Seconds::MINUTE.0 * Self::SECOND.0);

    /// How many of this span, which is above 0, a second has.
    #[inline]
    #[must_use]
    pub const fn per_second(self) -> i64 {
        Self::SECOND.0 / self.0
    }
}

impl UnixSeconds {
    /// The instant that a number of milliseconds since the epoch lies in, rounded down.
    #[inline]
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.div_euclid(Nanos::MILLISECOND.per_second()))
    }

    /// The instant in milliseconds since the epoch, or the farthest that can be counted.
    #[inline]
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.count_of(Nanos::MILLISECOND)
    }

    /// How many units of time, of which a second has a whole number, have passed since the epoch, or the most that can be
    /// counted.
    #[inline]
    #[must_use]
    pub const fn count_of(self, unit: Nanos) -> i64 {
        self.0.saturating_mul(unit.per_second())
    }

    /// The instant in nanoseconds.
    ///
    /// # Errors
    /// It lies outside of the years 1677 to 2262.
    #[inline]
    pub const fn checked_nanos(self) -> Result<UnixNanos, BeyondNanos> {
        match self.0.checked_mul(Nanos::SECOND.0) {
            Some(nanos) => Ok(UnixNanos(nanos)),
            None => Err(BeyondNanos(self)),
        }
    }

    /// The instant in nanoseconds, or the farthest that can be counted. Exact for every minute of a calendar.
    #[inline]
    #[must_use]
    pub const fn saturating_nanos(self) -> UnixNanos {
        UnixNanos(self.0.saturating_mul(Nanos::SECOND.0))
    }
}

impl UnixNanos {
    /// The instant so many units of time after the epoch; none when it cannot be counted.
    #[inline]
    #[must_use]
    pub const fn checked_from(count: i64, unit: Nanos) -> Option<Self> {
        match count.checked_mul(unit.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The second that the instant lies in.
    #[inline]
    #[must_use]
    pub const fn seconds(self) -> UnixSeconds {
        UnixSeconds(self.count_of(Nanos::SECOND))
    }

    /// The first second that begins at the instant or after it.
    #[inline]
    #[must_use]
    pub const fn seconds_ceil(self) -> UnixSeconds {
        UnixSeconds(-(-(self.0 as i128)).div_euclid(Nanos::SECOND.0 as i128) as i64)
    }

    /// The millisecond that the instant lies in, since the epoch.
    #[inline]
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.count_of(Nanos::MILLISECOND)
    }

    /// How many whole units of time, each above 0, have passed since the epoch, rounded down.
    #[inline]
    #[must_use]
    pub const fn count_of(self, unit: Nanos) -> i64 {
        self.0.div_euclid(unit.0)
    }

    /// Nanoseconds since the beginning of its second, 0 to 999,999,999.
    #[inline]
    #[must_use]
    pub const fn subsecond(self) -> Nanos {
        Nanos(self.0.rem_euclid(Nanos::SECOND.0))
    }
}

impl TryFrom<UnixSeconds> for UnixNanos {
    type Error = BeyondNanos;

    fn try_from(instant: UnixSeconds) -> Result<Self, BeyondNanos> {
        instant.checked_nanos()
    }
}

#[cfg(test)]
mod tests;
