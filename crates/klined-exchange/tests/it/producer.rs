//! `exchange-producer` as a process: its logs, its stops and restarts, and what it refuses.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use klined_exchange::log::{LogError, LogReader};
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};
use tempfile::{TempDir, tempdir};

fn producer(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exchange-producer"));
    command.args(arguments.split_whitespace()).arg("--output").arg(folder).env_clear().env("KLINED_NO_LOG_FILES", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(folder: &Path, arguments: &str) -> Output {
    producer(folder, arguments).output().unwrap()
}

fn made(folder: &Path, arguments: &str) {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Every file of a run by its name, without the figures, which are never the same.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
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

fn assert_same(found: &Path, expected: &Path, context: &str) {
    let (found, expected) = (files(found), files(expected));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{context}");
    for (name, bytes) in &expected {
        assert!(found[name] == *bytes, "{context}: {name} differs");
    }
}

fn count(log: &Path) -> u64 {
    LogReader::open(File::open(log).unwrap()).unwrap().count()
}

fn digest(log: &Path) -> String {
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
fn partial(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: klined_exchange::run::Manifest = serde_json::from_str(&text).unwrap();
    let sessions = manifest.entries().into_iter().flat_map(|entry| &entry.sessions);
    sessions.filter(|session| session.partial).map(|session| session.file.clone()).collect()
}

fn terminate(child: &Child) {
    kill_process(Pid::from_child(child), Signal::TERM).unwrap();
}

/// Ends a child and says how long that took.
#[allow(clippy::disallowed_methods, reason = "how long a process takes to end is measured")]
fn stopped(mut child: Child) -> Duration {
    let start = Instant::now();
    terminate(&child);
    assert!(child.wait().unwrap().success());
    start.elapsed()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if done() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{what} did not come within half a minute");
}

const SMALL: &str = "--seed 42 --days 4 --seconds 600 --chunk-size 256 --securities AAPL:10000,MSFT:15000,GOOG:12000";

#[test]
fn three_securities_have_the_golden_events_and_a_manifest_that_readers_know() {
    let folder = tempdir().unwrap();
    made(folder.path(), "--seed 42 --days 2 --seconds 600 --securities AAPL:10000,MSFT:15000,GOOG:12000");
    for (symbol, expected) in [("AAPL", "fe4cbdda39176efa"), ("MSFT", "4347cd0366713a61"), ("GOOG", "bc57b1a1bb62bc6b")]
    {
        assert_eq!(digest(&folder.path().join(symbol).join("2026-01-02.qrsdp")), expected);
    }
    let text = fs::read_to_string(folder.path().join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(manifest["format_version"], "1.1");
    assert_eq!(manifest["run_id"], "run_42");
    let microsoft = &manifest["securities"][1];
    let expected = serde_json::json!({
        "symbol": "MSFT", "p0_ticks": 15000, "tick_size": 100, "levels_per_side": 5, "initial_spread_ticks": 2, "initial_depth": 5,
        "sessions": [
            { "date": "2026-01-02", "seed": 1066, "file": "MSFT/2026-01-02.qrsdp" },
            { "date": "2026-01-05", "seed": 1067, "file": "MSFT/2026-01-05.qrsdp" },
        ],
    });
    assert_eq!(*microsoft, expected);
}

#[test]
fn one_security_without_a_name_has_the_older_layout() {
    let folder = tempdir().unwrap();
    made(folder.path(), "--seed 9 --days 1 --seconds 10");
    assert_eq!(digest(&folder.path().join("2026-01-02.qrsdp")), "cb049d732dd53de6");
    let text = fs::read_to_string(folder.path().join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&manifest["format_version"], &manifest["p0_ticks"]), (&"1.0".into(), &10_000.into()));
    assert_eq!(
        manifest["sessions"],
        serde_json::json!([{ "date": "2026-01-02", "seed": 9, "file": "2026-01-02.qrsdp" }])
    );
    let page = fs::read_to_string(folder.path().join("performance-results.md")).unwrap();
    assert!(page.contains("| events | 718 |"), "{page}");
}

#[test]
fn the_bytes_do_not_depend_on_threads_and_a_second_start_changes_nothing() {
    let (one, four) = (tempdir().unwrap(), tempdir().unwrap());
    made(one.path(), &format!("{SMALL} --threads 1"));
    made(four.path(), &format!("{SMALL} --threads 4"));
    assert_same(four.path(), one.path(), "4 threads");
    let log = four.path().join("AAPL/2026-01-07.qrsdp");
    let changed = fs::metadata(&log).unwrap().modified().unwrap();
    made(four.path(), SMALL);
    assert_same(four.path(), one.path(), "a second start");
    assert_eq!(fs::metadata(&log).unwrap().modified().unwrap(), changed);
    // More days go on from the last.
    made(four.path(), &SMALL.replace("--days 4", "--days 5"));
    assert_eq!(files(four.path()).len(), files(one.path()).len() + 3);
}

#[test]
fn killed_ten_times_a_run_ends_in_the_bytes_of_one_that_never_stopped() {
    let (killed, whole) = (tempdir().unwrap(), tempdir().unwrap());
    made(whole.path(), SMALL);
    for nth in 0..10u64 {
        let mut child = producer(killed.path(), SMALL).spawn().unwrap();
        thread::sleep(Duration::from_millis(3 + nth * nth * 2));
        child.kill().unwrap();
        child.wait().unwrap();
        for log in files(killed.path()).keys().filter(|name| name.ends_with(".qrsdp")) {
            let bytes = &files(killed.path())[log];
            if bytes.len() >= 64 {
                LogReader::open(std::io::Cursor::new(bytes)).unwrap_or_else(|error| panic!("{log}: {error}"));
            }
        }
    }
    made(killed.path(), SMALL);
    assert_same(killed.path(), whole.path(), "killed ten times");
}

#[test]
fn a_log_cut_anywhere_is_made_on() {
    let (cut, whole) = (tempdir().unwrap(), tempdir().unwrap());
    let arguments = "--seed 5 --days 2 --seconds 20 --chunk-size 128";
    made(whole.path(), arguments);
    made(cut.path(), arguments);
    let log = cut.path().join("2026-01-05.qrsdp");
    let bytes = fs::read(&log).unwrap();
    for length in [0, 10, 64, 65, 1000, bytes.len() / 2, bytes.len() - 100, bytes.len() - 1] {
        fs::write(&log, &bytes[..length]).unwrap();
        made(cut.path(), arguments);
        assert_same(cut.path(), whole.path(), &format!("cut at {length}"));
    }
}

#[test]
fn stopped_in_mid_day_the_day_is_marked_and_made_on_to_the_same_bytes() {
    let (paced, batch) = (tempdir().unwrap(), tempdir().unwrap());
    let arguments = "--seed 42 --days 1 --seconds 600 --securities AAPL:10000,MSFT:15000,GOOG:12000";
    made(batch.path(), arguments);
    let log = paced.path().join("AAPL/2026-01-02.qrsdp");
    let mut last = 0;
    for speed in [100, 200, 100_000] {
        let child = producer(paced.path(), &format!("{arguments} --realtime --speed {speed}")).spawn().unwrap();
        if speed == 100_000 {
            assert!(child.wait_with_output().unwrap().status.success());
            break;
        }
        // Events are seen while they are made, long before a chunk is full.
        until("a thousand more events", || {
            fs::metadata(&log).is_ok_and(|data| data.len() > 64) && count(&log) > last + 1000
        });
        assert!(stopped(child) < Duration::from_secs(1));
        assert!(count(&log) > last && count(&log) < 43_278);
        last = count(&log);
        assert_eq!(partial(paced.path()), ["AAPL", "MSFT", "GOOG"].map(|symbol| format!("{symbol}/2026-01-02.qrsdp")));
    }
    assert_same(paced.path(), batch.path(), "stopped twice");
}

#[test]
fn a_pause_between_days_ends_at_once_too() {
    let folder = tempdir().unwrap();
    let child = producer(folder.path(), "--seconds 10 --days 0 --realtime --speed 1000").spawn().unwrap();
    let log = folder.path().join("2026-01-02.qrsdp");
    until("the first day", || {
        let reader = File::open(&log).ok().and_then(|file| LogReader::open(file).ok());
        reader.is_some_and(|reader| reader.header().indexed) && partial(folder.path()).is_empty()
    });
    assert!(stopped(child) < Duration::from_secs(1));
    assert!(!folder.path().join("2026-01-05.qrsdp").exists());
}

#[test]
fn an_endless_run_goes_on_until_it_is_stopped_and_then_on() {
    let (endless, counted) = (tempdir().unwrap(), tempdir().unwrap());
    let count = || fs::read_dir(endless.path()).unwrap().count();
    for _ in 0..2 {
        // Days of this start, so that it listens for the signal already.
        let before = count();
        let child = producer(endless.path(), "--seconds 60 --days 0").spawn().unwrap();
        until("some days", || count() > before + 5);
        assert!(stopped(child) < Duration::from_secs(1));
    }
    let days = files(endless.path()).keys().filter(|name| name.ends_with(".qrsdp")).count();
    made(counted.path(), &format!("--seconds 60 --days {days}"));
    made(endless.path(), &format!("--seconds 60 --days {days}"));
    assert_same(endless.path(), counted.path(), "endless");
}

#[test]
fn two_producers_do_not_write_one_directory() {
    let folder = tempdir().unwrap();
    let child = producer(folder.path(), "--days 1 --realtime --speed 1").spawn().unwrap();
    until("the manifest", || folder.path().join("manifest.json").exists());
    let output = run(folder.path(), "--days 1");
    assert!(String::from_utf8_lossy(&output.stderr).contains("is in use by another producer"));
    assert!(stopped(child) < Duration::from_secs(1));
}

/// What a producer says of a directory that it must not touch.
fn refused(folder: &TempDir, arguments: &str) -> String {
    let before = files(folder.path());
    let output = run(folder.path(), arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments}");
    assert!(files(folder.path()) == before, "{arguments} changed something");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_directory_of_another_run_is_refused_and_not_touched() {
    let folder = tempdir().unwrap();
    let arguments = "--seed 5 --days 1 --seconds 20";
    made(folder.path(), arguments);
    for (other, name) in [
        ("--seed 6 --days 1 --seconds 20", "base_seed is 5, not 6"),
        ("--seed 5 --days 1 --seconds 21", "session_seconds is 20, not 21"),
        ("--seed 5 --days 1 --seconds 20 --levels 6", "levels_per_side is 5, not 6"),
        ("--seed 5 --days 1 --seconds 20 --base-L 21", "model is"),
        ("--seed 5 --days 1 --seconds 20 --model hlr", "model is"),
        ("--seed 5 --days 1 --seconds 20 --chunk-size 100", "chunk_capacity is 4096, not 100"),
        ("--seed 5 --days 1 --seconds 20 --market-open 10:00", "market_open_seconds is 34200, not 36000"),
        ("--seed 5 --days 1 --seconds 20 --start-date 2026-01-05", "start_date is 2026-01-02, not 2026-01-05"),
        ("--seed 5 --days 1 --seconds 20 --securities A:10000", "format_version is 1.0, not 1.1"),
    ] {
        let error = refused(&folder, other);
        assert!(error.contains("holds another run") && error.contains(name), "{other}: {error}");
    }
    // The manifest of one run with the log of another.
    let other = tempdir().unwrap();
    made(other.path(), "--seed 5 --days 1 --seconds 20 --base-L 21");
    fs::copy(other.path().join("2026-01-02.qrsdp"), folder.path().join("2026-01-02.qrsdp")).unwrap();
    let error = refused(&folder, arguments);
    assert!(error.contains("holds other events than this run makes, from event"), "{error}");
    fs::remove_file(folder.path().join("manifest.json")).unwrap();
    assert!(refused(&folder, arguments).contains("has logs but no manifest.json"));
    fs::write(folder.path().join("manifest.json"), "{}").unwrap();
    assert!(refused(&folder, arguments).contains("is no manifest: missing field"));
}

#[test]
fn bad_inputs_are_refused_by_name_and_nothing_is_written() {
    let folder = tempdir().unwrap();
    let curves = folder.path().join("curves.json");
    fs::write(&curves, r#"{"K": 6, "n_max": 1, "lambda_L_bid": [[1],[1],[1],[1],[1],[1]], "lambda_L_ask": [[1],[1],[1],[1],[1],[1]],
        "lambda_C_bid": [[1],[1],[1],[1],[1],[1]], "lambda_C_ask": [[1],[1],[1],[1],[1],[1]], "lambda_M_buy": [1], "lambda_M_sell": [1]}"#)
    .unwrap();
    let broken = folder.path().join("broken.json");
    fs::write(&broken, r#"{"K": 1, "n_max": 1}"#).unwrap();
    let six_levels = format!("--hlr-curves {}", curves.display());
    let incomplete = format!("--hlr-curves {}", broken.display());
    for (arguments, named) in [
        ("--days abc", "abc"),
        ("--days -1", "-1"),
        ("--days 1000001", "1000001"),
        ("--seed x", "x"),
        ("--seed -1", "-1"),
        ("--seed 18446744073709551616", "18446744073709551616"),
        ("--speed 0", "speed"),
        ("--speed -5", "-5"),
        ("--speed nan", "nan"),
        ("--speed 1e9", "1e9"),
        ("--start-date 2026-02-30", "2026-02-30"),
        ("--start-date 2026-1-2", "2026-1-2"),
        ("--start-date tomorrow", "tomorrow"),
        ("--market-open 24:00", "24:00"),
        ("--market-open 9:30", "9:30"),
        ("--market-open 0930", "0930"),
        ("--securities ../x:1", "../x"),
        ("--securities /x:1", "/x"),
        ("--securities .:1", "\".\""),
        ("--securities A:1,A:2", "\"A\" is named twice"),
        ("--securities A:1,a:2", "\"a\" is named twice"),
        ("--securities A:0", "is 0"),
        ("--securities A:-5", "is -5"),
        ("--securities A:x", "A:x"),
        ("--securities A", "\"A\""),
        ("--securities :1", "\"\""),
        ("--securities A:1,", "\"\""),
        ("--securities A:99999999999", "99999999999"),
        ("--securities ABCDEFGHIJKLMNOPQRSTU:1", "ABCDEFGHIJKLMNOPQRSTU"),
        ("--p0 0", "opening price in ticks is 0"),
        ("--levels 0", "number of levels is 0"),
        ("--levels 65", "number of levels is 65"),
        ("--levels 65 --model hlr", "number of levels is 65"),
        ("--depth 1000001", "depth at the open is 1000001"),
        ("--seconds 0", "number of seconds of a session is 0"),
        ("--seconds 80000", "80000 seconds"),
        ("--chunk-size 0", "records a chunk is 0"),
        ("--chunk-size 2000000", "records a chunk is 2000000"),
        ("--model complex", "complex"),
        ("--base-L nan", "base-L is NaN"),
        ("--base-C -1", "base-C is -1"),
        ("--base-M inf", "base-M is inf"),
        ("--spread-sens nan", "spread-sens is NaN"),
        ("--hlr-curves /nowhere.json", "/nowhere.json"),
        (&six_levels, "6 levels a side"),
        (&incomplete, "missing field `lambda_L_bid`"),
        ("--threads 0", "0"),
        ("--kafka-brokers localhost", "localhost"),
        ("--kafka-topic a/b", "a/b"),
        ("--kafka-security-protocol SSL3", "SSL3"),
        ("--kafka-sasl-mechanism GSSAPI", "GSSAPI"),
        ("--unknown", "--unknown"),
    ] {
        let output = folder.path().join("output");
        let refusal = run(&output, arguments);
        let error = String::from_utf8_lossy(&refusal.stderr);
        assert!(!refusal.status.success(), "{arguments} was accepted");
        assert!(error.contains(named), "{arguments}: {error}");
        assert!(!output.exists(), "{arguments} left something behind");
    }
}

#[test]
fn every_flag_has_a_variable() {
    let folder = tempdir().unwrap();
    let output = producer(folder.path(), "")
        .env("EXCHANGE_SECONDS", "10")
        .env("EXCHANGE_SEED", "9")
        .env("EXCHANGE_DAYS", "1")
        .output();
    assert!(output.unwrap().status.success());
    assert_eq!(digest(&folder.path().join("2026-01-02.qrsdp")), "cb049d732dd53de6");
    let refusal = producer(folder.path(), "").env("EXCHANGE_SPEED", "0").output().unwrap();
    assert!(String::from_utf8_lossy(&refusal.stderr).contains("speed"));
}
