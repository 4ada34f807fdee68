//! Whatever is asked or said: an answer that the documentation tells of, and a server that goes on.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use klined::serve::RouteExample;

use crate::on_every_backend;
use crate::support::api::Heard;
use crate::support::database::Database;

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// Values that a route takes, those nearly so, and any bytes at all.
fn value() -> impl Strategy<Value = String> {
    let bytes = prop::collection::vec(any::<u8>(), 0..24);
    prop_oneof![
        "AAPL|MSFT|1m|5m|1d|1M|1Min|1Day|1D|minute|asc|desc|skip|fill|start|end|1h|30d|2026-03-0[1-9]|[0-9]{1,3}|17724[0-9]{5}|17724[0-9]{8}",
        any::<i64>().prop_map(|number| number.to_string()),
        bytes.prop_map(|bytes| bytes.iter().map(|byte| format!("%{byte:02x}")).collect()),
    ]
}

/// The routes that are asked without a body.
fn got() -> Vec<RouteExample> {
    klined::serve::routes().into_iter().filter(|route| route.body.is_empty()).collect()
}

/// A route of any dialect with some of the parameters that it knows and others, whose values are any, or that of its example; and the
/// segments of its path likewise.
fn path() -> impl Strategy<Value = String> {
    let pairs = prop::collection::vec((any::<prop::sample::Index>(), "[a-z]{1,4}", value()), 0..5);
    let segment = prop_oneof![2 => Just(None), 1 => value().prop_map(Some)];
    (prop::sample::select(got()), segment, pairs).prop_map(|(route, segment, pairs)| {
        let (path, query) = route.example.split_once('?').unwrap();
        let varies: Vec<bool> = route.pattern.split('/').map(|segment| segment.starts_with('{')).collect();
        let segments = path.split('/').zip(varies).map(|(usual, varies)| match &segment {
            Some(segment) if varies => segment.as_str(),
            _ => usual,
        });
        let path: Vec<&str> = segments.collect();
        let name = |(place, other, _): &(prop::sample::Index, String, _)| match route.parameters.len() {
            0 => other.clone(),
            _ => place.get(&route.parameters).clone(),
        };
        let pairs: Vec<String> = pairs.iter().map(|pair| format!("{}={}", name(pair), pair.2)).collect();
        format!("{}?{query}&{}", path.join("/"), pairs.join("&"))
    })
}

on_every_backend! {
    fn no_query_string_fails(database: &Database) {
        let api = database.filled().api("");
        let law = runner(400).run(&path(), |path| {
            let reply = api.get(&path);
            prop_assert!(matches!(reply.status, 200 | 400 | 404), "{path}: {} {}", reply.status, reply.text);
            Ok(())
        });
        law.unwrap_or_else(|error| panic!("{error}"));
        assert!(!api.running.stderr().contains("ERROR"), "{}", api.running.stderr());
    }

    fn no_message_ends_a_websocket(database: &Database) {
        let api = database.filled().api("");
        let words = prop_oneof!["auth|subscribe|unsubscribe|ping".prop_map(String::from), any::<String>()];
        let tickers = prop::collection::vec(prop_oneof!["AAPL|MSFT|\\*".prop_map(String::from), any::<String>()], 0..4);
        let channels = prop::collection::vec("tick|quote|bar|.{0,3}", 0..3);
        let message = (words, tickers, channels)
            .prop_map(|(kind, tickers, channels)| json!({"type": kind, "tickers": tickers, "channels": channels}).to_string());
        let messages = prop::collection::vec(prop_oneof![message, any::<String>()], 1..20);
        let law = runner(30).run(&messages, |messages| {
            let mut socket = api.socket("");
            socket.hear_a("connected");
            for message in &messages {
                socket.say(message);
            }
            socket.say_bytes(&[0, 159, 146, 150]).say(r#"{"type":"ping"}"#);
            loop {
                match socket.hear() {
                    Heard::Message(message) if message["type"] == "pong" => break Ok(()),
                    Heard::Message(_) => {}
                    Heard::Closed(code) => prop_assert!(false, "closed with {code} after {messages:?}"),
                }
            }
        });
        law.unwrap_or_else(|error| panic!("{error}"));
        assert!(!api.running.stderr().contains("ERROR"), "{}", api.running.stderr());
    }
}
