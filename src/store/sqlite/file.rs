//! The file of a database, which must stay the one that was opened: whoever deletes or replaces it would have a daemon go on writing
//! into a file that nobody can read any more.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::error::StoreError;

/// A file as it was when it was opened.
#[derive(Debug)]
pub(super) struct OpenedFile {
    path: PathBuf,
    device: u64,
    inode: u64,
    /// Keeps the number of the inode from a new file. It is opened as a place and not for reading: to close a file that was opened for
    /// reading would end the locks that SQLite has on it in this process.
    #[cfg(target_os = "linux")]
    pin: rustix::fd::OwnedFd,
}

impl OpenedFile {
    /// # Errors
    /// There is no such file, or it cannot be looked at.
    pub fn of(path: &Path) -> io::Result<Self> {
        // Absolute, so that a change of the working directory is none of the file.
        let path = std::path::absolute(path)?;
        #[cfg(target_os = "linux")]
        let pin = {
            use rustix::fs::{Mode, OFlags, open};
            open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?
        };
        let found = std::fs::metadata(&path)?;
        let (device, inode) = (found.dev(), found.ino());
        Ok(Self {
            path,
            device,
            inode,
            #[cfg(target_os = "linux")]
            pin,
        })
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
        rustix::fs::fstat(&self.pin).is_ok_and(|opened| opened.st_nlink == 0)
    }

    #[cfg(not(target_os = "linux"))]
    fn is_without_name(&self) -> bool {
        false
    }
}
