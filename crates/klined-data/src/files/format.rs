//! The formats of files.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::str::FromStr;

use arrow_array::RecordBatch;
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_json::WriterBuilder as JsonBuilder;
use arrow_json::writer::{LineDelimited, Writer as JsonWriter};
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use thiserror::Error;

/// The level of zstd: higher ones take much longer and gain little on prices.
const ZSTD_LEVEL: i32 = 3;
/// Rows of a row group of Parquet, if nothing else is asked for.
const GROUP_ROWS: usize = 131_072;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// Apache Parquet, compressed with zstd.
    Parquet,
    /// Comma-separated values with a header.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// Arrow's file format (Feather), and on a pipe Arrow's stream format.
    Arrow,
}

/// A text that is no format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a format: use parquet, csv, jsonl or arrow")]
pub struct UnknownFormat(String);

impl FileFormat {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Parquet, Self::Csv, Self::Jsonl, Self::Arrow];

    /// Its name, which is the ending of its files too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Arrow => "arrow",
        }
    }

    /// The format that the ending of a name means; none if it means none.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "ndjson" => Some(Self::Jsonl),
            "feather" | "ipc" => Some(Self::Arrow),
            ending => ending.parse().ok(),
        }
    }

    /// Whether it is text, which a terminal can show.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Csv | Self::Jsonl)
    }
}

impl FromStr for FileFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why rows could not be written in a format.
#[derive(Debug, Error)]
pub enum RowsError {
    /// What takes the bytes failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A writer of Arrow failed.
    #[error(transparent)]
    Arrow(ArrowError),
    /// The writer of Parquet failed.
    #[error(transparent)]
    Parquet(ParquetError),
}

impl From<ArrowError> for RowsError {
    /// An error of the disk comes wrapped, and is shown as it is.
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => Self::Io(error),
            ArrowError::ExternalError(error) => match error.downcast::<io::Error>() {
                Ok(error) => Self::Io(*error),
                Err(error) => Self::Arrow(ArrowError::ExternalError(error)),
            },
            error => Self::Arrow(error),
        }
    }
}

impl From<ParquetError> for RowsError {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(error) => match error.downcast::<io::Error>() {
                Ok(error) => Self::Io(*error),
                Err(error) => Self::Parquet(ParquetError::External(error)),
            },
            error => Self::Parquet(error),
        }
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetStyle {
    /// Its format.
    pub format: FileFormat,
    /// Rows of a row group of Parquet, at most; 1 or more.
    pub group_rows: usize,
    /// Whether it is read from its beginning to its end, as a pipe is.
    pub is_stream: bool,
}

impl SheetStyle {
    /// A file of a format as it is by default.
    #[must_use]
    pub fn new(format: FileFormat) -> Self {
        Self { format, group_rows: GROUP_ROWS, is_stream: false }
    }
}

/// A file that takes rows.
pub struct Sheet<W: Write + Send>(Writer<W>);

enum Writer<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    Csv(Box<arrow_csv::Writer<BufWriter<W>>>),
    Jsonl(JsonWriter<BufWriter<W>, LineDelimited>),
    Arrow(FileWriter<BufWriter<W>>),
    ArrowStream(StreamWriter<BufWriter<W>>),
}

impl<W: Write + Send> Sheet<W> {
    /// Begins a file with rows of a schema.
    ///
    /// # Errors
    /// The beginning cannot be written.
    pub fn begin(style: SheetStyle, out: W, schema: &SchemaRef) -> Result<Self, RowsError> {
        Ok(Self(match style.format {
            FileFormat::Parquet => {
                let properties = properties(style, schema);
                Writer::Parquet(Box::new(ArrowWriter::try_new(out, schema.clone(), Some(properties))?))
            }
            FileFormat::Csv => {
                let mut writer = arrow_csv::WriterBuilder::new().with_header(true).build(BufWriter::new(out));
                // The header is there even when no row follows.
                writer.write(&RecordBatch::new_empty(schema.clone()))?;
                Writer::Csv(Box::new(writer))
            }
            FileFormat::Jsonl => Writer::Jsonl(JsonBuilder::new().with_explicit_nulls(true).build(BufWriter::new(out))),
            FileFormat::Arrow if style.is_stream => {
                Writer::ArrowStream(StreamWriter::try_new(BufWriter::new(out), schema)?)
            }
            FileFormat::Arrow => Writer::Arrow(FileWriter::try_new(BufWriter::new(out), schema)?),
        }))
    }

    /// Adds rows.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), RowsError> {
        match &mut self.0 {
            Writer::Parquet(writer) => writer.write(rows)?,
            Writer::Csv(writer) => writer.write(rows)?,
            Writer::Jsonl(writer) => writer.write(rows)?,
            Writer::Arrow(writer) => writer.write(rows)?,
            Writer::ArrowStream(writer) => writer.write(rows)?,
        }
        Ok(())
    }

    /// Ends the file and gives back what took its bytes.
    ///
    /// # Errors
    /// The end cannot be written.
    pub fn finish(self) -> Result<W, RowsError> {
        let buffered = match self.0 {
            Writer::Parquet(writer) => return Ok(writer.into_inner()?),
            Writer::Csv(writer) => writer.into_inner(),
            Writer::Jsonl(mut writer) => {
                writer.finish()?;
                writer.into_inner()
            }
            Writer::Arrow(mut writer) => {
                writer.finish()?;
                writer.into_inner()?
            }
            Writer::ArrowStream(mut writer) => {
                writer.finish()?;
                writer.into_inner()?
            }
        };
        Ok(buffered.into_inner().map_err(io::IntoInnerError::into_error)?)
    }
}

/// Few different texts: a dictionary. Instants and sizes grow by little or are small: differences or a dictionary.
fn properties(style: SheetStyle, schema: &SchemaRef) -> WriterProperties {
    let mut metadata: Vec<KeyValue> = schema
        .metadata()
        .iter()
        .map(|(name, value)| KeyValue { key: name.clone(), value: Some(value.clone()) })
        .collect();
    metadata.sort_by(|one, other| one.key.cmp(&other.key));
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default()))
        .set_max_row_group_row_count(Some(style.group_rows))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_dictionary_enabled(true)
        .set_column_dictionary_enabled(ColumnPath::from("time"), false)
        .set_column_encoding(ColumnPath::from("time"), Encoding::DELTA_BINARY_PACKED)
        .set_key_value_metadata((!metadata.is_empty()).then_some(metadata))
        .build()
}
