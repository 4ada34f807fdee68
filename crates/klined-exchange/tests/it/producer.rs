//! `exchange-producer` as a process: its logs, its stops and restarts.

use std::fs::{self, File};
use std::thread;
use std::time::Duration;

use klined_exchange::log::LogReader;
use tempfile::tempdir;

use super::support::{assert_same, count, digest, files, made, partial, producer, run, stopped, until};

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
fn the_manifest_is_there_from_the_start() {
    let folder = tempdir().unwrap();
    let child = producer(folder.path(), "--days 1 --realtime --speed 1").spawn().unwrap();
    let listed =
        || fs::read_to_string(folder.path().join("manifest.json")).is_ok_and(|text| text.contains("2026-01-02.qrsdp"));
    until("the session in the manifest", listed);
    assert_eq!(partial(folder.path()), ["2026-01-02.qrsdp"]);
    assert!(stopped(child) < Duration::from_secs(1));
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
