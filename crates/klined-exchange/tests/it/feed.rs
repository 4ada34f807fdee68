//! `exchange-feed` as a process: what receivers have that lose packets, come late, or see it start again.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::tempdir;

use super::receiver::{Feed, Receiver};
use super::support::{log, made, producer, stopped, until};

/// The ITCH file of a day of a run, made by `exchange-log`.
fn itch(folder: &Path, symbols: &[&str], date: &str) -> Vec<u8> {
    let output = folder.join(format!("{date}.itch"));
    let logs: Vec<String> =
        symbols.iter().map(|symbol| folder.join(format!("{symbol}/{date}.qrsdp")).display().to_string()).collect();
    let mut arguments = vec!["convert", "--to", "itch", "--output", output.to_str().unwrap()];
    arguments.extend(logs.iter().map(String::as_str));
    let (done, _, error) = log(&arguments);
    assert!(done, "{error}");
    fs::read(output).unwrap()
}

const SYMBOLS: [&str; 3] = ["AAPL", "MSFT", "GOOG"];
const SECURITIES: &str = "--securities AAPL:10000,MSFT:15000,GOOG:12000";

#[test]
fn a_receiver_that_loses_packets_rebuilds_the_feed_exactly() {
    let folder = tempdir().unwrap();
    made(folder.path(), &format!("--seed 42 --days 2 --seconds 300 {SECURITIES}"));
    let mut receiver = Receiver::new();
    let feed =
        Feed::start(folder.path(), &format!("{} --loss 5 --loss-seed 7 --days 2 --linger 60", receiver.destination()));
    receiver.receive(feed.requests, 2);
    assert!(receiver.requests > 10, "{} requests", receiver.requests);
    for (session, date) in receiver.sessions.iter().zip(["2026-01-02", "2026-01-05"]) {
        assert!(session.file() == itch(folder.path(), &SYMBOLS, date), "{date}");
    }
    feed.stop();
}

#[test]
fn a_feed_follows_a_log_that_is_being_written_and_the_run_may_be_killed_meanwhile() {
    let folder = tempdir().unwrap();
    let run = format!("--seed 5 --days 1 --seconds 600 --realtime --speed 100 {SECURITIES}");
    let mut child = producer(folder.path(), &run).spawn().unwrap();
    until("the manifest", || folder.path().join("manifest.json").exists());
    let mut receiver = Receiver::new();
    let feed = Feed::start(folder.path(), &format!("{} --loss 2", receiver.destination()));
    for _ in 0..3 {
        let before = receiver.count();
        receiver.until(feed.requests, |receiver| receiver.count() >= before + 5000);
        child.kill().unwrap();
        child.wait().unwrap();
        child = producer(folder.path(), &run).spawn().unwrap();
    }
    receiver.receive(feed.requests, 1);
    assert!(child.wait().unwrap().success());
    assert!(receiver.sessions[0].file() == itch(folder.path(), &SYMBOLS, "2026-01-02"));
    feed.stop();
}

/// Which orders live, by what messages say.
#[derive(Default, PartialEq, Debug)]
struct Orders(HashMap<u64, Vec<u8>>);

impl Orders {
    fn apply(&mut self, message: &[u8]) {
        let reference = || u64::from_be_bytes(message[11..19].try_into().unwrap());
        match message[0] {
            // Without the time, which in a snapshot is that of the snapshot.
            b'A' => assert!(self.0.insert(reference(), [&message[1..3], &message[19..]].concat()).is_none()),
            b'D' | b'E' => assert!(self.0.remove(&reference()).is_some(), "an order that is not there"),
            _ => {}
        }
    }
}

/// Fetches the books: messages, and the number to go on with.
fn snapshot(server: SocketAddr, session: &[u8; 10]) -> Option<(Orders, u64, usize)> {
    let mut stream = TcpStream::connect(server).unwrap();
    let mut login = b"\0\x2fL".to_vec();
    login.extend([b' '; 16]);
    login.extend(session);
    login.extend([b' '; 20]);
    stream.write_all(&login).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let (mut rest, mut orders, mut next, mut stocks) = (bytes.as_slice(), Orders::default(), None, 0);
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (packet, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
        match (packet[0], packet.get(1)) {
            (b'A', _) => assert_eq!(&packet[1..11], session),
            (b'J', _) => return None,
            (b'S', Some(b'G')) => next = Some(std::str::from_utf8(&packet[2..]).unwrap().trim().parse().unwrap()),
            (b'S', Some(kind)) => {
                stocks += usize::from(*kind == b'R');
                orders.apply(&packet[1..]);
            }
            _ => assert_eq!(packet, b"Z"),
        }
        rest = after;
    }
    Some((orders, next.unwrap(), stocks))
}

