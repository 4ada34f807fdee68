//! Real time: when each second's rows are due, and what is reported of seconds that are late.
//!
//! A second is due at an instant that follows from its place alone, not from when the second before was sent. So time
//! that a second takes, or that a wait takes too long, is never added up.

use std::time::Duration;

use crate::base::NANOS_PER_SECOND;

/// The wall clock, and waiting.
pub trait Clock: Sync {
    /// Unix nanoseconds.
    fn now_nanos(&self) -> i64;

    /// Waits for about so long.
    fn sleep(&self, span: Duration);
}

/// When a second's rows may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At once.
    Free,
    /// When the second is over by the wall clock.
    Wall,
    /// As many seconds after the run's beginning as it lies behind the plan's first.
    FromNow,
}

/// When the seconds of a run are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub pace: Pace,
    /// The run's beginning in Unix nanoseconds.
    pub began_nanos: i64,
    /// The plan's first second in Unix seconds.
    pub first: i64,
}

/// The longest wait without a look at the request to stop.
const LOOK: Duration = Duration::from_millis(100);

impl Due {
    /// When a second is due, in Unix nanoseconds; none when it is due at once.
    #[must_use]
    pub fn at(&self, second: i64) -> Option<i64> {
        match self.pace {
            Pace::Free => None,
            Pace::Wall => Some((second + 1) * NANOS_PER_SECOND),
            Pace::FromNow => Some(self.began_nanos + (second - self.first) * NANOS_PER_SECOND),
        }
    }

    /// Waits until a second is due; false when the wait was ended by `is_over`, which is asked ten times a second.
    pub fn wait(&self, second: i64, clock: &dyn Clock, is_over: impl Fn() -> bool) -> bool {
        loop {
            if is_over() {
                return false;
            }
            let left = self.at(second).map_or(0, |due| due.saturating_sub(clock.now_nanos()));
            if left <= 0 {
                return true;
            }
            clock.sleep(Duration::from_nanos(left.unsigned_abs()).min(LOOK));
        }
    }

    /// How late a second is now, in milliseconds.
    pub fn late_ms(&self, second: i64, clock: &dyn Clock) -> i64 {
        self.at(second).map_or(0, |due| (clock.now_nanos() - due).max(0) / 1_000_000)
    }
}

/// Milliseconds after which a second counts as late.
const LATE_MS: i64 = 1_000;

/// The late seconds of one stretch.
#[derive(Debug, Default)]
pub struct Lateness {
    seconds: u64,
    most_ms: i64,
}

/// What is worth a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateNews {
    /// The first late second of a stretch.
    Began { late_ms: i64 },
    /// A second was in time again.
    Over { seconds: u64, most_ms: i64 },
}

impl Lateness {
    /// Takes how late a second is.
    pub fn second(&mut self, late_ms: i64) -> Option<LateNews> {
        if late_ms > LATE_MS {
            self.seconds += 1;
            self.most_ms = self.most_ms.max(late_ms);
            return (self.seconds == 1).then_some(LateNews::Began { late_ms });
        }
        let Self { seconds, most_ms } = std::mem::take(self);
        (seconds > 0).then_some(LateNews::Over { seconds, most_ms })
    }

    /// Whether the last second was late.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.seconds > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// A clock whose waits take 3 ms too long.
    struct Slow(AtomicI64);

    impl Clock for Slow {
        fn now_nanos(&self) -> i64 {
            self.0.load(Ordering::Relaxed)
        }

        fn sleep(&self, span: Duration) {
            self.0.fetch_add(span.as_nanos() as i64 + 3_000_000, Ordering::Relaxed);
        }
    }

    /// The instants, relative to when they were due, at which an hour's seconds are let go; each takes so long to send.
    fn hour(pace: Pace, work_ms: impl Fn(i64) -> i64) -> Vec<i64> {
        const FIRST: i64 = 1_751_893_200;
        let clock = Slow(AtomicI64::new(FIRST * NANOS_PER_SECOND + 123_456_789));
        let due = Due { pace, began_nanos: clock.now_nanos(), first: FIRST };
        let second = |place: i64| {
            let second = FIRST + place;
            assert!(due.wait(second, &clock, || false));
            let offset = clock.now_nanos() - due.at(second).unwrap();
            clock.0.fetch_add(work_ms(place) * 1_000_000, Ordering::Relaxed);
            offset
        };
        (0..3_600).map(second).collect()
    }

    #[test]
    fn an_hour_drifts_by_less_than_50_ms_although_work_takes_time_and_waits_take_too_long() {
        for pace in [Pace::Wall, Pace::FromNow] {
            for work_ms in [0, 250, 990] {
                let offsets = hour(pace, |_| work_ms);
                let most = offsets[1..].iter().max().unwrap();
                assert!((0..50_000_000).contains(most), "{pace:?}, {work_ms} ms of work: {most} ns");
                assert!(offsets.iter().all(|offset| *offset >= 0), "a second before it was due");
            }
        }
    }

    #[test]
    fn seconds_that_were_held_up_are_sent_at_once_until_all_are_in_time_again() {
        let offsets = hour(Pace::Wall, |place| if place == 1_000 { 5_000 } else { 100 });
        assert!(offsets[999] < 50_000_000 && offsets[1_001] > 3_900_000_000);
        assert!(offsets[1_001..1_006].windows(2).all(|pair| pair[1] < pair[0]));
        assert!(offsets[1_007..].iter().all(|offset| *offset < 50_000_000));
    }

    #[test]
    fn a_wait_ends_with_the_request_to_stop() {
        let clock = Slow(AtomicI64::new(0));
        let due = Due { pace: Pace::Wall, began_nanos: 0, first: 0 };
        assert!(!due.wait(10, &clock, || clock.now_nanos() > 1_000_000_000));
        assert!(clock.now_nanos() < 1_200_000_000);
        assert!(Due { pace: Pace::Free, ..due }.wait(10, &clock, || false));
    }

    #[test]
    fn a_stretch_of_late_seconds_is_two_lines() {
        let mut lateness = Lateness::default();
        let news: Vec<_> = [0, 1_001, 4_000, 2_000, 900, 0, 1_500].map(|late| lateness.second(late)).into();
        let over = LateNews::Over { seconds: 3, most_ms: 4_000 };
        let began = |late_ms| Some(LateNews::Began { late_ms });
        assert_eq!(news, [None, began(1_001), None, None, Some(over), None, began(1_500)]);
        assert!(lateness.is_late());
    }
}
