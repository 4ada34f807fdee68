//! The one place that time comes from. Below the daemons nobody asks the system what time it is: whoever needs
//! "now" is handed a [`Clock`]. A [`MarketClock`] tells from it what time it is in a market.

/// Seconds since 1970-01-01T00:00:00Z.
pub type UnixSeconds = i64;

/// Nanoseconds since 1970-01-01T00:00:00Z. Reaches to the year 2262.
pub type UnixNanos = i64;

const NANOS_PER_SECOND: UnixNanos = 1_000_000_000;
const NANOS_PER_MINUTE: UnixNanos = 60 * NANOS_PER_SECOND;

/// A source of "now".
pub trait Clock: Send + Sync {
    /// The present instant in Unix nanoseconds.
    fn now_nanos(&self) -> UnixNanos;

    /// The present instant in Unix seconds.
    fn now(&self) -> UnixSeconds {
        self.now_nanos().div_euclid(NANOS_PER_SECOND)
    }
}

/// How a market's time runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// With the clock, in the exchange's hours.
    Live,
    /// On from the last bar without closed hours, a minute every 60/speed seconds.
    Test { speed: f64 },
}

/// Which minute of a market is open, and how it passes: what the writer publishes with each minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarketClock {
    pub pace: Pace,
    /// Start of the minute that is written next, in Unix seconds. Past the end of the calendar it is no trading minute.
    pub open_minute: UnixSeconds,
    /// When it opened by the wall clock.
    pub opened_at: UnixNanos,
}

impl MarketClock {
    /// What time it is in the market. Live that is the wall clock's time; in test mode it never leaves the open minute, however
    /// late the next one comes.
    #[must_use]
    pub fn now(&self, wall: UnixNanos) -> UnixNanos {
        match self.pace {
            Pace::Live => wall,
            Pace::Test { speed } => {
                let start = self.open_minute.saturating_mul(NANOS_PER_SECOND);
                let passed = wall.saturating_sub(self.opened_at) as f64 * speed;
                start.saturating_add((passed as UnixNanos).clamp(0, NANOS_PER_MINUTE))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_mode_stays_within_the_open_minute_and_live_is_the_wall() {
        let clock = |pace| MarketClock { pace, open_minute: 600, opened_at: 5_000 };
        let test = clock(Pace::Test { speed: 60.0 });
        let start = 600 * NANOS_PER_SECOND;
        assert_eq!([0, 5_000, 6_000].map(|wall| test.now(wall) - start), [0, 0, 60_000]);
        assert_eq!(test.now(5_000 + NANOS_PER_SECOND / 2), start + 30 * NANOS_PER_SECOND);
        assert_eq!([2 * NANOS_PER_SECOND, i64::MAX].map(|wall| test.now(wall) - start), [NANOS_PER_MINUTE; 2]);
        assert_eq!([7, i64::MAX].map(|wall| clock(Pace::Live).now(wall)), [7, i64::MAX]);
    }
}
