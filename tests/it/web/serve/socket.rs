//! `/ws`: every trade once and in order, rolling up to the bars that are written; and what a client may not do.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::guarding::key;
use crate::on_every_backend;
use crate::support::api::{Heard, Socket};
use crate::support::database::{Backend, Database};
use crate::support::http::metric;
use crate::support::programs::eventually;

fn subscribe(tickers: &[&str], channels: &[&str]) -> String {
    json!({"type": "subscribe", "tickers": tickers, "channels": channels}).to_string()
}

/// Trades that a client heard as [`Database::bars`] gives a bar.
fn rolled(trades: &[Value], start: i64) -> String {
    let prices: Vec<f64> = trades.iter().map(|trade| trade["price"].as_f64().unwrap()).collect();
    let high = prices.iter().copied().fold(f64::MIN, f64::max);
    let low = prices.iter().copied().fold(f64::MAX, f64::min);
    let volume: i64 = trades.iter().map(|trade| trade["volume"].as_i64().unwrap()).sum();
    format!("{start} {:.2} {high:.2} {low:.2} {:.2} {volume}", prices[0], prices[prices.len() - 1])
}

on_every_backend! {
    fn ticks_are_heard_once_in_order_and_roll_up_to_the_bar(database: &Database) {
        let mut generator = database.filled().market_generator("--test --speed 60").spawn();
        let api = database.api("");
        generator.until_minutes(1, database);
        let mut socket = api.socket("");
        assert_eq!(socket.hear_a("connected")["authenticated"], true);
        socket.say(&json!({"type": "subscribe", "tickers": ["AAPL"]}).to_string());
        let subscribed = socket.hear_a("subscribed");
        assert_eq!((&subscribed["tickers"], &subscribed["channels"]), (&json!(["AAPL"]), &json!(["tick", "bar"])));
        let (mut ticks, mut bars, mut last_id) = (Vec::new(), 0, 0);
        while bars < 4 {
            let Heard::Message(message) = socket.hear() else { panic!("closed") };
            let data = &message["data"];
            match message["type"].as_str().unwrap() {
                "tick" => {
                    assert_eq!(data["ticker"], "AAPL");
                    let id = data["id"].as_u64().unwrap();
                    assert!(id > last_id, "{id} after {last_id}");
                    last_id = id;
                    for (side, is_right) in [("bid", |a, b| a <= b), ("ask", |a, b| a >= b)] as [(_, fn(f64, f64) -> bool); 2] {
                        let price = data["price"].as_f64().unwrap();
                        assert!(data[side].as_f64().is_some_and(|level| is_right(level, price)), "{data}");
                    }
                    ticks.push(data.clone());
                }
                "bar" => {
                    let time = data["time"].as_i64().unwrap();
                    let stored = database.bars(&format!("symbol = 'AAPL' AND interval = '1m' AND time = {time}"));
                    assert_eq!(crate::support::api::rows(std::slice::from_ref(data)), stored);
                    assert_eq!((&data["interval"], &data["corrected"]), (&json!("1m"), &json!(false)));
                    // The first minute was begun before anybody listened.
                    if bars > 0 {
                        assert_eq!([rolled(&ticks, time)], stored[..]);
                    }
                    ticks.clear();
                    bars += 1;
                }
                "status" => {}
                other => panic!("{other}"),
            }
        }
        generator.terminate().succeeded();
    }

    fn a_wildcard_is_everybody_and_an_unsubscription_ends_it(database: &Database) {
        let mut generator = database.filled().market_generator("--test --speed 120").spawn();
        let api = database.api("");
        generator.until_minutes(1, database);
        let mut socket = api.socket("");
        socket.hear_a("connected");
        socket.say(&subscribe(&["*"], &["bar"]));
        assert_eq!(socket.hear_until("subscribed")["tickers"], json!(["*"]));
        let mut heard = std::collections::BTreeSet::new();
        while heard.len() < 10 {
            heard.insert(socket.hear_until("bar")["ticker"].as_str().unwrap().to_owned());
        }
        socket.say(r#"{"type":"unsubscribe","tickers":["*"]}"#);
        socket.hear_until("unsubscribed");
        // Only this one from now on, and only its quotes.
        socket.say(&subscribe(&["V"], &["quote"])).hear_until("subscribed");
        for _ in 0..20 {
            let quote = socket.hear_until("quote");
            assert_eq!(quote["ticker"], "V");
            assert!(quote["bid"].as_f64() < quote["ask"].as_f64() && quote["bid_size"].as_i64() > Some(0), "{quote}");
        }
        generator.terminate().succeeded();
    }

    fn the_last_tick_comes_with_the_subscription(database: &Database) {
        let mut generator = database.filled().market_generator("--test --speed 600").spawn();
        generator.until_minutes(2, database);
        generator.terminate().succeeded();
        let api = database.api("");
        let open: i64 = database.value("SELECT CAST(open_minute AS text) AS text FROM market_clock").parse().unwrap();
        eventually("the open minute is over", || api.data("/api/v2/status")["now"] == (open + 60) * 1000);
        let last = api.data("/api/v2/trades/AAPL?limit=1")[0].clone();
        let mut socket = api.socket("");
        socket.hear_a("connected");
        socket.say(&subscribe(&["AAPL"], &["tick"])).hear_until("subscribed");
        let tick = socket.hear_until("tick");
        assert_eq!((&tick["id"], &tick["volume"]), (&last["id"], &last["volume"]));
        assert_eq!(format!("{:.2}", tick["price"].as_f64().unwrap()), last["price"].as_str().unwrap());
        assert_eq!(tick["timestamp"].as_i64().unwrap(), last["timestamp"].as_i64().unwrap() / 1_000_000);
        assert!(tick["bid"].is_f64() && tick["ask"].is_f64(), "{tick}");
    }
}

#[test]
fn a_key_is_asked_for_and_its_limits_hold() {
    let database = Database::new(Backend::Sqlite);
    let made = database.filled().klined("key somebody").run().succeeded();
    let limits = "connections = 1\nsubscriptions = 2\n";
    fs::write(database.directory.path().join("keys.toml"), format!("{}{limits}", made.stdout)).unwrap();
    let key = made.stderr.split_whitespace().last().unwrap().to_owned();
    let api = database.api("--api-keys keys.toml");
    assert_eq!(api.ask("/ws", &[]).code(), "invalid_request");
    assert_eq!(api.ask("/ws?api_key=wrong.key", &[]).code(), "invalid_key");
    for (said, code) in [
        (r#"{"type":"subscribe","tickers":["AAPL"]}"#, "missing_key"),
        (r#"{"type":"auth","key":"wrong.key"}"#, "invalid_key"),
        ("nonsense", "missing_key"),
    ] {
        let mut socket = api.socket("");
        assert_eq!(socket.hear_a("connected")["authenticated"], false);
        assert_eq!(socket.say(said).hear_a("error")["code"], code);
        assert_eq!(socket.close_code(), 1008);
    }
    let mut silent = api.socket("");
    silent.hear_a("connected");
    assert_eq!(silent.hear_a("error")["code"], "auth_timeout");
    let mut socket = api.socket("");
    socket.hear_a("connected");
    socket.say(&json!({"type": "auth", "key": key}).to_string());
    assert_eq!(socket.hear_a("connected")["authenticated"], true);
    // A second one is too many for this key.
    let mut second = api.socket(&format!("?api_key={key}"));
    second.hear_a("connected");
    assert_eq!(second.hear_a("error")["code"], "connection_limit");
    assert_eq!(second.close_code(), 1008);
    assert_eq!(socket.say(&subscribe(&["AAPL", "V", "JPM"], &["bar"])).hear_a("error")["code"], "subscription_limit");
    assert_eq!(socket.say(&subscribe(&["AAPL", "V"], &["bar"])).hear_a("subscribed")["tickers"], json!(["AAPL", "V"]));
    assert_eq!(socket.say(&subscribe(&["JPM"], &["bar"])).hear_a("error")["code"], "subscription_limit");
    assert_eq!(socket.say(&subscribe(&["*"], &["bar"])).hear_a("subscribed")["tickers"], json!(["*"]));
    drop(socket);
    eventually("the place comes free", || {
        let mut third = api.socket(&format!("?api_key={key}"));
        third.hear_a("connected");
        third.say(r#"{"type":"ping"}"#);
        matches!(third.hear(), Heard::Message(message) if message["type"] == "pong")
    });
}

#[test]
fn strange_messages_are_answered_and_too_large_ones_end_it() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    let mut socket = api.socket("");
    socket.hear_a("connected");
    for said in
        ["", "{}", "[]", "null", r#"{"type":"subscribe"}"#, r#"{"type":"drop table"}"#, "\u{1f4a5}", &"[".repeat(5000)]
    {
        assert_eq!(socket.say(said).hear_a("error")["code"], "invalid_message", "{said}");
    }
    assert_eq!(socket.say_bytes(b"\xff\x00").hear_a("error")["code"], "invalid_message");
    let names: Vec<String> = (0..10_000).map(|number| format!("S{number:05}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(socket.say(&subscribe(&names, &["tick"])).hear_a("error")["code"], "subscription_limit");
    assert_eq!(socket.say(&subscribe(&["NOPE", "' OR 1=1"], &["tick"])).hear_a("error")["code"], "unknown_ticker");
    assert_eq!(socket.hear_a("subscribed")["tickers"], json!([]));
    socket.say(r#"{"type":"ping"}"#).hear_a("pong");
    // More than there is patience for.
    for _ in 0..300 {
        socket.say(r#"{"type":"ping"}"#);
    }
    assert_eq!(socket.hear_until("error")["code"], "rate_limited");
    let mut loud = api.socket("");
    loud.hear_a("connected");
    loud.say(&"x".repeat(300_000));
    // The code may be lost with messages that the client did not read.
    assert!([1006, 1009].contains(&loud.close_code()));
    assert_eq!(api.get("/health").status, 200);
}

#[test]
fn a_client_that_does_not_keep_up_is_warned_and_dropped() {
    let database = Database::new(Backend::Sqlite);
    let mut generator = database.filled().market_generator("--test --speed 3000").spawn();
    let api = database.api("");
    generator.until_minutes(1, &database);
    let mut socket: Socket = api.socket("");
    socket.hear_a("connected");
    socket.say(&subscribe(&["*"], &["tick", "quote", "bar"])).hear_until("subscribed");
    // It does not listen while more happens than the system keeps for it, and than the ring holds.
    generator.until_minutes(600, &database);
    generator.terminate().succeeded();
    let mut last = Value::Null;
    let code = loop {
        match socket.hear() {
            Heard::Message(message) => last = message,
            Heard::Closed(code) => break code,
        }
    };
    assert_eq!((code, &last["data"]["code"]), (1008, &json!("slow_client")), "{last}");
    assert_eq!(metric(&api.get("/metrics").text, "klined_api_slow_clients_total"), Some(1.0));
}

#[test]
fn a_client_that_vanished_is_closed_and_one_that_listens_is_not() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    // Nobody reads what is said to it, so that no ping is answered.
    let _gone = api.socket("");
    let mut quiet = api.socket("");
    quiet.hear_a("connected");
    let open = || metric(&api.get("/metrics").text, "klined_api_clients");
    eventually("both are there", || open() == Some(2.0));
    let mut looks = 0;
    eventually("one is let go", || {
        looks += 1;
        if looks % 50 == 0 {
            quiet.say(r#"{"type":"ping"}"#).hear_a("pong");
        }
        open() == Some(1.0)
    });
    quiet.say(r#"{"type":"ping"}"#).hear_a("pong");
}

#[test]
fn a_server_that_stops_says_that_it_comes_again() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    let mut sockets: Vec<Socket> = (0..5).map(|_| api.socket("")).collect();
    sockets.iter_mut().for_each(|socket| drop(socket.hear_a("connected")));
    let running = api.running;
    running.signal(Signal::TERM);
    assert!(sockets.iter_mut().all(|socket| socket.close_code() == 1012));
    running.wait().succeeded();
}

#[test]
fn a_server_that_stops_says_so_to_clients_without_a_key_too() {
    let database = Database::new(Backend::Sqlite);
    key(database.filled(), "");
    let api = database.api("--api-keys keys.toml");
    let mut sockets: Vec<Socket> = ["/ws", "/v2/iex", "/stocks"].map(|path| api.socket_at(path)).into();
    sockets.iter_mut().for_each(|socket| assert!(matches!(socket.hear(), Heard::Message(_))));
    api.running.signal(Signal::TERM);
    assert!(sockets.iter_mut().all(|socket| socket.close_code() == 1012));
}

#[test]
fn a_client_that_wishes_to_close_is_answered_in_every_dialect() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    for path in ["/ws", "/v2/iex", "/stocks", "/binance/ws/aapl@trade"] {
        // Before a key is given, or after it is not asked for.
        assert_eq!(api.socket_at(path).wish_to_close(3456).close_code(), 3456, "{path}");
    }
}
