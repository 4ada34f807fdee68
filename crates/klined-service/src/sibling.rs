//! Other programs of the same installation.

use std::path::PathBuf;

/// The program of a name beside this one, or the name alone, for a directory of PATH.
#[must_use]
pub fn sibling(program: &str) -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name(program));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| program.into())
}
