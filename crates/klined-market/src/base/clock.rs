//! The source of the present time. Only the daemons read the system's clock; all other code is given a [`Clock`]. A
//! [`MarketClock`] computes the time in a market from it.

use super::{Nanos, UnixNanos, UnixSeconds};

/// A source of "now".
pub trait Clock: Send + Sync {
    /// The present instant in Unix nanoseconds.
    fn now_nanos(&self) -> UnixNanos;

    /// The present instant in Unix seconds.
    fn now(&self) -> UnixSeconds {
        self.now_nanos().seconds()
    }
}

/// The way in which a market's time runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Market time is the real time, and bars come in the exchange's hours.
    Live,
    /// Market time continues from the last bar and skips closed hours.
    Test {
        /// Minutes of the market for each real minute, above 0: a bar comes every 60/speed seconds.
        speed: f64,
    },
}

/// The open minute of a market and its pace: the writer publishes it with each minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarketClock {
    /// The way in which the market's time runs.
    pub pace: Pace,
    /// Start of the minute that is written next, in Unix seconds. Past the end of the calendar it is no trading minute.
    pub open_minute: UnixSeconds,
    /// When it opened by the wall clock.
    pub opened_at: UnixNanos,
}

impl MarketClock {
    /// The time in the market when the wall clock shows `wall`. Live, it is the same; in test mode it stays within the open
    /// minute, even if the next one is late.
    #[must_use]
    pub fn now(&self, wall: UnixNanos) -> UnixNanos {
        match self.pace {
            Pace::Live => wall,
            Pace::Test { speed } => {
                let passed = wall.saturating_since(self.opened_at).get() as f64 * speed;
                let passed = Nanos::new(passed as i64).clamp(Nanos::ZERO, Nanos::MINUTE);
                self.open_minute.saturating_nanos().saturating_add(passed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_mode_stays_within_the_open_minute_and_live_is_the_wall() {
        let (open_minute, opened_at) = (UnixSeconds::new(600), UnixNanos::new(5_000));
        let clock = |pace| MarketClock { pace, open_minute, opened_at };
        let test = clock(Pace::Test { speed: 60.0 });
        let start = open_minute.saturating_nanos();
        let passed = |wall| test.now(UnixNanos::new(wall)) - start;
        assert_eq!([0, 5_000, 6_000].map(passed), [0, 0, 60_000].map(Nanos::new));
        assert_eq!(passed(5_000 + Nanos::SECOND.get() / 2), Nanos::SECOND * 30);
        assert_eq!([2 * Nanos::SECOND.get(), i64::MAX].map(passed), [Nanos::MINUTE; 2]);
        let walls = [UnixNanos::new(7), UnixNanos::MAX];
        assert_eq!(walls.map(|wall| clock(Pace::Live).now(wall)), walls);
    }
}
