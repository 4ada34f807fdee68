//! Stored bars, page by page.

use super::PAGE_BARS;
use crate::jobs::JobError;
use crate::store::{BarRange, BarStore, StoredBar};
use klined_market::base::{Interval, Symbol, UnixSeconds};

/// The bars of one symbol and interval, read page by page.
pub(in crate::jobs) struct Pages<'a> {
    store: &'a dyn BarStore,
    range: BarRange,
    page: std::vec::IntoIter<StoredBar>,
    is_over: bool,
}

impl<'a> Pages<'a> {
    pub fn between(
        store: &'a dyn BarStore,
        symbol: Symbol,
        interval: Interval,
        from: UnixSeconds,
        to: UnixSeconds,
    ) -> Self {
        let range = BarRange { symbol, interval, from, to };
        Self { store, range, page: vec![].into_iter(), is_over: false }
    }

    pub fn next(&mut self) -> Result<Option<StoredBar>, JobError> {
        if let Some(row) = self.page.next() {
            return Ok(Some(row));
        }
        if self.is_over {
            return Ok(None);
        }
        let page = self.store.bars(&[self.range], PAGE_BARS)?;
        self.is_over = page.len() < PAGE_BARS;
        if let Some(last) = page.last() {
            self.range.from = last.time.next();
        }
        self.page = page.into_iter();
        Ok(self.page.next())
    }
}
