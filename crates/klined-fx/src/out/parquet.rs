//! Rows as Parquet, one file a table, for QuestDB's `read_parquet` and for any other reader.
//!
//! A book's side is a list of two lists, prices and sizes, best first. Instants are timestamps in UTC, of microseconds
//! and in `fx_trades` of nanoseconds. Nothing is compressed: prices hardly can be, and a reader is faster so.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::{Compression, Encoding};
use ::parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, Int64Type,
};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;
use ::parquet::schema::types::ColumnPath;
use bytes::Bytes;

use super::entities::Entities;
use super::files::{FileError, Files, OpenFiles};
use super::{PerTable, Table};
use crate::base::NoMarket;
use crate::market::Fill;
use crate::pipeline::Encode;
use crate::rows::{BookRow, CoreRow, Sink};

/// Rows of a row group, at least: readers take a group at a time.
const GROUP_ROWS: usize = 50_000;
/// How deep a book's side nests, and how often it repeats: both levels are always there.
const NESTED: i16 = 2;

fn schema(table: Table) -> &'static str {
    match table {
        Table::MarketData => {
            "message market_data {
                required int64 timestamp (TIMESTAMP(MICROS,true));
                required binary symbol (UTF8);
                required group bids (LIST) { repeated group list {
                    required group element (LIST) { repeated group list { required double element; } } } }
                required group asks (LIST) { repeated group list {
                    required group element (LIST) { repeated group list { required double element; } } } }
                required double best_bid;
                required double best_ask;
            }"
        }
        Table::CorePrice => {
            "message core_price {
                required int64 timestamp (TIMESTAMP(MICROS,true));
                required binary symbol (UTF8);
                required binary ecn (UTF8);
                required double bid_price;
                required int64 bid_volume;
                required double ask_price;
                required int64 ask_volume;
                required binary reason (UTF8);
                required double indicator1;
                required double indicator2;
            }"
        }
        Table::FxTrades => {
            "message fx_trades {
                required int64 timestamp (TIMESTAMP(NANOS,true));
                required binary symbol (UTF8);
                required binary ecn (UTF8);
                required fixed_len_byte_array(16) trade_id (UUID);
                required binary side (UTF8);
                required boolean passive;
                required double price;
                required double quantity;
                required binary counterparty (UTF8);
                required fixed_len_byte_array(16) order_id (UUID);
            }"
        }
    }
}

/// Rows of one table as columns, those of one kind together in the order of the table.
#[derive(Debug, Default)]
pub struct Columns {
    rows: usize,
    instants: Vec<i64>,
    texts: [Vec<ByteArray>; 4],
    doubles: [Vec<f64>; 4],
    wholes: [Vec<i64>; 2],
    flags: Vec<bool>,
    ids: [Vec<FixedLenByteArray>; 2],
    sides: [Side; 2],
}

/// One side of many books.
#[derive(Debug, Default)]
struct Side {
    values: Vec<f64>,
    repetitions: Vec<i16>,
}

impl Side {
    /// Adds prices, then sizes. A value begins a row (0), the second list of one (1), or goes on with a list (2).
    fn push(&mut self, prices: &[f64], sizes: &[f64]) {
        for (begin, values) in [(0, prices), (1, sizes)] {
            self.values.extend_from_slice(values);
            self.repetitions.push(begin);
            self.repetitions.resize(self.values.len(), NESTED);
        }
    }

    fn append(&mut self, other: &mut Self) {
        self.values.append(&mut other.values);
        self.repetitions.append(&mut other.repetitions);
    }
}

impl Columns {
    fn append(&mut self, mut other: Self) {
        if self.rows == 0 {
            *self = other;
            return;
        }
        self.rows += other.rows;
        self.instants.append(&mut other.instants);
        self.flags.append(&mut other.flags);
        self.texts.iter_mut().zip(&mut other.texts).for_each(|(all, more)| all.append(more));
        self.doubles.iter_mut().zip(&mut other.doubles).for_each(|(all, more)| all.append(more));
        self.wholes.iter_mut().zip(&mut other.wholes).for_each(|(all, more)| all.append(more));
        self.ids.iter_mut().zip(&mut other.ids).for_each(|(all, more)| all.append(more));
        self.sides.iter_mut().zip(&mut other.sides).for_each(|(all, more)| all.append(more));
    }

