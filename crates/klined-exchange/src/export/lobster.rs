//! LOBSTER: a file of messages and one of the book after each of them, row by row.
//!
//! A message is time in seconds, type (1 a new order, 3 a deletion, 4 an execution), order, size, price in ten-thousandths of a dollar and direction of
//! the order (1 buys, -1 sells). A row of the book is, for each level, ask price, ask size, bid price and bid size; a level that is not there has
//! the prices 9999999999 and -9999999999 and the size 0.

use std::collections::BTreeMap;
use std::io::Write;

use super::{ExportError, FeedInfo, OrderSink};
use crate::event::Side;
use crate::orders::{OrderAction, OrderBook, OrderMessage};
use crate::units::NANOS_PER_SECOND;

const NO_PRICE: i64 = 9_999_999_999;

/// Writes both files.
#[derive(Debug)]
pub struct Lobster<W> {
    messages: W,
    books: W,
    tick_size: i64,
    levels: usize,
    /// By side, how many orders there are at each price, after each message of an event.
    depths: [BTreeMap<i32, u32>; 2],
}

impl<W: Write> Lobster<W> {
    pub const fn new(messages: W, books: W) -> Self {
        Self { messages, books, tick_size: 1, levels: 0, depths: [BTreeMap::new(), BTreeMap::new()] }
    }

    fn message(&mut self, change: &OrderMessage) -> Result<(), ExportError> {
        let OrderMessage { ts_ns, reference, side, price_ticks, qty, .. } = *change;
        let kind = match change.action {
            OrderAction::Add => 1,
            OrderAction::Delete => 3,
            OrderAction::Execute => 4,
        };
        let direction = if side == Side::Bid { 1 } else { -1 };
        let (seconds, nanos, price) =
            (ts_ns / NANOS_PER_SECOND, ts_ns % NANOS_PER_SECOND, i64::from(price_ticks) * self.tick_size);
        Ok(writeln!(self.messages, "{seconds}.{nanos:09},{kind},{reference},{qty},{price},{direction}")?)
    }

    fn apply(&mut self, change: &OrderMessage) {
        let depths = &mut self.depths[change.side as usize];
        let depth = depths.entry(change.price_ticks).or_default();
        if change.action == OrderAction::Add {
            *depth += change.qty;
        } else {
            *depth = depth.saturating_sub(change.qty);
            if *depth == 0 {
                depths.remove(&change.price_ticks);
            }
        }
    }

    fn book(&mut self) -> Result<(), ExportError> {
        let mut bids = self.depths[0].iter().rev();
        let mut asks = self.depths[1].iter();
        for level in 0..self.levels {
            let price = |level: Option<(&i32, &u32)>, none: i64| match level {
                Some((&price, &depth)) => (i64::from(price) * self.tick_size, depth),
                None => (none, 0),
            };
            let (ask, ask_size) = price(asks.next(), NO_PRICE);
            let (bid, bid_size) = price(bids.next(), -NO_PRICE);
            let comma = if level == 0 { "" } else { "," };
            write!(self.books, "{comma}{ask},{ask_size},{bid},{bid_size}")?;
        }
        Ok(writeln!(self.books)?)
    }
}

impl<W: Write> OrderSink for Lobster<W> {
    fn start(&mut self, feed: &FeedInfo<'_>) -> Result<(), ExportError> {
        let [source] = feed.sources else {
            return Err(ExportError::Securities { format: "LOBSTER", found: feed.sources.len() });
        };
        self.tick_size = i64::from(source.session.tick_size);
        self.levels = source.session.shape().levels();
        Ok(())
    }

    fn event(&mut self, _nth: usize, _book: &OrderBook, changes: &[OrderMessage]) -> Result<(), ExportError> {
        for change in changes {
            self.message(change)?;
            self.apply(change);
            self.book()?;
        }
        Ok(())
    }

    fn finish(&mut self, _feed: &FeedInfo<'_>) -> Result<(), ExportError> {
        self.messages.flush()?;
        Ok(self.books.flush()?)
    }
}
