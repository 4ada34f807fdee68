//! The tables as files of one directory. A file has its name only when it is whole: until then it ends in `.partial`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::Table;
use super::entities::Entities;
use crate::base::NoMarket;
use crate::pipeline::Encode;

/// A file that could not be written.
#[derive(Debug, Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FileError {
    pub action: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
}

/// The three tables in one format.
pub trait Files: Sized {
    /// What turns rows into pieces of the files.
    type Encoder: Encode<Error = NoMarket>;

    /// Begins the files, in a directory that is made where it is missing.
    ///
    /// # Errors
    /// The directory cannot be written.
    fn create(directory: &Path) -> Result<Self, FileError>;

    /// An encoder for one worker.
    fn encoder(entities: Arc<Entities>) -> Self::Encoder;

    /// Appends the rows of a block of seconds.
    ///
    /// # Errors
    /// A file cannot be written.
    fn append(&mut self, rows: <Self::Encoder as Encode>::Chunk) -> Result<(), FileError>;

    /// Gives the whole files their names.
    ///
    /// # Errors
    /// A file cannot be written.
    fn finish(self) -> Result<(), FileError>;
}

/// The open files of a directory, each with what writes it.
#[derive(Debug)]
pub(super) struct OpenFiles<W> {
    directory: PathBuf,
    extension: &'static str,
    writers: Vec<(Table, W)>,
}

impl<W> OpenFiles<W> {
    pub fn create(
        directory: &Path,
        extension: &'static str,
        begin: impl Fn(Table, File) -> io::Result<W>,
    ) -> Result<Self, FileError> {
        let make = |source| FileError { action: "make", path: directory.to_owned(), source };
        std::fs::create_dir_all(directory).map_err(make)?;
        let mut files = Self { directory: directory.to_owned(), extension, writers: Vec::new() };
        for table in Table::ALL {
            let path = files.partial(table);
            let writer = File::create(&path).and_then(|file| begin(table, file));
            files.writers.push((table, writer.map_err(|source| FileError { action: "write", path, source })?));
        }
        Ok(files)
    }

    fn path(&self, table: Table, end: &str) -> PathBuf {
        self.directory.join(format!("{}.{}{end}", table.name(), self.extension))
    }

    fn partial(&self, table: Table) -> PathBuf {
        self.path(table, ".partial")
    }

    /// Writes to each file.
    pub fn each(&mut self, mut write: impl FnMut(Table, &mut W) -> io::Result<()>) -> Result<(), FileError> {
        let mut failed = None;
        for (table, writer) in &mut self.writers {
            if let Err(source) = write(*table, writer) {
                failed = Some((*table, source));
                break;
            }
        }
        let error = |(table, source)| FileError { action: "write", path: self.partial(table), source };
        failed.map_or(Ok(()), |failed| Err(error(failed)))
    }

    /// Ends each file and gives it its name, once all of them are on the disk.
    pub fn finish(mut self, end: impl Fn(W) -> io::Result<File>) -> Result<(), FileError> {
        for (table, writer) in std::mem::take(&mut self.writers) {
            let ended = end(writer).and_then(|file| file.sync_all());
            ended.map_err(|source| FileError { action: "write", path: self.partial(table), source })?;
        }
        for table in Table::ALL {
            let path = self.partial(table);
            std::fs::rename(&path, self.path(table, "")).map_err(|source| FileError {
                action: "rename",
                path,
                source,
            })?;
        }
        Ok(())
    }
}
