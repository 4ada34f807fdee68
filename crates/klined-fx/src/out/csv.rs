//! Rows as CSV, one file a table, with a header line.
//!
//! A book's side is the text of QuestDB's array literals: `[[price, …],[size, …]]`, best first.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::entities::Entities;
use super::files::{FileError, Files, OpenFiles};
use super::text::{push, push_instant, uuid};
use super::{PerTable, Table};
use crate::base::NoMarket;
use crate::market::Fill;
use crate::pipeline::Encode;
use crate::rows::{BookRow, CoreRow, Sink};

/// Turns rows into lines.
#[derive(Debug)]
pub struct CsvEncoder {
    entities: Arc<Entities>,
    lines: PerTable<Vec<u8>>,
}

impl CsvEncoder {
    /// An encoder of a market whose trades are between these entities.
    #[must_use]
    pub fn new(entities: Arc<Entities>) -> Self {
        Self { entities, lines: PerTable::default() }
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
pub struct CsvFiles(OpenFiles<File>);

impl Files for CsvFiles {
    type Encoder = CsvEncoder;

    fn create(directory: &Path) -> Result<Self, FileError> {
        OpenFiles::create(directory, "csv", |table, mut file| file.write_all(header(table).as_bytes()).map(|()| file))
            .map(Self)
    }

    fn encoder(entities: Arc<Entities>) -> CsvEncoder {
        CsvEncoder::new(entities)
    }

    fn append(&mut self, lines: PerTable<Vec<u8>>) -> Result<(), FileError> {
        self.0.each(|table, file| file.write_all(lines.get(table)))
    }

    fn finish(self) -> Result<(), FileError> {
        self.0.finish(Ok)
    }
}
