//! What takes the rows: a file, a directory or standard output.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::bail;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use chrono::NaiveDate;
use thiserror::Error;

use klined_data::files::{
    FileError, FileFormat, PartitionBy, PartitionedFiles, RowsError, Sheet, SheetStyle, SingleFile,
};
use klined_data::pipeline::Cut;
use klined_market::base::Symbol;
use klined_service::output::{self, Stdout};

use crate::args::{OutArgs, SheetArgs};

/// The name of standard output.
const STANDARD_OUTPUT: &str = "-";

/// Why rows were not taken.
#[derive(Debug, Error)]
pub enum OutError {
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Standard output could not be written.
    #[error("cannot write to standard output: {0}")]
    Stdout(#[source] RowsError),
    /// The reader of standard output has closed its end, so that no more rows are wanted.
    #[error("the reader of standard output has closed its end")]
    Closed,
    /// The program was asked to stop.
    #[error("stopped before all rows were written; nothing was left at the target")]
    Stopped,
}

/// Where the rows go, as the command line has it.
#[derive(Debug, Clone)]
pub struct Target {
    /// None for standard output.
    path: Option<PathBuf>,
    style: SheetStyle,
    overwrite: bool,
    by: Option<PartitionBy>,
}

impl Target {
    /// The target of a file.
    ///
    /// # Errors
    /// The flags contradict each other, or do not name a format.
    pub fn of_sheet(args: &SheetArgs) -> anyhow::Result<Self> {
        Self::of(args, None)
    }

    /// The target of a file or a directory.
    ///
    /// # Errors
    /// The flags contradict each other, or do not name a format.
    pub fn of_rows(args: &OutArgs) -> anyhow::Result<Self> {
        Self::of(&args.sheet, args.partition)
    }

    fn of(args: &SheetArgs, by: Option<PartitionBy>) -> anyhow::Result<Self> {
        let SheetArgs { out, format, overwrite, row_group } = args;
        let path = Some(out.clone()).filter(|path| path != Path::new(STANDARD_OUTPUT));
        let meant = || path.as_deref().filter(|_| by.is_none()).and_then(FileFormat::of_path);
        let Some(format) = format.or_else(meant) else {
            bail!("--out {} does not name a format; give it with --format parquet, csv, jsonl or arrow", out.display());
        };
        if path.is_none() {
            if by.is_some() {
                bail!("--partition writes a directory, which --out - is not; name a directory with --out");
            }
            if *overwrite {
                bail!("--overwrite is for a file, and --out - is standard output; leave it out");
            }
            if !format.is_text() && output::is_terminal() {
                bail!("--format {format} is not for a terminal; name a file with --out, or read it from a pipe");
            }
        }
        let group_rows = usize::try_from(*row_group).unwrap_or(usize::MAX);
        let style = SheetStyle { group_rows, is_stream: path.is_none(), ..SheetStyle::new(format) };
        Ok(Self { path, style, overwrite: *overwrite, by })
    }

    /// How rows have to be cut for it.
    #[must_use]
    pub fn cut(&self) -> Cut {
        self.by.map_or_else(Cut::default, |by| Cut { by_day: by.date, by_symbol: by.symbol })
    }

    /// Begins to write.
    ///
    /// # Errors
    /// Something is at the target already, or it cannot be written.
    pub fn begin(&self, schema: &SchemaRef) -> Result<Out, OutError> {
        Ok(match (&self.path, self.by) {
            (None, _) => Out::Stdout(Sheet::begin(self.style, output::stdout(), schema).map_err(stdout_error)?),
            (Some(path), None) => Out::File(SingleFile::begin(path, self.overwrite, self.style, schema)?),
            (Some(path), Some(by)) => Out::Directory(PartitionedFiles::begin(path, by, self.style, schema)?),
        })
    }
}

/// A target that takes rows.
pub enum Out {
    /// Standard output.
    Stdout(Sheet<Stdout>),
    /// A file.
    File(SingleFile),
    /// A directory.
    Directory(PartitionedFiles),
}

impl Out {
    /// Adds rows that begin on a day and are of a symbol, where the target is divided by these.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&mut self, date: NaiveDate, symbol: Symbol, rows: &RecordBatch) -> Result<(), OutError> {
        match self {
            Self::Directory(files) => Ok(files.write(date, symbol, rows)?),
            out => out.write_all(rows),
        }
    }

    /// Adds rows to a target that is not divided.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write_all(&mut self, rows: &RecordBatch) -> Result<(), OutError> {
        match self {
            Self::Stdout(sheet) => sheet.write(rows).map_err(stdout_error),
            Self::File(file) => Ok(file.write(rows)?),
            // Only rows of a market are divided.
            Self::Directory(_) => Ok(()),
        }
    }

    /// Ends the target: a file or a directory gets its name.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(self) -> Result<(), OutError> {
        match self {
            Self::Stdout(sheet) => sheet.finish().map(drop).map_err(stdout_error),
            Self::File(file) => Ok(file.finish()?),
            Self::Directory(files) => Ok(files.finish()?),
        }
    }
}

fn stdout_error(error: RowsError) -> OutError {
    match error {
        RowsError::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => OutError::Closed,
        error => OutError::Stdout(error),
    }
}
