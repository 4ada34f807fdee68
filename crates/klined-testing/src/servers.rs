//! Servers that scripts start, for the tests of klined-exchange and klined-relay.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::repository;

/// Where the scripts are.
const SCRIPTS: &str = "crates/klined-exchange/tests/servers";

/// A server that its script starts, and that ends with the test process.
pub struct Server {
    script: PathBuf,
    /// Its data.
    pub folder: TempDir,
    /// The first of its ports.
    pub port: u16,
    library: PathBuf,
    /// Ends the server when this process is gone, however it ends.
    watch: Option<Child>,
}

impl Server {
    /// Starts one by its script. `library` is the folder of the server's program, below that of Cargo for the files of tests.
    ///
    /// # Panics
    /// The server does not start.
    #[must_use]
    pub fn start(script: &str, library: &str) -> Self {
        let script = repository(SCRIPTS).join(script);
        let library = library_folder().join(library);
        let mut server = Self { script, folder: tempfile::tempdir().unwrap(), port: free_port(), library, watch: None };
        server.again();
        let parent = std::process::id();
        let watch = format!(
            "while [ -d /proc/{parent} ]; do sleep 0.5; done; '{}' kill '{}'; rm -rf '{}'",
            server.script.display(),
            server.path(),
            server.path()
        );
        server.watch = Some(
            Command::new("setsid")
                .args(["bash", "-c", &watch])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        server
    }

    fn path(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// Starts it, or starts it again with its data.
    ///
    /// # Panics
    /// The server does not start.
    pub fn again(&self) {
        let (port, library) = (self.port.to_string(), self.library.to_str().unwrap());
        self.script(&["start", self.path(), &port, library]);
    }

    /// What the script can do besides starting: stop, kill, pause, resume, and of some servers more, such as `limit 20000`.
    ///
    /// # Panics
    /// The script fails.
    pub fn does(&self, what: &str) {
        let mut words: Vec<&str> = what.split_whitespace().collect();
        words.insert(1.min(words.len()), self.path());
        self.script(&words);
    }

    fn script(&self, words: &[&str]) {
        let status =
            Command::new(&self.script).args(words).stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{} {words:?}", self.script.display());
    }
}

impl Drop for Server {
    /// Before its folder vanishes, and with it the note of its process.
    fn drop(&mut self) {
        let _ = Command::new(&self.script).args(["kill", self.path()]).status();
    }
}

/// Where Cargo has the files of tests: `tmp` beside the folder of the profile, in whose `deps` this process's program is.
fn library_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).expect("the folder of Cargo's results").join("tmp")
}

/// A port with seven free ones after it.
fn free_port() -> u16 {
    let bind = |port| std::net::TcpListener::bind(("127.0.0.1", port)).ok();
    (0..1000)
        .find_map(|_| {
            let first = bind(0)?;
            let port = first.local_addr().ok()?.port();
            let others: Option<Vec<_>> = (1..8).map(|after| bind(port.checked_add(after)?)).collect();
            others.map(|_| port)
        })
        .expect("no free ports")
}

/// The broker of all tests of a process.
pub fn broker() -> &'static Server {
    static BROKER: OnceLock<Server> = OnceLock::new();
    BROKER.get_or_init(|| Server::start("kafka.sh", "kafka"))
}

/// What a program has written to its standard error.
#[must_use]
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asks a program to end, and waits for it.
///
/// # Panics
/// There is no such process.
#[must_use]
pub fn terminated(child: Child) -> Output {
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait_with_output().unwrap()
}

/// Waits until something is so.
///
/// # Panics
/// It is not within three minutes.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..3600 {
        if done() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{what} did not come within three minutes");
}
