//! The relay: real symbols come from a vendor, synthetic ones from the market, through one connection. A second klined with another
//! universe is the vendor; where a vendor must do what no server does, a scripted one is.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api::{Api, Heard, Socket};
use crate::support::database::{Backend, Database};
use crate::support::programs::{Running, assert_has, eventually};
use crate::support::proxy::Proxy;
use crate::support::vendor::ScriptedVendor;

/// A market of its own with a writer and a server.
struct RunningMarket {
    _database: Database,
    _writer: Running,
    api: Api,
}

/// A market with these symbols, written at 300-fold speed.
fn market(universe: &str, words: &str) -> RunningMarket {
    let database = Database::new(Backend::Sqlite);
    database.market_backfill(&format!("--from 2026-03-02 --to 2026-03-03 --universe {universe}")).run().succeeded();
    let mut writer = database.market_generator("--test --speed 300").spawn();
    writer.until_minutes(1, &database);
    let api = database.api(words);
    RunningMarket { _database: database, _writer: writer, api }
}

/// A vendor of `SYNTH` and `TECH`, the network before it, and a market of `AAPL` that relays it.
fn pair() -> (RunningMarket, Proxy, RunningMarket) {
    let vendor = market("synth", "");
    let proxy = Proxy::to(vendor.api.address.rsplit_once(':').unwrap().1.parse().unwrap());
    let at = format!("http://127.0.0.1:{}", proxy.port);
    let words = format!(
        "--upstream-polygon {at} --upstream-polygon-key k --upstream-alpaca {at} --upstream-alpaca-key i:s --upstream-silence 1"
    );
    let local = market("demo", &words);
    (vendor, proxy, local)
}

