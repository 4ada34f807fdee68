//! The faults that a key asks for: each in the shape of its dialect, the same for the same seed, and for no other key.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::guarding::key;
use crate::support::api::{Api, Heard, Reply};
use crate::support::database::{Backend, Database};
use crate::support::http::{metric, send};

/// A path of each dialect, and where its errors have which word or number: for too many requests, and for a failed server with a
/// status.
type Shape = (&'static str, &'static str, fn() -> Value, fn(u64) -> Value);

const SHAPES: [Shape; 5] = [
    ("/api/v2/tickers", "/error/code", || json!("rate_limited"), |_| json!("internal")),
    (
        "/v2/stocks/bars?symbols=AAPL&timeframe=1Min&start=2026-03-02",
        "/code",
        || json!(42_910_000),
        |status| json!(status * 100_000 + 10_000),
    ),
    ("/v2/aggs/ticker/AAPL/prev", "/status", || json!("ERROR"), |_| json!("ERROR")),
    ("/api/v3/klines?symbol=AAPL&interval=1m", "/code", || json!(-1003), |_| json!(-1000)),
    ("/udf/config", "/s", || json!("error"), |_| json!("error")),
];

/// An answer's body, but for the number that each answer of Polygon's dialect has of its own.
fn body(reply: &Reply) -> Value {
    let mut body = reply.json();
    body.as_object_mut().map(|fields| fields.remove("request_id"));
    body
}

/// A key that asks for these faults.
fn key_with(database: &Database, faults: &str) -> String {
    key(database, &format!("[key.chaos]\nseed = 7\n{faults}"))
}

fn ask(api: &Api, path: &str, key: &str) -> Reply {
    api.ask(path, &[("Authorization", &format!("Bearer {key}"))])
}

fn injected(reply: &Reply) -> Option<&str> {
    reply.header("x-klined-chaos")
}

/// What comes of a request on a connection of its own: the status and the fault, and nothing when nothing is answered.
fn fate(api: &Api, key: &str) -> String {
    let said = send(
        &api.address,
        &format!("GET /api/v2/quote/AAPL HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-API-Key: {key}\r\n\r\n"),
    );
    let status = said.split(' ').nth(1).unwrap_or_default();
    let fault = said.lines().find_map(|line| line.strip_prefix("x-klined-chaos: ")).unwrap_or_default();
    format!("{status} {fault}")
}

#[test]
fn an_injected_fault_looks_like_a_real_one_of_the_dialect() {
    let database = Database::new(Backend::Sqlite);
    let none = key(database.filled(), "");
    let many = key_with(&database, "requests = { too_many_requests = 1 }");
    let failing = key_with(&database, "requests = { server_error = 1 }");
    let late = key_with(&database, "requests = { delay = 1, delay_ms = [300, 300] }");
    let dropped = key_with(&database, "requests = { drop = 1 }");
    let api = database.api("--api-keys keys.toml");
    for (path, place, too_many, failed) in SHAPES {
        let heard = |reply: &Reply| reply.json().pointer(place).cloned();
        let reply = ask(&api, path, &many);
        assert_eq!((reply.status, reply.header("retry-after")), (429, Some("1")), "{path}");
        assert_eq!((injected(&reply), heard(&reply)), (Some("too_many_requests"), Some(too_many())), "{path}");

        let statuses: Vec<u16> = (0..12)
            .map(|_| ask(&api, path, &failing))
            .inspect(|reply| {
                let wanted = Some(failed(reply.status.into()));
                assert_eq!((injected(reply), heard(reply)), (Some("server_error"), wanted), "{path}");
            })
            .map(|reply| reply.status)
            .collect();
        assert!(statuses.iter().all(|status| (500..=504).contains(status)), "{statuses:?}");
        assert!(statuses.iter().any(|status| *status != statuses[0]), "{statuses:?}");

        let reply = ask(&api, path, &late);
        let usual = ask(&api, path, &none);
        assert_eq!((reply.status, injected(&reply), injected(&usual)), (200, Some("delay"), None), "{path}");
        assert_eq!(body(&reply), body(&usual), "{path}");
    }
    for _ in 0..3 {
        assert_eq!(fate(&api, &dropped), " ");
    }
    let metrics = ask(&api, "/metrics", &none).text;
    let count = |what: &str| {
        metric(&metrics, &format!("klined_api_injected_faults_total{{what=\"request\",fault=\"{what}\"}}"))
    };
    let counts = ["too_many_requests", "server_error", "delay", "drop", "stale"].map(count);
    assert_eq!(counts, [Some(5.0), Some(60.0), Some(5.0), Some(3.0), Some(0.0)]);
    // They are none of the server's own failures.
    assert!(!metrics.contains("status=\"5") && !metrics.contains("status=\"429"), "{metrics}");
}

