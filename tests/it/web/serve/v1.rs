//! Version 1 of the API: the requests of the first market data API, as its own page shows them, and the shapes that its clients read.

use serde_json::{Value, json};

use super::guarding::key;
use crate::on_every_backend;
use crate::support::api::{Api, Heard};
use crate::support::database::{Backend, Database};
use crate::support::http::send;

/// Names and kinds of the fields of an object, in order of name: s for text, n for a number, - for null.
fn shape(object: &Value) -> String {
    let kind = |value: &Value| match value {
        Value::String(_) => 's',
        Value::Number(_) => 'n',
        Value::Null => '-',
        _ => '?',
    };
    let fields = object.as_object().unwrap().iter().map(|(name, value)| format!("{name}:{}", kind(value)));
    fields.collect::<Vec<_>>().join(" ")
}

fn is_iso(text: &Value) -> bool {
    let text = text.as_str().unwrap();
    text.len() == 24 && text.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

fn list(api: &Api, path: &str) -> Vec<Value> {
    api.data(path).as_array().unwrap().clone()
}

on_every_backend! {
    fn the_first_apis_requests_have_its_shapes(database: &Database) {
        let api = database.filled().api("");
        let tickers = list(&api, "/api/v1/tickers");
        let base = database.decimal("base_price");
        let stored = database.column(&format!(
            "SELECT symbol || ' ' || name || ' ' || sector || ' ' || {base} AS text FROM stock_metadata ORDER BY symbol"
        ));
        let shown: Vec<String> = tickers.iter().map(|row| ["ticker", "name", "sector", "initial_price"].map(|name| row[name].as_str().unwrap()).join(" ")).collect();
        assert_eq!(shown, stored);

        let quote = api.data("/api/v1/quote/AAPL");
        assert_eq!(shape(&quote), "ask:s bid:s price:s ticker:s time:s volume:n");
        assert!(is_iso(&quote["time"]) && quote["ticker"] == "AAPL");

        // Without bounds: an hour of trading, oldest first, ending with the last trade.
        let ticks = list(&api, "/api/v1/history/AAPL?limit=10000");
        assert!(ticks.iter().all(|tick| is_iso(&tick["time"]) && shape(tick) == "ask:s bid:s price:s ticker:s time:s volume:n"));
        let last = database.last_minute();
        let hour = database.value(&format!("SELECT CAST(sum(volume) AS text) AS text FROM market_klines WHERE symbol = 'AAPL' AND interval = '1m' AND time > {}", last - 3600));
        assert_eq!(ticks.iter().map(|tick| tick["volume"].as_i64().unwrap()).sum::<i64>().to_string(), hour);
        assert!(ticks.is_sorted_by_key(|tick| tick["time"].as_str().unwrap().to_owned()));
        let newest = ticks.last().unwrap();
        assert_eq!((&newest["time"], &newest["price"], &newest["volume"]), (&quote["time"], &quote["price"], &quote["volume"]));
        // Fewer of them are the newest ones, and from a start on the oldest ones.
        assert_eq!(list(&api, "/api/v1/history/AAPL?limit=7")[..], ticks[ticks.len() - 7..]);
        assert_eq!(list(&api, "/api/v1/history/AAPL").len(), ticks.len().min(1000));
        let start = ticks[20]["time"].as_str().unwrap();
        let from = list(&api, &format!("/api/v1/history/AAPL?start={start}&limit=5"));
        assert_eq!((from.len(), from[0]["time"].as_str().unwrap() >= start), (5, true));

        // A trade is made at a quote that is no wider than its price allows.
        let number = |text: &Value| text.as_str().unwrap().parse::<f64>().unwrap();
        assert!(ticks.iter().all(|tick| number(&tick["bid"]) <= number(&tick["price"]) && number(&tick["price"]) <= number(&tick["ask"])));

        for (name, stored) in [("1m", "1m"), ("5m", "5m"), ("1h", "60m"), ("60m", "60m"), ("1d", "1d"), ("1M", "1M")] {
            let bars = list(&api, &format!("/api/v1/bars/AAPL?timeframe={name}&start=2026-01-01&limit=5000"));
            let rows: Vec<String> = bars.iter().map(|bar| {
                assert!(is_iso(&bar["time"]) && bar["ticker"] == "AAPL" && bar["timeframe"] == name);
                assert_eq!(shape(bar), "close:s high:s low:s open:s ticker:s time:s timeframe:s volume:n");
                let time = chrono::DateTime::parse_from_rfc3339(bar["time"].as_str().unwrap()).unwrap().timestamp();
                let prices = ["open", "high", "low", "close"].map(|name| bar[name].as_str().unwrap()).join(" ");
                format!("{time} {prices} {}", bar["volume"])
            }).collect();
            assert_eq!(rows, database.bars(&format!("symbol = 'AAPL' AND interval = '{stored}'")), "{name}");
        }
        // Without bounds: a day of trading, at most 500.
        let day = list(&api, "/api/v1/bars/AAPL");
        assert_eq!((day.len(), &day[239]["time"]), (240, &json!("2026-03-03T06:59:00.000Z")));
        assert_eq!(list(&api, "/api/v1/bars/AAPL?limit=3")[..], day[237..]);
        // With a zone, without one, with a fraction: the same minute.
        for time in ["2026-03-03T01:30:00.000Z", "2026-03-03T01:30:00Z", "2026-03-03T09:30:00", "2026-03-03T09:30:00.000"] {
            assert_eq!(list(&api, &format!("/api/v1/bars/AAPL?start={time}&end={time}")), day[..1], "{time}");
        }

        let stats = api.data("/api/v1/stats/AAPL?period=1d");
        let names = "avg_price:s change:s change_pct:n close:s high:s low:s open:s period:s tick_count:n ticker:s total_volume:n volatility:n";
        assert_eq!(shape(&stats), names);
        assert_eq!(stats["open"], day[0]["open"]);
        assert_eq!((&stats["close"], &stats["period"]), (&day[239]["close"], &json!("1d")));
        let trades = api.pages("/api/v2/trades/AAPL?start=2026-03-03&end=2026-03-03&limit=10000");
        assert_eq!(stats["tick_count"], trades.len());
        let volume: i64 = day.iter().map(|bar| bar["volume"].as_i64().unwrap()).sum();
        let turnover: f64 = trades.iter().map(|trade| number(&trade["price"]) * trade["volume"].as_f64().unwrap()).sum();
        let mean = turnover / volume as f64;
        assert!((number(&stats["avg_price"]) - mean).abs() < 0.00501, "{stats} {mean}");
        assert_eq!(stats["total_volume"], volume);
        for period in ["1h", "7d", "30d"] {
            assert_eq!(api.data(&format!("/api/v1/stats/AAPL?period={period}"))["period"], period);
        }
        for (path, status) in [
            ("history/AAPL?limit=10001", 400),
            ("bars/AAPL?limit=5001", 400),
            ("bars/AAPL?timeframe=3s", 400),
            ("stats/AAPL?period=2d", 400),
            ("history/AAPL?start=2026-03-03&end=2026-03-02", 400),
            ("quote/NOPE", 404),
            ("history/NOPE", 404),
            ("bars/NOPE", 404),
            ("stats/NOPE", 404),
        ] {
            assert_eq!(api.get(&format!("/api/v1/{path}")).status, status, "{path}");
        }
    }
}

#[test]
fn the_first_apis_keys_and_limits_are_as_its_clients_know_them() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("--api-key brunosapikey");
    // curl -H "X-API-Key: brunosapikey" …
    for path in ["/api/v1/tickers", "/api/v1/quote/AAPL"] {
        let reply = api.ask(path, &[("X-API-Key", "brunosapikey")]);
        assert_eq!((reply.status, &reply.json()["success"]), (200, &json!(true)), "{path}");
        assert_eq!(api.ask(path, &[("Authorization", "Bearer brunosapikey")]).status, 200);
        assert_eq!(api.ask(path, &[]).status, 401);
    }
    for path in [
        "/api/v1/tickers?api_key=brunosapikey",
        "/api/v1/quote/AAPL?api_key=brunosapikey",
        "/api/v1/bars/AAPL?api_key=brunosapikey&timeframe=1m&limit=10",
        "/api/v1/stats/AAPL?api_key=brunosapikey&period=1d",
        "/",
        "/health",
        "/docs/",
    ] {
        assert_eq!(api.ask(path, &[]).status, 200, "{path}");
    }
    // A hundred a minute of one key: all of them may come at once. Further ones are allowed while the requests take their time.
    let key = key(&database, "requests_per_minute = 100");
    let api = database.api("--api-keys keys.toml");
    let mut answers = (0..5000).map(|_| api.ask("/api/v1/tickers", &[("X-API-Key", &key)]));
    let first = answers.next().unwrap();
    assert_eq!((first.status, first.header("x-ratelimit-remaining")), (200, Some("99")));
    let refused = answers.find(|answer| answer.status == 429).unwrap();
    assert_eq!((refused.header("retry-after"), refused.header("x-ratelimit-remaining")), (Some("1"), Some("0")));
    // The same of one address.
    let limited = Api::start(database.market_api("--addr 127.0.0.1:0 --rate 100/min"));
    assert_eq!(limited.get("/api/v1/tickers").header("x-ratelimit-remaining"), Some("99"));
    for wrong in ["0/min", "100/hour", "/min", "1.5"] {
        database.market_api("--rate").with(wrong).run().was_misused(&["--rate", wrong]);
    }
}

