//! Bars as the rows of a binary COPY into `market_klines`, or into a table that becomes a part of it.

use std::io::Write;

use diesel::prelude::*;
use diesel::result::Error as DieselError;

use klined_market::bars::Bar;
use klined_market::base::{Interval, Symbol};

use super::super::values::{NumericPrice, NumericTurnover};

/// Bytes that are sent at once. They should still be in the processor's cache when the database's library copies them.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// What binary COPY begins with: the signature, no flags, no extension.
const COPY_HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
const COPY_TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// The length of a field that is null.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();
/// Columns of a row.
const COLUMNS: i16 = 10;

/// The columns of a table of bars that [`CopyRows`] has: all but `created_at`.
macro_rules! copied_columns {
    ($table:path) => {{
        use $table as table;
        (
            table::symbol,
            table::interval,
            table::time,
            table::open,
            table::high,
            table::low,
            table::close,
            table::volume,
            table::turnover,
            table::trades,
        )
    }};
}
pub(super) use copied_columns;

/// Rows that have not been sent yet.
pub(super) struct CopyRows {
    bytes: Vec<u8>,
}

impl CopyRows {
    pub fn begin() -> Self {
        Self { bytes: COPY_HEADER.to_vec() }
    }

    pub fn end(&mut self) {
        self.bytes.extend_from_slice(&COPY_TRAILER);
    }

    /// Appends a bar: symbol, interval, time, open, high, low, close, volume, turnover, trades.
    pub fn push(&mut self, symbol: &Symbol, interval: Interval, bar: &Bar) {
        self.bytes.extend_from_slice(&COLUMNS.to_be_bytes());
        self.push_text(symbol.as_str());
        self.push_text(interval.as_str());
        self.push_number(bar.first.start().get());
        for price in [bar.ohlcv.open(), bar.ohlcv.high(), bar.ohlcv.low(), bar.ohlcv.close()] {
            self.push_padded(NumericPrice::from(price).padded());
        }
        self.push_number(bar.ohlcv.volume());
        if let Some(traded) = bar.ohlcv.traded() {
            self.push_padded(NumericTurnover::from(traded).padded());
            self.push_number(traded.trades());
        } else {
            [NULL, NULL].iter().for_each(|null| self.bytes.extend_from_slice(null));
        }
    }

    fn push_text(&mut self, text: &str) {
        self.bytes.extend_from_slice(&(text.len() as i32).to_be_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn push_number(&mut self, number: i64) {
        self.bytes.extend_from_slice(&(size_of::<i64>() as i32).to_be_bytes());
        self.bytes.extend_from_slice(&number.to_be_bytes());
    }

    /// A field of so many of these bytes. All of them are copied, because a copy of a fixed number of bytes takes no call.
    fn push_padded<const MAX: usize>(&mut self, (bytes, length): (&[u8; MAX], usize)) {
        self.bytes.extend_from_slice(&(length as i32).to_be_bytes());
        let end = self.bytes.len() + length;
        self.bytes.extend_from_slice(bytes);
        self.bytes.truncate(end);
    }

    /// Sends the rows when they have more than so many bytes.
    pub fn send(&mut self, to: &mut dyn Write, more_than: usize) -> QueryResult<()> {
        if self.bytes.len() > more_than {
            to.write_all(&self.bytes).map_err(|error| DieselError::SerializationError(Box::new(error)))?;
            self.bytes.clear();
        }
        Ok(())
    }
}