#[test]
fn a_stale_answer_is_of_the_last_minute_but_one() {
    let database = Database::new(Backend::Sqlite);
    let (fresh, stale) = (key(database.filled(), ""), key_with(&database, "requests = { stale = 1 }"));
    let api = database.api("--api-keys keys.toml");
    let minutes = database.bars("symbol = 'AAPL' AND interval = '1m'");
    let old: Vec<&str> = minutes[minutes.len() - 2].split(' ').collect();
    let (start, close): (i64, f64) = (old[0].parse().unwrap(), old[4].parse().unwrap());
    let quotes = format!("/api/v2/quotes/AAPL?start={start}&end={}", start + 59);
    let quote = ask(&api, &quotes, &fresh).json()["data"].as_array().unwrap().last().unwrap().clone();
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap();
    let bid = number(&quote["bid"]);
    for (path, price) in [
        ("/api/v2/quote/AAPL", "/data/price"),
        ("/v2/stocks/trades/latest?symbols=AAPL", "/trades/AAPL/p"),
        ("/v2/stocks/AAPL/trades/latest", "/trade/p"),
        ("/v2/last/trade/AAPL", "/results/p"),
        ("/api/v3/ticker/price?symbol=AAPL", "/price"),
        ("/udf/quotes?symbols=AAPL", "/d/0/v/lp"),
        ("/api/v2/quote/AAPL", "/data/bid"),
        ("/v2/stocks/quotes/latest?symbols=AAPL", "/quotes/AAPL/bp"),
        ("/v2/stocks/AAPL/quotes/latest", "/quote/bp"),
        ("/v2/last/nbbo/AAPL", "/results/p"),
        ("/api/v3/ticker/bookTicker?symbol=AAPL", "/bidPrice"),
        ("/udf/quotes?symbols=AAPL", "/d/0/v/bid"),
    ] {
        let (new, old) = (ask(&api, path, &fresh), ask(&api, path, &stale));
        assert_eq!((injected(&new), injected(&old)), (None, Some("stale")), "{path}");
        let heard = |reply: &Reply| number(reply.json().pointer(price).unwrap());
        let wanted = if price.contains('b') || path.contains("nbbo") { bid } else { close };
        assert!((heard(&old) - wanted).abs() < 1e-9, "{path}: {} instead of {wanted}", heard(&old));
    }
    let time = |key: &str| ask(&api, "/api/v2/quote/AAPL", key).json()["data"]["time"].as_i64().unwrap();
    assert!(time(&stale) == start && time(&fresh) > start);
    // Everything else is as ever.
    for (path, ..) in SHAPES {
        assert_eq!(injected(&ask(&api, path, &stale)), None, "{path}");
    }
}

#[test]
fn the_same_seed_has_the_same_faults_call_by_call() {
    let database = Database::new(Backend::Sqlite);
    let faults = "requests = { delay = 0.2, delay_ms = [0, 20], drop = 0.1, too_many_requests = 0.2, server_error = 0.2, stale = 0.1 }";
    let none = key(database.filled(), "");
    let (one, other) = (key_with(&database, faults), key_with(&database, faults));
    let first = {
        let api = database.api("--api-keys keys.toml");
        (0..60).map(|_| fate(&api, &one)).collect::<Vec<_>>()
    };
    for fault in ["200 ", "200 delay", " ", "429 too_many_requests", "503 server_error", "200 stale"] {
        assert!(first.iter().any(|fate| fate == fault), "{fault:?} in {first:?}");
    }
    // Whatever others ask in between, and however they are timed.
    let api = database.api("--api-keys keys.toml");
    let mut of_other = Vec::new();
    for (number, wanted) in first.iter().enumerate() {
        assert_eq!(fate(&api, &none), "200 ");
        assert_eq!(&fate(&api, &one), wanted, "call {number}");
        if number % 3 == 0 {
            of_other.push(fate(&api, &other));
        }
    }
    assert_eq!(of_other, first[..of_other.len()]);
}

#[test]
fn the_example_of_the_command_is_taken_and_has_faults() {
    let database = Database::new(Backend::Sqlite);
    let made = database.filled().klined("key tester --chaos 7").run().succeeded();
    std::fs::write(database.directory.path().join("keys.toml"), &made.stdout).unwrap();
    let key = made.stderr.split_whitespace().last().unwrap();
    let api = database.api("--api-keys keys.toml");
    let fates: Vec<String> = (0..60).map(|_| fate(&api, key)).collect();
    assert!(fates.iter().filter(|fate| *fate != "200 ").count() > 5, "{fates:?}");
    database.klined("key tester --chaos seven").run().was_misused(&["--chaos"]);
}

