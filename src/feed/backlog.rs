//! How far each subscriber is behind, and how long the pump gives way to those that are.
//!
//! The market can have more events at once than the ring holds: those of a minute that was committed early, or the opening of many
//! stocks. A subscriber that the server itself keeps from reading, by a query or by the encoding of events, must not lose any of
//! them. Nor must one client hold up the others for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::{RING, Shared};

/// The number of updates from which on a subscriber is behind.
const BEHIND: u64 = RING as u64 / 2;
/// The pause after each update while a client does not read.
const CLIENT_PAUSE: Duration = Duration::from_millis(25);
/// The longest wait for a subscriber that the server keeps from reading, since it last took an update.
const SERVER_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often the pump looks whether it can go on.
const STEP: Duration = Duration::from_millis(1);

/// The position of one subscriber in the sequence of updates.
#[derive(Debug)]
pub(super) struct Backlog {
    /// The number of the last update that it has taken.
    taken: AtomicU64,
    /// Whether it waits at present for its client to read.
    waits_for_client: AtomicBool,
    /// The last update that the pump saw it take, and the steps that the pump has waited since. Only the pump uses them.
    seen: AtomicU64,
    steps: AtomicU64,
}

impl Backlog {
    pub fn since(number: u64) -> Self {
        let [taken, seen] = [number; 2].map(AtomicU64::new);
        Self { taken, waits_for_client: AtomicBool::new(false), seen, steps: AtomicU64::new(0) }
    }

    pub fn take(&self, number: u64) {
        self.taken.store(number, Ordering::Relaxed);
    }

    pub fn wait_for_client(&self, is_waiting: bool) {
        self.waits_for_client.store(is_waiting, Ordering::Relaxed);
    }

    /// How long the pump may wait for it after an update, when `number` is the newest one. Counts one step of waiting.
    fn patience(&self, number: u64) -> Duration {
        let taken = self.taken.load(Ordering::Relaxed);
        if number.saturating_sub(taken) < BEHIND {
            return Duration::ZERO;
        }
        if self.waits_for_client.load(Ordering::Relaxed) {
            return CLIENT_PAUSE;
        }
        if self.seen.swap(taken, Ordering::Relaxed) != taken {
            self.steps.store(0, Ordering::Relaxed);
        }
        let waited = STEP.saturating_mul(u32::try_from(self.steps.fetch_add(1, Ordering::Relaxed)).unwrap_or(u32::MAX));
        if waited < SERVER_WAIT_MAX { SERVER_WAIT_MAX } else { Duration::ZERO }
    }
}

impl Shared {
    /// Waits while a subscriber is behind: for the server's own work until it has caught up, for a client a moment only.
    pub(super) fn give_way(&self) {
        let mut waited = Duration::ZERO;
        while waited < self.patience() {
            std::thread::sleep(STEP);
            waited += STEP;
        }
    }

    fn patience(&self) -> Duration {
        let state = self.state();
        let of = |backlog: &Arc<Backlog>| backlog.patience(state.number);
        state.backlogs.iter().map(of).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pump_waits_for_the_server_and_only_paces_a_client() {
        let backlog = Backlog::since(10);
        assert_eq!(backlog.patience(10 + BEHIND - 1), Duration::ZERO);
        assert_eq!(backlog.patience(10 + BEHIND), SERVER_WAIT_MAX);
        backlog.wait_for_client(true);
        assert_eq!(backlog.patience(10 + BEHIND), CLIENT_PAUSE);
        backlog.wait_for_client(false);
        backlog.take(11);
        assert_eq!(backlog.patience(10 + BEHIND), Duration::ZERO);
    }

    #[test]
    fn patience_ends_where_nothing_is_taken_and_begins_again_with_the_next_update() {
        let backlog = Backlog::since(0);
        let steps = (1..).take_while(|_| backlog.patience(RING as u64) > Duration::ZERO).count();
        assert_eq!(STEP * u32::try_from(steps).unwrap(), SERVER_WAIT_MAX);
        assert_eq!(backlog.patience(RING as u64), Duration::ZERO);
        backlog.take(1);
        assert_eq!(backlog.patience(RING as u64), SERVER_WAIT_MAX);
    }
}
