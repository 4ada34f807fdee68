//! The program itself: what it writes and what it refuses.

use std::path::Path;
use std::process::{Command, Output};

fn generator(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fx-generator")).args(words).env("KLINED_NO_LOG_FILES", "1").output().unwrap()
}

fn to(directory: &Path) -> String {
    format!("file:{}", directory.display())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const START: &str = "2025-07-07T13:30:00";

#[test]
fn files_have_all_rows_and_are_the_same_for_any_processes() {
    let directory = tempfile::tempdir().unwrap();
    let mut found = Vec::new();
    for (place, flags) in [
        ["--processes", "1", "--start_ts", "2025-07-07T13:30:00"],
        ["--processes", "4", "--start-ts", "2025-07-07T15:30:00+02:00"],
    ]
    .iter()
    .enumerate()
    {
        let target = directory.path().join(place.to_string());
        let to = to(&target);
        let fixed = ["--mode", "faster-than-life", "--to", &to, "--total_market_data_events", "20_000"];
        let output = generator(&[&fixed[..], &flags[..]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let read = |name: &str| std::fs::read_to_string(target.join(name)).unwrap();
        let names = ["market_data.csv", "core_price.csv", "fx_trades.csv"];
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), names.len());
        found.push(names.map(read));
    }
    assert_eq!(found[0][0].lines().count(), 20_001);
    assert!(found[0] == found[1]);
}

#[test]
fn rows_end_before_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let to = to(directory.path());
    let output = generator(&[
        "--mode",
        "faster-than-life",
        "--to",
        &to,
        "--start_ts",
        START,
        "--end_ts",
        "2025-07-07T13:30:02.5",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for name in ["market_data.csv", "core_price.csv", "fx_trades.csv"] {
        let lines = std::fs::read_to_string(directory.path().join(name)).unwrap();
        let last = lines.lines().last().unwrap().to_owned();
        assert!(last.as_str() < "2025-07-07T13:30:02", "{last}");
    }
}

#[test]
fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let to = to(&directory.path().join("none"));
    for flag in ["--dry-run", "--dry_run"] {
        let output = generator(&["--mode", "real-time", "--to", &to, "--start_ts", START, flag]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("market_data 1000000 rows"), "{}", text(&output.stdout));
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_obeyed_is_refused_by_its_name_and_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("none");
    let to = to(&target);
    let base = ["--mode", "faster-than-life", "--to", &to, "--total_market_data_events", "10"];
    for (flags, named) in [
        (&["--market_data_min_eps", "0"][..], "--market_data_min_eps"),
        (&["--market_data_max_eps", "500001"], "--market_data_max_eps"),
        (&["--market_data_min_eps", "20000"], "--market_data_min_eps"),
        (&["--core_min_eps", "2000"], "--core_min_eps"),
        (&["--core_max_eps", "-3"], "core_max_eps"),
        (&["--orders_max_per_sec", "1001"], "--orders_max_per_sec"),
        (&["--min_levels", "0"], "--min_levels"),
        (&["--max_levels", "101"], "--max_levels"),
        (&["--min-levels", "9"], "--min_levels"),
        (&["--processes", "0"], "--processes"),
        (&["--processes", "257"], "--processes"),
        (&["--total_market_data_events", "0"], "--total_market_data_events"),
        (&["--total_market_data_events", "1_000_"], "--total_market_data_events"),
        (&["--total_market_data_events", "1e6"], "--total_market_data_events"),
        (&["--seed", "x"], "--seed"),
        (&["--pairs", "EURUSD,EURXXX"], "EURXXX"),
        (&["--pairs", "EURUSD,eurusd"], "EURUSD twice"),
        (&["--pairs", ","], "--pairs"),
        (&["--start_ts", "tomorrow"], "--start_ts"),
        (&["--end_ts", "2025-07-07T13:00:00+25:00"], "--end_ts"),
        (&["--end_ts", "2025-07-07T13:29:00"], "--end_ts"),
        (&["--end_ts", "2025-07-07T15:00:00+02:00"], "--end_ts"),
        (&["--start_ts", "1980-07-07"], "--start_ts"),
        (&["--start_ts", "2025-07-05T00:00:00", "--end_ts", "2025-07-06T00:00:00"], "closed"),
        (&["--token", "d", "--protocol", "tcp"], "--token_x"),
        (&["--token_x", "x"], "--token_x"),
        (&["--to", "s3:bucket"], "--to"),
        (&["--incremental"], "--incremental"),
        (&["--suffix", "a b"], "--suffix"),
        (&["--suffix", "x;DROP"], "--suffix"),
        (&["--lei_pool_size", "0"], "--lei_pool_size"),
        (&["--lei-pool-size", "1_000_001"], "--lei_pool_size"),
        (&["--tls_ca", "ca.pem", "--tls", "false"], "--tls_ca"),
        (&["--password_file", "/nowhere"], "/nowhere"),
        (&["--ilp_password", "x", "--ilp_password_file", "/nowhere"], "--ilp_password"),
        (&["--enterprise"], "--enterprise"),
        (&["--enterprise", "true"], "--enterprise"),
        (&["--chunk_seconds", "0"], "--chunk_seconds"),
        (&["--chunk-seconds", "86401"], "--chunk_seconds"),
        (&["--yahoo_refresh_secs", "often"], "--yahoo_refresh_secs"),
        (&["--format", "xml"], "--format"),
        (&["--mode", "fast"], "--mode"),
        (&["--protocol", "udp"], "--protocol"),
        (&["--create_views", "maybe"], "--create_views"),
        (&["--pg_port", "70000"], "--pg_port"),
        (&["--unknown", "1"], "--unknown"),
    ] {
        // A flag of the case takes the place of the one before.
        let mut words: Vec<&str> = Vec::new();
        let fixed = [&base[..], &["--start_ts", START]].concat();
        for flag in fixed.chunks(2).filter(|flag| !flags.contains(&flag[0])) {
            words.extend(flag);
        }
        words.extend(flags);
        let output = generator(&words);
        let said = text(&output.stderr);
        assert!(!output.status.success(), "{flags:?} was accepted");
        assert!(said.contains(named), "{flags:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        assert!(!target.exists(), "{flags:?} left files");
    }
}

#[test]
fn flags_of_the_original_that_change_nothing_are_accepted_and_said() {
    let words = ["--mode", "faster-than-life", "--start_ts", START, "--dry_run"];
    let usual = text(&generator(&words).stdout);
    let others = ["--enterprise", "false", "--yahoo_refresh_secs", "300", "--chunk_seconds", "1"];
    let output = generator(&[&words[..], &others[..]].concat());
    let said = text(&output.stdout);
    assert!(output.status.success() && said.contains("--yahoo_refresh_secs has no effect"), "{said}");
    assert!(said.contains("take turns, 1 seconds each") && !usual.contains("yahoo"), "{said}");
    assert_eq!(said.lines().next(), usual.lines().next());
}

#[test]
fn a_missing_mode_is_named() {
    let output = generator(&["--start_ts", START]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("--mode"), "{}", text(&output.stderr));
}

#[test]
fn every_flag_has_a_variable_and_the_command_line_comes_first() {
    let output = Command::new(env!("CARGO_BIN_EXE_fx-generator"))
        .envs([
            ("FX_MODE", "real-time"),
            ("FX_TOTAL_MARKET_DATA_EVENTS", "77"),
            ("FX_START_TS", START),
            ("FX_SEED", "5"),
        ])
        .args(["--dry-run", "--seed", "6"])
        .output()
        .unwrap();
    let said = text(&output.stdout);
    assert!(output.status.success() && said.contains("seed 6") && said.contains("market_data 77 rows"), "{said}");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let to = to(file.path());
    let output = generator(&["--mode", "faster-than-life", "--to", &to, "--start_ts", START]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains(file.path().to_str().unwrap()), "{}", text(&output.stderr));
}
