//! The file of a database, whatever it is called.
//!
//! SQLite keeps its write-ahead log beside the name by which it opened the file, and the roles' lock files are there too. So one file must
//! have one name: symbolic links and relative paths are followed to it once, a file with a second name is refused, and a file that has
//! been moved away or replaced is not written any more.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file by its own name and number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    device: u64,
    inode: u64,
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
        Ok(Self { device: file.dev(), inode: file.ino(), path })
    }

    /// As [`DatabaseFile::of`] for a file that nobody writes, such as one of a backup, whose names do no harm.
    pub fn to_read(path: &Path) -> Result<Self, String> {
        let (path, file) = Self::look(path)?;
        Ok(Self { device: file.dev(), inode: file.ino(), path })
    }

    /// Its own name: absolute, with no symbolic link in it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fails when the name leads to another file by now, or to none.
    pub fn check(&self) -> Result<(), String> {
        let (_, file) = Self::look(&self.path)?;
        if (file.dev(), file.ino()) == (self.device, self.inode) {
            Ok(())
        } else {
            Err("the file has been moved away, and another one has its name; start the program again".to_owned())
        }
    }

    fn look(path: &Path) -> Result<(PathBuf, Metadata), String> {
        let unseen = |error: std::io::Error| format!("the file cannot be looked at: {error}");
        let path = path.canonicalize().map_err(unseen)?;
        let file = path.metadata().map_err(unseen)?;
        Ok((path, file))
    }
}
