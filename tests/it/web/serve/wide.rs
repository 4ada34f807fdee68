//! A market of 5,400 stocks: a client that reads all it is sent is never called slow, however much there is at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::api::Heard;
use crate::support::database::{Backend, Database};
use crate::support::http::metric;
use crate::support::programs::{TWO_DAYS, eventually};

/// Three times as many updates as the feed's ring holds.
const ROUNDS: f64 = 768.0;

/// What a client of each dialect sends to receive everything that it can have of all stocks.
const CLIENTS: [(&str, &[&str]); 3] = [
    ("/stocks", &[r#"{"action":"auth","params":"any"}"#, r#"{"action":"subscribe","params":"AM.*"}"#]),
    ("/ws", &[r#"{"type":"subscribe","tickers":["*"]}"#]),
    (
        "/v2/iex",
        &[r#"{"action":"auth","key":"a","secret":"b"}"#, r#"{"action":"subscribe","bars":["*"],"dailyBars":["*"]}"#],
    ),
];

#[test]
fn a_slow_server_is_not_a_slow_client() {
    let database = Database::new(Backend::Sqlite);
    database.market_backfill(TWO_DAYS).with("--universe ashare:5400").run().succeeded();
    let api = database.api("");
    let figure = |name: &str| metric(&api.get("/metrics").text, name).unwrap();
    // The generator writes two minutes of the opening at once, which is several times what the ring holds.
    let generator = database.market_generator("--test --speed 3").spawn();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients = CLIENTS.map(|(path, messages)| {
            let (api, is_over) = (&api, &is_over);
            scope.spawn(move || {
                let mut socket = api.socket_at(path);
                messages.iter().for_each(|message| {
                    socket.say(message);
                });
                while !is_over.load(Ordering::Relaxed) {
                    if let Heard::Closed(code) = socket.hear() {
                        panic!("{path} was closed with {code}");
                    }
                }
            })
        });
        let is_enough = || {
            clients.iter().any(thread::ScopedJoinHandle::is_finished) || figure("klined_api_feed_rounds_total") > ROUNDS
        };
        eventually("the ring has run over thrice", is_enough);
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(figure("klined_api_slow_clients_total"), 0.0);
    generator.terminate().succeeded();
}
