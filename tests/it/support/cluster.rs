//! A throw-away PostgreSQL server that a test may stop and start.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// A cluster of its own. It is stopped by the end of its standard input, which comes with the end of this process or of
/// this value.
pub struct Cluster {
    pub port: u16,
    talk: Mutex<(Child, BufReader<ChildStdout>)>,
}

impl Cluster {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// The same with further options of the server, such as `-c wal_level=logical`.
    pub fn start_with(options: &str) -> Self {
        let mut child = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/cluster.sh"))
            .env("SERVER_OPTIONS", options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/support/cluster.sh runs");
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("a PostgreSQL server; ./test.sh installs one");
        Self { port, talk: Mutex::new((child, answers)) }
    }

    /// The cluster that all tests of this process share, and none may stop.
    pub fn shared() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(Self::start)
    }

    /// Stops the server, `fast` or `immediate`.
    pub fn stop(&self, how: &str) {
        assert_eq!(self.wish(&format!("stop {how}")), "done");
    }

    /// Starts it again, on the same port.
    pub fn start_again(&self) {
        assert_eq!(self.wish("start"), "done");
    }

    /// Starts a server that follows this one, read-only, and gives its port.
    pub fn standby(&self) -> u16 {
        self.wish("standby").parse().expect("a standby follows the server")
    }

    /// Makes the standby a server of its own.
    pub fn promote(&self) {
        assert_eq!(self.wish("promote"), "done");
    }

    /// Has the server take encrypted connections only, but from the user `plain`; the user `certified` needs a certificate. `server.crt`,
    /// `server.key` and `ca.crt` are in the directory.
    pub fn encrypt(&self, directory: &Path) {
        assert_eq!(self.wish(&format!("encrypt {}", directory.display())), "done");
    }

    /// A directory for a tablespace on a file system of its own of so many megabytes; none where this user may not mount one.
    pub fn small_disk(&self, megabytes: u32) -> Option<String> {
        Some(self.wish(&format!("small {megabytes}m"))).filter(|path| !path.is_empty())
    }

    fn wish(&self, wish: &str) -> String {
        let mut talk = self.talk.lock().unwrap();
        writeln!(talk.0.stdin.as_mut().unwrap(), "{wish}").unwrap();
        let mut answer = String::new();
        talk.1.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let (child, _) = self.talk.get_mut().unwrap();
        drop(child.stdin.take());
        let _ = child.wait();
    }
}
