//! Programs that may open few files: they say so, go on, and their health still answers.

use std::net::TcpStream;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::support::database::{Backend, Database};
use crate::support::http::{get, metric, send};
use crate::support::programs::eventually;

/// More connections than descriptors are left.
const CONNECTIONS: usize = 80;
/// Descriptors for the program. It needs some twenty for itself.
const FILES: u64 = 64;

#[test]
fn a_server_without_descriptors_says_so_and_its_health_answers() {
    let database = Database::new(Backend::Sqlite);
    let mut server = database.filled().market_api("--addr 127.0.0.1:0 --health-addr 0 --db-pool-size 6").spawn();
    server.until_it_says("serving the market on");
    let health = server.health_address();
    server.until("it is ready", || get(&health, "/readyz").status == 200);
    let said = server.stderr();
    let address =
        said.split("serving the market on http://").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let limit = Rlimit { current: Some(FILES), maximum: Some(FILES) };
    prlimit(Pid::from_raw(server.process()), Resource::Nofile, limit).unwrap();
    let clients: Vec<TcpStream> = (0..CONNECTIONS).map(|_| TcpStream::connect(&address).unwrap()).collect();
    server.until_it_says("no file descriptor is left");
    // More often than there are descriptors in reserve.
    for _ in 0..12 {
        assert_eq!(get(&health, "/healthz").status, 200);
        assert!(metric(&get(&health, "/metrics").body, "klined_job_ready{job=\"api\"}").is_some());
    }
    assert_eq!(server.times_said("no file descriptor is left"), 1);
    drop(clients);
    // The connections end, and the server serves again.
    let ask = || send(&address, &format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"));
    eventually("it serves", || ask().starts_with("HTTP/1.1 200 "));
    server.terminate().succeeded();
}

#[test]
fn the_soft_limit_of_open_files_is_raised_to_the_hard_one() {
    let database = Database::new(Backend::Sqlite);
    database.filled();
    let mut server = database.market_api("--addr 127.0.0.1:0").with_few_files(256).spawn();
    server.until_it_says("serving the market on");
    let limit = prlimit_of(server.process());
    assert_eq!(limit.current, getrlimit(Resource::Nofile).maximum);
    assert_eq!(limit.current, limit.maximum);
    server.terminate().succeeded();
}

fn prlimit_of(process: i32) -> Rlimit {
    let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let mut words = line.split_whitespace().skip(3).map(|word| word.parse().ok());
    Rlimit { current: words.next().unwrap(), maximum: words.next().unwrap() }
}
