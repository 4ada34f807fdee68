//! Binance's and TradingView's dialects: codes, shapes and limits that their clients do not ask for themselves.

use serde_json::{Value, json};

use super::guarding::key;
use crate::on_every_backend;
use crate::support::api::Heard;
use crate::support::database::{Backend, Database};
use crate::support::http::send;
use crate::support::programs::eventually;

/// Rows of twelve as [`Database::bars`] gives them.
fn rows(klines: &Value) -> Vec<String> {
    let text =
        |value: &Value| value.as_str().map_or_else(|| (value.as_i64().unwrap() / 1000).to_string(), str::to_owned);
    let row = |kline: &Value| (0..6).map(|place| text(&kline[place])).collect::<Vec<_>>().join(" ");
    klines.as_array().unwrap().iter().map(row).collect()
}

on_every_backend! {
    fn klines_and_history_are_the_stored_bars(database: &Database) {
        let api = database.filled().api("");
        for (name, resolution, stored) in
            [("1m", "1", "1m"), ("1h", "60", "60m"), ("2h", "120", "120m"), ("1d", "1D", "1d"), ("1M", "M", "1M")]
        {
            let bars = database.bars(&format!("symbol = 'AAPL' AND interval = '{stored}'"));
            let klines = api.ask(&format!("/api/v3/klines?symbol=aapl&interval={name}&limit=5000"), &[]).json();
            assert_eq!(rows(&klines), bars, "{name}");
            let history = api.ask(&format!("/udf/history?symbol=AAPL&resolution={resolution}&from=0&to=4000000000"), &[]).json();
            let volumes: Vec<String> = bars.iter().map(|bar| bar.rsplit(' ').next().unwrap().to_owned()).collect();
            let answered: Vec<String> = history["v"].as_array().unwrap().iter().map(Value::to_string).collect();
            assert_eq!(answered, volumes, "{resolution}");
        }
    }
}