    fn begin(&mut self, instant: i64, texts: [&'static str; 2]) {
        self.rows += 1;
        self.instants.push(instant);
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.push(word(text));
        }
    }

    fn doubles(&mut self, values: [f64; 4]) {
        for (column, value) in self.doubles.iter_mut().zip(values) {
            column.push(value);
        }
    }
}

fn word(text: &'static str) -> ByteArray {
    Bytes::from_static(text.as_bytes()).into()
}

fn id(bits: u128) -> FixedLenByteArray {
    Vec::from(bits.to_be_bytes()).into()
}

/// Turns rows into columns.
#[derive(Debug)]
pub struct ParquetEncoder {
    entities: Arc<Entities>,
    tables: PerTable<Columns>,
}

impl Sink for ParquetEncoder {
    type Error = NoMarket;

    fn book(&mut self, row: &BookRow) -> Result<(), NoMarket> {
        let columns = self.tables.of(Table::MarketData);
        columns.rows += 1;
        columns.instants.push(row.micros);
        columns.texts[0].push(word(row.pair.symbol()));
        let [bids, asks] = &mut columns.sides;
        bids.push(row.book.bid_prices(), row.book.bid_sizes());
        asks.push(row.book.ask_prices(), row.book.ask_sizes());
        let best = row.book.best();
        columns.doubles[0].push(best.bid_price);
        columns.doubles[1].push(best.ask_price);
        Ok(())
    }

    fn core(&mut self, row: &CoreRow) -> Result<(), NoMarket> {
        let columns = self.tables.of(Table::CorePrice);
        columns.begin(row.micros, [row.pair.symbol(), row.ecn.name()]);
        columns.texts[2].push(word(row.reason.name()));
        columns.doubles([row.bid_price, row.ask_price, row.indicator1, row.indicator2]);
        columns.wholes[0].push(row.bid_volume);
        columns.wholes[1].push(row.ask_volume);
        Ok(())
    }

    fn trade(&mut self, fill: &Fill) -> Result<(), NoMarket> {
        let columns = self.tables.of(Table::FxTrades);
        columns.begin(fill.nanos, [fill.pair.symbol(), fill.ecn.name()]);
        columns.texts[2].push(word(if fill.is_buy { "buy" } else { "sell" }));
        columns.texts[3].push(self.entities.pick(fill.entity_word).as_bytes().to_vec().into());
        columns.doubles[0].push(fill.price);
        columns.doubles[1].push(fill.quantity);
        columns.flags.push(fill.is_passive);
        columns.ids[0].push(id(fill.trade_id));
        columns.ids[1].push(id(fill.order_id));
        Ok(())
    }
}

impl Encode for ParquetEncoder {
    type Chunk = PerTable<Columns>;

    fn take(&mut self) -> Self::Chunk {
        std::mem::take(&mut self.tables)
    }
}

/// One file, and rows that wait for more of their group.
#[derive(Debug)]
struct Writer {
    table: Table,
    file: SerializedFileWriter<File>,
    waiting: Columns,
}

/// A row group whose columns are written from left to right.
struct Group<'a>(SerializedRowGroupWriter<'a, File>);

impl Group<'_> {
    fn nested<T: DataType>(&mut self, values: &[T::T], levels: Option<(&[i16], &[i16])>) -> Result<(), ParquetError> {
        let missing = || ParquetError::General("the schema has fewer columns than there are".to_owned());
        let mut column = self.0.next_column()?.ok_or_else(missing)?;
        let (definitions, repetitions) = levels.unzip();
        column.typed::<T>().write_batch(values, definitions, repetitions)?;
        column.close()
    }

    fn column<T: DataType>(&mut self, values: &[T::T]) -> Result<(), ParquetError> {
        self.nested::<T>(values, None)
    }

    fn side(&mut self, side: &Side) -> Result<(), ParquetError> {
        let definitions = vec![NESTED; side.values.len()];
        self.nested::<DoubleType>(&side.values, Some((&definitions, &side.repetitions)))
    }
}