#[test]
fn the_first_apis_five_stocks_are_there_with_ten_ticks_a_second() {
    let database = Database::new(Backend::Sqlite);
    database.market_backfill("--from 2026-03-02 --to 2026-03-03 --universe synth --seed 42").run().succeeded();
    let api = database.api("");
    let synth = json!({"ticker": "SYNTH", "name": "Synthetic Corp", "sector": "Technology", "initial_price": "150.00"});
    let tickers = list(&api, "/api/v1/tickers?api_key=any");
    assert!(tickers.len() == 5 && tickers.contains(&synth), "{tickers:?}");
    for row in &tickers {
        let ticker = row["ticker"].as_str().unwrap();
        assert_eq!(api.data(&format!("/api/v1/quote/{ticker}"))["ticker"], ticker);
        assert_eq!(list(&api, &format!("/api/v1/bars/{ticker}?timeframe=1m&limit=10")).len(), 10);
        // Four hours of a day, two days of which this is the mean.
        let ticks = api.data(&format!("/api/v1/stats/{ticker}?period=7d"))["tick_count"].as_f64().unwrap();
        let a_second = ticks / (2.0 * 240.0 * 60.0);
        assert!((5.0..20.0).contains(&a_second), "{ticker}: {a_second}");
    }
}

#[test]
fn the_first_apis_socket_welcomes_subscribes_and_sends_ticks() {
    let database = Database::new(Backend::Sqlite);
    let mut generator = database.filled().market_generator("--test --speed 60").spawn();
    generator.until_minutes(1, &database);
    let api = database.api("");
    let mut socket = api.socket("");
    let Heard::Message(welcome) = socket.hear() else { panic!("no welcome") };
    assert_eq!(welcome["type"], "connected");
    socket.say(r#"{"type": "subscribe", "tickers": ["AAPL", "MSFT"]}"#);
    let subscribed = socket.hear_a("subscribed");
    assert_eq!(subscribed["tickers"], json!(["AAPL", "MSFT"]));
    // The last tick of each comes at once.
    for ticker in ["AAPL", "MSFT"] {
        assert_eq!(socket.hear_a("tick")["ticker"], ticker);
    }
    let tick = socket.hear_until("tick");
    for name in ["price", "volume", "bid", "ask", "timestamp"] {
        assert!(tick[name].is_number(), "{name}: {tick}");
    }
    assert!(tick["timestamp"].as_i64().unwrap() > 1_700_000_000_000);
    socket.say(r#"{"type": "ping"}"#).hear_until("pong");
    socket.say(r#"{"type": "unsubscribe", "tickers": ["MSFT"]}"#);
    assert_eq!(socket.hear_until("unsubscribed")["tickers"], json!(["MSFT"]));
    generator.terminate().succeeded();
    let upgrade =
        send(&api.address, &format!("GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", api.address));
    assert!(upgrade.contains(" 400 "), "{upgrade}");
}
