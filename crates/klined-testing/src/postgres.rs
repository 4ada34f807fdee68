//! A throw-away PostgreSQL server.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::repository;

/// A PostgreSQL server that ends with this value.
pub struct PostgresServer(Child);

impl PostgresServer {
    /// The server and the URL of an empty database on it.
    ///
    /// # Panics
    /// No server is installed; `./test.sh` installs one.
    #[must_use]
    pub fn start() -> (Self, String) {
        let mut child = Command::new(repository("tests/support/cluster.sh"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
        let url = format!("postgresql://postgres@127.0.0.1:{}/postgres", port.trim());
        (Self(child), url)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