impl Writer {
    fn begin(table: Table, file: File) -> Result<Self, ParquetError> {
        // Few different texts: a dictionary. Prices, sizes and identifiers differ: none.
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::UNCOMPRESSED)
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::PLAIN)
            .set_statistics_enabled(EnabledStatistics::Chunk);
        for name in ["symbol", "ecn", "reason", "side", "counterparty"] {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), true);
        }
        let schema = Arc::new(parse_message_type(schema(table))?);
        let file = SerializedFileWriter::new(file, schema, Arc::new(properties.build()))?;
        Ok(Self { table, file, waiting: Columns::default() })
    }

    fn append(&mut self, columns: Columns) -> Result<(), ParquetError> {
        self.waiting.append(columns);
        if self.waiting.rows < GROUP_ROWS { Ok(()) } else { self.write_group() }
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let columns = std::mem::take(&mut self.waiting);
        if columns.rows == 0 {
            return Ok(());
        }
        let Columns { instants, texts, doubles, wholes, flags, ids, sides, .. } = &columns;
        let mut group = Group(self.file.next_row_group()?);
        group.column::<Int64Type>(instants)?;
        group.column::<ByteArrayType>(&texts[0])?;
        match self.table {
            Table::MarketData => {
                group.side(&sides[0])?;
                group.side(&sides[1])?;
                group.column::<DoubleType>(&doubles[0])?;
                group.column::<DoubleType>(&doubles[1])?;
            }
            Table::CorePrice => {
                group.column::<ByteArrayType>(&texts[1])?;
                group.column::<DoubleType>(&doubles[0])?;
                group.column::<Int64Type>(&wholes[0])?;
                group.column::<DoubleType>(&doubles[1])?;
                group.column::<Int64Type>(&wholes[1])?;
                group.column::<ByteArrayType>(&texts[2])?;
                group.column::<DoubleType>(&doubles[2])?;
                group.column::<DoubleType>(&doubles[3])?;
            }
            Table::FxTrades => {
                group.column::<ByteArrayType>(&texts[1])?;
                group.column::<FixedLenByteArrayType>(&ids[0])?;
                group.column::<ByteArrayType>(&texts[2])?;
                group.column::<BoolType>(flags)?;
                group.column::<DoubleType>(&doubles[0])?;
                group.column::<DoubleType>(&doubles[1])?;
                group.column::<ByteArrayType>(&texts[3])?;
                group.column::<FixedLenByteArrayType>(&ids[1])?;
            }
        }
        group.0.close().map(drop)
    }

    fn end(mut self) -> Result<File, ParquetError> {
        self.write_group()?;
        self.file.into_inner()
    }
}

/// The three files of a directory while they are written.
#[derive(Debug)]
pub struct ParquetFiles(OpenFiles<Writer>);

impl Files for ParquetFiles {
    type Encoder = ParquetEncoder;

    fn create(directory: &Path) -> Result<Self, FileError> {
        OpenFiles::create(directory, "parquet", |table, file| Writer::begin(table, file).map_err(io::Error::from))
            .map(Self)
    }

    fn encoder(entities: Arc<Entities>) -> ParquetEncoder {
        ParquetEncoder { entities, tables: PerTable::default() }
    }

    fn append(&mut self, mut rows: PerTable<Columns>) -> Result<(), FileError> {
        self.0.each(|table, writer| Ok(writer.append(std::mem::take(rows.of(table)))?))
    }

    fn finish(self) -> Result<(), FileError> {
        self.0.finish(|writer| Ok(writer.end()?))
    }
}
