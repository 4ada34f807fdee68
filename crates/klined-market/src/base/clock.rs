//! The one place that time comes from. Below the daemons nobody asks the system what time it is: whoever needs
//! "now" is handed a [`Clock`]. A [`MarketClock`] tells from it what time it is in a market.

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
