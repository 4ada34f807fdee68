//! Bars as the rows of a binary COPY into `market_klines`, or into a table that becomes a part of it.

use std::io::Write;

use diesel::prelude::*;
use diesel::result::Error as DieselError;

use klined_market::bars::Bar;
use klined_market::base::Interval;

use super::super::values::{NumericPrice, NumericTurnover};

/// Bytes that are sent at once.
pub(super) const CHUNK_BYTES: usize = 256 * 1024;

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
    pub fn push(&mut self, symbol: &str, interval: Interval, bar: &Bar) {
        self.bytes.extend_from_slice(&COLUMNS.to_be_bytes());
        self.push_field(symbol.as_bytes());
        self.push_field(interval.as_str().as_bytes());
        self.push_field(&bar.first.start().get().to_be_bytes());
        for price in [bar.ohlcv.open(), bar.ohlcv.high(), bar.ohlcv.low(), bar.ohlcv.close()] {
            self.push_field(NumericPrice::from(price).as_bytes());
        }
        self.push_field(&bar.ohlcv.volume().to_be_bytes());
        if let Some(traded) = bar.ohlcv.traded() {
            self.push_field(NumericTurnover::from(traded).as_bytes());
            self.push_field(&traded.trades().to_be_bytes());
        } else {
            [NULL, NULL].iter().for_each(|null| self.bytes.extend_from_slice(null));
        }
    }

    /// No field is longer than 20 bytes.
    fn push_field(&mut self, field: &[u8]) {
        self.bytes.extend_from_slice(&(field.len() as i32).to_be_bytes());
        self.bytes.extend_from_slice(field);
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
