//! What is asked for again and again: the latest bars of a symbol, encoded; every stock's last price; where the market stands.
//!
//! Each is kept with the epoch in which it was read, and made anew when that is over.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use quick_cache::sync::{Cache, EntryAction, EntryResult};
use quick_cache::{UnitWeighter, Weighter};
use tokio::time::Instant;

use klined_market::base::{Interval, Symbol};

/// The most bytes of pages that are kept.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What a page is expected to weigh.
const BYTES_USUAL: u64 = 16 * 1024;

/// How long anything is kept when no commit is heard of. The feed looks for one every second: it is late when the database is.
const AGE_MAX: Duration = Duration::from_secs(2);

/// When something is read: after so many commits, and at this instant.
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    pub(super) generation: u64,
    pub(super) at: Instant,
}

impl Epoch {
    /// Whether what was read then may be shown in another epoch.
    fn lasts_until(self, asked: Self) -> bool {
        self.generation >= asked.generation && asked.at.saturating_duration_since(self.at) < AGE_MAX
    }
}

/// The form that a page is encoded in: one for each dialect, and its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    Native(super::Order, super::Fill, super::Label),
    Klines,
    Binance,
}

/// A page of the latest bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageKey {
    pub symbol: Symbol,
    pub interval: Interval,
    pub limit: u16,
    pub shape: Shape,
}

#[derive(Clone)]
pub(super) struct ByBytes;

impl Weighter<PageKey, (Epoch, Bytes)> for ByBytes {
    fn weight(&self, _key: &PageKey, (_, page): &(Epoch, Bytes)) -> u64 {
        // With what the key and the cache's own entry take.
        page.len() as u64 + 128
    }
}

/// Values that hold for an epoch.
pub(super) struct Kept<K, V, W = UnitWeighter> {
    cache: Cache<K, (Epoch, V), W>,
    asked: AtomicU64,
    made: AtomicU64,
}

/// Encoded pages of bars.
pub(super) type Pages = Kept<PageKey, Bytes, ByBytes>;

impl Pages {
    pub fn by_bytes() -> Self {
        Self::of(Cache::with_weighter((BYTES_MAX / BYTES_USUAL) as usize, BYTES_MAX, ByBytes))
    }
}

impl<V: Clone> Kept<(), V> {
    pub fn one() -> Self {
        Self::of(Cache::new(1))
    }
}

impl<K: Copy + Eq + Hash, V: Clone, W: Weighter<K, (Epoch, V)> + Clone> Kept<K, V, W> {
    fn of(cache: Cache<K, (Epoch, V), W>) -> Self {
        Self { cache, asked: AtomicU64::new(0), made: AtomicU64::new(0) }
    }

    /// The value, which one of those who ask at the same time makes.
    pub async fn get_or_make<E>(&self, epoch: Epoch, key: K, make: impl Future<Output = Result<V, E>>) -> Result<V, E> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let entry = self.cache.entry_async(&key, |_, (made_in, value)| match made_in.lasts_until(epoch) {
            true => EntryAction::Retain(value.clone()),
            false => EntryAction::ReplaceWithGuard,
        });
        let place = match entry.await {
            EntryResult::Retained(value) => return Ok(value),
            EntryResult::Vacant(place) | EntryResult::Replaced(place, _) => Some(place),
            EntryResult::Removed(..) | EntryResult::Timeout => None,
        };
        self.made.fetch_add(1, Ordering::Relaxed);
        let value = make.await?;
        // Whoever has put something there meanwhile has not read less.
        place.map(|place| place.insert((epoch, value.clone())));
        Ok(value)
    }

    pub fn hits_and_misses(&self) -> (u64, u64) {
        let made = self.made.load(Ordering::Relaxed);
        (self.asked.load(Ordering::Relaxed).saturating_sub(made), made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_holds_until_a_commit_and_no_longer_than_its_age() {
        let begin = Instant::now();
        let epoch = |generation, millis| Epoch { generation, at: begin + Duration::from_millis(millis) };
        assert!(epoch(3, 0).lasts_until(epoch(3, 1999)) && !epoch(3, 0).lasts_until(epoch(3, 2000)));
        assert!(!epoch(3, 0).lasts_until(epoch(4, 0)));
        // Whoever asked before the commit was heard of may be shown what was read after it.
        assert!(epoch(4, 1).lasts_until(epoch(3, 0)));
    }
}
