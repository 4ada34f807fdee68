//! The program against a real QuestDB server.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use klined_fx::questdb::server::{PgSettings, Server};

/// A server of its own data, ended with the test.
struct Database {
    directory: tempfile::TempDir,
    port: u16,
    auth: Option<&'static str>,
}

fn script(words: &[&str], variables: &[(&str, &str)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/questdb.sh");
    let output = Command::new(path).args(words).envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Database {
    fn start(auth: Option<&'static str>, variables: &[(&str, &str)]) -> Self {
        // Tests run at once, and so may test programs.
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let free = |port: &u16| (*port..port + 3).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
        let first = 20_000 + (std::process::id() % 10_000) as u16;
        let port = std::iter::repeat_with(|| first + 3 * NEXT.fetch_add(1, Ordering::Relaxed)).find(free).unwrap();
        let database = Self { directory: tempfile::tempdir().unwrap(), port, auth };
        database.resume(variables);
        database
    }

    fn resume(&self, variables: &[(&str, &str)]) {
        let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("questdb");
        let port = self.port.to_string();
        let mut words = vec!["start", self.path(), &port, library.to_str().unwrap()];
        words.extend(self.auth);
        script(&words, variables);
    }

    fn path(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    fn stop(&self) {
        script(&["stop", self.path()], &[]);
    }

    /// The program with this server's ports.
    fn generator(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fx-generator"));
        let ports = [("FX_HTTP_PORT", 0), ("FX_PG_PORT", 1), ("FX_ILP_PORT", 2)];
        command.envs(ports.map(|(name, offset)| (name, (self.port + offset).to_string())));
        command.envs([("FX_MODE", "faster-than-life"), ("FX_START_TS", START)]).args(words);
        command
    }

    fn run(&self, words: &[&str]) -> (bool, String) {
        said(&self.generator(words).output().unwrap())
    }

    fn number(&self, statement: &str) -> i64 {
        let user = if self.auth.is_some() { ("fx", "fx-pw") } else { ("admin", "quest") };
        let (user, password) = (user.0.to_owned(), user.1.to_owned());
        let settings = PgSettings { host: "127.0.0.1".to_owned(), port: self.port + 1, user, password };
        Server::connect(&settings).unwrap().number(statement).unwrap()
    }

    fn statement(&self, statement: &str) {
        let settings = PgSettings {
            host: "127.0.0.1".to_owned(),
            port: self.port + 1,
            user: "admin".to_owned(),
            password: "quest".to_owned(),
        };
        Server::connect(&settings).unwrap().rows(statement).unwrap();
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        script(&["kill", self.path()], &[]);
    }
}

fn said(output: &Output) -> (bool, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

const START: &str = "2025-07-07T13:30:00";
const BOOKS: &str = "SELECT count() FROM market_data";

/// Reads lines until one holds a word.
fn await_line(child: &mut Child, word: &str) -> String {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    lines.find_map(|line| line.ok().filter(|line| line.contains(word))).unwrap_or_else(|| panic!("no line with {word}"))
}

#[test]
fn rows_are_there_once_whatever_happens() {
    let database = Database::start(None, &[]);
    let flags = ["--total_market_data_events", "150_000"];
    let with = |more: &[&'static str]| [&flags[..], more].concat();

    let (ok, text) = database.run(&with(&["--check"]));
    assert!(ok, "{text}");
    assert_eq!(database.number("SELECT count() FROM tables()"), 0);

    // Killed in the middle, then run to its end, and once more by other workers: the rows are those of one run.
    let mut child =
        database.generator(&with(&["--market_data_max_eps", "1500"])).stdout(Stdio::piped()).spawn().unwrap();
    await_line(&mut child, "made table fx_trades");
    std::thread::sleep(Duration::from_millis(700));
    child.kill().unwrap();
    child.wait().unwrap();
    for processes in ["1", "3"] {
        let (ok, text) = database.run(&with(&["--market_data_max_eps", "1500", "--processes", processes]));
        assert!(ok, "{text}");
        assert_eq!(database.number(BOOKS), 150_000);
    }
    let (ok, text) =
        database.run(&["verify", "--total_market_data_events", "150_000", "--market_data_max_eps", "1500"]);
    assert!(ok && text.contains("holds the market's rows"), "{text}");
    let (ok, text) = database.run(&["verify", "--seed", "2", "--total_market_data_events", "9_000"]);
    assert!(!ok && text.contains("market_data EURUSD"), "{text}");
    for table in ["market_data", "core_price"] {
        let (rows, distinct) = ("SELECT count() FROM", "SELECT count() FROM (SELECT DISTINCT timestamp, symbol FROM");
        assert_eq!(database.number(&format!("{rows} {table}")), database.number(&format!("{distinct} {table})")));
    }

    // All views are there and none is broken.
    assert_eq!(database.number("SELECT count() FROM materialized_views()"), 11);
    assert_eq!(database.number("SELECT count() FROM materialized_views() WHERE view_status = 'invalid'"), 0);

    // Over TCP, another hour.
    let (ok, text) = database.run(&with(&["--protocol", "tcp", "--start_ts", "2025-07-07T15:00:00"]));
    assert!(ok, "{text}");
    assert_eq!(database.number(BOOKS), 300_000);

    // Incremental goes on where the rows end, without a row twice; another seed's prices are not gone on with.
    let (ok, text) =
        database.run(&["--incremental", "--start_ts", "2025-07-07T15:00:00", "--total_market_data_events", "40_000"]);
    assert!(ok && text.contains("going on from 2025-07-07T15:00:"), "{text}");
    let (ok, text) = database.run(&["--incremental", "--seed", "5", "--total_market_data_events", "10"]);
    assert!(!ok && text.contains("--incremental"), "{text}");

    // A signal ends a run with a second's end.
    let mut child = database
        .generator(&["--start_ts", "2025-07-07T18:00:00", "--total_market_data_events", "100_000_000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    await_line(&mut child, "orders a second");
    std::thread::sleep(Duration::from_millis(1_500));
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", said(&output));
    assert!(said(&output).1.contains("stopped:"), "{:?}", said(&output));
}

#[test]
fn lag_pauses_a_run_and_what_stands_still_is_named() {
    let slow = [("QDB_CAIRO_WAL_APPLY_ENABLED", "false"), ("QDB_DEV_MODE_ENABLED", "true")];
    let quick = [("QDB_DEV_MODE_ENABLED", "true")];
    let database = Database::start(None, &slow);
    let flags = ["--mode", "real-time", "--processes", "1", "--create_views", "false", "--pairs", "EURUSD,USDJPY"];
    let rates =
        ["--market_data_min_eps", "10", "--market_data_max_eps", "20", "--core_min_eps", "5", "--core_max_eps", "9"];
    let mut child = database
        .generator(&[&flags[..], &rates[..], &["--total_market_data_events", "150"]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = await_line(&mut child, "pausing");
    assert!(line.contains("transactions"), "{line}");
    database.stop();
    database.resume(&quick);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", said(&output));
    assert_eq!(database.number(BOOKS), 150);

    // A table that is suspended ends a run by its name and its remedy.
    database.statement("ALTER TABLE core_price SUSPEND WAL");
    let (ok, text) = database.run(&["--total_market_data_events", "5_000"]);
    assert!(!ok && text.contains("ALTER TABLE core_price RESUME WAL"), "{text}");
    database.statement("ALTER TABLE core_price RESUME WAL");

    // Tables of another kind are refused before anything is made.
    for (column, named) in [("bid_price DOUBLE", "ecn"), ("ecn STRING, bid_price DOUBLE", "STRING")] {
        database.statement("DROP TABLE IF EXISTS core_price");
        database.statement("DROP TABLE IF EXISTS fx_trades");
        database.statement(&format!(
            "CREATE TABLE core_price (timestamp TIMESTAMP, symbol SYMBOL, {column}) TIMESTAMP(timestamp) PARTITION BY HOUR WAL"
        ));
        let (ok, text) = database.run(&["--total_market_data_events", "5_000"]);
        assert!(!ok && text.contains("core_price") && text.contains(named), "{text}");
        assert_eq!(database.number("SELECT count() FROM tables() WHERE table_name = 'fx_trades'"), 0);
    }
}

#[test]
fn a_server_that_wants_to_know_who_asks() {
    let database = Database::start(Some("auth"), &[]);
    let sql = ["--user", "fx", "--password", "fx-pw", "--total_market_data_events", "5_000", "--create_views", "false"];
    let with = |more: &[&'static str]| database.run(&[&sql[..], more].concat());

    let (ok, text) = database.run(&["--total_market_data_events", "5_000"]);
    assert!(!ok && text.contains("--password"), "{text}");
    let http = ["--ilp_user", "ingest", "--ilp_password"];
    let (ok, text) = with(&[&http[..], &["wrong"]].concat());
    assert!(!ok && text.contains("cannot send rows"), "{text}");
    // Over TCP nothing tells that the key is missing; the count at the end does.
    let (ok, text) = with(&["--protocol", "tcp"]);
    assert!(!ok && text.contains("0 are there"), "{text}");
    assert_eq!(database.number(BOOKS), 0);

    let (ok, text) = with(&[&http[..], &["ingest-pw"]].concat());
    assert!(ok, "{text}");
    assert_eq!(database.number(BOOKS), 5_000);
}
