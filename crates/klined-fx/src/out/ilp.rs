//! Rows in QuestDB's line protocol, in buffers of the vendor's own client.

use std::sync::Arc;

use ::questdb::ingress::{
    Buffer, ColumnName, NdArrayView, ProtocolVersion, TableName, TimestampMicros, TimestampNanos,
};

use super::entities::Entities;
use super::text::uuid;
use super::{PerTable, Table, TableNames};
use crate::base::NoMarket;
use crate::market::Fill;
use crate::pipeline::Encode;
use crate::rows::{BookRow, CoreRow, Sink};

/// Why a row could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum IlpError {
    #[error(transparent)]
    NoMarket(#[from] NoMarket),
    #[error("a row of {} cannot be encoded: {source}", table.name())]
    Encoding { table: Table, source: ::questdb::Error },
}

/// Rows of one table, ready to be sent.
#[derive(Debug)]
pub struct TableRows {
    pub buffer: Buffer,
    pub rows: u64,
}

impl Default for TableRows {
    fn default() -> Self {
        // Version 2 is the first with arrays.
        Self { buffer: Buffer::new(ProtocolVersion::V2), rows: 0 }
    }
}

/// Turns rows into buffers.
#[derive(Debug)]
pub struct IlpEncoder {
    entities: Arc<Entities>,
    names: Arc<TableNames>,
    tables: PerTable<TableRows>,
    /// Size of the largest buffers so far: the next ones begin with room for as much.
    room: [usize; 3],
    side: Vec<f64>,
}

impl IlpEncoder {
    /// An encoder of rows of tables with these names, of a market whose trades are between these entities.
    #[must_use]
    pub fn new(entities: Arc<Entities>, names: Arc<TableNames>) -> Self {
        Self { entities, names, tables: PerTable::default(), room: [0; 3], side: Vec::new() }
    }

    fn encode(
        &mut self,
        table: Table,
        row: impl FnOnce(&mut Buffer, TableName, &Entities, &mut Vec<f64>) -> ::questdb::Result<()>,
    ) -> Result<(), IlpError> {
        let Self { entities, names, tables, side, .. } = self;
        let of_table = tables.of(table);
        // A suffix has nothing to be escaped either.
        let name = TableName::new_unchecked(names.of(table));
        row(&mut of_table.buffer, name, entities, side).map_err(|source| IlpError::Encoding { table, source })?;
        of_table.rows += 1;
        Ok(())
    }
}

/// One side of a book: prices, then sizes.
struct SideView<'a> {
    levels: usize,
    values: &'a [f64],
}

impl NdArrayView<f64> for SideView<'_> {
    type Iter<'a>
        = std::slice::Iter<'a, f64>
    where
        Self: 'a;

    fn ndim(&self) -> usize {
        2
    }

    fn dim(&self, index: usize) -> ::questdb::Result<usize> {
        Ok(if index == 0 { 2 } else { self.levels })
    }

    fn as_slice(&self) -> Option<&[f64]> {
        Some(self.values)
    }

    fn iter(&self) -> Self::Iter<'_> {
        self.values.iter()
    }
}

fn side<'a>(values: &'a mut Vec<f64>, prices: &[f64], sizes: &[f64]) -> SideView<'a> {
    values.clear();
    values.extend_from_slice(prices);
    values.extend_from_slice(sizes);
    SideView { levels: prices.len(), values }
}

/// Names that hold nothing to be escaped.
fn column(name: &'static str) -> ColumnName<'static> {
    ColumnName::new_unchecked(name)
}

impl Sink for IlpEncoder {
    type Error = IlpError;

    fn book(&mut self, row: &BookRow) -> Result<(), IlpError> {
        self.encode(Table::MarketData, |buffer, name, _, values| {
            buffer.table(name)?.symbol(column("symbol"), row.pair.symbol())?;
            buffer.column_arr(column("bids"), &side(values, row.book.bid_prices(), row.book.bid_sizes()))?;
            buffer.column_arr(column("asks"), &side(values, row.book.ask_prices(), row.book.ask_sizes()))?;
            let best = row.book.best();
            buffer.column_f64(column("best_bid"), best.bid_price)?.column_f64(column("best_ask"), best.ask_price)?;
            buffer.at(TimestampMicros::new(row.micros))
        })
    }

    fn core(&mut self, row: &CoreRow) -> Result<(), IlpError> {
        self.encode(Table::CorePrice, |buffer, name, _, _| {
            buffer.table(name)?.symbol(column("symbol"), row.pair.symbol())?;
            buffer.symbol(column("ecn"), row.ecn.name())?.symbol(column("reason"), row.reason.name())?;
            buffer.column_f64(column("bid_price"), row.bid_price)?.column_i64(column("bid_volume"), row.bid_volume)?;
            buffer.column_f64(column("ask_price"), row.ask_price)?.column_i64(column("ask_volume"), row.ask_volume)?;
            buffer
                .column_f64(column("indicator1"), row.indicator1)?
                .column_f64(column("indicator2"), row.indicator2)?;
            buffer.at(TimestampMicros::new(row.micros))
        })
    }

    fn trade(&mut self, fill: &Fill) -> Result<(), IlpError> {
        self.encode(Table::FxTrades, |buffer, name, entities, _| {
            buffer.table(name)?.symbol(column("symbol"), fill.pair.symbol())?;
            buffer.symbol(column("ecn"), fill.ecn.name())?;
            buffer.symbol(column("side"), if fill.is_buy { "buy" } else { "sell" })?;
            buffer.symbol(column("counterparty"), entities.pick(fill.entity_word))?;
            buffer.column_str(column("trade_id"), uuid(fill.trade_id).as_str())?;
            buffer.column_str(column("order_id"), uuid(fill.order_id).as_str())?;
            buffer.column_bool(column("passive"), fill.is_passive)?;
            buffer.column_f64(column("price"), fill.price)?.column_f64(column("quantity"), fill.quantity)?;
            buffer.at(TimestampNanos::new(fill.nanos))
        })
    }
}

impl Encode for IlpEncoder {
    type Chunk = PerTable<TableRows>;

    fn take(&mut self) -> Self::Chunk {
        let taken = std::mem::take(&mut self.tables);
        for (place, of_table) in taken.0.iter().enumerate() {
            self.room[place] = self.room[place].max(of_table.buffer.len());
            self.tables.0[place].buffer.reserve(self.room[place]);
        }
        taken
    }
}
