//! Universes as CSV: a header that names the columns, in any order, and a line a stock.
//!
//! `symbol`, `name`, `sector`, `base_price` and `base_volatility` must be there; `board`, `is_st`, `beta`, `daily_turnover`,
//! `is_active`, `drift`, `min_price` and `max_price` may be, and an empty field of theirs means the default. Numbers are plain decimals with no more decimals than
//! `stock_metadata` keeps, so a file is stored as it is written. A file is read whole or refused.

use std::collections::HashMap;
use std::io;

use thiserror::Error;

use super::UniverseRow;
use crate::base::instrument::{DEFAULT_BETA, DEFAULT_DAILY_TURNOVER};
use crate::base::{Board, InvalidInstrument};

/// The columns in the order they are written; the first five must be there.
pub const COLUMNS: [&str; 13] = [
    "symbol",
    "name",
    "sector",
    "base_price",
    "base_volatility",
    "board",
    "is_st",
    "beta",
    "daily_turnover",
    "is_active",
    "drift",
    "min_price",
    "max_price",
];
const REQUIRED: usize = 5;
/// The columns that are written when no stock has a drift or a bound.
const COLUMNS_OF_PLAIN: usize = 10;
/// The most stocks that a file may have.
pub const STOCKS_MAX: usize = 20_000;
/// The most bytes that a file may have.
pub const BYTES_MAX: usize = 16 << 20;
/// The longest name and sector that `stock_metadata` stores, in characters.
const NAME_LENGTH_MAX: usize = 100;
const SECTOR_LENGTH_MAX: usize = 50;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a file is not a universe.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum InvalidCsv {
    /// The file is empty.
    #[error("it is empty; its first line must name the columns {}", COLUMNS.join(","))]
    Empty,
    /// There is no line after the header.
    #[error("it has no stock: after the header comes a line for each")]
    NoStock,
    /// The file is too large.
    #[error("it has more than {BYTES_MAX} bytes")]
    TooLong,
    /// It has too many lines.
    #[error("line {line}: it has more than {STOCKS_MAX} stocks")]
    TooManyStocks {
        /// Counted from 1.
        line: usize,
    },
    /// A field is not UTF-8.
    #[error(
        "line {line}, column {column}: \"{text}\" is not UTF-8, but another encoding such as GBK; save the file as UTF-8"
    )]
    NotUtf8 {
        /// Counted from 1.
        line: usize,
        /// The column's name, or its number if the header is not readable.
        column: String,
        /// The field, shortened.
        text: String,
    },
    /// The header names a column that does not exist.
    #[error("line {line}: there is no column \"{name}\"; the columns are {}", COLUMNS.join(","))]
    UnknownColumn {
        /// Counted from 1.
        line: usize,
        /// The column's name.
        name: String,
    },
    /// The header names a column twice.
    #[error("line {line}: the column {name} is named twice")]
    RepeatedColumn {
        /// Counted from 1.
        line: usize,
        /// The column's name.
        name: &'static str,
    },
    /// The header lacks a required column.
    #[error("line {line}: the column {name} is missing")]
    MissingColumn {
        /// Counted from 1.
        line: usize,
        /// The column's name.
        name: &'static str,
    },
    /// A line's number of fields differs from the header's.
    #[error("line {line}: it has {found} fields, and the header has {expected}")]
    FieldCount {
        /// Counted from 1.
        line: usize,
        /// Fields of the line.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// A field cannot be read.
    #[error("line {line}, column {column}: \"{value}\" {reason}")]
    Value {
        /// Counted from 1.
        line: usize,
        /// The column's name, or its number if the header is not readable.
        column: &'static str,
        /// The field, shortened.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A stock is not valid.
    #[error("line {line}: {source}")]
    Instrument {
        /// Counted from 1.
        line: usize,
        /// What is wrong with the stock.
        source: InvalidInstrument,
    },
    /// Two lines have the same symbol.
    #[error("line {line}: {symbol} is already on line {first}")]
    Duplicate {
        /// Counted from 1.
        line: usize,
        /// The line of the first one.
        first: usize,
        /// The symbol.
        symbol: String,
    },
    /// The text is not CSV.
    #[error("it is not CSV: {0}")]
    Malformed(String),
}

/// The stocks of a file, in order of symbol.
///
/// # Errors
/// The first fault of the file.
pub fn read(bytes: &[u8]) -> Result<Vec<UniverseRow>, InvalidCsv> {
    if bytes.len() > BYTES_MAX {
        return Err(InvalidCsv::TooLong);
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    // Counted here: the reader's own count leaves out empty lines.
    let start_of = |record: &csv::ByteRecord| record.position().map_or(0, |position| position.byte() as usize);
    let line_at = |start: usize| {
        let start = start.min(bytes.len());
        let is_break = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        let start = start + bytes[start..].iter().take_while(is_break).count();
        1 + bytes[..start].iter().filter(|&&byte| byte == b'\n').count()
    };
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let mut records = reader.byte_records().map(|record| record.map_err(|e| InvalidCsv::Malformed(e.to_string())));
    let header = records.next().ok_or(InvalidCsv::Empty)??;
    let columns = columns(&header, line_at(start_of(&header)))?;
    let mut rows = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for record in records {
        let record = record?;
        let start = start_of(&record);
        let row = row(&record, &columns, || line_at(start))?;
        if rows.len() == STOCKS_MAX {
            return Err(InvalidCsv::TooManyStocks { line: line_at(start) });
        }
        if let Some(first) = seen.insert(row.symbol.clone(), start) {
            return Err(InvalidCsv::Duplicate { line: line_at(start), first: line_at(first), symbol: row.symbol });
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(InvalidCsv::NoStock);
    }
    rows.sort_by(|a: &UniverseRow, b| a.symbol.cmp(&b.symbol));
    Ok(rows)
}

/// The place in [`COLUMNS`] of each field.
fn columns(header: &csv::ByteRecord, line: usize) -> Result<Vec<usize>, InvalidCsv> {
    let mut places = Vec::with_capacity(header.len());
    for (field, number) in header.iter().zip(1..) {
        let name = utf8(field, || line, &number)?;
        let place = COLUMNS.iter().position(|column| *column == name);
        let place = place.ok_or_else(|| InvalidCsv::UnknownColumn { line, name: name.to_owned() })?;
        if places.contains(&place) {
            return Err(InvalidCsv::RepeatedColumn { line, name: COLUMNS[place] });
        }
        places.push(place);
    }
    match (0..REQUIRED).find(|place| !places.contains(place)) {
        Some(missing) => Err(InvalidCsv::MissingColumn { line, name: COLUMNS[missing] }),
        None => Ok(places),
    }
}

fn utf8<'a>(field: &'a [u8], line: impl Fn() -> usize, column: &dyn std::fmt::Display) -> Result<&'a str, InvalidCsv> {
    std::str::from_utf8(field).map_err(|_| InvalidCsv::NotUtf8 {
        line: line(),
        column: column.to_string(),
        text: String::from_utf8_lossy(field).chars().take(NAME_LENGTH_MAX).collect(),
    })
}

fn row(record: &csv::ByteRecord, columns: &[usize], line: impl Fn() -> usize) -> Result<UniverseRow, InvalidCsv> {
    if record.len() != columns.len() {
        return Err(InvalidCsv::FieldCount { line: line(), found: record.len(), expected: columns.len() });
    }
    let mut fields = [""; COLUMNS.len()];
    for (field, &place) in record.iter().zip(columns) {
        fields[place] = utf8(field, &line, &COLUMNS[place])?;
    }
    let invalid = |place: usize, reason: String| InvalidCsv::Value {
        line: line(),
        column: COLUMNS[place],
        value: fields[place].chars().take(NAME_LENGTH_MAX).collect(),
        reason,
    };
    let text = |place: usize, length_max: usize| {
        let text = fields[place];
        if text.chars().any(char::is_control) {
            return Err(invalid(place, "has a line break or another control character".to_owned()));
        }
        let length = text.chars().count();
        if length > length_max {
            return Err(invalid(place, format!("has {length} characters, and at most {length_max} are allowed")));
        }
        Ok(text.to_owned())
    };
    let given = |place: usize, decimals_max: usize| {
        let parsed = decimal(fields[place], decimals_max);
        parsed.ok_or_else(|| {
            invalid(place, format!("is not a plain decimal number with at most {decimals_max} decimals, such as 12.5"))
        })
    };
    let optional = |place: usize, decimals_max: usize| match fields[place] {
        "" => Ok(None),
        _ => given(place, decimals_max).map(Some),
    };
    let drift = || match fields[10].strip_prefix('-') {
        Some(amount) => decimal(amount, 4).map(|amount| -amount),
        None if fields[10].is_empty() => Some(0.0),
        None => decimal(fields[10], 4),
    };
    let flag = |place: usize, default: bool| match fields[place].to_ascii_lowercase().as_str() {
        "" => Ok(default),
        "true" | "t" | "1" => Ok(true),
        "false" | "f" | "0" => Ok(false),
        _ => Err(invalid(place, "must be true or false".to_owned())),
    };
    if fields[1].is_empty() {
        return Err(invalid(1, "must not be empty".to_owned()));
    }
    let board = if fields[5].is_empty() { Board::Free.as_str() } else { fields[5] };
    let row = UniverseRow {
        symbol: fields[0].to_owned(),
        name: text(1, NAME_LENGTH_MAX)?,
        sector: text(2, SECTOR_LENGTH_MAX)?,
        base_price: given(3, 2)?,
        base_volatility: given(4, 4)?,
        board: board.to_owned(),
        is_st: flag(6, false)?,
        beta: optional(7, 4)?.unwrap_or(DEFAULT_BETA),
        daily_turnover: optional(8, 2)?.unwrap_or(DEFAULT_DAILY_TURNOVER),
        is_active: flag(9, true)?,
        drift: drift().ok_or_else(|| {
            invalid(10, "is not a plain decimal number with at most 4 decimals, such as 0.05 or -0.05".to_owned())
        })?,
        min_price: optional(11, 2)?,
        max_price: optional(12, 2)?,
    };
    row.instrument().map_err(|source| InvalidCsv::Instrument { line: line(), source })?;
    Ok(row)
}

/// A number such as 12 or 12.5, without sign or exponent.
fn decimal(text: &str, decimals_max: usize) -> Option<f64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = is_digits(whole) && is_digits(decimals) && whole.len() <= 16 && decimals.len() <= decimals_max;
    text.parse().ok().filter(|_| is_plain)
}

