//! PostgreSQL's own programs, and the scripts for them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub use klined_testing::repository;

use super::database::Database;

/// A program of the newest PostgreSQL server that is installed, or else the one on the path.
pub fn program(name: &str) -> PathBuf {
    let version = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = installed.max_by_key(|path| version(path));
    newest.map(|path| path.join("bin").join(name)).filter(|path| path.exists()).unwrap_or_else(|| name.into())
}

fn output(name: &str, arguments: &[&str]) -> Output {
    Command::new(program(name)).args(arguments).output().unwrap()
}

/// Runs a program that must succeed; gives what it printed.
#[track_caller]
pub fn run(name: &str, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = output(name, arguments);
    assert!(status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// Runs a script of the repository on a database, as any of its users, with psql's own flags before it.
#[track_caller]
pub fn psql_at(url: &str, flags: &[&str], script: &str) -> String {
    psql_file(url, flags, &repository(script))
}

/// The same with a script from anywhere.
#[track_caller]
pub fn psql_file(url: &str, flags: &[&str], file: &Path) -> String {
    let all = [&["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url], flags, &["-f", file.to_str().unwrap()]].concat();
    run("psql", &all)
}

/// Runs a script as an operator does, with nothing that stops psql at an error but what the script says; gives the exit status
/// and what went to standard error.
pub fn psql_fails(url: &str, flags: &[&str], script: &str) -> (Option<i32>, String) {
    let file = repository(script);
    let all = [&["-X", "-d", url], flags, &["-f", file.to_str().unwrap()]].concat();
    let Output { status, stderr, .. } = output("psql", &all);
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// The same as the user of the tests.
#[track_caller]
pub fn psql(database: &Database, script: &str) -> String {
    psql_at(database.url(), &[], script)
}
