//! Real QuestDB servers for tests. One is shared: each test has tables of its own there, by a suffix.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

use klined_fx::questdb::server::{PgSettings, Server, TextRow};

pub const START: &str = "2025-07-07T13:30:00";

/// A server of its own data. It ends with the value, and with this process at the latest.
pub struct Database {
    directory: PathBuf,
    pub port: u16,
    auth: Option<&'static str>,
}

fn script(words: &[&str], variables: &[(&str, &str)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/questdb.sh");
    let output = Command::new(path).args(words).envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The first of three ports that nobody listens on.
pub fn free_port() -> u16 {
    // Tests run at once, and so may test programs.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let is_free = |port: &u16| (*port..port + 3).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    std::iter::repeat_with(|| first + 3 * NEXT.fetch_add(1, Ordering::Relaxed)).find(is_free).unwrap()
}

/// The server that tests share which neither stop it nor change its settings.
pub fn shared() -> &'static Database {
    static SHARED: OnceLock<Database> = OnceLock::new();
    SHARED.get_or_init(|| Database::start(None, &[("QDB_DEV_MODE_ENABLED", "true")]))
}

impl Database {
    pub fn start(auth: Option<&'static str>, variables: &[(&str, &str)]) -> Self {
        // The script removes the directory when this process has ended.
        let directory = tempfile::tempdir().unwrap().keep();
        let database = Self { directory, port: free_port(), auth };
        database.resume(variables);
        database
    }

    /// Starts the server again on its data.
    pub fn resume(&self, variables: &[(&str, &str)]) {
        let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("questdb");
        let (port, owner) = (self.port.to_string(), std::process::id().to_string());
        let mut words = vec!["start", self.path(), &port, library.to_str().unwrap(), &owner];
        words.extend(self.auth);
        script(&words, variables);
    }

    pub fn path(&self) -> &str {
        self.directory.to_str().unwrap()
    }

    pub fn stop(&self) {
        script(&["stop", self.path()], &[]);
    }

    pub fn kill(&self) {
        script(&["kill", self.path()], &[]);
    }

    /// The server's process.
    pub fn process(&self) -> String {
        std::fs::read_to_string(self.directory.join("pid")).unwrap().trim().to_owned()
    }

    /// The program with this server's ports, and no log files.
    pub fn generator(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fx-generator"));
        let ports = [("FX_HTTP_PORT", 0), ("FX_PG_PORT", 1), ("FX_ILP_PORT", 2)];
        command.envs(ports.map(|(name, offset)| (name, (self.port + offset).to_string())));
        command.envs([("FX_MODE", "faster-than-life"), ("FX_START_TS", START), ("KLINED_NO_LOG_FILES", "1")]);
        command.args(words).stdin(Stdio::null());
        command
    }

    pub fn run(&self, words: &[&str]) -> (bool, String) {
        said(&self.generator(words).output().unwrap())
    }

    /// Runs and must succeed.
    #[track_caller]
    pub fn must_run(&self, words: &[&str]) -> String {
        let (ok, text) = self.run(words);
        assert!(ok, "{words:?}: {text}");
        text
    }

    /// Runs and must fail with a word.
    #[track_caller]
    pub fn must_fail(&self, words: &[&str], named: &str) -> String {
        let (ok, text) = self.run(words);
        assert!(!ok && text.contains(named), "{words:?}, without \"{named}\": {text}");
        text
    }

    pub fn client(&self) -> Server {
        let user = if self.auth.is_some() { ("fx", "fx-pw") } else { ("admin", "quest") };
        let (user, password) = (user.0.to_owned(), user.1.to_owned());
        let settings = PgSettings { host: "127.0.0.1".to_owned(), port: self.port + 1, user, password };
        Server::connect(&settings).unwrap()
    }

    #[track_caller]
    pub fn number(&self, statement: &str) -> i64 {
        self.client().number(statement).unwrap()
    }

    #[track_caller]
    pub fn rows(&self, statement: &str) -> Vec<TextRow> {
        self.client().rows(statement).unwrap()
    }

    /// Whole tables as text, in the order of their keys.
    pub fn whole(&self, suffix: &str) -> [Vec<TextRow>; 3] {
        ["market_data", "core_price", "fx_trades"].map(|table| {
            let last = if table == "fx_trades" { "trade_id" } else { "symbol" };
            self.rows(&format!("SELECT * FROM {table}{suffix} ORDER BY timestamp, {last}"))
        })
    }

    /// Asserts that two sets of tables hold the same rows.
    #[track_caller]
    pub fn assert_same(&self, left: &str, right: &str) {
        for (left, right) in self.whole(left).iter().zip(&self.whole(right)) {
            assert!(!left.is_empty() && left.len() == right.len(), "{} and {} rows", left.len(), right.len());
            let differing = left.iter().zip(right).find(|(left, right)| left != right);
            assert!(differing.is_none(), "{differing:?}");
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Whether a program succeeded, and what it printed and logged.
pub fn said(output: &Output) -> (bool, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// A program that runs beside the test. It is killed when the test fails.
pub struct Running {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
    pub text: String,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log, text: String::new() }
    }

    /// Reads the log up to a line that holds a word.
    #[track_caller]
    pub fn until(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "it ended without \"{word}\": {}", self.text);
            self.text.push_str(&line);
            if line.contains(word) {
                return line;
            }
        }
    }

    pub fn id(&self) -> String {
        self.child.id().to_string()
    }

    pub fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.id()]).status().unwrap().success());
    }

    /// Kills it without a chance to tidy up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end; whether it succeeded, and its whole log.
    pub fn end(mut self) -> (bool, String) {
        let mut line = String::new();
        while self.log.read_line(&mut line).unwrap() > 0 {
            self.text.push_str(&line);
            line.clear();
        }
        (self.child.wait().unwrap().success(), std::mem::take(&mut self.text))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
