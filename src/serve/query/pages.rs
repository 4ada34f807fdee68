//! Pages that are asked for again and again: the latest bars of a symbol, encoded.
//!
//! A page is kept under the epoch in which it was read, so a commit makes all of them unfindable at once; the cache throws them
//! out as new ones come.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::base::{Interval, Symbol};

/// The most bytes of pages that are kept.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What a page is expected to weigh.
const BYTES_USUAL: u64 = 16 * 1024;

/// A time in which what was read is still true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch {
    pub(super) generation: u64,
    pub(super) second: u64,
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
struct ByBytes;

impl Weighter<(Epoch, PageKey), Bytes> for ByBytes {
    fn weight(&self, _key: &(Epoch, PageKey), page: &Bytes) -> u64 {
        // With what the key and the cache's own entry take.
        page.len() as u64 + 128
    }
}

/// The pages.
pub(super) struct Pages {
    cache: Cache<(Epoch, PageKey), Bytes, ByBytes>,
    asked: AtomicU64,
    made: AtomicU64,
}

impl Default for Pages {
    fn default() -> Self {
        let cache = Cache::with_weighter((BYTES_MAX / BYTES_USUAL) as usize, BYTES_MAX, ByBytes);
        Self { cache, asked: AtomicU64::new(0), made: AtomicU64::new(0) }
    }
}

impl Pages {
    /// The page, which one of those who ask at the same time makes.
    pub async fn get_or_make<E>(
        &self,
        epoch: Epoch,
        key: PageKey,
        make: impl Future<Output = Result<Bytes, E>>,
    ) -> Result<Bytes, E> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let made = async {
            self.made.fetch_add(1, Ordering::Relaxed);
            make.await
        };
        self.cache.get_or_insert_async(&(epoch, key), made).await
    }

    pub fn hits_and_misses(&self) -> (u64, u64) {
        let made = self.made.load(Ordering::Relaxed);
        (self.asked.load(Ordering::Relaxed).saturating_sub(made), made)
    }
}
