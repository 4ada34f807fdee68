//! The files of the repository, and the sources of its crates.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use klined_testing::repository;

use super::tokens::tokens;

/// Folders that are made, not written.
const MADE: [&str; 3] = ["target", "node_modules", "dist"];
/// Files and folders whose name begins with a dot and that belong to the repository all the same.
const DOTTED: [&str; 4] = [".ci", ".env.example", ".gitattributes", ".gitignore"];

/// A source file of a crate.
pub struct Source {
    /// The crate's name in paths, such as `klined_market`.
    pub krate: String,
    /// From the root of the repository, with forward slashes.
    pub path: String,
    /// The module that it is, by names from the crate's root.
    pub module: Vec<String>,
    pub tokens: Vec<String>,
}

/// The sources of all crates, tests and benchmarks left out.
pub static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let root = repository("").canonicalize().unwrap();
    let mut folders = vec![root.clone()];
    let mut members: Vec<_> = fs::read_dir(root.join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    members.sort();
    folders.extend(members.into_iter().filter(|folder| folder.join("Cargo.toml").is_file()));
    let sources: Vec<Source> = folders.iter().flat_map(|folder| sources_of(&root, folder)).collect();
    assert!(sources.len() > 100, "the sources were not found in {}", root.display());
    sources
});

fn sources_of(root: &Path, folder: &Path) -> Vec<Source> {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"")).unwrap();
    let krate = name.trim_end_matches('"').replace('-', "_");
    let source = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let below = relative(&folder.join("src"), &path);
        // Each program is a crate of its own, all of whose code is in one file.
        let krate = if below.starts_with("bin/") { "bin".to_owned() } else { krate.clone() };
        Source { krate, path: relative(root, &path), module: module_of(&below), tokens: tokens(&text) }
    };
    let paths = files_below(&folder.join("src"), &|path| path.extension().is_some_and(|extension| extension == "rs"));
    paths.into_iter().map(source).collect()
}

/// `a/b.rs` and `a/b/mod.rs` are the module `a::b`; `lib.rs` is the root.
fn module_of(below: &str) -> Vec<String> {
    let stem = below.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    stem.split('/').filter(|&name| name != "lib").map(str::to_owned).collect()
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/")
}

fn files_below(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut found = Vec::new();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if MADE.contains(&name.as_str()) || (name.starts_with('.') && !DOTTED.contains(&name.as_str())) {
            continue;
        }
        if path.is_dir() {
            found.extend(files_below(&path, wanted));
        } else if wanted(&path) {
            found.push(path);
        }
    }
    found
}

/// The files of the repository that somebody has written and whose name ends like this, as path from the root and text.
pub fn written(endings: &[&str]) -> Vec<(String, String)> {
    let root = repository("").canonicalize().unwrap();
    let is_wanted = |path: &Path| endings.iter().any(|ending| path.to_str().unwrap().ends_with(ending));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (relative(&root, &path), text)
    };
    let found: Vec<_> = files_below(&root, &is_wanted).into_iter().map(read).collect();
    assert!(!found.is_empty(), "no files were found in {}", root.display());
    found
}

#[test]
fn a_file_is_the_module_that_its_path_says() {
    assert_eq!(module_of("lib.rs"), [""; 0]);
    assert_eq!(module_of("a/mod.rs"), ["a"]);
    assert_eq!(module_of("a/b.rs"), ["a", "b"]);
}
