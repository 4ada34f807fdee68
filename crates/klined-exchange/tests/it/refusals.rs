//! What the programs refuse: the message names the input, and nothing is written.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::{TempDir, tempdir};

use super::support::{files, log, made, run};

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
        ("--seed 5 --days 1 --seconds 20 --seed-scheme distinct", "seed_strategy is sequential, not distinct"),
        ("--seed 5 --days 1 --seconds 20 --trading-days nyse", "trading_days is weekdays, not nyse"),
        ("--seed 5 --days 1 --seconds 20 --price-floor 1", "price_floor_ticks is none, not 1"),
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
fn bad_flags_are_refused_by_name_and_nothing_is_written() {
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
        ("--start-date 10000-01-01", "10000-01-01"),
        ("--trading-days moon", "use weekdays, sse, nyse, 24x7, fx"),
        ("--trading-days sse --start-date 1980-01-01", "1980-01-01 is no date of a first session"),
        ("--trading-days sse --start-date 2101-01-01", "the calendar sse starts at 1990-12-19 and ends at 2100-12-31"),
        ("--seed-scheme random", "random"),
        ("--price-floor 0", "price floor in ticks is 0"),
        ("--price-floor x", "'x'"),
        ("--price-floor 9996", "the price must be 10001 or more"),
        (
            "--securities A:10000,B:50 --price-floor 46",
            "an opening price of 50 ticks is too low for a price floor of 46",
        ),
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
        ("--model qr-2 --base-L 21", "--model qr-2 takes neither"),
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

/// Calls `exchange-calibrate`: whether it ended well, and what it printed on standard error.
fn calibrate(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exchange-calibrate"));
    let output = command.args(arguments).env_clear().env("KLINED_NO_LOG_FILES", "1").output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn an_output_that_is_no_directory_is_refused() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "kept").unwrap();
    for output in [file.clone(), file.join("below")] {
        let refusal = run(&output, "--days 1 --seconds 1");
        let error = String::from_utf8_lossy(&refusal.stderr);
        assert!(!refusal.status.success() && error.contains(text(&file)), "{error}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"kept");
}

#[test]
fn files_that_are_no_logs_are_refused_by_every_command() {
    let folder = tempdir().unwrap();
    let run_folder = folder.path().join("run");
    made(&run_folder, "--seed 9 --days 1 --seconds 10 --chunk-size 100 --securities AAPL:10000");
    let log_path = run_folder.join("AAPL/2026-01-02.qrsdp");
    let whole = fs::read(&log_path).unwrap();
    let mut lying = whole.clone();
    lying[72..76].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut record = whole.clone();
    record[64 + 32 + 9] ^= 0x55;
    for (name, bytes, why) in [
        ("empty.qrsdp", &[][..], "the file has 0 bytes"),
        ("short.qrsdp", &whole[..63], "the file has 63 bytes"),
        ("text.qrsdp", &[b'x'; 100][..], "a log starts with \"QRSDPLOG\""),
        ("lying.qrsdp", &lying, "damaged at byte"),
        ("record.qrsdp", &record, "at byte 64"),
    ] {
        let (path, output) = (folder.path().join(name), folder.path().join("output"));
        fs::write(&path, bytes).unwrap();
        let mut errors = Vec::new();
        let (done, said, error) = log(&["verify", text(&path)]);
        errors.push(("verify", done, said + &error));
        for format in ["csv", "jsonl", "parquet", "itch", "pcap", "lobster", "dbn", "hftbacktest"] {
            let dated = folder.path().join("2026-01-02.qrsdp");
            fs::write(&dated, bytes).unwrap();
            let (done, said, error) =
                log(&["convert", "--to", format, "--symbols", "A", "--output", text(&output), text(&dated)]);
            errors.push((format, done, said + &error.replace("2026-01-02.qrsdp", name)));
            fs::remove_file(&dated).unwrap();
        }
        let (done, error) = calibrate(&["--output", text(&output), "--input", text(&path)]);
        errors.push(("calibrate", done, error));
        for (command, done, error) in errors {
            assert!(!done && error.contains(name) && error.contains(why), "{command}: {error}");
        }
        assert_eq!(fs::read(&path).unwrap(), bytes);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
        fs::remove_file(&path).unwrap();
    }
    let missing = folder.path().join("missing.qrsdp");
    for command in ["info", "dump", "verify", "repair"] {
        let (done, said, error) = log(&[command, text(&missing)]);
        assert!(!done && (said + &error).contains("cannot open"), "{command}: {error}");
    }
    // What has no whole header cannot be repaired, and stays as it is.
    fs::write(&missing, &whole[..63]).unwrap();
    let (done, _, error) = log(&["repair", text(&missing)]);
    assert!(!done && error.contains("the file has 63 bytes") && fs::read(&missing).unwrap() == whole[..63], "{error}");
}

#[test]
fn conversions_that_are_not_possible_are_refused_and_leave_no_file() {
    let folder = tempdir().unwrap();
    let run_folder = folder.path().join("run");
    made(&run_folder, "--seed 9 --days 2 --seconds 10 --securities AAPL:10000,MSFT:15000");
    let day = |symbol: &str, date: &str| run_folder.join(format!("{symbol}/{date}.qrsdp"));
    let (apple, microsoft, later) = (day("AAPL", "2026-01-02"), day("MSFT", "2026-01-02"), day("MSFT", "2026-01-05"));
    let undated = folder.path().join("undated.qrsdp");
    fs::copy(&apple, &undated).unwrap();
    let output = folder.path().join("output");
    let before = files(folder.path());
    for (to, symbols, inputs, why) in [
        ("xml", "A", &[&apple][..], "xml"),
        ("csv", "A,B", &[&apple, &microsoft], "one log, not 2"),
        ("parquet", "A", &[&undated], "undated.qrsdp is not named by its date"),
        ("dbn", "A", &[&undated], "undated.qrsdp is not named by its date"),
        ("hftbacktest", "A,B", &[&apple, &microsoft], "hftbacktest holds one security, not 2"),
        ("lobster", "A,B", &[&apple, &microsoft], "LOBSTER holds one security, not 2"),
        ("itch", "A,A", &[&apple, &microsoft], "the symbol \"A\" is given twice"),
        ("itch", "A,", &[&apple, &microsoft], "\"\" is no symbol of ITCH"),
        ("itch", "A,B", &[&apple, &later], "2026-01-05.qrsdp is of another day than "),
        ("itch", "A,B", &[&apple], "2 symbols for 1 logs"),
        ("dbn", "A\u{e9}", &[&apple], "is no symbol of DBN"),
    ] {
        let mut arguments = vec!["convert", "--to", to, "--symbols", symbols, "--output", text(&output)];
        arguments.extend(inputs.iter().map(|input| text(input)));
        let (done, _, error) = log(&arguments);
        assert!(!done && error.contains(why), "{to} {symbols}: {error}");
        assert!(files(folder.path()) == before, "{to} {symbols} left something behind");
    }
    for (flags, why) in [
        (["--n-max", "0"], "0"),
        (["--levels", "6"], "the log has 5 levels a side, curves of 6 are asked for"),
        (["--levels", "65"], "65"),
        (["--spread-sens", "nan"], "nan"),
        (["--imbalance-sens", "-1"], "-1"),
        (["--input", "/nowhere.qrsdp"], "/nowhere.qrsdp"),
    ] {
        let (done, error) = calibrate(&[&["--output", text(&output), "--input", text(&apple)], &flags[..]].concat());
        assert!(!done && error.contains(why), "{flags:?}: {error}");
        assert!(files(folder.path()) == before, "{flags:?} left something behind");
    }
}