fn polygon(api: &Api, topics: &str) -> Socket {
    let mut socket = api.socket_at("/stocks");
    socket.say(r#"{"action":"auth","params":"test"}"#);
    socket.say(&json!({"action": "subscribe", "params": topics}).to_string());
    socket
}

/// The messages of the next frame.
fn frame(socket: &mut Socket) -> Vec<Value> {
    match socket.hear() {
        Heard::Message(Value::Array(messages)) => messages,
        other => panic!("{other:?}"),
    }
}

/// Reads frames until a message meets a condition.
fn until(socket: &mut Socket, meets: impl Fn(&Value) -> bool) -> Value {
    loop {
        if let Some(found) = frame(socket).into_iter().find(&meets) {
            return found;
        }
    }
}

fn trade_of(symbol: &'static str) -> impl Fn(&Value) -> bool {
    move |message| message["ev"] == "T" && message["sym"] == symbol
}

fn status_with(text: &'static str) -> impl Fn(&Value) -> bool {
    move |message| message["ev"] == "status" && message["message"].as_str().unwrap().contains(text)
}

#[test]
fn real_and_synthetic_symbols_come_through_one_connection_and_real_frames_as_they_are() {
    let (vendor, _proxy, local) = pair();
    let mut direct = polygon(&vendor.api, "T.TECH");
    let mut both = polygon(&local.api, "T.AAPL,T.TECH");
    until(&mut both, trade_of("AAPL"));
    until(&mut both, trade_of("TECH"));
    let mut relayed = Vec::new();
    while relayed.len() < 50 {
        let text = both.hear_text();
        if text.contains(r#""sym":"TECH""#) {
            assert!(!text.contains("AAPL"), "{text}");
            relayed.push(text);
        }
    }
    let last = relayed.last().unwrap().clone();
    let sent: BTreeSet<String> = std::iter::from_fn(|| Some(direct.hear_text()))
        .scan(false, |over, text| {
            let is_last = text == last;
            (!std::mem::replace(over, is_last)).then_some(text)
        })
        .collect();
    // The vendor's frames of the relay and of the direct client are of the same updates.
    assert!(relayed.iter().all(|text| sent.contains(text)), "a frame differs from the vendor's");
    let health = local.api.get("/health").json();
    let symbols = health["relay"]["synthetic_symbols"].as_array().unwrap();
    assert!(symbols.contains(&json!("AAPL")) && !symbols.contains(&json!("TECH")), "{health}");
    assert_eq!(health["relay"]["links"][0]["state"], "connected", "{health}");
}

#[test]
fn a_vendor_that_is_lost_or_stalls_is_reported_and_opened_again_while_synthetic_symbols_go_on() {
    let (_vendor, proxy, local) = pair();
    let mut client = polygon(&local.api, "T.AAPL,T.TECH");
    until(&mut client, trade_of("TECH"));
    for stall in [false, true] {
        if stall {
            proxy.hold()
        } else {
            proxy.reset()
        }
        let lost = until(&mut client, status_with("is lost"));
        assert_eq!(lost["status"], "error");
        until(&mut client, trade_of("AAPL"));
        proxy.reset();
        proxy.release();
        let back = until(&mut client, status_with("again: the messages of"));
        assert_eq!(back["status"], "success");
        // Subscribed to again without a word of the client.
        until(&mut client, trade_of("TECH"));
        until(&mut client, trade_of("AAPL"));
    }
    let metrics = local.api.get("/metrics").text;
    assert_has(&metrics, &[r#"klined_api_relay_losses_total{vendor="polygon",feed="stocks"} 2"#]);
}

#[test]
fn alpacas_clients_of_either_coding_receive_both_kinds() {
    let (_vendor, _proxy, local) = pair();
    let (auth, subscribe) = (
        json!({"action": "auth", "key": "i", "secret": "s"}),
        json!({"action": "subscribe", "trades": ["AAPL", "TECH"]}),
    );
    let mut text = local.api.socket_at("/v2/iex");
    text.say(&auth.to_string()).say(&subscribe.to_string());
    let is_trade = |symbol: &'static str| move |message: &Value| message["T"] == "t" && message["S"] == symbol;
    until(&mut text, is_trade("AAPL"));
    until(&mut text, is_trade("TECH"));
    let mut packed = local.api.socket_with("/v2/iex", &[("content-type", "application/msgpack")]);
    packed.say_bytes(&rmp_serde::to_vec_named(&auth).unwrap()).say_bytes(&rmp_serde::to_vec_named(&subscribe).unwrap());
    let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    for symbol in ["AAPL", "TECH"] {
        // The kind comes first in its message.
        let head = [&b"\xa1T\xa1t\xa1S\xa4"[..], symbol.as_bytes()].concat();
        let bytes = std::iter::repeat_with(|| packed.hear_bytes()).find(|bytes| has(bytes, &head)).unwrap();
        // A price is a double, and an instant an extension of eight bytes.
        assert!(has(&bytes, b"\xa1p\xcb") && has(&bytes, b"\xa1t\xd7\xff"), "{bytes:x?}");
    }
}

/// A relay of a scripted vendor, with a market that no writer writes.
fn scripted(key: &str) -> (Database, ScriptedVendor, Api) {
    let (database, vendor) = (Database::new(Backend::Sqlite), ScriptedVendor::new());
    let words = format!("--upstream-polygon http://127.0.0.1:{} --upstream-polygon-key {key}", vendor.port);
    let api = database.filled().api(&words);
    (database, vendor, api)
}

#[test]
fn two_hundred_clients_share_one_connection_and_each_topic_is_asked_for_once() {
    let (_database, vendor, api) = scripted("k");
    let mut clients: Vec<Socket> = (0..200).map(|_| polygon(&api, "T.REAL,Q.REAL")).collect();
    clients.push(polygon(&api, "T.AAPL,T.*,T.OTHER"));
    let confirmed = status_with("subscribed to: ");
    clients.iter_mut().for_each(|client| drop(until(client, &confirmed)));
    eventually("the vendor is asked for the whole channel", || vendor.asked().concat().contains("T.*"));
    let frame = r#"[ {"ev":"T","sym":"REAL","p":1.50, "s":1} ,{"ev":"T","sym":"AAPL","p":2},{"ev":"Q","sym":"REAL"}]"#;
    vendor.send(frame);
    let part = r#"[{"ev":"T","sym":"REAL","p":1.50, "s":1},{"ev":"Q","sym":"REAL"}]"#;
    let (all, named) = clients.split_last_mut().unwrap();
    named.iter_mut().for_each(|client| assert_eq!(client.hear_text(), part));
    // At most once, though the client has named no symbol less than the channel; and the vendor's AAPL is not the market's.
    assert_eq!(all.hear_text(), r#"[{"ev":"T","sym":"REAL","p":1.50, "s":1}]"#);
    assert_eq!(vendor.connections(), 1);
    let whole = r#"[ {"sym":"REAL","ev":"Q"} ]"#;
    vendor.send(whole);
    clients[..200].iter_mut().for_each(|client| assert_eq!(client.hear_text(), whole));
    drop(clients);
    let asked = |action: &str| {
        vendor
            .asked()
            .iter()
            .filter(|asked| asked.starts_with(action))
            .flat_map(|asked| asked.split_once(' ').unwrap().1.split(',').map(str::to_owned).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    eventually("the last clients end the subscriptions", || {
        let [ended, begun] = ["unsubscribe", "subscribe"].map(asked);
        ended.len() == begun.len() && begun.len() >= 3
    });
    assert!(
        asked("subscribe").iter().all(|topic| ["T.REAL", "Q.REAL", "T.*", "T.OTHER"].contains(&topic.as_str())),
        "{:?}",
        vendor.asked()
    );
    assert_eq!(asked("subscribe").iter().filter(|topic| *topic == "Q.REAL").count(), 1);
}

/// A frame of so many bytes about a symbol of the vendor.
fn long_frame(symbol: &str, bytes: usize) -> String {
    format!(r#"[{{"ev":"T","sym":"{symbol}","p":1.5,"note":"{}"}}]"#, "x".repeat(bytes))
}

#[test]
fn a_vendor_that_sends_a_few_bytes_at_a_time_is_late_and_not_lost_while_synthetic_symbols_go_on() {
    let vendor = ScriptedVendor::new();
    let proxy = Proxy::to(vendor.port);
    // A frame takes longer than the silence after which a vendor counts as lost, and each pause within it is shorter.
    let words = "--upstream-polygon-key k --upstream-silence 1";
    let local = market("demo", &format!("--upstream-polygon http://127.0.0.1:{} {words}", proxy.port));
    let mut client = polygon(&local.api, "T.AAPL,T.REAL");
    eventually("the vendor is asked", || vendor.asked().concat().contains("T.REAL"));
    for (bytes, pieces, pause) in [(600, 8, 30), (900, 200, 600)] {
        proxy.slow(pieces, Duration::from_millis(pause));
        let sent = long_frame("REAL", bytes);
        vendor.send(sent.as_str());
        let mut synthetic = 0;
        let received = loop {
            let text = client.hear_text();
            assert!(!text.contains("is lost"), "{text}");
            match text.contains(r#""sym":"REAL""#) {
                true => break text,
                false => synthetic += usize::from(text.contains(r#""sym":"AAPL""#)),
            }
        };
        assert_eq!(received, sent);
        assert!(synthetic > 3, "only {synthetic} frames of the market came meanwhile");
    }
    assert_eq!(vendor.connections(), 1);
    let figures = local.api.get("/metrics").text;
    assert_has(&figures, &[r#"klined_api_relay_losses_total{vendor="polygon",feed="stocks"} 0"#]);
    // Without a byte it is lost as ever.
    proxy.hold();
    until(&mut client, status_with("is lost"));
    until(&mut client, trade_of("AAPL"));
}

#[test]
fn a_client_that_reads_more_slowly_than_the_vendor_sends_is_closed_and_the_others_are_not() {
    let (_database, vendor, api) = scripted("k");
    let (mut slow, mut quick) = (polygon(&api, "T.REAL"), polygon(&api, "T.REAL"));
    for client in [&mut slow, &mut quick] {
        until(client, status_with("subscribed to: T.REAL"));
    }
    eventually("the vendor is asked", || !vendor.asked().is_empty());
    let frame = long_frame("REAL", 250_000);
    // More than may wait for a client, and than the system keeps for it: 60 MB.
    for _ in 0..240 {
        vendor.send(frame.as_str());
        assert_eq!(quick.hear_text(), frame);
    }
    let last = loop {
        match slow.hear() {
            Heard::Message(Value::Array(messages)) if messages[0]["ev"] == "status" => break messages[0].clone(),
            Heard::Message(_) => {}
            Heard::Closed(code) => panic!("closed with {code} without a word"),
        }
    };
    assert_eq!(last["status"], "slow_consumer", "{last}");
    assert_eq!(slow.close_code(), 1008);
    vendor.send(frame.as_str());
    assert_eq!(quick.hear_text(), frame);
}

#[test]
fn malformed_frames_are_counted_reported_once_and_end_nothing() {
    let (_database, vendor, mut api) = scripted("k");
    let mut client = polygon(&api, "T.REAL");
    until(&mut client, status_with("subscribed to: T.REAL"));
    eventually("the vendor is asked", || !vendor.asked().is_empty());
    for text in ["", "{}", "[1]", "[{\"ev\":\"T\"}]", "[{\"ev\":\"T\",\"sym\":\"REAL\"", "\u{fffd}"] {
        vendor.send(text);
    }
    vendor.send(vec![0xff, 0xfe]);
    vendor.send(r#"[{"ev":"status","status":"error","message":"not today"}]"#);
    vendor.send(r#"[{"ev":"X","sym":"REAL"},{"ev":"T","sym":"REAL","p":3}]"#);
    until(&mut client, status_with("not today"));
    assert_eq!(client.hear_text(), r#"[{"ev":"T","sym":"REAL","p":3}]"#);
    assert_has(
        &api.get("/metrics").text,
        &[r#"klined_api_relay_malformed_frames_total{vendor="polygon",feed="stocks"} 7"#],
    );
    api.running.until_it_says("cannot be read");
    assert_eq!(api.running.stderr().matches("cannot be read").count(), 1);
    assert_eq!(vendor.connections(), 1);
}

#[test]
fn a_wrong_key_is_reported_once_and_leaves_the_market_alone() {
    let (_database, vendor, mut api) = scripted("wrong");
    let mut client = polygon(&api, "T.REAL,T.AAPL");
    let lost = until(&mut client, status_with("the vendor says auth_failed"));
    assert_eq!(lost["status"], "error");
    eventually("it is tried again", || vendor.connections() >= 3);
    api.running.until_it_says("auth_failed");
    assert_eq!(
        api.running.stderr().matches("the vendor refuses the connection").count(),
        1,
        "{}",
        api.running.stderr()
    );
    assert!(!api.running.stderr().contains("wrong"), "the key is in the log");
    assert_eq!(api.get("/v2/last/trade/AAPL").status, 200);
    assert_eq!(
        api.get("/health").json()["relay"]["links"][0]["state"].as_str().map(|state| state == "connected"),
        Some(false)
    );
}

#[test]
fn what_cannot_be_used_is_refused_at_the_start() {
    let database = Database::new(Backend::Sqlite);
    database.filled();
    let at = "--upstream-polygon https://127.0.0.1:1";
    database.market_api(at).run().failed(&["--upstream-polygon needs a key", "KLINED_UPSTREAM_POLYGON_KEY"]);
    database.market_api(&format!("{at} --upstream-polygon-key-file none.txt")).run().failed(&["none.txt"]);
    database.market_api(&format!("{at} --upstream-polygon-key k --upstream-ca none.pem")).run().failed(&["none.pem"]);
    let alpaca = "--upstream-alpaca https://127.0.0.1:1 --upstream-alpaca-key k";
    database.market_api(alpaca).run().failed(&["ID:SECRET"]);
    database
        .market_api("--upstream-polygon socket.example.org --upstream-polygon-key k")
        .run()
        .was_misused(&["no address of a vendor"]);
    database.market_api(&format!("{at} --upstream-polygon-key k --check")).run().succeeded();
}
