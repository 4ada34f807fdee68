//! `ENABLE_FAKE_DATA`: test symbols without a database, as a proxy's clients know them.

use serde_json::{Value, json};

use crate::support::api::{Api, Heard};
use crate::support::database::{Backend, Database};
use crate::support::programs::eventually;
use crate::support::vendor::ScriptedVendor;

/// The law of the first fake feed: one or two trades of 100 to 500 shares in every tenth of a second.
#[track_caller]
fn one_or_two_in_every_tenth(trades: &[Value]) {
    assert!(trades.iter().all(|trade| (100..=500).contains(&trade["s"].as_i64().unwrap())), "{trades:?}");
    let tenth_of = |trade: &Value| trade["t"].as_i64().unwrap() / 100;
    // The first and the last tenth may have come in part.
    let tenths: Vec<&[Value]> = trades.chunk_by(|one, other| tenth_of(one) == tenth_of(other)).collect();
    let whole = &tenths[1..tenths.len() - 1];
    assert!(whole.len() > 5 && whole.iter().all(|tenth| tenth.len() <= 2), "{trades:?}");
    let numbers: Vec<i64> = tenths.iter().map(|tenth| tenth_of(&tenth[0])).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}

#[test]
fn klined_up_serves_test_symbols_and_a_vendor_as_the_server_does() {
    let (place, vendor) = (Database::new(Backend::Sqlite), ScriptedVendor::new());
    let words = format!("--upstream-polygon http://127.0.0.1:{} --upstream-polygon-key k", vendor.port);
    let up = |words: &str| place.klined(&format!("up --addr 127.0.0.1:0 --no-log-files --fake-data {words}"));
    let mut api = Api::start(up(&words).variable("FAKE_DATA_SYMBOLS", "TESTSTOCK"));
    api.running.until_it_says("nothing of it is kept");
    let mut client = api.socket_at("");
    client.say(&json!({"action": "auth", "params": "test"}).to_string());
    client.say(&json!({"action": "subscribe", "params": "T.TESTSTOCK,T.REAL"}).to_string());
    eventually("the vendor is asked", || vendor.asked() == ["subscribe T.REAL"]);
    vendor.send(r#"[{"ev":"T","sym":"REAL","p":1.5}]"#);
    let (mut trades, mut real) = (Vec::new(), 0);
    while trades.len() < 20 || real == 0 {
        let Heard::Message(Value::Array(messages)) = client.hear() else { panic!("no array") };
        real += messages.iter().filter(|message| message["sym"] == "REAL").count();
        trades.extend(messages.into_iter().filter(|message| message["sym"] == "TESTSTOCK"));
    }
    one_or_two_in_every_tenth(&trades);
    assert_eq!(api.get("/health").json()["relay"]["synthetic_symbols"], json!(["TESTSTOCK"]));
    assert!(!place.directory.path().join("market.db").exists());
    api.running.terminate().succeeded();
    for (words, why) in [
        ("--universe demo", "--universe"),
        ("--calendar sse", "--calendar says sse"),
        ("--model full", "--model"),
        ("--fresh --yes", "--fresh"),
        ("--fake-data-symbols A'B", "A'B"),
    ] {
        up(words).run().failed(&[why]);
    }
    up("--upstream-alpaca https://127.0.0.1:1").run().failed(&["--upstream-alpaca needs a key"]);
}

#[test]
fn a_client_of_the_first_fake_feed_finds_what_it_knows() {
    let place = Database::new(Backend::Sqlite);
    let program = place.market_api("--addr 127.0.0.1:0 --no-log-files");
    let program = program.variable("ENABLE_FAKE_DATA", "true").variable("FAKE_DATA_SYMBOLS", "FAKETICKER, TESTSTOCK");
    let mut api = Api::start(program);
    let mut client = api.socket_at("");
    client.say(&json!({"action": "auth", "params": "test"}).to_string());
    client.say(&json!({"action": "subscribe", "params": "T.FAKETICKER"}).to_string());
    let mut trades = Vec::new();
    while trades.len() < 20 {
        let Heard::Message(Value::Array(messages)) = client.hear() else { panic!("no array") };
        trades.extend(messages.into_iter().filter(|message| message["ev"] != "status"));
    }
    for trade in &trades {
        assert_eq!((&trade["ev"], &trade["sym"]), (&json!("T"), &json!("FAKETICKER")));
        assert_eq!((&trade["x"], &trade["c"]), (&json!(4), &json!([14, 37])));
        assert!(trade["p"].is_number() && trade["s"].is_i64() && trade["t"].is_i64(), "{trade}");
    }
    assert!(trades.is_sorted_by_key(|trade| trade["t"].as_i64()));
    one_or_two_in_every_tenth(&trades);
    assert_eq!(api.get("/v2/last/trade/TESTSTOCK").status, 200);
    assert_eq!(api.data("/api/v2/status")["calendar"], "24x7");
    assert!(api.get("/").text.contains("klined"), "the page is still there");
    // Nothing is written beside the user's files.
    assert!(!place.directory.path().join("market.db").exists() && !place.directory.path().join("klined.db").exists());
    api.running.until_it_says("nothing of it is kept");
    api.running.terminate().succeeded();
    place.market_api("--fake-data --check").run().succeeded();
    let wrong = place.market_api("--fake-data --fake-data-symbols A'B").run();
    wrong.failed(&["--fake-data-symbols cannot be used", "A'B"]);
}
