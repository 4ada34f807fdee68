//! How many records the client may hold.

use std::cell::Cell;
use std::time::Duration;

use super::connection::HELD_RECORDS_MAX;

/// Where the longest wait for confirmations is shorter, the client may hold twice as many records, and where it is longer than [`SLOW`], half as
/// many: so it holds what the brokers take in a second or two, and no record becomes old in it.
const FAST: Duration = Duration::from_secs(1);
const SLOW: Duration = Duration::from_secs(4);
/// Between two times at which it may hold more. A broker with quotas takes much at first, and then nothing for as long as that was too much.
const WIDENING: Duration = Duration::from_millis(100);
/// How many records the client may hold: at first, and at least.
const FIRST_WINDOW: u64 = 1000;
const LEAST_WINDOW: u64 = 50;

/// As many records as the brokers confirm soon.
pub(super) struct Window {
    size: Cell<u64>,
    /// Whether the client has held so many since the size changed.
    was_full: Cell<bool>,
    widened: Cell<Duration>,
}

impl Window {
    pub(super) fn new(now: Duration) -> Self {
        Self { size: Cell::new(FIRST_WINDOW), was_full: Cell::new(false), widened: Cell::new(now) }
    }

    /// Whether a client that holds so many may not have another one.
    pub(super) fn is_full(&self, held: u64) -> bool {
        let is_full = held >= self.size.get();
        if is_full {
            self.was_full.set(true);
        }
        is_full
    }

    /// Learns the longest wait for a confirmation that has come, if one has, and the longest of all, with those that have not come.
    pub(super) fn fit(&self, now: Duration, confirmed: Option<Duration>, longest: Duration) {
        let Some(confirmed) = confirmed else { return };
        let is_due = now.saturating_sub(self.widened.get()) > WIDENING;
        if confirmed > SLOW {
            self.size.set((self.size.get() / 2).max(LEAST_WINDOW));
        } else if longest < FAST && is_due && self.was_full.replace(false) {
            self.size.set((2 * self.size.get()).min(u64::from(HELD_RECORDS_MAX)));
            self.widened.set(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(10);

    /// The sizes of a window that is always full, after waits of these seconds.
    fn sizes(waits: &[u64]) -> Vec<u64> {
        let (window, mut now) = (Window::new(Duration::ZERO), Duration::ZERO);
        let each = waits.iter().map(|seconds| {
            let waited = Duration::from_secs(*seconds) + MOMENT;
            now += waited + WIDENING;
            assert!(window.is_full(window.size.get()));
            window.fit(now, Some(waited), waited);
            window.size.get()
        });
        each.collect()
    }

    #[test]
    fn it_grows_while_confirmations_come_soon_up_to_what_the_client_can_hold() {
        assert_eq!(sizes(&[0; 7]), [2000, 4000, 8000, 16_000, 32_000, 50_000, 50_000]);
    }

    #[test]
    fn it_stays_where_the_brokers_take_seconds_and_shrinks_where_they_take_more() {
        assert_eq!(sizes(&[0, 2, 3, 4, 0]), [2000, 2000, 2000, 1000, 2000]);
        assert_eq!(sizes(&[5; 7]), [500, 250, 125, 62, 50, 50, 50]);
    }

    #[test]
    fn it_does_not_grow_without_need_nor_beside_a_partition_that_waits_nor_at_once() {
        let window = Window::new(Duration::ZERO);
        assert!(!window.is_full(FIRST_WINDOW - 1));
        window.fit(2 * WIDENING, Some(MOMENT), MOMENT);
        assert_eq!(window.size.get(), FIRST_WINDOW, "it was not full");
        assert!(window.is_full(FIRST_WINDOW));
        window.fit(2 * WIDENING, Some(MOMENT), FAST);
        window.fit(MOMENT, Some(MOMENT), MOMENT);
        window.fit(2 * WIDENING, None, MOMENT);
        assert_eq!(window.size.get(), FIRST_WINDOW);
        window.fit(2 * WIDENING, Some(MOMENT), MOMENT);
        assert_eq!(window.size.get(), 2 * FIRST_WINDOW);
    }
}
