//! The WebSocket: the vendor's conversation, and events that are those of REST.

use std::net::TcpStream;
use std::time::Duration;

use klined_fx::base::Hours;
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket, client};

use super::{Api, FRIDAY, SATURDAY};

/// A client that reads arrays of messages.
struct Client(WebSocket<TcpStream>);

impl Client {
    fn of(api: &Api) -> Self {
        let stream = TcpStream::connect(api.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(client(format!("ws://{}/forex", api.address), stream).unwrap().0)
    }

    fn say(&mut self, action: &str, params: &str) {
        self.0.send(Message::text(json!({"action": action, "params": params}).to_string())).unwrap();
    }

    fn next(&mut self) -> Vec<Value> {
        loop {
            if let Message::Text(text) = self.0.read().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// A client that has been admitted.
    fn admitted(api: &Api) -> Self {
        let mut client = Self::of(api);
        assert_eq!(client.next()[0]["status"], "connected");
        client.say("auth", "anything");
        assert_eq!(client.next()[0]["status"], "auth_success");
        client
    }
}

#[test]
fn quotes_and_bars_of_the_stream_are_those_of_rest() {
    let api = Api::at(FRIDAY + 40, Hours::Week);
    let mut client = Client::admitted(&api);
    client.say("subscribe", "C.EUR/USD,CAS.EUR/USD,CA.*");
    let said = client.next();
    assert_eq!(said[0]["message"], "subscribed to: C.EUR/USD");
    let mut events = Vec::new();
    let count = |events: &[Value], kind: &str| events.iter().filter(|event| event["ev"] == kind).count();
    while count(&events, "CA") == 0 || count(&events, "C") < 20 {
        assert!(events.len() < 1_000_000, "a minute does not end");
        events.extend(client.next());
    }
    let of = |kind: &str| events.iter().filter(|event| event["ev"] == kind).collect::<Vec<_>>();
    assert!(of("C").iter().chain(&of("CAS")).all(|event| event["p"] == "EUR/USD" || event["pair"] == "EUR/USD"));
    for bar in of("CA") {
        let pair = bar["pair"].as_str().unwrap().replace('/', "");
        let (start, end) = (bar["s"].as_i64().unwrap(), bar["e"].as_i64().unwrap());
        assert_eq!(end - start, 60_000);
        let rest = &api.get(&format!("/v2/aggs/ticker/C:{pair}/range/1/minute/{start}/{start}"))["results"][0];
        assert!(["o", "h", "l", "c", "v", "vw"].iter().all(|key| rest[key] == bar[key]), "{bar} {rest}");
    }
    assert_eq!(of("CA").len() % 30, 0);
    for bar in of("CAS") {
        let start = bar["s"].as_i64().unwrap();
        let rest = &api.get(&format!("/v2/aggs/ticker/C:EURUSD/range/1/second/{start}/{start}"))["results"][0];
        assert!(["o", "h", "l", "c", "v", "vw"].iter().all(|key| rest[key] == bar[key]), "{bar} {rest}");
    }
    let (first, last) = (of("C")[0]["t"].as_i64().unwrap(), of("C").last().unwrap()["t"].as_i64().unwrap());
    let query =
        format!("timestamp.gte={}&timestamp.lt={}&order=asc&limit=50000", first * 1_000_000, (last + 1) * 1_000_000);
    let rest = api.all(&format!("/v3/quotes/C:EURUSD?{query}")).0;
    let of_rest = |quote: &Value| {
        let milliseconds = quote["participant_timestamp"].as_i64().unwrap() / 1_000_000;
        (milliseconds, quote["bid_price"].as_f64(), quote["ask_price"].as_f64())
    };
    let of_stream = |event: &&Value| (event["t"].as_i64().unwrap(), event["b"].as_f64(), event["a"].as_f64());
    assert_eq!(of("C").iter().map(of_stream).collect::<Vec<_>>(), rest.iter().map(of_rest).collect::<Vec<_>>());
}

#[test]
fn a_market_that_is_always_open_has_quotes_on_a_saturday() {
    let api = Api::at(SATURDAY, Hours::Always);
    let mut client = Client::admitted(&api);
    client.say("subscribe", "C.*");
    while client.next()[0]["ev"] != "C" {}
    assert_eq!(api.get("/v1/marketstatus/now")["currencies"]["fx"], "open");
    assert_eq!(api.get("/v1/marketstatus/upcoming"), json!([]));
    let bars = api.all("/v2/aggs/ticker/C:EURUSD/range/1/hour/2025-07-12/2025-07-12").0;
    assert!((12..=13).contains(&bars.len()), "{} hours so far", bars.len());
}

#[test]
fn what_is_no_subscription_is_named() {
    let api = Api::at(SATURDAY, Hours::Week);
    let mut client = Client::admitted(&api);
    client.say("subscribe", "C.USD/EUR,FMV.*,CA.EUR/USD");
    let said: Vec<Value> = [client.next(), client.next()].concat();
    let statuses: Vec<_> = said.iter().map(|status| (status["status"].as_str(), status["message"].as_str())).collect();
    assert_eq!(statuses[0], (Some("error"), Some("invalid subscription: C.USD/EUR")));
    assert_eq!(statuses[1], (Some("not_authorized"), Some("You're not authorized to access: FMV.*")));
    assert_eq!(statuses[2], (Some("success"), Some("subscribed to: CA.EUR/USD")));
    client.say("unsubscribe", "CA.EUR/USD");
    assert_eq!(client.next()[0]["message"], "unsubscribed to: CA.EUR/USD");
    client.say("shout", "x");
    assert_eq!(client.next()[0]["status"], "error");
}
