//! Events as Parquet: the columns of the CSV form, with the symbol and the date before them.

use std::io::{Read, Seek, Write};
use std::sync::Arc;

use ::parquet::basic::{Compression, Encoding};
use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;
use ::parquet::schema::types::ColumnPath;
use chrono::{Datelike, NaiveDate};

use super::ExportError;
use crate::event::{Event, EventType, Side};
use crate::log::LogReader;

const SCHEMA: &str = "message exchange_events {
    required binary symbol (UTF8);
    required int32 date (DATE);
    required int64 ts_ns (INTEGER(64,false));
    required int32 type (INTEGER(8,false));
    required binary type_name (UTF8);
    required binary side (UTF8);
    required int32 price_ticks;
    required int32 qty (INTEGER(32,false));
    required int64 order_id (INTEGER(64,false));
}";
/// Columns with few different values, which are stored as numbers of a list, and columns in which neighbours differ little. What is left is hardly
/// compressible, so nothing is compressed.
const REPEATED: [&str; 5] = ["symbol", "date", "type", "type_name", "side"];
const CLOSE: [&str; 4] = ["ts_ns", "price_ticks", "qty", "order_id"];
/// Events of a row group, at least: readers take a group at a time.
const GROUP_EVENTS: usize = 131_072;
/// Days from chrono's first day, 0001-01-01 which is day 1, to 1970-01-01.
const UNIX_EPOCH_DAY: i32 = 719_163;

/// Writes the events of a log.
///
/// # Errors
/// [`ExportError`] of the log or the output.
pub fn parquet<F: Read + Seek>(
    log: &mut LogReader<F>,
    symbol: &str,
    date: NaiveDate,
    output: impl Write + Send,
) -> Result<(), ExportError> {
    let mut properties =
        WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).set_dictionary_enabled(false);
    for name in CLOSE {
        properties = properties.set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in REPEATED {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), true);
    }
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut file = SerializedFileWriter::new(output, schema, Arc::new(properties.build()))?;
    let names =
        Names { symbol: symbol.as_bytes().to_vec().into(), types: EventType::ALL.map(|kind| word(kind.name())) };
    let day = date.num_days_from_ce() - UNIX_EPOCH_DAY;
    let mut events = Vec::new();
    for nth in 0..log.chunks().len() {
        log.read_chunk(nth, &mut events)?;
        if events.len() >= GROUP_EVENTS || nth + 1 == log.chunks().len() {
            write_group(file.next_row_group()?, &names, day, &events)?;
            events.clear();
        }
    }
    file.close()?;
    Ok(())
}

struct Names {
    symbol: ByteArray,
    /// By the type's number.
    types: [ByteArray; 6],
}

fn word(text: &'static str) -> ByteArray {
    text.as_bytes().to_vec().into()
}

fn write_group<W: Write + Send>(
    mut group: SerializedRowGroupWriter<'_, W>,
    names: &Names,
    day: i32,
    events: &[Event],
) -> Result<(), ParquetError> {
    let sides = [word(Side::Bid.name()), word(Side::Ask.name())];
    let each = |value: &dyn Fn(&Event) -> ByteArray| events.iter().map(value).collect::<Vec<_>>();
    column::<ByteArrayType, W>(&mut group, &vec![names.symbol.clone(); events.len()])?;
    column::<Int32Type, W>(&mut group, &vec![day; events.len()])?;
    // Parquet keeps unsigned numbers in signed ones of the same bits.
    column::<Int64Type, W>(&mut group, &events.iter().map(|event| event.ts_ns as i64).collect::<Vec<_>>())?;
    column::<Int32Type, W>(&mut group, &events.iter().map(|event| event.event_type as i32).collect::<Vec<_>>())?;
    column::<ByteArrayType, W>(&mut group, &each(&|event| names.types[event.event_type as usize].clone()))?;
    column::<ByteArrayType, W>(&mut group, &each(&|event| sides[event.side() as usize].clone()))?;
    column::<Int32Type, W>(&mut group, &events.iter().map(|event| event.price_ticks).collect::<Vec<_>>())?;
    column::<Int32Type, W>(&mut group, &events.iter().map(|event| event.qty as i32).collect::<Vec<_>>())?;
    column::<Int64Type, W>(&mut group, &events.iter().map(|event| event.order_id as i64).collect::<Vec<_>>())?;
    group.close().map(drop)
}

fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("the schema has fewer columns than there are".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}
