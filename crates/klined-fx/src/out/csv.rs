//! Rows as CSV, one file a table, with a header line.
//!
//! A book's side is the text of QuestDB's array literals: `[[price, …],[size, …]]`, best first. A file has its name only
//! when it is whole: until then it ends in `.partial`.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::entities::Entities;
use super::text::{push, push_instant, uuid};
use super::{PerTable, Table};
use crate::base::{NoMarket, Streams};
use crate::market::Fill;
use crate::pipeline::Encode;
use crate::rows::{BookRow, CoreRow, Sink};

/// A file that could not be written.
#[derive(Debug, Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FileError {
    pub action: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
}

/// Turns rows into lines.
#[derive(Debug)]
pub struct CsvEncoder {
    entities: Entities,
    lines: PerTable<Vec<u8>>,
}

impl CsvEncoder {
    #[must_use]
    pub fn new(streams: Streams) -> Self {
        Self { entities: Entities::of(streams), lines: PerTable::default() }
    }
}

fn header(table: Table) -> &'static str {
    match table {
        Table::MarketData => "timestamp,symbol,bids,asks,best_bid,best_ask\n",
        Table::CorePrice => {
            "timestamp,symbol,ecn,bid_price,bid_volume,ask_price,ask_volume,reason,indicator1,indicator2\n"
        }
        Table::FxTrades => "timestamp,symbol,ecn,trade_id,side,passive,price,quantity,counterparty,order_id\n",
    }
}

fn push_side(text: &mut Vec<u8>, prices: &[f64], sizes: &[f64]) {
    text.extend_from_slice(b",\"[");
    for (place, values) in [prices, sizes].into_iter().enumerate() {
        text.extend_from_slice(if place == 0 { b"[" } else { b",[" });
        for (place, value) in values.iter().enumerate() {
            if place > 0 {
                text.push(b',');
            }
            push(text, format_args!("{value:?}"));
        }
        text.push(b']');
    }
    text.extend_from_slice(b"]\"");
}

impl Sink for CsvEncoder {
    type Error = NoMarket;

    fn book(&mut self, row: &BookRow) -> Result<(), NoMarket> {
        let text = self.lines.of(Table::MarketData);
        push_instant(text, row.micros * 1_000, 6);
        push(text, format_args!(",{}", row.pair));
        push_side(text, row.book.bid_prices(), row.book.bid_sizes());
        push_side(text, row.book.ask_prices(), row.book.ask_sizes());
        let best = row.book.best();
        push(text, format_args!(",{:?},{:?}\n", best.bid_price, best.ask_price));
        Ok(())
    }

    fn core(&mut self, row: &CoreRow) -> Result<(), NoMarket> {
        let text = self.lines.of(Table::CorePrice);
        push_instant(text, row.micros * 1_000, 6);
        let CoreRow { pair, bid_price, bid_volume, ask_price, ask_volume, indicator1, indicator2, .. } = row;
        let (ecn, reason) = (row.ecn.name(), row.reason.name());
        push(text, format_args!(",{pair},{ecn},{bid_price:?},{bid_volume},{ask_price:?},{ask_volume},{reason}"));
        push(text, format_args!(",{indicator1},{indicator2}\n"));
        Ok(())
    }

    fn trade(&mut self, fill: &Fill) -> Result<(), NoMarket> {
        let text = self.lines.of(Table::FxTrades);
        push_instant(text, fill.nanos, 9);
        let (side, ecn, trade_id) = (if fill.is_buy { "buy" } else { "sell" }, fill.ecn.name(), uuid(fill.trade_id));
        push(text, format_args!(",{},{ecn},{trade_id},{side},{}", fill.pair, fill.is_passive));
        let (entity, order_id) = (self.entities.pick(fill.entity_word), uuid(fill.order_id));
        push(text, format_args!(",{:?},{:?},{entity},{order_id}\n", fill.price, fill.quantity));
        Ok(())
    }
}

impl Encode for CsvEncoder {
    type Chunk = PerTable<Vec<u8>>;

    fn take(&mut self) -> Self::Chunk {
        std::mem::take(&mut self.lines)
    }
}

/// The three files of a directory while they are written.
#[derive(Debug)]
pub struct CsvFiles {
    directory: PathBuf,
    files: Vec<(Table, File)>,
}

impl CsvFiles {
    /// Begins the files, in a directory that is made where it is missing.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn create(directory: &Path) -> Result<Self, FileError> {
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| FileError { action, path, source }
        };
        std::fs::create_dir_all(directory).map_err(failed("make", directory))?;
        let mut files = Vec::new();
        for table in Table::ALL {
            let path = partial(directory, table);
            let mut file = File::create(&path).map_err(failed("write", &path))?;
            file.write_all(header(table).as_bytes()).map_err(failed("write", &path))?;
            files.push((table, file));
        }
        Ok(Self { directory: directory.to_owned(), files })
    }

    /// Appends a second's lines.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn append(&mut self, mut lines: PerTable<Vec<u8>>) -> Result<(), FileError> {
        for (table, file) in &mut self.files {
            let path = partial(&self.directory, *table);
            file.write_all(lines.of(*table)).map_err(|source| FileError { action: "write", path, source })?;
        }
        Ok(())
    }

    /// Gives the whole files their names.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(self) -> Result<(), FileError> {
        for (table, file) in &self.files {
            let path = partial(&self.directory, *table);
            file.sync_all().map_err(|source| FileError { action: "write", path, source })?;
        }
        for (table, _) in &self.files {
            let path = partial(&self.directory, *table);
            let name = self.directory.join(format!("{}.csv", table.name()));
            std::fs::rename(&path, &name).map_err(|source| FileError { action: "rename", path, source })?;
        }
        Ok(())
    }
}

fn partial(directory: &Path, table: Table) -> PathBuf {
    directory.join(format!("{}.csv.partial", table.name()))
}
