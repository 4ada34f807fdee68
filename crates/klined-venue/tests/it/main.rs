//! `exchange-bars`: what it writes from the logs, what is left when it is killed, what it and the market's other programs refuse.
//!
//! The programs of klined and of klined-exchange are needed beside it: `cargo build --bins -p klined -p klined-exchange`.

mod bars;
mod deploy;
mod kills;
mod page;
mod refusals;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use klined::store::{self, BarRange, BarStore, StoreOptions};
use klined_market::base::{Interval, Symbol, UnixSeconds};
use klined_testing::postgres::PostgresServer;
use tempfile::TempDir;

/// Sessions of half an hour on the New York Stock Exchange's first two days of 2026.
pub const RUN: &str = "--seed 42 --days 2 --seconds 1800 --trading-days nyse --securities AAPL:10000,MSFT:15000";
pub const SYMBOLS: [&str; 2] = ["AAPL", "MSFT"];

/// A directory with a run and a database.
pub struct Place {
    folder: TempDir,
    pub url: String,
    _server: Option<PostgresServer>,
}

impl Place {
    pub fn on_sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite:///{}", folder.path().join("bars.db").display());
        Self { folder, url, _server: None }
    }

    pub fn on_postgresql() -> Self {
        let (server, url) = PostgresServer::start();
        Self { folder: TempDir::new().unwrap(), url, _server: Some(server) }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn run_folder(&self) -> PathBuf {
        self.path("run")
    }

    /// One of the programs, with the words of a command line and the database.
    pub fn program(&self, name: &str, words: &str) -> Command {
        let beside = Path::new(env!("CARGO_BIN_EXE_exchange-bars")).with_file_name(name);
        assert!(beside.is_file(), "there is no {name}: cargo build --bins -p klined -p klined-exchange");
        let mut command = Command::new(beside);
        command.args(words.split_whitespace()).env_clear().current_dir(self.folder.path());
        command.env("DATABASE_URL", &self.url).env("KLINED_NO_LOG_FILES", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a program that must succeed, and gives its standard output.
    #[track_caller]
    pub fn succeeds(&self, name: &str, words: &str) -> String {
        let output = self.program(name, words).output().unwrap();
        assert!(output.status.success(), "{name} {words}: {}", all(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a program that must fail, and gives what it says.
    #[track_caller]
    pub fn fails(&self, name: &str, words: &str) -> String {
        let output = self.program(name, words).output().unwrap();
        let said = all(&output);
        assert!(!output.status.success() && !said.contains("panicked"), "{name} {words}: {said}");
        said
    }

    /// Makes the logs.
    pub fn produce(&self, run: &str) {
        self.succeeds("exchange-producer", &format!("{run} --output run"));
    }

    pub fn store(&self) -> Arc<dyn BarStore> {
        let options = StoreOptions { url: self.url.parse().unwrap(), pool_size: 4, timeout: Duration::from_secs(30) };
        store::open(&options).unwrap()
    }

    /// Every row of the market but the clock, which shows when it was written, as text.
    pub fn rows(&self) -> Vec<String> {
        let store = self.store();
        let mut rows = Vec::new();
        for symbol in SYMBOLS.map(|name| name.parse::<Symbol>().unwrap()) {
            for interval in Interval::ALL {
                let range = BarRange { symbol, interval, from: UnixSeconds::EPOCH, to: UnixSeconds::MAX };
                rows.extend(
                    store.bars(&[range], usize::MAX).unwrap().iter().map(|row| format!("{symbol} {interval} {row:?}")),
                );
            }
        }
        rows.push(format!("{:?}", store.identity().unwrap()));
        rows.push(format!("{:?}", store.universe().unwrap()));
        rows.push(format!("{:?}", store.progress().unwrap()));
        rows.push(format!("{:?}", store.listings().unwrap()));
        rows.push(format!("{:?}", store.parameters().unwrap()));
        rows.push(format!("{:?}", store.states().unwrap()));
        rows.push(format!("{:?}", store.prices().unwrap()));
        rows.push(format!("{:?}", store.status().unwrap()));
        rows.push(format!("{:?}", store.watermarks().unwrap()));
        rows
    }
}

fn all(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A server that says its address, ended with this value.
pub struct Serving {
    child: Child,
    pub address: String,
}

impl Serving {
    pub fn start(place: &Place, words: &str) -> Self {
        let mut command = place.program("market-api", words);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit_once("http://").unwrap_or_else(|| panic!("{line}")).1.to_owned();
        Self { child, address }
    }

    /// The body of an answer, which must be JSON.
    pub fn json(&self, path: &str) -> serde_json::Value {
        let answer = klined_testing::http::get(&self.address, path);
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error}: {answer}"))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Open, high, low and close in hundredths, volume, turnover in hundredths, trades.
pub type Counted = (i64, i64, i64, i64, i64, i64, i64);

/// The bars that a log's dump has, by the minute since midnight: counted from the text, by no code of the programs.
pub fn counted(dump: &str) -> BTreeMap<u64, Counted> {
    let mut bars: BTreeMap<u64, Counted> = BTreeMap::new();
    for line in dump.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        if !fields[2].starts_with("EXECUTE") {
            continue;
        }
        let number = |nth: usize| fields[nth].parse::<i64>().unwrap();
        let (minute, price, units) = (number(0) / 60_000_000_000, number(4), number(5));
        let bar = bars.entry(minute.unsigned_abs()).or_insert((price, price, price, price, 0, 0, 0));
        *bar = (bar.0, bar.1.max(price), bar.2.min(price), price, bar.4 + units, bar.5 + price * units, bar.6 + 1);
    }
    bars
}