/// Writes a universe as [`read`] reads it.
///
/// # Errors
/// Of the writer.
pub fn write(rows: &[UniverseRow], out: impl io::Write) -> io::Result<()> {
    // The error's kind distinguishes a closed pipe from a full disk.
    let unwrapped = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    };
    let mut writer = csv::Writer::from_writer(out);
    let is_plain = |row: &UniverseRow| row.drift == 0.0 && row.min_price.is_none() && row.max_price.is_none();
    let columns = if rows.iter().all(is_plain) { COLUMNS_OF_PLAIN } else { COLUMNS.len() };
    writer.write_record(&COLUMNS[..columns]).map_err(unwrapped)?;
    for row in rows {
        let UniverseRow { symbol, name, sector, board, .. } = row;
        let numbers = [row.base_volatility, row.beta, row.daily_turnover, row.drift].map(|number| number.to_string());
        let [min, max] =
            [row.min_price, row.max_price].map(|bound| bound.map_or_else(String::new, |of| format!("{of:.2}")));
        let flags = [row.is_st, row.is_active].map(|flag| flag.to_string());
        let price = format!("{:.2}", row.base_price);
        let [volatility, beta, turnover, drift] = &numbers;
        let [is_st, is_active] = &flags;
        let fields =
            [symbol, name, sector, &price, volatility, board, is_st, beta, turnover, is_active, drift, &min, &max];
        writer.write_record(&fields[..columns]).map_err(unwrapped)?;
    }
    writer.flush()
}