#[test]
fn who_joins_late_has_the_same_orders_as_who_was_there_from_the_start() {
    let folder = tempdir().unwrap();
    made(folder.path(), &format!("--seed 8 --days 1 --seconds 600 {SECURITIES}"));
    let mut receiver = Receiver::new();
    let feed = Feed::start(folder.path(), &format!("{} --speed 200", receiver.destination()));
    receiver.until(feed.requests, |receiver| receiver.count() >= 50_000);
    let (mut late, next, stocks) = snapshot(feed.snapshots, &receiver.sessions[0].name).unwrap();
    assert!(stocks == 3 && next > 50_000 && late.0.len() > 30, "{stocks} stocks, {next}, {} orders", late.0.len());
    assert!(snapshot(feed.snapshots, b"NOTHERE001").is_none());
    receiver.receive(feed.requests, 1);
    let mut early = Orders::default();
    for (number, message) in (1..).zip(&receiver.sessions[0].messages) {
        early.apply(message);
        if number >= next {
            late.apply(message);
        }
    }
    assert_eq!(late, early);
    // A client that says something else is shut out.
    let mut stream = TcpStream::connect(feed.snapshots).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(stream.read(&mut [0; 10]).unwrap_or(0), 0);
    feed.stop();
}

#[test]
fn an_idle_feed_sends_heartbeats_and_no_packet_waits() {
    let folder = tempdir().unwrap();
    // Few events: one in a while.
    let run = "--seed 5 --days 1 --seconds 60 --realtime --speed 1 --base-L 0 --base-M 0 --base-C 0.001 --securities AAPL:10000";
    let child = producer(folder.path(), run).spawn().unwrap();
    until("the manifest", || folder.path().join("manifest.json").exists());
    let mut receiver = Receiver::new();
    let feed = Feed::start(folder.path(), &receiver.destination());
    // The opening fills no packet to its end, and yet it comes; then nothing but heartbeats.
    receiver.until(feed.requests, |receiver| receiver.heartbeats >= 3);
    let opening = &receiver.sessions[0].messages;
    let kinds: Vec<u8> = opening.iter().map(|message| message[0]).collect();
    assert_eq!((&kinds[..5], kinds[5..].iter().filter(|kind| **kind == b'A').count()), (&b"SRHSS"[..], 50));
    feed.stop();
    assert!(stopped(child) < Duration::from_secs(1));
}

#[test]
fn a_feed_that_starts_again_numbers_the_same_messages_as_before() {
    let (folder, other) = (tempdir().unwrap(), tempdir().unwrap());
    made(folder.path(), &format!("--seed 42 --days 2 --seconds 60 {SECURITIES}"));
    made(other.path(), &format!("--seed 43 --days 2 --seconds 60 {SECURITIES}"));
    let mut receiver = Receiver::new();
    let destination = receiver.destination();
    let feed = Feed::start(folder.path(), &format!("{destination} --speed 60"));
    receiver.until(feed.requests, |receiver| receiver.count() >= 3000);
    feed.stop();
    // The receiver goes on with what it has, and every message that comes again is compared.
    let feed = Feed::start(folder.path(), &destination);
    receiver.receive(feed.requests, 2);
    assert!(receiver.sessions[0].file() == itch(folder.path(), &SYMBOLS, "2026-01-02"));
    feed.stop();
    // What was there before the start can be asked for, and the session's end says how much that is.
    let mut late = Receiver::new();
    let feed = Feed::start(folder.path(), &format!("{} --from now", late.destination()));
    late.receive(feed.requests, 1);
    assert!(late.requests > 10 && late.sessions[0].file() == itch(folder.path(), &SYMBOLS, "2026-01-05"));
    feed.stop();
    // Another run has other names.
    let mut second = Receiver::new();
    let feed = Feed::start(other.path(), &second.destination());
    second.receive(feed.requests, 2);
    feed.stop();
    let names: HashSet<[u8; 10]> =
        receiver.sessions.iter().chain(&second.sessions).map(|session| session.name).collect();
    assert_eq!(names.len(), 4);
}

