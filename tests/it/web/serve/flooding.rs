//! Clients that send and never read: what they cost the server in memory, and that they are closed.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::guarding::key;
use crate::support::api::Api;
use crate::support::database::{Backend, Database};
use crate::support::http::{metric, send};
use crate::support::programs::eventually;

/// How many clients there are, a quarter of them in each dialect.
const CLIENTS: usize = 1000;
/// The most bytes of pings that each client sends; without a bound each of them would be kept as a pong.
const PINGS_BYTES: usize = 3 << 20;
/// What the server may grow by at most: 100 KiB for each client.
const GROWTH_KIB_MAX: u64 = 100 * 1024;

/// The most memory that the server has had resident, in KiB.
fn peak_kib(api: &Api) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", api.running.process())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Lets this process have a socket for every client.
fn raise_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

/// A WebSocket whose receive buffer is as small as the system allows, which has done its handshake and reads nothing after it.
fn deaf(api: &Api, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&api.address).unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        api.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{path}: {}", String::from_utf8_lossy(&answer));
    stream.set_nonblocking(true).unwrap();
    stream
}

/// A masked ping of 125 bytes, under the mask 0.
fn ping() -> Vec<u8> {
    [&[0x89, 0x80 | 125, 0, 0, 0, 0][..], &[b'p'; 125]].concat()
}

#[test]
fn a_thousand_clients_that_ping_and_never_read_cost_no_memory() {
    raise_files();
    let database = Database::new(Backend::Sqlite);
    let key = key(database.filled(), "connections = 2000");
    let api = database.api("--api-keys keys.toml --connections-per-address 4000");
    // All but Binance's need not even have a key.
    let paths = ["/ws", "/v2/iex", "/stocks", &format!("/binance/key/{key}/ws/aapl@trade")];
    let before = peak_kib(&api);
    let mut clients: Vec<(TcpStream, usize)> =
        (0..CLIENTS).map(|number| (deaf(&api, paths[number % paths.len()]), 0)).collect();
    let pings: Vec<u8> = ping().repeat(500);
    eventually("every client is closed or has sent all its pings", || {
        for (stream, sent) in &mut clients {
            // Each goes on in the middle of a ping where it was stopped.
            match stream.write(&pings[*sent % ping().len()..]) {
                Ok(length) => *sent += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => *sent = usize::MAX,
            }
        }
        clients.retain(|(_, sent)| *sent < PINGS_BYTES);
        clients.is_empty()
    });
    let growth = peak_kib(&api) - before;
    println!("the server grew by {growth} KiB");
    assert!(growth < GROWTH_KIB_MAX, "the server grew by {growth} KiB");
    assert_eq!(api.get("/health").status, 200);
}

#[test]
fn pings_are_counted_and_the_pings_of_a_library_are_not_too_many() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    for path in ["/ws", "/v2/iex", "/stocks", "/binance/ws/aapl@trade"] {
        let mut socket = api.socket_at(path);
        for _ in 0..50 {
            socket.ping();
        }
        assert!(socket.pongs(50), "{path}: 50 pings are answered");
        for _ in 0..2000 {
            socket.ping();
        }
        // What was sent and nobody read may take the code along.
        assert!(!socket.pongs(2000), "{path}: the connection ends before all are answered");
    }
}

#[test]
fn a_websocket_that_does_not_read_is_closed() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("--client-timeout 1");
    let mut stream = deaf(&api, "/ws");
    stream.set_nonblocking(false).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
    // Each message has an answer, until the system keeps no more of them for a reader.
    let text = br#"{"type":"nonsense"}"#;
    let message = [&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0][..], text].concat().repeat(1000);
    while stream.write_all(&message).is_ok() {}
    eventually("it is let go", || metric(&api.get("/metrics").text, "klined_api_clients") == Some(0.0));
}

#[test]
fn an_address_may_leave_so_many_bytes_unread() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("--unread-mib-per-address 1 --client-timeout 600");
    let path = "/openapi.json";
    let length = api.get(path).text.len();
    // One connection that asks and does not read gets as much as the system keeps for it; the rest stays with the server.
    let asked = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", api.address);
    let (mut deaf, mut refused): (Vec<TcpStream>, _) = (Vec::new(), None);
    eventually("the address has too many bytes unread", || {
        let mut stream = TcpStream::connect(&api.address).unwrap();
        let _ = stream.write_all(asked.repeat((16 << 20) / length).as_bytes());
        deaf.push(stream);
        refused = Some(api.get(path)).filter(|reply| reply.status == 429);
        refused.is_some()
    });
    let refused = refused.unwrap();
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("rate_limited", Some("1")));
    // What is small is answered all the same.
    let health = format!("GET /health HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", api.address);
    assert!(send(&api.address, &health).contains("200 OK"));
    drop(deaf);
    eventually("what nobody reads any more does not count", || api.get(path).status == 200);
}
