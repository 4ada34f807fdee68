//! Rows as files: one file, or a directory that is partitioned as Hive does it.
//!
//! What is written has its name only when it is whole and on the disk: until then it lies beside its place, under a hidden name that ends in
//! `.partial`, and it is removed when the export fails or is dropped.

mod format;
mod partitions;
mod target;

pub use format::{FileFormat, RowsError, Sheet, SheetStyle, UnknownFormat};
pub use partitions::{PartitionBy, PartitionedFiles, UnknownPartition};
pub use target::{SingleFile, require_absent};

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a target could not be written.
#[derive(Debug, Error)]
pub enum FileError {
    /// A file or directory could not be made, written or renamed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Rows could not be written in the format.
    #[error("cannot write {}: {source}", path.display())]
    Rows {
        /// Into which file.
        path: PathBuf,
        /// Why they could not.
        source: RowsError,
    },
    /// A file is there already.
    #[error("{} exists already; name another file, or replace it with --overwrite", .0.display())]
    Exists(PathBuf),
    /// A directory is there already and has files.
    #[error("the directory {} is not empty; name another one, or empty it first", .0.display())]
    NotEmpty(PathBuf),
    /// A file is there in place of a directory, or the reverse.
    #[error("{} is a {found}, and a {wanted} is to be written", path.display())]
    OtherKind {
        /// What was named.
        path: PathBuf,
        /// What is there.
        found: &'static str,
        /// What is to be written.
        wanted: &'static str,
    },
    /// The name has no directory in which a file could be made.
    #[error("{} is no name of a file", .0.display())]
    NoName(PathBuf),
}
