//! TDX's protocol on a port of its own: frames of any bytes, bounds, and answers over a real connection. Its clients are tried by
//! `tests/clients.sh`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::api::Api;
use crate::support::database::{Backend, Database};

const COUNT: [u8; 18] = [0x0c, 0x0c, 0x18, 0x6c, 0, 1, 8, 0, 8, 0, 0x4e, 4, 1, 0, 0x75, 0xc7, 0x33, 1];

/// A server and its address for TDX.
fn serve(database: &Database, words: &str) -> (Api, String) {
    let mut api = Api::start(database.filled().market_api("--addr 127.0.0.1:0 --tdx-addr 127.0.0.1:0").with(words));
    let said = "TDX is served on ";
    api.running.until_it_says(said);
    let output = api.running.stderr() + &api.running.stdout();
    let address = output.split(said).nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    (api, address)
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// The body of an answer; none where the server has closed the connection.
fn ask(stream: &mut TcpStream, request: &[u8]) -> Option<Vec<u8>> {
    stream.write_all(request).ok()?;
    let mut head = [0; 16];
    stream.read_exact(&mut head).ok()?;
    assert_eq!((&head[..4], &head[12..14]), (&[0xb1, 0xcb, 0x74, 0][..], &head[14..16]));
    let mut body = vec![0; u16::from_le_bytes([head[12], head[13]]).into()];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

#[test]
fn any_bytes_are_answered_or_end_the_connection_and_the_server_goes_on() {
    let database = Database::new(Backend::Sqlite);
    let (api, address) = serve(&database, "--rate 100000");
    let runner = || TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let methods =
        prop::sample::select(vec![0x44e_u16, 0x450, 0x52d, 0x53e, 0x51d, 0xfb4, 0xfc5, 0xfb5, 0x0f, 0x0d, 0x04, 0x10]);
    let law = runner().run(&(methods, prop::collection::vec(any::<u8>(), 0..60)), |(method, parameters)| {
        let mut stream = connect(&address);
        let length = (parameters.len() as u16 + 2).to_le_bytes();
        let head = [&[0x0c, 1, 2, 3, 4, 1][..], &length, &length, &method.to_le_bytes()].concat();
        // An answer, or the end; and on a connection that goes on the next question is answered.
        if ask(&mut stream, &[head, parameters].concat()).is_some() {
            prop_assert_eq!(ask(&mut stream, &COUNT), Some(vec![10, 0]));
        }
        Ok(())
    });
    law.unwrap_or_else(|error| panic!("{error}"));
    let law = runner().run(&prop::collection::vec(any::<u8>(), 10..100), |bytes| {
        prop_assert!(bytes[0] == 0x0c || ask(&mut connect(&address), &bytes).is_none());
        Ok(())
    });
    law.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ask(&mut connect(&address), &COUNT), Some(vec![10, 0]));
    assert!(!api.running.stderr().contains("ERROR"), "{}", api.running.stderr());
    assert!(api.get("/metrics").text.contains("tdx:count"));
    api.running.terminate().succeeded();
}

/// Requests as the vendor's clients send them: one of each method.
fn requests() -> Vec<Vec<u8>> {
    let of = |method: u16, parameters: &[u8]| {
        let length = (parameters.len() as u16 + 2).to_le_bytes();
        [&[0x0c, 1, 0x18, 0x6c, 0, 1][..], &length, &length, &method.to_le_bytes(), parameters].concat()
    };
    let (stock, short_stock) = (b"\x01\x00600000", b"\x01600000");
    let date = &20_260_303_u32.to_le_bytes()[..];
    vec![
        of(0x0d, &[1]),
        of(0x44e, &[1, 0, 0x75, 0xc7, 0x33, 1]),
        of(0x450, &[1, 0, 0, 0]),
        of(0x52d, &[&stock[..], &[9, 0, 1, 0, 0, 0, 0x20, 3], &[0; 10]].concat()),
        of(0x53e, &[&[5, 0, 0, 0, 0, 0, 0, 0, 2, 0][..], short_stock, b"\x00AAPL\0\0"].concat()),
        of(0x51d, &[&stock[..], &[0; 4]].concat()),
        of(0xfb4, &[date, short_stock].concat()),
        of(0xfc5, &[&stock[..], &[0, 0, 0xd0, 7]].concat()),
        of(0xfb5, &[date, stock, &[0, 0, 0xd0, 7]].concat()),
        of(0x0f, &[&[1, 0][..], short_stock].concat()),
    ]
}

/// A change of a request: the place, counted from its end where it is too large, and what happens there.
#[derive(Debug, Clone, Copy)]
enum Mutation {
    Flip(usize, u8),
    Insert(usize, u8),
    Remove(usize),
    Cut(usize),
    Repeat(usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        4 => (0..60_usize, 1..=255_u8).prop_map(|(place, bits)| Mutation::Flip(place, bits)),
        1 => (0..60_usize, any::<u8>()).prop_map(|(place, byte)| Mutation::Insert(place, byte)),
        1 => (0..60_usize).prop_map(Mutation::Remove),
        1 => (0..60_usize).prop_map(Mutation::Cut),
        1 => (0..60_usize).prop_map(Mutation::Repeat),
    ]
}

fn mutated(mut bytes: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        let length = bytes.len().max(1);
        match *mutation {
            Mutation::Insert(place, byte) => bytes.insert(place % length, byte),
            _ if bytes.is_empty() => {}
            Mutation::Flip(place, bits) => bytes[place % length] ^= bits,
            Mutation::Remove(place) => drop(bytes.remove(place % length)),
            Mutation::Cut(place) => bytes.truncate(place % length),
            Mutation::Repeat(place) => bytes.extend_from_within(place % length..),
        }
    }
    bytes
}

