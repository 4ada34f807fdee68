//! Symbols of every allowed character, and parameters that a route does not have.

use serde_json::{Value, json};

use crate::support::api::{Api, Heard};
use crate::support::database::{Backend, Database};

/// Every character that a symbol may have besides letters and digits, in places where a path or a list would stumble.
const NAMES: [&str; 5] = ["BTC/USD", "a/key/B", "^GSPC", "X:Y=z_1-2", ".b.C"];

/// A text with every byte escaped that is no letter or digit.
fn escaped(text: &str) -> String {
    let byte =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(byte).collect()
}

fn strange() -> (Database, Api) {
    let database = Database::new(Backend::Sqlite);
    let rows = NAMES.map(|name| format!("{name},A stock,Technology,100.00,0.02"));
    let csv = format!("symbol,name,sector,base_price,base_volatility\n{}\n", rows.join("\n"));
    std::fs::write(database.directory.path().join("names.csv"), csv).unwrap();
    database.market_backfill("--from 2026-03-02 --to 2026-03-03 --universe names.csv").run().succeeded();
    let api = database.api("");
    (database, api)
}

#[test]
fn every_symbol_survives_every_path_and_link() {
    let (database, api) = strange();
    for name in NAMES {
        let minutes = format!("symbol = '{name}' AND interval = '1m'");
        let (path, stored) = (escaped(name), database.bars(&minutes).len());
        let traded = database.bars(&format!("{minutes} AND volume > 0")).len();
        let all = api.pages(&format!("/api/v2/bars/{path}?start=2026-03-02&limit=200"));
        assert_eq!(all.len(), stored, "{name}");
        assert_eq!(api.data(&format!("/api/v2/quote/{path}"))["symbol"], name);
        assert_eq!(api.body(&format!("/api/klines?symbol={path}&limit=1"))[0]["symbol"], name);
        // Polygon's clients follow the link as it stands.
        for route in [
            format!("/v2/aggs/ticker/{path}/range/1/minute/2026-03-02/2026-03-03?limit=200"),
            format!("/v3/trades/{path}?limit=5000"),
        ] {
            let (mut link, mut found) = (route.clone(), 0);
            loop {
                let page = api.body(&link);
                found += page["results"].as_array().map_or(0, Vec::len);
                let Some(next) = page["next_url"].as_str() else { break };
                next.split(&api.address).nth(1).unwrap().clone_into(&mut link);
            }
            assert!(found == traded || route.starts_with("/v3/") && found > traded, "{route}: {found}");
        }
        let snapshot = api.body(&format!("/v3/snapshot?ticker.any_of={path}"));
        let snapshot = &snapshot["results"][0];
        assert!(snapshot["ticker"] == name && snapshot["last_trade"]["id"].is_string(), "{snapshot}");
        assert_eq!(api.body(&format!("/v2/last/trade/{path}"))["results"]["T"], name);
        // Alpaca's pages go on by token.
        let (mut token, mut found) = (String::new(), 0);
        loop {
            let page =
                api.body(&format!("/v2/stocks/bars?symbols={path}&timeframe=1Min&start=2026-03-02&limit=200{token}"));
            found += page["bars"][name].as_array().map_or(0, Vec::len);
            let Some(next) = page["next_page_token"].as_str() else { break };
            token = format!("&page_token={}", escaped(next));
        }
        assert_eq!(found, traded, "{name}");
        assert_eq!(api.body(&format!("/v2/stocks/{path}/bars/latest"))["symbol"], name);
        let klines = api.ask(&format!("/api/v3/klines?symbol={path}&interval=1m&limit=3"), &[]).json();
        assert_eq!(klines.as_array().map(Vec::len), Some(3), "{name}: {klines}");
        let list = escaped(&json!([name]).to_string());
        assert_eq!(api.ask(&format!("/api/v3/ticker/price?symbols={list}"), &[]).json()[0]["symbol"], name);
        assert_eq!(api.body(&format!("/udf/symbols?symbol={path}"))["ticker"], name);
        assert_eq!(api.body(&format!("/udf/history?symbol={path}&resolution=1&countback=5"))["s"], "ok");
    }
    // The list of stocks goes on by names.
    let (mut after, mut found) = (String::new(), Vec::new());
    loop {
        let page = api.body(&format!("/api/v2/tickers?limit=1{after}"));
        found.push(page["data"][0]["symbol"].as_str().unwrap().to_owned());
        let Some(next) = page["meta"]["next_after"].as_str() else { break };
        after = format!("&after={}", escaped(next));
    }
    let mut sorted = NAMES;
    sorted.sort_unstable();
    assert_eq!(found, sorted);
}

