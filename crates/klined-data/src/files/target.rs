//! A single file that gets its name when it is whole.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use tempfile::{Builder, NamedTempFile};

use super::FileError;
use super::format::{Sheet, SheetStyle};

/// The ending of a name under which something unfinished lies.
const PARTIAL: &str = ".partial";
/// Permissions before the user's mask.
const FILE_MODE: u32 = 0o666;
const DIRECTORY_MODE: u32 = 0o777;

/// A file on its way.
pub struct SingleFile {
    path: PathBuf,
    overwrite: bool,
    partial: NamedTempFile,
    sheet: Sheet<File>,
}

impl SingleFile {
    /// Begins a file beside its place.
    ///
    /// # Errors
    /// Something is there already, or the directory cannot be written.
    pub fn begin(path: &Path, overwrite: bool, style: SheetStyle, schema: &SchemaRef) -> Result<Self, FileError> {
        require_absent(path, overwrite)?;
        let (directory, name) = place(path)?;
        let partial = Builder::new()
            .prefix(&prefix(&name))
            .suffix(PARTIAL)
            .permissions(Permissions::from_mode(FILE_MODE))
            .tempfile_in(directory)
            .map_err(|source| FileError::Io { action: "write in", path: directory.to_owned(), source })?;
        let reopened = partial.as_file().try_clone();
        let file = reopened.map_err(|source| FileError::Io { action: "write", path: path.to_owned(), source })?;
        let sheet = Sheet::begin(style, file, schema);
        let sheet = sheet.map_err(|source| FileError::Rows { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), overwrite, partial, sheet })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), FileError> {
        self.sheet.write(rows).map_err(|source| FileError::Rows { path: self.path.clone(), source })
    }

    /// Ends the file and gives it its name.
    ///
    /// # Errors
    /// It cannot be written to the disk, or something has its name by now.
    pub fn finish(self) -> Result<(), FileError> {
        let Self { path, overwrite, partial, sheet } = self;
        let file = sheet.finish().map_err(|source| FileError::Rows { path: path.clone(), source })?;
        let failed = |source| FileError::Io { action: "write", path: path.clone(), source };
        file.sync_all().map_err(failed)?;
        let named = if overwrite { partial.persist(&path) } else { partial.persist_noclobber(&path) };
        match named {
            Ok(_) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Err(FileError::Exists(path)),
            Err(error) => return Err(FileError::Io { action: "rename a file to", path, source: error.error }),
        }
        sync_directory_of(&path)
    }
}

/// Fails where a file may not be made.
///
/// # Errors
/// There is a file and it is not to be replaced, or there is a directory.
pub fn require_absent(path: &Path, overwrite: bool) -> Result<(), FileError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            Err(FileError::OtherKind { path: path.to_owned(), found: "directory", wanted: "file" })
        }
        Ok(found) if !found.is_file() => {
            Err(FileError::OtherKind { path: path.to_owned(), found: "device or pipe", wanted: "file" })
        }
        Ok(_) if !overwrite => Err(FileError::Exists(path.to_owned())),
        _ => Ok(()),
    }
}

/// The directory of a path, and its name there.
pub(super) fn place(path: &Path) -> Result<(&Path, String), FileError> {
    let no_name = || FileError::NoName(path.to_owned());
    let name = path.file_name().ok_or_else(no_name)?.to_string_lossy().into_owned();
    let directory = path.parent().ok_or_else(no_name)?;
    Ok((if directory.as_os_str().is_empty() { Path::new(".") } else { directory }, name))
}

/// What makes an unfinished directory beside its place.
pub(super) fn partial_directory(path: &Path) -> Result<tempfile::TempDir, FileError> {
    let (directory, name) = place(path)?;
    let mut builder = Builder::new();
    let (prefix, permissions) = (prefix(&name), Permissions::from_mode(DIRECTORY_MODE));
    let made = builder.prefix(&prefix).suffix(PARTIAL).permissions(permissions).tempdir_in(directory);
    made.map_err(|source| FileError::Io { action: "write in", path: directory.to_owned(), source })
}

/// The beginning of the name under which something unfinished lies.
fn prefix(name: &str) -> String {
    format!(".{name}.")
}

/// Puts the name of a file or directory on the disk.
pub(super) fn sync_directory_of(path: &Path) -> Result<(), FileError> {
    let (directory, _) = place(path)?;
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|source| FileError::Io { action: "write", path: directory.to_owned(), source })
}
