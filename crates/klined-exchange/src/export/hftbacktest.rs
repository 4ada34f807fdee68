//! Orders for hftbacktest: a NumPy archive (npz) with the array `data`, whose rows have 64 bytes.
//!
//! A row is ev u64, exch_ts i64, local_ts i64, px f64, qty f64, order_id u64, ival i64, fval f64. `ev` says what happens, on which side, and that both
//! the exchange and the trader see it; there is no latency, so both times are the same. An execution is a trade of who takes, a fill of
//! the order that waited, and its cancellation.

use std::io::{Seek, Write};

use chrono::NaiveDate;
use zip::write::{FileOptions, SimpleFileOptions};
use zip::{CompressionMethod, ZipWriter};

use super::{ExportError, FeedInfo, OrderSink, midnight_ns};
use crate::event::Side;
use crate::orders::{OrderAction, OrderBook, OrderMessage};

/// What happens.
const TRADE: u64 = 2;
const ADD: u64 = 10;
const CANCEL: u64 = 11;
const FILL: u64 = 13;
/// Who sees it: the exchange and the trader.
const SEEN: u64 = 1 << 31 | 1 << 30;
const BUY: u64 = 1 << 29;
const SELL: u64 = 1 << 28;
/// Prices in dollars are ticks times their size over this.
const DOLLAR: f64 = 10_000.0;
/// The version and the length of the header of an array in NumPy's format 1.0 are these bytes.
const ARRAY_HEAD: &[u8] = b"\x93NUMPY\x01\x00";
/// The data of an array starts at a multiple of this.
const ARRAY_ALIGNMENT: usize = 64;
const ARRAY_TYPE: &str = "[('ev', '<u8'), ('exch_ts', '<i8'), ('local_ts', '<i8'), ('px', '<f8'), ('qty', '<f8'), ('order_id', '<u8'), ('ival', '<i8'), ('fval', '<f8')]";

/// Counts the rows, which the head of an array says before the first of them.
#[derive(Debug, Default)]
pub struct RowCount(u64);

impl RowCount {
    /// Rows that a feed has.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.0
    }
}

const fn rows_of(action: OrderAction) -> u64 {
    match action {
        OrderAction::Add | OrderAction::Delete => 1,
        OrderAction::Execute => 3,
    }
}

impl OrderSink for RowCount {
    fn start(&mut self, feed: &FeedInfo<'_>) -> Result<(), ExportError> {
        let found = feed.sources.len();
        if found == 1 { Ok(()) } else { Err(ExportError::Securities { format: "hftbacktest", found }) }
    }

    fn event(&mut self, _nth: usize, _book: &OrderBook, changes: &[OrderMessage]) -> Result<(), ExportError> {
        self.0 += changes.iter().map(|change| rows_of(change.action)).sum::<u64>();
        Ok(())
    }

    fn finish(&mut self, _feed: &FeedInfo<'_>) -> Result<(), ExportError> {
        Ok(())
    }
}

/// Writes an archive.
pub struct HftbacktestWriter<W: Write + Seek> {
    archive: Option<ZipWriter<W>>,
    rows: u64,
    midnight_ns: u64,
    tick_size: u32,
}

impl<W: Write + Seek> HftbacktestWriter<W> {
    /// `rows`: as many as [`RowCount`] has counted. `date`: the day of the log.
    ///
    /// # Errors
    /// [`ExportError::Date`] where the format has no room for the date.
    pub fn new(output: W, rows: u64, date: NaiveDate) -> Result<Self, ExportError> {
        Ok(Self { archive: Some(ZipWriter::new(output)), rows, midnight_ns: midnight_ns(date)?, tick_size: 1 })
    }

    fn row(&mut self, change: &OrderMessage, what: u64, side: Side, order_id: u64) -> Result<(), ExportError> {
        let Some(archive) = &mut self.archive else { return Ok(()) };
        let side = if side == Side::Bid { BUY } else { SELL };
        let price = (i64::from(change.price_ticks) * i64::from(self.tick_size)) as f64 / DOLLAR;
        let ts_ns = self.midnight_ns + change.ts_ns;
        let words = [
            what | SEEN | side,
            ts_ns,
            ts_ns,
            price.to_bits(),
            f64::from(change.qty).to_bits(),
            order_id,
            0,
            0f64.to_bits(),
        ];
        for word in words {
            archive.write_all(&word.to_le_bytes())?;
        }
        Ok(())
    }
}

fn array_head(rows: u64) -> Vec<u8> {
    let mut text = format!("{{'descr': {ARRAY_TYPE}, 'fortran_order': False, 'shape': ({rows},), }}");
    let length = (ARRAY_HEAD.len() + 2 + text.len() + 1).next_multiple_of(ARRAY_ALIGNMENT);
    while ARRAY_HEAD.len() + 2 + text.len() + 1 < length {
        text.push(' ');
    }
    text.push('\n');
    [ARRAY_HEAD, &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat()
}

fn broken(error: zip::result::ZipError) -> ExportError {
    ExportError::Io(error.into())
}

impl<W: Write + Seek> OrderSink for HftbacktestWriter<W> {
    fn start(&mut self, feed: &FeedInfo<'_>) -> Result<(), ExportError> {
        if let [source] = feed.sources {
            self.tick_size = source.session.tick_size;
        }
        let Some(archive) = &mut self.archive else { return Ok(()) };
        let options: SimpleFileOptions = FileOptions::default();
        // Not compressed, as NumPy's savez has it; larger than four gigabytes where need be.
        let options = options.compression_method(CompressionMethod::Stored).large_file(true);
        archive.start_file("data.npy", options).map_err(broken)?;
        Ok(archive.write_all(&array_head(self.rows))?)
    }

    fn event(&mut self, _nth: usize, _book: &OrderBook, changes: &[OrderMessage]) -> Result<(), ExportError> {
        for change in changes {
            let (waiting, reference) = (change.side, change.reference);
            match change.action {
                OrderAction::Add => self.row(change, ADD, waiting, reference)?,
                OrderAction::Delete => self.row(change, CANCEL, waiting, reference)?,
                OrderAction::Execute => {
                    let taking = if waiting == Side::Bid { Side::Ask } else { Side::Bid };
                    self.row(change, TRADE, taking, 0)?;
                    self.row(change, FILL, waiting, reference)?;
                    self.row(change, CANCEL, waiting, reference)?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, _feed: &FeedInfo<'_>) -> Result<(), ExportError> {
        if let Some(archive) = self.archive.take() {
            archive.finish().map_err(broken)?.flush()?;
        }
        Ok(())
    }
}