/// What a client of `/ws` hears of the market, until it has so many messages or the connection ends.
fn heard(api: &Api, key: &str, most: usize) -> (Vec<Value>, Option<u16>) {
    let mut socket = api.socket(&format!("?api_key={key}"));
    socket.say(r#"{"type":"subscribe","tickers":["*"],"channels":["bar"]}"#);
    let mut messages = Vec::new();
    while messages.len() < most {
        match socket.hear() {
            Heard::Message(message) if ["connected", "subscribed"].iter().any(|kind| message["type"] == *kind) => {}
            Heard::Message(message) => messages.push(message),
            Heard::Closed(code) => return (messages, Some(code)),
        }
    }
    (messages, None)
}

/// The bars of messages as `TICKER TIME`.
fn names(heard: &[Value]) -> Vec<String> {
    let bars = heard.iter().filter(|message| message["type"] == "bar").map(|message| &message["data"]);
    bars.map(|bar| format!("{} {}", bar["ticker"].as_str().unwrap(), bar["time"])).collect()
}

#[test]
fn each_fault_of_a_message_is_heard_on_the_wire() {
    let database = Database::new(Backend::Sqlite);
    let none = key(database.filled(), "");
    let twice = key_with(&database, "messages = { duplicate = 1 }");
    let swapped = key_with(&database, "messages = { reorder = 1 }");
    let stuck = key_with(&database, "messages = { stale = 1 }");
    let late = key_with(&database, "messages = { delay = 1, delay_ms = [1, 2] }");
    let dropped = key_with(&database, "messages = { drop = 0.05 }");
    let mut generator = database.market_generator("--test --speed 600").spawn();
    generator.until_minutes(1, &database);
    let api = database.api("--api-keys keys.toml");
    let (bars, end) = heard(&api, &none, 40);
    assert!(end.is_none() && names(&bars).is_sorted_by_key(|name| name.split(' ').nth(1).unwrap().to_owned()));
    let bars = names(&heard(&api, &twice, 40).0);
    assert!(bars.chunks(2).all(|pair| pair[0] == pair[1]), "{bars:?}");
    // Bars of a minute are sent in order of ticker; all pairs are the wrong way round.
    let bars = names(&heard(&api, &swapped, 40).0);
    let in_order: Vec<_> = bars.chunks(2).flat_map(|pair| [&pair[1], &pair[0]]).collect();
    let time = |bar: &&String| bar.split(' ').nth(1).unwrap().to_owned();
    assert!(in_order.iter().map(time).is_sorted() && !bars.is_sorted(), "{bars:?}");
    assert!(in_order.chunk_by(|a, b| time(a) == time(b)).all(<[_]>::is_sorted), "{bars:?}");
    let bars = names(&heard(&api, &stuck, 40).0);
    assert!(bars.iter().all(|bar| *bar == bars[0]), "{bars:?}");
    assert_eq!(heard(&api, &late, 40).0.len(), 40);
    // The connection ends without a word, and each in its own place.
    let ends: Vec<_> = (0..3).map(|_| heard(&api, &dropped, 400)).collect();
    assert!(ends.iter().all(|(_, code)| *code == Some(1006)), "{ends:?}");
    let lengths: Vec<usize> = ends.iter().map(|(bars, _)| bars.len()).collect();
    assert!(lengths.iter().any(|length| *length != lengths[0]), "{lengths:?}");
    let metrics = ask(&api, "/metrics", &none).text;
    for (fault, least) in [("duplicate", 20.0), ("reorder", 20.0), ("stale", 39.0), ("delay", 40.0), ("drop", 3.0)] {
        let count =
            metric(&metrics, &format!("klined_api_injected_faults_total{{what=\"message\",fault=\"{fault}\"}}"));
        assert!(count.is_some_and(|count| count >= least), "{fault}: {count:?}");
    }
    // Another server drops the same connections at the same messages.
    drop(api);
    let api = database.api("--api-keys keys.toml");
    let again: Vec<usize> = (0..3).map(|_| heard(&api, &dropped, 400).0.len()).collect();
    assert_eq!(again, lengths);
    generator.terminate().succeeded();
}

#[test]
fn every_request_counts_whatever_comes_of_it_and_no_websocket_does() {
    let database = Database::new(Backend::Sqlite);
    let faults = "[key.chaos]\nseed = 7\nrequests = { server_error = 1 }";
    let free = key(database.filled(), faults);
    let held = key(&database, &format!("requests_per_second = 1\nburst = 1\n{faults}"));
    let talking = key(&database, &format!("connections = 1000000\n{faults}"));
    let api = database.api("--api-keys keys.toml");
    let (mut let_in, mut refused) = (0, 0);
    // The n-th of one key is the n-th of the others.
    while let_in < 3 {
        let wanted = fate(&api, &free);
        drop(api.socket_at(&format!("/binance/ws/aapl@trade?api_key={talking}")));
        assert_eq!(fate(&api, &talking), wanted);
        match fate(&api, &held) {
            fate if fate == "429 " => refused += 1,
            fate => {
                assert_eq!(fate, wanted, "after {let_in} answers and {refused} refusals");
                let_in += 1;
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(refused > 0);
}

#[test]
fn an_answer_that_is_kept_back_comes_after_later_ones() {
    let database = Database::new(Backend::Sqlite);
    let none = key(database.filled(), "");
    let late = key_with(&database, "requests = { delay = 1, delay_ms = [10000, 10000] }");
    let api = database.api("--api-keys keys.toml");
    let mut first = TcpStream::connect(&api.address).unwrap();
    write!(first, "GET /api/v2/quote/AAPL HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {late}\r\n\r\n").unwrap();
    for _ in 0..20 {
        assert_eq!(fate(&api, &none), "200 ");
    }
    first.set_nonblocking(true).unwrap();
    assert_eq!(first.peek(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
}

#[test]
fn a_message_that_is_kept_back_waits_no_longer_than_the_server() {
    let database = Database::new(Backend::Sqlite);
    let none = key(database.filled(), "");
    let late = key_with(&database, "messages = { delay = 1, delay_ms = [10000, 10000] }");
    let mut generator = database.market_generator("--test --speed 120").spawn();
    generator.until_minutes(1, &database);
    let api = database.api("--api-keys keys.toml");
    let mut socket = api.socket(&format!("?api_key={late}"));
    // What it is answered is not kept back.
    socket.say(r#"{"type":"subscribe","tickers":["*"],"channels":["bar"]}"#).hear_until("subscribed");
    let bars = names(&heard(&api, &none, 40).0);
    api.running.signal(Signal::TERM);
    let mut messages = Vec::new();
    let code = loop {
        match socket.hear() {
            Heard::Message(message) => messages.push(message),
            Heard::Closed(code) => break code,
        }
    };
    let time = |bar: &String| bar.split(' ').nth(1).unwrap().parse::<i64>().unwrap();
    assert_eq!((code, messages.is_empty()), (1012, false));
    assert!(names(&messages).last().is_none_or(|bar| time(bar) < time(&bars[bars.len() - 1])), "{messages:?}");
    generator.terminate().succeeded();
}

#[test]
fn every_dialect_has_its_messages_disturbed_and_not_its_answers() {
    let database = Database::new(Backend::Sqlite);
    let key = key_with(database.filled(), "messages = { drop = 1 }");
    let (id, secret) = key.split_once('.').unwrap();
    let mut generator = database.market_generator("--test --speed 6").spawn();
    generator.until_minutes(1, &database);
    let api = database.api("--api-keys keys.toml");
    for (path, said, answers) in [
        (
            "/ws".to_owned(),
            vec![
                json!({"type": "auth", "key": key}),
                json!({"type": "subscribe", "tickers": ["*"], "channels": ["quote"]}),
            ],
            3,
        ),
        (
            "/v2/iex".to_owned(),
            vec![
                json!({"action": "auth", "key": id, "secret": secret}),
                json!({"action": "subscribe", "quotes": ["*"]}),
            ],
            3,
        ),
        (
            "/stocks".to_owned(),
            vec![json!({"action": "auth", "params": key}), json!({"action": "subscribe", "params": "Q.*"})],
            3,
        ),
        // This dialect sends a kline at each change.
        (
            format!("/binance/ws?api_key={key}"),
            vec![json!({"method": "SUBSCRIBE", "params": ["aapl@kline_1m"], "id": 1})],
            1,
        ),
    ] {
        let mut socket = api.socket_at(&path);
        for said in said {
            socket.say(&said.to_string());
        }
        let mut messages = Vec::new();
        let end = loop {
            match socket.hear() {
                Heard::Message(message) if messages.len() < answers => messages.push(message),
                end => break end,
            }
        };
        assert!(messages.len() == answers && matches!(end, Heard::Closed(1006)), "{path}: {messages:?}, {end:?}");
    }
    generator.terminate().succeeded();
}

#[test]
fn a_client_delayed_too_much_is_dropped_as_too_slow_without_an_alarm() {
    let database = Database::new(Backend::Sqlite);
    let none = key(database.filled(), "");
    let late = key_with(&database, "messages = { delay = 1, delay_ms = [3000, 3000] }");
    let mut generator = database.market_generator("--test --speed 3000").spawn();
    generator.until_minutes(1, &database);
    let api = database.api("--api-keys keys.toml");
    let mut socket = api.socket(&format!("?api_key={late}"));
    socket.say(r#"{"type":"subscribe","tickers":["AAPL"],"channels":["bar"]}"#);
    assert_eq!(socket.hear_until("error")["code"], "slow_client");
    assert_eq!(socket.close_code(), 1008);
    assert_eq!(metric(&ask(&api, "/metrics", &none).text, "klined_api_slow_clients_total"), Some(0.0));
    generator.terminate().succeeded();
}