#[test]
fn binances_errors_are_codes_and_udfs_are_words() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    for (path, status, code) in [
        ("/api/v3/klines", 400, -1102),
        ("/api/v3/klines?symbol=&interval=1m", 400, -1102),
        ("/api/v3/klines?symbol=AAPL", 400, -1102),
        ("/api/v3/klines?symbol=NOPE&interval=1m", 400, -1121),
        ("/api/v3/klines?symbol=%22;DROP&interval=1m", 400, -1100),
        ("/api/v3/klines?symbol=AAPL&interval=60m", 400, -1120),
        ("/api/v3/klines?symbol=AAPL&interval=1m&limit=0", 400, -1130),
        ("/api/v3/klines?symbol=AAPL&interval=1m&startTime=-1", 400, -1100),
        ("/api/v3/klines?symbol=AAPL&interval=1d&timeZone=-5", 400, -1130),
        ("/api/v3/ticker/24hr?type=SMALL", 400, -1130),
        ("/api/v3/ticker/tradingDay", 400, -1102),
        ("/api/v3/ticker?symbol=AAPL&windowSize=8d", 400, -1130),
        ("/api/v3/aggTrades?symbol=AAPL&fromId=1&startTime=1", 400, -1128),
        ("/api/v3/historicalTrades?symbol=AAPL&fromId=x", 400, -1100),
        ("/api/v3/depth", 400, -1102),
        ("/api/v3/depth?symbol=AAPLCNY", 400, -1121),
        ("/api/v3/ticker/price?symbols=AAPL", 400, -1100),
        ("/api/v3/order?symbol=AAPL", 404, -5000),
        ("/api/v3/klines?symbol=AAPL&interval=1m&star_time=0", 400, -1104),
        ("/api/v3/ticker/price?symbol=AAPL&limit=3", 400, -1104),
        ("/api/v3/time?symbol=AAPL", 400, -1101),
        ("/sapi/v1/asset/dribblet", 404, -5000),
        ("/fapi/v1/klines?symbol=AAPL&interval=1m", 404, -5000),
        ("/stream?streams=aapl@trade", 400, -1130),
    ] {
        let reply = api.ask(path, &[]);
        assert_eq!((reply.status, &reply.json()["code"]), (status, &json!(code)), "{path}");
        assert!(reply.json()["msg"].as_str().unwrap().len() > 5, "{path}");
    }
    for path in [
        "/udf/history",
        "/udf/history?symbol=NOPE&resolution=1",
        "/udf/history?symbol=AAPL&resolution=2S",
        "/udf/history?symbol=AAPL&resolution=1&from=99999999999999999999",
        "/udf/symbols?symbol=NOPE",
        "/udf/symbol_info?group=nothing",
    ] {
        let reply = api.ask(path, &[]);
        assert_eq!((reply.status, &reply.json()["s"]), (200, &json!("error")), "{path}");
    }
    assert_eq!(
        (api.ask("/udf/nothing", &[]).status, &api.ask("/udf/nothing", &[]).json()["s"]),
        (404, &json!("error"))
    );
    assert_eq!(api.ask("/udf/time", &[]).header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn a_stream_answers_by_id_and_holds_its_client_to_binances_limits() {
    let database = Database::new(Backend::Sqlite);
    let mut generator = database.filled().market_generator("--test --speed 120").spawn();
    let api = database.api("");
    generator.until_minutes(1, &database);
    let mut socket = api.socket_at("/binance/ws");
    let name = |number: usize| format!("s{}@{}", number / 2, ["trade", "kline_1m"][number % 2]);
    let names: Vec<String> = (0..1025).map(name).collect();
    for (said, answer) in [
        (json!({"method": "SUBSCRIBE", "params": ["aapl@kline_1m"], "id": 1}), json!({"result": null, "id": 1})),
        (json!({"method": "LIST_SUBSCRIPTIONS", "id": "x"}), json!({"result": ["aapl@kline_1m"], "id": "x"})),
        (json!({"method": "GET_PROPERTY", "params": ["combined"], "id": 2}), json!({"result": false, "id": 2})),
        (json!({"method": "SUBSCRIBE", "params": names, "id": 3}), json!({"id": 3, "code": 2})),
        // Streams that there are not have no events, and do not refuse the others of their list.
        (
            json!({"method": "SUBSCRIBE", "params": ["aapl@kline_60m", "v@kline_1m"], "id": 4}),
            json!({"result": null, "id": 4}),
        ),
        (
            json!({"method": "LIST_SUBSCRIPTIONS", "id": 5}),
            json!({"result": ["aapl@kline_1m", "aapl@kline_60m", "v@kline_1m"], "id": 5}),
        ),
        (json!([]), json!({"id": null, "code": 2})),
    ] {
        socket.say(&said.to_string());
        let heard = loop {
            match socket.hear() {
                Heard::Message(message) if message.get("e").is_none() => break message,
                Heard::Message(_) => {}
                Heard::Closed(code) => panic!("closed with {code}"),
            }
        };
        match answer.get("code") {
            Some(code) => assert_eq!((&heard["id"], &heard["error"]["code"]), (&answer["id"], code), "{heard}"),
            None => assert_eq!(heard, answer),
        }
    }
    // A closed kline is the stored bar.
    let kline = loop {
        match socket.hear() {
            Heard::Message(message) if message["k"]["x"] == true => break message["k"].clone(),
            Heard::Message(_) => {}
            Heard::Closed(code) => panic!("closed with {code}"),
        }
    };
    let start = kline["t"].as_i64().unwrap() / 1000;
    let answered = ["o", "h", "l", "c", "v"].map(|name| kline[name].as_str().unwrap()).join(" ");
    assert_eq!(
        [format!("{start} {answered}")],
        database.bars(&format!("symbol = 'AAPL' AND interval = '1m' AND time = {start}"))[..]
    );
    for _ in 0..30 {
        socket.say(r#"{"method":"LIST_SUBSCRIPTIONS"}"#);
    }
    assert!([1006, 1008].contains(&socket.close_code()));
    generator.terminate().succeeded();
}

#[test]
fn a_stream_that_there_is_not_is_opened_in_silence() {
    let database = Database::new(Backend::Sqlite);
    let mut generator = database.filled().market_generator("--test --speed 120").spawn();
    let api = database.api("");
    generator.until_minutes(1, &database);
    // ccxt opens the first of these and subscribes by message.
    for path in ["/ws/0", "/binance/stream?streams=0/aapl@nothing"] {
        let mut socket = api.socket_at(path);
        socket.say(r#"{"method":"SUBSCRIBE","params":["aapl@trade"],"id":1}"#);
        let Heard::Message(answer) = socket.hear() else { panic!("{path} is closed") };
        assert_eq!(answer, json!({"result": null, "id": 1}), "{path}");
        let Heard::Message(event) = socket.hear() else { panic!("{path} is closed") };
        assert_eq!(event.get("data").unwrap_or(&event)["e"], "trade", "{path}: {event}");
    }
    generator.terminate().succeeded();
}

/// A bar of rows of twelve in milliseconds: start, close time, volume.
fn spans(klines: &Value) -> Vec<(i64, i64, String)> {
    let span = |kline: &Value| {
        let [start, close] = [0, 6].map(|place: usize| kline[place].as_i64().unwrap());
        (start, close, kline[5].as_str().unwrap().to_owned())
    };
    klines.as_array().unwrap().iter().map(span).collect()
}

#[test]
fn paging_by_close_time_leaves_no_kline_out_and_the_open_one_is_in_every_interval() {
    let database = Database::new(Backend::Sqlite);
    // Two holidays of a week lie in it, and it ends in the middle of a minute of a morning.
    database.market_backfill("--from 2025-09-01 --to 2026-03-03 --symbol AAPL").run().succeeded();
    let mut generator = database.market_generator("--test --speed 2 --symbols AAPL").spawn();
    generator.until_minutes(2, &database);
    let api = database.api("");
    let ask = |query: &str| api.ask(&format!("/api/v3/klines?symbol=AAPL&{query}"), &[]).json();
    for interval in ["2h", "4h", "1d", "3d", "1w", "1M"] {
        let all = spans(&ask(&format!("interval={interval}&limit=1000")));
        let (mut paged, mut from) = (Vec::new(), 0);
        loop {
            let page = spans(&ask(&format!("interval={interval}&limit=3&startTime={from}")));
            let Some((_, close, _)) = page.last() else { break };
            from = close + 1;
            paged.extend(page);
        }
        let starts = |klines: &[(i64, i64, String)]| klines.iter().map(|(start, ..)| *start).collect::<Vec<_>>();
        assert_eq!(starts(&paged), starts(&all), "{interval}");
        assert!(all.windows(2).all(|pair| pair[0].1 < pair[1].0), "{interval}: {all:?}");
    }
    // The last kline of each interval has the open minute, and a longer one has all of a shorter one.
    let stored: i64 = database
        .value("SELECT CAST(max(time) AS text) AS text FROM market_klines WHERE interval = '1m'")
        .parse()
        .unwrap();
    let last =
        |interval: &str| spans(&ask(&format!("interval={interval}&endTime=4000000000000&limit=1"))).pop().unwrap();
    eventually("the open minute has a trade", || last("1m").0 > stored * 1000);
    let volume = |interval: &str| last(interval).2.parse::<i64>().unwrap();
    let volumes = ["1m", "5m", "1h", "1d", "1w", "1M"].map(volume);
    assert!(volumes.is_sorted() && volumes[0] < volumes[1], "{volumes:?}");
    let now = ask("interval=1m&limit=1000");
    assert!(spans(&now).len() == 1000 && spans(&now)[999].0 > stored * 1000);
    generator.terminate().succeeded();
}

#[test]
fn a_vendors_path_that_is_not_served_answers_in_the_vendors_shape() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    for path in [
        "/v2/account",
        "/v2/orders/3/fills",
        "/v2/stocks/AAPL/dividends",
        "/v1beta1/screener/stocks/movers",
        "/v1beta3/crypto/us/bars",
    ] {
        let reply = api.get(path);
        assert_eq!(
            (reply.status, reply.json()["message"].is_string(), reply.json().get("success")),
            (404, true, None),
            "{path}"
        );
    }
    for path in [
        "/v1/indicators/vwap/AAPL",
        "/vX/reference/financials",
        "/v2/reference/nothing",
        "/options",
        "/v2/aggs/nothing",
        "/benzinga/v1/ratings",
    ] {
        assert_eq!((api.get(path).status, api.get(path).text.as_str()), (404, "404 page not found"), "{path}");
    }
    for path in ["/api/v3/account", "/sapi/v1/account", "/fapi/v1/ping", "/binance/nothing"] {
        assert_eq!((api.get(path).status, &api.get(path).json()["code"]), (404, &json!(-5000)), "{path}");
    }
    assert_eq!(api.get("/udf/nothing").json()["s"], "error");
    assert_eq!(api.get("/api/v2/nothing").code(), "not_found");
}

#[test]
fn a_stream_holds_its_key_to_connections_and_tickers() {
    let database = Database::new(Backend::Sqlite);
    let key = key(database.filled(), "connections = 1\nsubscriptions = 2");
    let api = database.api("--api-keys keys.toml");
    let path = format!("/binance/ws/aapl@trade?api_key={key}");
    let mut socket = api.socket_at(&path);
    for (names, answer) in [
        (vec!["AAPL@kline_1m", "v@trade"], &Value::Null),
        (vec!["nosuch@trade"], &json!(2)),
        (vec!["v@kline_1m"], &Value::Null),
    ] {
        socket.say(&json!({"method": "SUBSCRIBE", "params": names, "id": 1}).to_string());
        let Heard::Message(heard) = socket.hear() else { panic!("it is over") };
        assert_eq!(&heard["error"]["code"], answer, "{heard}");
    }
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==";
    let second = send(&api.address, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{upgrade}\r\n\r\n"));
    assert!(second.starts_with("HTTP/1.1 429") && second.contains("-1003"), "{second}");
}

#[test]
fn a_pairs_quote_asset_is_the_servers_choice() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("--quote-asset EUR");
    let info = api.ask("/api/v3/exchangeInfo?symbol=AAPLEUR", &[]).json();
    assert_eq!((&info["symbols"][0]["quoteAsset"], &info["symbols"][0]["symbol"]), (&json!("EUR"), &json!("AAPLEUR")));
    assert_eq!(api.ask("/api/v3/ticker/price?symbol=AAPLUSDT", &[]).json()["code"], -1121);
    for wrong in ["eur", "E", "USD/T"] {
        database.market_api("--quote-asset").with(wrong).run().was_misused(&["--quote-asset", wrong]);
    }
}
