//! The program: what it writes, what it refuses, and what is left when it is stopped.

mod faults;
mod made;
mod stored;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The beginnings of the variables that the program reads, or libpq for it.
const VARIABLES: [&str; 4] = ["DATABASE_URL", "DB_", "KLINED_", "PG"];

/// A directory in which the program runs.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program with the words of a command line.
    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_klined-export"));
        command.args(words.split_whitespace()).current_dir(self.0.path());
        without_variables(&mut command);
        command
    }

    fn run(&self, words: &str) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs it and gives its standard output.
    fn succeeds(&self, words: &str) -> Vec<u8> {
        let output = self.run(words);
        assert!(output.status.success(), "{words}: {}", text(&output.stderr));
        output.stdout
    }

    /// Runs it and gives the error.
    fn fails(&self, words: &str) -> String {
        let output = self.run(words);
        let said = text(&output.stderr);
        assert!(!output.status.success(), "{words} was accepted");
        assert!(!said.contains("panicked"), "{words}: {said}");
        said
    }

    /// The names in the directory, hidden ones too.
    fn names(&self) -> Vec<String> {
        names(self.0.path())
    }
}

#[allow(clippy::disallowed_methods, reason = "the variables of the tests' user are kept from the program")]
fn without_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if VARIABLES.iter().any(|start| name.to_string_lossy().starts_with(start)) {
            command.env_remove(name);
        }
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
