//! Exports that do not come to their end: nothing half-written is left under the target's name.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{Place, text, without_variables};

/// An export that takes minutes.
const LONG: &str = "bars --seed 31 --universe ashare:2000 --from 2020-01-02 --to 2026-03-31 --format csv";
/// How often something is looked at, 20 ms apart.
const LOOKS_MAX: usize = 3000;

/// Starts an export and waits until a part of it is on the disk.
fn begun(place: &Place, out: &str) -> Child {
    let mut child = place.command(&format!("{LONG} {out}")).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..LOOKS_MAX {
        if bytes(place.0.path()) > 1_000_000 {
            return child;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    panic!("nothing was written");
}

/// The size of all files below a directory.
fn bytes(directory: &std::path::Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(
            |entry| {
                if entry.path().is_dir() {
                    bytes(&entry.path())
                } else {
                    entry.metadata().map_or(0, |found| found.len())
                }
            },
        )
        .sum()
}

#[test]
fn a_kill_leaves_no_half_file() {
    for out in ["--out x.csv", "--partition date --out x.csv"] {
        let place = Place::new();
        let mut child = begun(&place, out);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!place.path("x.csv").exists());
        let left = place.names();
        assert!(left.iter().all(|name| name.starts_with(".x.csv.") && name.ends_with(".partial")), "{left:?}");
        // What is left does not stand in the way.
        place.succeeds("bars --seed 31 --symbols V --interval 1d --out x.csv");
    }
}

#[test]
fn a_request_to_stop_leaves_nothing() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let child = begun(&place, "--out x.csv");
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("stopped before all rows were written"), "{}", text(&output.stderr));
        assert_eq!(place.names(), [""; 0]);
    }
}

/// The program under a limit of the size of its files, which stands in for a full disk.
fn limited(place: &Place, words: &str) -> std::process::Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_klined-export")]);
    shell.args(words.split_whitespace()).current_dir(place.0.path());
    without_variables(&mut shell);
    shell.output().unwrap()
}

#[test]
fn a_disk_that_takes_no_more_is_an_error_and_leaves_nothing() {
    let place = Place::new();
    for format in ["csv", "jsonl", "parquet", "arrow"] {
        for out in [format!("--format {format} --out x"), format!("--format {format} --partition date --out y")] {
            let output = limited(
                &place,
                &format!("bars --seed 31 --universe ashare:100 --from 2026-03-02 --to 2026-03-13 {out}"),
            );
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{out}: {said}");
            assert!(said.contains("cannot write") && said.contains("File too large"), "{out}: {said}");
            assert_eq!(place.names(), [""; 0], "{out}");
        }
    }
}

#[test]
fn a_full_standard_output_is_an_error_and_a_closed_one_is_none() {
    let place = Place::new();
    let words = "bars --seed 31 --universe ashare:100 --from 2026-03-02 --to 2026-03-13 --out -";
    for format in ["csv", "jsonl", "parquet", "arrow"] {
        let command = || place.command(&format!("{words} --format {format}"));
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command().stdout(full).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{format}: {said}");
        assert!(said.contains("cannot write to standard output: No space left on device"), "{format}: {said}");
        let mut child = command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{format}: {}", text(&output.stderr));
    }
}
