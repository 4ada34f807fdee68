//! A directory of files that is partitioned as Hive does it: `date=2026-03-02/symbol=AAPL/part-0.parquet`.
//!
//! Columns of which the name of a directory has the value are not in the files. Readers add them again: DuckDB, polars, pyarrow and Spark do.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use chrono::NaiveDate;
use klined_market::base::Symbol;
use tempfile::TempDir;
use thiserror::Error;

use super::FileError;
use super::format::{Sheet, SheetStyle};
use super::target::{partial_directory, sync_directory_of};

/// The column that partitions by symbol leave out.
const SYMBOL: &str = "symbol";

/// By what the files of a directory are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PartitionBy {
    /// By the trading day on which a row begins.
    pub date: bool,
    /// By the symbol, within the day where both are asked for.
    pub symbol: bool,
}

/// A text that names no partitions.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a partition: use date, symbol or date,symbol")]
pub struct UnknownPartition(String);

impl FromStr for PartitionBy {
    type Err = UnknownPartition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "date" => Ok(Self { date: true, symbol: false }),
            "symbol" => Ok(Self { date: false, symbol: true }),
            "date,symbol" => Ok(Self { date: true, symbol: true }),
            _ => Err(UnknownPartition(text.to_owned())),
        }
    }
}

/// The partition that rows belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Partition {
    date: Option<NaiveDate>,
    symbol: Option<Symbol>,
}

/// A directory on its way. Rows of a partition must come one after another.
pub struct PartitionedFiles {
    path: PathBuf,
    by: PartitionBy,
    style: SheetStyle,
    partial: TempDir,
    schema: SchemaRef,
    /// The places of the columns that the files have.
    columns: Vec<usize>,
    open: Option<(Partition, PathBuf, Sheet<File>)>,
}

impl PartitionedFiles {
    /// Begins a directory beside its place.
    ///
    /// # Errors
    /// Something is there that is not an empty directory, or the directory above cannot be written.
    pub fn begin(path: &Path, by: PartitionBy, style: SheetStyle, schema: &SchemaRef) -> Result<Self, FileError> {
        require_empty(path)?;
        let columns: Vec<usize> =
            (0..schema.fields().len()).filter(|&place| !(by.symbol && schema.field(place).name() == SYMBOL)).collect();
        let fields: Vec<_> = columns.iter().map(|&place| schema.field(place).clone()).collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
        let partial = partial_directory(path)?;
        Ok(Self { path: path.to_owned(), by, style, partial, schema, columns, open: None })
    }

    /// Adds rows that begin on a day and, where the files are divided by symbol, are of one symbol.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&mut self, date: NaiveDate, symbol: Symbol, rows: &RecordBatch) -> Result<(), FileError> {
        let partition = Partition { date: self.by.date.then_some(date), symbol: self.by.symbol.then_some(symbol) };
        if self.open.as_ref().is_none_or(|(open, ..)| *open != partition) {
            self.close()?;
            let below = partition.folder();
            let failed = |action, source| FileError::Io { action, path: self.path.join(&below), source };
            let folder = self.partial.path().join(&below);
            fs::create_dir_all(&folder).map_err(|source| failed("make", source))?;
            let name = format!("part-0.{}", self.style.format);
            let file = File::create_new(folder.join(&name)).map_err(|source| failed("write in", source))?;
            let path = self.path.join(&below).join(name);
            let sheet = Sheet::begin(self.style, file, &self.schema);
            let sheet = sheet.map_err(|source| FileError::Rows { path: path.clone(), source })?;
            self.open = Some((partition, path, sheet));
        }
        let Some((_, path, sheet)) = &mut self.open else { return Ok(()) };
        let rows = rows.project(&self.columns).map_err(Into::into).and_then(|rows| sheet.write(&rows));
        rows.map_err(|source| FileError::Rows { path: path.clone(), source })
    }

    fn close(&mut self) -> Result<(), FileError> {
        let Some((_, path, sheet)) = self.open.take() else { return Ok(()) };
        let file = sheet.finish().map_err(|source| FileError::Rows { path: path.clone(), source })?;
        file.sync_all().map_err(|source| FileError::Io { action: "write", path, source })
    }

    /// Ends the last file and gives the directory its name.
    ///
    /// # Errors
    /// The files cannot be written to the disk, or something has the name by now.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.close()?;
        let Self { path, partial, .. } = self;
        // An empty directory is replaced; anything else that came meanwhile is not.
        match fs::rename(partial.path(), &path) {
            Ok(()) => {
                // It is no longer at the place that would be removed.
                let _ = partial.keep();
                sync_directory_of(&path)
            }
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Err(FileError::NotEmpty(path)),
            Err(source) => Err(FileError::Io { action: "rename a directory to", path, source }),
        }
    }
}

impl Partition {
    fn folder(&self) -> PathBuf {
        let mut folder = PathBuf::new();
        if let Some(date) = self.date {
            folder.push(format!("date={date}"));
        }
        if let Some(symbol) = self.symbol {
            folder.push(format!("symbol={}", escaped(symbol.as_str())));
        }
        folder
    }
}

/// A value as part of a path: other signs than these are written as their bytes in hexadecimal, as readers of such directories expect.
fn escaped(value: &str) -> String {
    let one = |byte: u8| match byte {
        b'.' | b'-' | b'_' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    value.bytes().map(one).collect()
}

/// Fails unless nothing is there, or an empty directory.
fn require_empty(path: &Path) -> Result<(), FileError> {
    match fs::read_dir(path) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(FileError::NotEmpty(path.to_owned())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(FileError::OtherKind { path: path.to_owned(), found: "file", wanted: "directory" })
        }
        Err(source) => Err(FileError::Io { action: "read", path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_one_part_of_a_path() {
        let partition = |symbol: &str| Partition { date: None, symbol: symbol.parse().ok() }.folder();
        for (symbol, folder) in [("BRK.B", "symbol=BRK.B"), ("BTC/USD", "symbol=BTC%2FUSD"), ("..", "symbol=..")] {
            assert_eq!(partition(symbol), PathBuf::from(folder));
            assert_eq!(partition(symbol).components().count(), 1);
        }
    }
}