#[test]
fn every_symbol_survives_every_stream() {
    let (database, api) = strange();
    let mut generator = database.market_generator("--test --speed 120").spawn();
    generator.until_minutes(1, &database);
    for name in NAMES {
        let streams = [
            (
                "/ws".to_owned(),
                vec![json!({"type": "subscribe", "tickers": [name], "channels": ["tick"]})],
                "/data/ticker",
            ),
            (
                "/stocks".to_owned(),
                vec![
                    json!({"action": "auth", "params": "any"}),
                    json!({"action": "subscribe", "params": format!("T.{name}")}),
                ],
                "/0/sym",
            ),
            (
                "/v2/iex".to_owned(),
                vec![
                    json!({"action": "auth", "key": "a", "secret": "b"}),
                    json!({"action": "subscribe", "trades": [name]}),
                ],
                "/0/S",
            ),
            (format!("/ws/{name}@trade"), vec![], "/s"),
            (format!("/binance/ws/{}", escaped(&format!("{name}@trade"))), vec![], "/s"),
            (format!("/stream?streams=nothing@trade/{name}@trade"), vec![], "/data/s"),
            ("/binance/ws".to_owned(), vec![json!({"method": "SUBSCRIBE", "params": [format!("{name}@trade")]})], "/s"),
        ];
        for (path, messages, place) in streams {
            // Not every character of a symbol may stand in a request's line as it is.
            let mut socket = api.socket_at(&path.replace('^', "%5E"));
            for message in messages {
                socket.say(&message.to_string());
            }
            let heard = loop {
                match socket.hear() {
                    Heard::Message(message) => {
                        if let Some(found) = message.pointer(place) {
                            break found.clone();
                        }
                    }
                    Heard::Closed(code) => panic!("{path} was closed with {code}"),
                }
            };
            assert_eq!(heard, Value::from(name), "{path}");
        }
    }
    generator.terminate().succeeded();
}

#[test]
fn a_parameter_that_a_route_does_not_have_is_refused_by_name() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    for (path, words) in [
        ("/api/v2/bars/AAPL?interval=1d", ["\"interval\"", "timeframe"]),
        ("/api/v2/bars/AAPL?timefrme=1d", ["\"timefrme\"", "perhaps \"timeframe\" is meant"]),
        ("/api/v2/trades/AAPL?stat=2026-03-02", ["\"stat\"", "perhaps \"start\" is meant"]),
        ("/api/v2/quote/AAPL?day=1", ["\"day\"", "this route has none"]),
        ("/api/v2/status?x=1", ["\"x\"", "none"]),
        ("/api/v2/tickers?q=apple", ["\"q\"", "search"]),
        ("/api/klines?symbol=AAPL&timeframe=1d", ["\"timeframe\"", "interval"]),
    ] {
        let reply = api.get(path);
        assert_eq!(reply.code(), "invalid_request", "{path}");
        assert!(words.iter().all(|word| reply.text.replace('\\', "").contains(word)), "{path}: {}", reply.text);
    }
    // A key may stand in every query string.
    assert_eq!(api.get("/api/v2/status?api_key=any.key").status, 200);
    // All names of what is stored, and times without a zone.
    for (name, stored) in [("1h", "60m"), ("60m", "60m"), ("2h", "120m"), ("1D", "1d"), ("1W", "1w"), ("1mo", "1M")] {
        let of = |name: &str| api.data(&format!("/api/v2/bars/AAPL?timeframe={name}&start=2026-03-02"));
        assert_eq!(of(name), of(stored), "{name}");
    }
    let from = |time: &str| api.data(&format!("/api/v2/bars/AAPL?start={time}&limit=1"));
    assert_eq!(from("2026-03-02T10:15:00"), from("2026-03-02T10:15:00%2B08:00"));
    let alpaca = |time: &str| api.body(&format!("/v2/stocks/bars?symbols=AAPL&timeframe=1Min&start={time}&limit=1"));
    assert_eq!(alpaca("2026-03-02T10:15:00.000000001"), alpaca("2026-03-02T10:16:00%2B08:00"));
}
