//! A cache of frequent answers: the encoded latest bars of a symbol, the last price of every stock, the market's session and clock.
//!
//! Each answer is stored with the epoch in which it was read, and is made again when that epoch is over.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use quick_cache::sync::{Cache, EntryAction, EntryResult};
use quick_cache::{UnitWeighter, Weighter};
use tokio::time::Instant;

use klined_market::base::{Symbol, Timeframe};

/// The most bytes of cached pages.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The expected bytes of a page.
const BYTES_USUAL: u64 = 16 * 1024;

/// The longest use of a cached answer while the feed sees no commit. The feed looks for one every second, later when the database
/// is slow.
const AGE_MAX: Duration = Duration::from_secs(2);

/// The time of a read: the number of commits before it, and its instant.
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    pub(super) generation: u64,
    pub(super) at: Instant,
}

impl Epoch {
    /// Whether an answer of this epoch may be used in another one.
    fn lasts_until(self, asked: Self) -> bool {
        self.generation >= asked.generation && asked.at.saturating_duration_since(self.at) < AGE_MAX
    }
}

/// The form that a page is encoded in: one for each dialect, and its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    Native(super::TimeOrder, super::EmptyMinutes, super::Label),
    Klines,
    Binance,
}

/// A page of the latest bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageKey {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
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

/// A cache of values that are valid for an epoch.
pub(super) struct EpochCache<K, V, W = UnitWeighter> {
    cache: Cache<K, (Epoch, V), W>,
    asked: AtomicU64,
    made: AtomicU64,
}

/// Encoded pages of bars.
pub(super) type PageCache = EpochCache<PageKey, Bytes, ByBytes>;

impl PageCache {
    pub fn by_bytes() -> Self {
        Self::of(Cache::with_weighter((BYTES_MAX / BYTES_USUAL) as usize, BYTES_MAX, ByBytes))
    }
}

impl<V: Clone> EpochCache<(), V> {
    pub fn one() -> Self {
        Self::of(Cache::new(1))
    }
}

impl<K: Copy + Eq + Hash, V: Clone, W: Weighter<K, (Epoch, V)> + Clone> EpochCache<K, V, W> {
    fn of(cache: Cache<K, (Epoch, V), W>) -> Self {
        Self { cache, asked: AtomicU64::new(0), made: AtomicU64::new(0) }
    }

    /// The value. One of the concurrent callers makes it, and the others wait for it.
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
        // Another caller that has stored a value meanwhile has read one at least as new.
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
        // A request from before the commit may receive an answer that was read after it.
        assert!(epoch(4, 1).lasts_until(epoch(3, 0)));
    }
}