#[test]
fn mutated_requests_are_answered_or_end_the_connection_wherever_they_are_cut() {
    let database = Database::new(Backend::Sqlite);
    let (api, address) = serve(&database, "--rate 100000");
    for request in requests() {
        assert!(ask(&mut connect(&address), &request).is_some(), "{request:x?}");
    }
    let case = (prop::sample::select(requests()), prop::collection::vec(mutation(), 0..4), 1..40_usize, any::<bool>());
    let mut runner = TestRunner::new(Config { cases: 250, failure_persistence: None, ..Config::default() });
    let law = runner.run(&case, |(request, mutations, piece, is_followed)| {
        let bytes = [mutated(request, &mutations), if is_followed { COUNT.to_vec() } else { vec![] }].concat();
        let mut stream = connect(&address);
        stream.set_nodelay(true).unwrap();
        // The server may close it in the middle.
        let _ = bytes.chunks(piece).try_for_each(|piece| stream.write_all(piece));
        let _ = stream.shutdown(Shutdown::Write);
        let (mut received, mut answers) = (Vec::new(), 0);
        let is_whole = stream.read_to_end(&mut received).is_ok();
        // All that comes is answers, no more than there are requests. The last one may be cut where the server closes the connection
        // before it has read everything.
        let mut rest = &received[..];
        while !rest.is_empty() {
            let length = rest.get(12..14).map_or(0, |length| usize::from(u16::from_le_bytes([length[0], length[1]])));
            prop_assert!([0xb1, 0xcb, 0x74, 0].starts_with(&rest[..rest.len().min(4)]), "{rest:x?}");
            prop_assert!(!is_whole || rest.len() >= 16 + length, "{} of {length} bytes", rest.len());
            (rest, answers) = (rest.get(16 + length..).unwrap_or_default(), answers + 1);
        }
        prop_assert!(answers <= bytes.len() / 12, "{answers} answers to {} bytes", bytes.len());
        Ok(())
    });
    law.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ask(&mut connect(&address), &COUNT), Some(vec![10, 0]));
    assert!(!api.running.stderr().contains("ERROR"), "{}", api.running.stderr());
    assert_eq!(api.get("/health").status, 200);
    api.running.terminate().succeeded();
}

#[test]
fn connections_silence_and_requests_are_bounded() {
    let database = Database::new(Backend::Sqlite);
    let (api, address) = serve(&database, "--connections-per-address 3 --client-timeout 1 --rate 50");
    let mut held: Vec<TcpStream> = (0..3).map(|_| connect(&address)).collect();
    for stream in &mut held {
        assert_eq!(ask(stream, &COUNT), Some(vec![10, 0]));
    }
    assert_eq!(ask(&mut connect(&address), &COUNT), None, "a fourth connection of an address");
    // Silence within a request ends the connection.
    let mut silent = held.pop().unwrap();
    silent.write_all(&COUNT[..12]).unwrap();
    assert_eq!(silent.read(&mut [0; 1]).unwrap_or(0), 0);
    // Who asks too often waits, and is answered all the same.
    let mut busy = held.pop().unwrap();
    if ask(&mut busy, &COUNT).is_none() {
        busy = connect(&address);
    }
    for _ in 0..120 {
        assert_eq!(ask(&mut busy, &COUNT), Some(vec![10, 0]));
    }
    api.running.terminate().succeeded();
}

#[test]
fn it_is_off_unless_asked_for_and_has_no_keys_to_guard_other_machines() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    assert!(!(api.running.stderr() + &api.running.stdout()).contains("TDX"));
    api.running.terminate().succeeded();
    database
        .market_api("--addr 127.0.0.1:0 --tdx-addr 0.0.0.0:0")
        .run()
        .failed(&["TDX has no keys", "--api-keys none"]);
    database.market_api("--tdx-addr nowhere").run().was_misused(&["--tdx-addr", "nowhere"]);
}
