//! The programs as processes, and what they leave behind.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use klined_exchange::log::{LogError, LogReader};
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};

pub fn producer(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exchange-producer"));
    command.args(arguments.split_whitespace()).arg("--output").arg(folder).env_clear().env("KLINED_NO_LOG_FILES", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn run(folder: &Path, arguments: &str) -> Output {
    producer(folder, arguments).output().unwrap()
}

pub fn made(folder: &Path, arguments: &str) {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Every file of a run by its name, without the figures, which are never the same.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != "performance-results.md" {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

pub fn assert_same(found: &Path, expected: &Path, context: &str) {
    let (found, expected) = (files(found), files(expected));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{context}");
    for (name, bytes) in &expected {
        assert!(found[name] == *bytes, "{context}: {name} differs");
    }
}

pub fn count(log: &Path) -> u64 {
    LogReader::open(File::open(log).unwrap()).unwrap().count()
}

pub fn digest(log: &Path) -> String {
    let mut hash = Sha256::new();
    let mut reader = LogReader::open(File::open(log).unwrap()).unwrap();
    reader
        .for_each_chunk(|events| {
            events.iter().for_each(|event| hash.update(event.to_record()));
            Ok::<(), LogError>(())
        })
        .unwrap();
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The manifest's sessions that are marked as partial.
pub fn partial(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: klined_exchange::run::Manifest = serde_json::from_str(&text).unwrap();
    let sessions = manifest.entries().into_iter().flat_map(|entry| &entry.sessions);
    sessions.filter(|session| session.partial).map(|session| session.file.clone()).collect()
}

/// `exchange-log` with some arguments: whether it ended well, and what it printed on standard output and standard error.
pub fn log(arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exchange-log"));
    let output = command.args(arguments).env_clear().env("KLINED_NO_LOG_FILES", "1").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// Ends a child and says how long that took.
#[allow(clippy::disallowed_methods, reason = "how long a process takes to end is measured")]
pub fn stopped(mut child: Child) -> Duration {
    let start = Instant::now();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    start.elapsed()
}

pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if done() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{what} did not come within half a minute");
}
