//! The file of a database, whatever it is called.
//!
//! SQLite keeps its write-ahead log beside the name by which it opened the file, and the roles' lock files are there too. So one file must
//! have one name: symbolic links and relative paths are followed to it once, a file with a second name is refused, and a file that has
//! been moved away or replaced is not written any more: otherwise a daemon would go on writing what nobody can read.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::sync::Arc;

use super::super::error::StoreError;

/// A file by its own name and number.
#[derive(Debug, Clone)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    device: u64,
    inode: u64,
    /// Keeps the number of the inode from a new file. It is opened as a place and not for reading: to close a file that was opened for
    /// reading would end the locks that SQLite has on it in this process.
    #[cfg(target_os = "linux")]
    pin: Arc<rustix::fd::OwnedFd>,
}

impl DatabaseFile {
    /// # Errors
    /// The file cannot be looked at, or has more than one name.
    pub fn of(path: &Path) -> Result<Self, String> {
        let (path, file) = Self::look(path)?;
        if file.nlink() > 1 {
            return Err(format!(
                "the file has {} names (hard links), and SQLite keeps a log of its own beside each of them, which damages the file; \
                 remove the others, or copy the file",
                file.nlink()
            ));
        }
        Self::pinned(path, &file)
    }

    /// As [`DatabaseFile::of`] for a file that nobody writes, such as one of a backup, whose names do no harm.
    pub fn to_read(path: &Path) -> Result<Self, String> {
        let (path, file) = Self::look(path)?;
        Self::pinned(path, &file)
    }

    /// Its own name: absolute, with no symbolic link in it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// # Errors
    /// The file was deleted or moved, or another one is in its place.
    pub fn check(&self) -> Result<(), StoreError> {
        let what = match std::fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => "was deleted or moved",
            Ok(found) if !self.is(&found) => "was replaced by another file",
            _ if self.is_without_name() => "was deleted or moved",
            // What cannot be looked at at this moment counts as being there: the next statement says more.
            _ => return Ok(()),
        };
        Err(StoreError::FileLost { path: self.path.clone(), what })
    }

    fn is(&self, found: &Metadata) -> bool {
        (found.dev(), found.ino()) == (self.device, self.inode)
    }

    #[cfg(target_os = "linux")]
    fn is_without_name(&self) -> bool {
        rustix::fs::fstat(&*self.pin).is_ok_and(|opened| opened.st_nlink == 0)
    }

    #[cfg(not(target_os = "linux"))]
    fn is_without_name(&self) -> bool {
        false
    }

    fn pinned(path: PathBuf, file: &Metadata) -> Result<Self, String> {
        #[cfg(target_os = "linux")]
        let pin = {
            use rustix::fs::{Mode, OFlags, open};
            open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map(Arc::new).map_err(unseen)?
        };
        Ok(Self {
            device: file.dev(),
            inode: file.ino(),
            path,
            #[cfg(target_os = "linux")]
            pin,
        })
    }

    fn look(path: &Path) -> Result<(PathBuf, Metadata), String> {
        let path = path.canonicalize().map_err(unseen)?;
        let file = path.metadata().map_err(unseen)?;
        Ok((path, file))
    }
}

fn unseen(error: impl std::fmt::Display) -> String {
    format!("the file cannot be looked at: {error}")
}
