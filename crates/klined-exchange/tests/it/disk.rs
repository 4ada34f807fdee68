//! A run that cannot write its logs to the end.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::tempdir;

use super::support::{assert_same, log, made, run};

const RUN: &str = "--seed 42 --days 3 --seconds 3000 --securities AAPL:10000,MSFT:15000";

fn shell(script: &str, folder: &Path) -> std::process::Output {
    let mut command = Command::new("bash");
    command.args(["-c", script, "bash", env!("CARGO_BIN_EXE_exchange-producer")]).arg(folder);
    command.env("KLINED_NO_LOG_FILES", "1").env("RUN", RUN).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn a_full_disk_ends_the_run_with_words_and_the_next_start_goes_on() {
    let can_mount = Command::new("unshare").args(["-rm", "true"]).stderr(Stdio::null()).status();
    if !can_mount.is_ok_and(|status| status.success()) {
        // Where no file system can be mounted, the test below has to do.
        return;
    }
    let (whole, copy) = (tempdir().unwrap(), tempdir().unwrap());
    made(whole.path(), RUN);
    // A file system of two megabytes, seen by these processes only; a day of both securities has five.
    let script = "
        exec unshare -rm bash -e -c '
            mkdir \"$2/disk\"
            mount -t tmpfs -o size=2m tmpfs \"$2/disk\"
            status=0
            \"$1\" $RUN --output \"$2/disk/run\" 2>\"$2/said\" || status=$?
            echo $status >>\"$2/said\"
            mount -o remount,size=100m \"$2/disk\"
            \"$1\" $RUN --output \"$2/disk/run\" 2>>\"$2/said\"
            cp -r \"$2/disk/run\" \"$2/copy\"
        ' bash \"$@\"";
    let output = shell(script, copy.path());
    let said = fs::read_to_string(copy.path().join("said")).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("No space left on device") && said.contains(".qrsdp"), "{said}");
    assert!(said.lines().any(|line| line == "1"), "{said}");
    assert_same(&copy.path().join("copy"), whole.path(), "after a full disk");
}

#[test]
fn a_file_that_may_not_grow_ends_the_run_with_words_and_the_next_start_goes_on() {
    let (whole, limited) = (tempdir().unwrap(), tempdir().unwrap());
    made(whole.path(), RUN);
    // In blocks of 1024 bytes. The signal is ignored, so that the write fails as it does on a full disk.
    let script = "trap '' XFSZ; ulimit -f 1000; exec \"$1\" $RUN --output \"$2\"";
    let output = shell(script, limited.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("File too large") && said.contains("2026-01-02.qrsdp"), "{said}");
    // Whole chunks are there, and can be read.
    let path = limited.path().join("AAPL/2026-01-02.qrsdp");
    let (done, shown, error) = log(&["info", path.to_str().unwrap()]);
    assert!(done && shown.contains("chunks of 4096"), "{shown}{error}");
    assert!(run(limited.path(), RUN).status.success());
    assert_same(limited.path(), whole.path(), "after a limit");
}