#[test]
fn a_group_receives_what_a_single_receiver_does() {
    let folder = tempdir().unwrap();
    made(folder.path(), "--seed 9 --days 1 --seconds 10 --securities AAPL:10000");
    let (group, here) = (Ipv4Addr::new(239, 255, 77, 1), Ipv4Addr::LOCALHOST);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.join_multicast_v4(&group, &here).unwrap();
    let port = socket.local_addr().unwrap().port();
    let mut receiver = Receiver::at(socket);
    let feed =
        Feed::start(folder.path(), &format!("--multicast-group {group} --port {port} --interface {here} --loss 10"));
    receiver.receive(feed.requests, 1);
    assert!(receiver.sessions[0].file() == itch(folder.path(), &["AAPL"], "2026-01-02"));
    feed.stop();
}

#[test]
fn what_no_feed_can_be_made_of_is_refused_by_name() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    made(&run, "--seed 9 --days 1 --seconds 10 --securities AAPL:10000");
    let refused = |input: &Path, arguments: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_exchange-feed"));
        command.args(arguments.split_whitespace()).arg("--input").arg(input).env_clear();
        let output = command.env("KLINED_NO_LOG_FILES", "1").output().unwrap();
        assert!(!output.status.success(), "{arguments} was accepted");
        String::from_utf8(output.stderr).unwrap()
    };
    for (arguments, named) in [
        ("--multicast-group 10.0.0.1", "10.0.0.1"),
        ("--port 0", "0"),
        ("--interface 203.0.113.7", "cannot send to 239.1.1.1:5001"),
        ("--unicast-dest localhost", "--unicast-dest has \"localhost\""),
        ("--speed -1", "-1"),
        ("--speed nan", "nan"),
        ("--loss 101", "101"),
        ("--days x", "x"),
        ("--from yesterday", "yesterday"),
        ("--date 2026-01-03", "--date is 2026-01-03: the run has no session on that date"),
        ("--date 2026-13-01", "2026-13-01"),
        ("--requests nowhere", "nowhere"),
        ("--snapshots 127.0.0.1", "127.0.0.1"),
    ] {
        let error = refused(&run, arguments);
        assert!(error.contains(named), "{arguments}: {error}");
    }
    assert!(refused(&folder.path().join("none"), "").contains("none/manifest.json"));
    let manifest = fs::read_to_string(run.join("manifest.json")).unwrap();
    for (from, to, named) in [
        ("\"AAPL\"", "\"../AAPL\"", "its symbol is \"../AAPL\""),
        ("\"format_version\"", "\"version\"", "is no manifest: missing field `format_version`"),
    ] {
        fs::write(run.join("manifest.json"), manifest.replace(from, to)).unwrap();
        let error = refused(&run, "");
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn the_listener_writes_the_file_that_the_converter_writes_though_packets_are_lost() {
    let folder = tempdir().unwrap();
    let (run, output) = (folder.path().join("run"), folder.path().join("received"));
    made(&run, &format!("--seed 42 --days 2 --seconds 120 {SECURITIES}"));
    fs::create_dir(&output).unwrap();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let feed = Feed::start(&run, &format!("--unicast-dest 127.0.0.1:{port} --loss 5 --speed 60 --linger 60"));
    let mut listener = Command::new(env!("CARGO_BIN_EXE_exchange-listen"));
    listener.args([
        "--no-multicast",
        "--port",
        &port.to_string(),
        "--requests",
        &feed.requests.to_string(),
        "--sessions",
        "2",
    ]);
    listener.arg("--output").arg(&output).env_clear().env("KLINED_NO_LOG_FILES", "1");
    let said = listener.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let mut files: Vec<_> = fs::read_dir(&output).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 2);
    for (file, date) in files.iter().zip(["2026-01-02", "2026-01-05"]) {
        assert!(fs::read(file).unwrap() == itch(&run, &SYMBOLS, date), "{date}");
    }
    // What is there is not overwritten.
    let (kept, file) = (fs::read(&files[0]).unwrap(), &files[0]);
    feed.stop();
    let feed = Feed::start(&run, &format!("--unicast-dest 127.0.0.1:{port}"));
    let said = listener.output().unwrap();
    let error = String::from_utf8_lossy(&said.stderr);
    assert!(!said.status.success() && error.contains(&format!("cannot make {}", file.display())), "{error}");
    assert!(fs::read(file).unwrap() == kept);
    feed.stop();
}
