//! A throw-away PostgreSQL cluster with fsync on.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// It is stopped by the end of its standard input.
pub struct Cluster {
    port: u16,
    child: Child,
}

impl Cluster {
    pub fn start() -> Self {
        let mut child = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/cluster.sh"))
            .env("FSYNC", "on")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/support/cluster.sh runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("it says its port");
        Self { port: line.trim().parse().expect("a PostgreSQL server is installed"), child }
    }

    pub fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
