//! Parquet files, as QuestDB reads them.

use std::path::Path;
use std::time::Duration;

use super::database::{START, said, shared};

#[test]
fn parquet_files_have_the_rows_that_a_run_sends() {
    let database = shared();
    let total = ["--total_market_data_events", "120_000"];
    let send = |suffix, more: &[&'static str]| {
        database.must_run(&[&["--suffix", suffix, "--create_views", "false"], more].concat());
    };
    send("_sent", &total);
    // The tables, with a row that is also in the files.
    send("_read", &["--total_market_data_events", "1"]);

    let directory = Path::new(database.path()).join("import/fx");
    let to = format!("file:{}", directory.display());
    for processes in ["1", "3"] {
        let words = ["--to", &to, "--format", "parquet", "--processes", processes];
        database.must_run(&[&words[..], &total].concat());
    }
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 3);

    // The statements of the page of documentation.
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/FX.md");
    let page = std::fs::read_to_string(page).unwrap();
    let statements: Vec<&str> = page.lines().filter(|line| line.starts_with("INSERT INTO ")).collect();
    assert_eq!(statements.len(), 3);
    for statement in statements {
        let table = statement.split_whitespace().nth(2).unwrap();
        database.rows(&statement.replacen(table, &format!("{table}_read"), 1));
        let [sent, read] = ["sent", "read"].map(|suffix| format!("SELECT count() FROM {table}_{suffix}"));
        for _ in (0..600).take_while(|_| database.number(&sent) != database.number(&read)) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    database.assert_same("_sent", "_read");
    let verify = ["verify", "--suffix", "_read"];
    database.must_run(&[&verify[..], &total].concat());
}

#[test]
fn files_that_were_not_finished_are_named_partial_and_a_stop_is_no_success() {
    let place = tempfile::tempdir().unwrap();
    for format in ["csv", "parquet"] {
        let directory = place.path().join(format);
        let to = format!("file:{}", directory.display());
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fx-generator"));
        command.args(["--mode", "real-time", "--start_ts", START, "--to", &to, "--format", format]);
        command.env("KLINED_NO_LOG_FILES", "1").stderr(std::process::Stdio::piped());
        let child = command.spawn().unwrap();
        let partial = directory.join(format!("market_data.{format}.partial"));
        while !partial.exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        let (ok, text) = said(&child.wait_with_output().unwrap());
        assert!(!ok && text.contains(".partial"), "{text}");
        assert!(partial.exists() && !directory.join(format!("market_data.{format}")).exists());
    }
}
