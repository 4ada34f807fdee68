//! Lists the files of the chart page for `serve::page` to embed. It runs nothing: web/dist is in the repository, and where it
//! is missing the program is built without the page. It also has cargo see a migration that is added, as the macro that embeds them
//! does not.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files_below(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=web/dist");
    println!("cargo::rerun-if-changed=migrations");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/dist");
    #[allow(clippy::disallowed_methods, reason = "cargo says in this way where it is to be put")]
    let list = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?.join("page.rs");
    let mut files = Vec::new();
    if folder.is_dir() {
        files_below(&folder, &mut files)?;
    }
    files.sort();
    let mut list = File::create(list)?;
    writeln!(list, "&[")?;
    for file in &files {
        let below: Vec<_> =
            file.strip_prefix(&folder).unwrap_or(file).iter().map(|part| part.to_string_lossy()).collect();
        writeln!(list, "    ({:?}, include_bytes!({file:?})),", below.join("/"))?;
    }
    writeln!(list, "]")
}
