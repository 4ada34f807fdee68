//! Polygon's dialect: its codes and shapes. What its own clients hear is tried in `tests/clients`.

use std::fs;

use serde_json::{Value, json};

use crate::support::api::{Api, Heard, Socket};
use crate::support::database::{Backend, Database};

fn filled() -> (Database, Api) {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    (database, api)
}

#[test]
fn an_error_has_the_vendors_shape() {
    let (_database, api) = filled();
    let range = "/v2/aggs/ticker/AAPL/range";
    for path in [
        format!("{range}/2/decade/2026-03-02/2026-03-03"),
        format!("{range}/0/second/2026-03-02/2026-03-03"),
        format!("{range}/3601/second/2026-03-02/2026-03-03"),
        "/v1/indicators/sma/AAPL?timespan=second".to_owned(),
        "/v1/indicators/sma/AAPL?window=0".to_owned(),
        "/v1/indicators/ema/AAPL?window=501".to_owned(),
        "/v1/indicators/rsi/AAPL?limit=5001".to_owned(),
        "/v1/indicators/rsi/AAPL?series_type=middle".to_owned(),
        "/v1/indicators/ema/AAPL?short_window=3".to_owned(),
        "/v1/indicators/macd/AAPL?window=3".to_owned(),
        "/v1/indicators/macd/AAPL?short_window=26".to_owned(),
        "/v1/indicators/macd/AAPL?timestamp.gte=now".to_owned(),
        format!("{range}/1/minute/2026-03-03/2026-03-02"),
        format!("{range}/1/minute/yesterday/2026-03-02"),
        format!("{range}/1/minute/2026-03-02/2026-03-03?limit=50001"),
        format!("{range}/1/minute/2026-03-02/2026-03-03?limit=0"),
        "/v3/trades/AAPL?limit=50001".to_owned(),
        "/v3/trades/AAPL?timestamp=now".to_owned(),
        "/v1/open-close/AAPL/today".to_owned(),
    ] {
        let reply = api.get(&path);
        assert_eq!((reply.status, &reply.json()["status"]), (400, &json!("ERROR")), "{path}");
        assert!(reply.json()["error"].is_string() && reply.json()["request_id"].is_string(), "{path}");
    }
    for path in ["/v2/last/trade/NOPE", "/v3/reference/tickers/NOPE", "/v1/open-close/NOPE/2026-03-02"] {
        let reply = api.get(path);
        assert_eq!((reply.status, &reply.json()["status"]), (404, &json!("NOT_FOUND")), "{path}");
    }
    assert_eq!((api.get("/v3/nothing").status, api.get("/v3/nothing").text.as_str()), (404, "404 page not found"));
    let none = api.body("/v2/aggs/ticker/NOPE/range/1/day/2026-03-02/2026-03-03");
    assert_eq!((&none["status"], &none["resultsCount"], &none["results"]), (&json!("OK"), &json!(0), &Value::Null));
}

#[test]
fn the_next_page_is_where_clients_reach_the_server() {
    let (database, api) = filled();
    let path = "/v2/aggs/ticker/AAPL/range/1/minute/2026-03-02/2026-03-03?limit=7&sort=desc";
    let next = api.body(path)["next_url"].as_str().unwrap().to_owned();
    assert!(next.starts_with(&format!("http://{}/v2/aggs/", api.address)) && next.contains('?'), "{next}");
    // JavaScript's client appends to it as it stands.
    let following = api.body(&format!("{}&apiKey=x", next.split(&api.address).nth(1).unwrap()));
    assert_eq!(following["results"].as_array().map(Vec::len), Some(7));
    let api = database.api("--external-url https://market.example.org/feed/");
    let next = api.body(path)["next_url"].as_str().unwrap().to_owned();
    assert!(next.starts_with("https://market.example.org/feed/v2/aggs/"), "{next}");
    database.market_api("--external-url").with("market").run().was_misused(&["--external-url", "market"]);
}

#[track_caller]
fn statuses(socket: &mut Socket) -> Vec<(String, String)> {
    let Heard::Message(Value::Array(messages)) = socket.hear() else { panic!("no array") };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    messages.iter().map(|message| (text(&message["status"]), text(&message["message"]))).collect()
}

fn of(status: &str, message: &str) -> Vec<(String, String)> {
    vec![(status.to_owned(), message.to_owned())]
}

#[test]
fn a_stream_is_admitted_by_its_key_and_confirms_each_channel() {
    let database = Database::new(Backend::Sqlite);
    let made = database.filled().klined("key somebody").run().succeeded();
    let keys = format!("{}connections = 1\nsubscriptions = 3\n", made.stdout);
    fs::write(database.directory.path().join("keys.toml"), keys).unwrap();
    let key = made.stderr.split_whitespace().last().unwrap().to_owned();
    let api = database.api("--api-keys keys.toml");
    let auth = json!({"action": "auth", "params": key}).to_string();

    let refused = api.ask("/v2/last/trade/AAPL", &[]);
    assert_eq!((refused.status, &refused.json()["error"]), (401, &json!("API Key was not provided")));
    let wrong = api.ask("/v2/last/trade/AAPL?apiKey=a.b", &[]);
    assert_eq!((wrong.status, &wrong.json()["error"]), (401, &json!("Unknown API Key")));
    assert_eq!(api.ask(&format!("/v2/last/trade/AAPL?apiKey={key}"), &[]).status, 200);

    let mut socket = api.socket_at("/stocks");
    // As Go's client does: everything at once, before anything is heard.
    socket.say(&auth).say(r#"{"action":"subscribe","params":"T.AAPL, Q.*,AM.V,X.V,FMV.V"}"#);
    assert_eq!(statuses(&mut socket), of("connected", "Connected Successfully"));
    assert_eq!(statuses(&mut socket), of("auth_success", "authenticated"));
    let answered: Vec<String> = statuses(&mut socket).into_iter().map(|(status, _)| status).collect();
    assert_eq!(answered, ["error", "not_authorized"]);
    let answered: Vec<String> = statuses(&mut socket).into_iter().map(|(_, message)| message).collect();
    assert_eq!(answered, ["subscribed to: T.AAPL", "subscribed to: Q.*", "subscribed to: AM.V"]);
    socket.say(r#"{"action":"unsubscribe","params":"Q.*"}"#);
    assert_eq!(statuses(&mut socket), of("success", "unsubscribed to: Q.*"));
    socket.say(r#"{"action":"subscribe","params":"T.A,T.B"}"#);
    assert_eq!(statuses(&mut socket)[0].0, "error");
    socket.say("nonsense");
    assert_eq!(statuses(&mut socket)[0].0, "error");

    let mut second = api.socket_at("/stocks");
    second.say(&auth);
    statuses(&mut second);
    assert_eq!(statuses(&mut second)[0].0, "max_connections");
    assert_eq!(second.close_code(), 1008);
    let mut wrong = api.socket_at("/stocks");
    statuses(wrong.say(r#"{"action":"auth","params":"a.b"}"#));
    assert_eq!(statuses(&mut wrong), of("auth_failed", "authentication failed"));
    assert_eq!(wrong.close_code(), 1008);
    api.running.terminate().succeeded();
    assert_eq!(socket.close_code(), 1012);
}

#[test]
fn price_limits_halts_and_resumptions_are_sent_as_luld() {
    let database = Database::new(Backend::Sqlite);
    database.market_backfill("--from 2026-03-02 --to 2026-03-03 --universe ashare:20").run().succeeded();
    let symbol = database.value("SELECT min(symbol) AS text FROM stock_metadata WHERE board = 'main' AND is_st = 0");
    let halt = "kind = \"halt\"\nfrom = \"2026-03-04 11:10\"\nuntil = \"11:15\"";
    let scenario = format!("name = \"stop\"\n[[event]]\nsymbol = \"{symbol}\"\n{halt}\n");
    fs::write(database.directory.path().join("stop.toml"), scenario).unwrap();
    let mut generator = database.market_generator("--test --speed 600 --scenario stop.toml").spawn();
    generator.until_minutes(1, &database);
    let api = database.api("");
    let mut socket = api.socket_at("/stocks");
    statuses(&mut socket);
    socket.say(r#"{"action":"auth","params":"any"}"#);
    statuses(&mut socket);
    socket.say(&json!({"action": "subscribe", "params": format!("LULD.{symbol}")}).to_string());
    let mut answered = Vec::new();
    while answered.len() < 3 {
        let Heard::Message(Value::Array(messages)) = socket.hear() else { panic!("no array") };
        answered.extend(messages.into_iter().filter(|message| message["ev"] == "LULD"));
    }
    let indicators: Vec<&Value> = answered.iter().map(|luld| &luld["i"]).collect();
    assert_eq!(indicators, [&json!([]), &json!([17]), &json!([18])]);
    // Ten per cent from the close of the day before.
    let close = database.decimal("close");
    let close = format!(
        "SELECT {close} AS text FROM market_klines WHERE symbol = '{symbol}' AND interval = '1d' AND time < {} \
                         ORDER BY time DESC LIMIT 1",
        answered[0]["t"].as_i64().unwrap() / 1000 - 8 * 3600
    );
    let close: f64 = database.value(&close).parse().unwrap();
    for luld in &answered {
        assert_eq!((&luld["T"], &luld["z"]), (&json!(symbol), &json!(3)));
        let (high, low) = (luld["h"].as_f64().unwrap(), luld["l"].as_f64().unwrap());
        assert!((high - close * 1.1).abs() < 0.00501 && (low - close * 0.9).abs() < 0.00501, "{luld} after {close}");
    }
    let times: Vec<i64> = answered.iter().map(|luld| luld["t"].as_i64().unwrap()).collect();
    // Not before 11:10 and 11:15, and by the market's clock: within its day.
    assert!(times[2] < 1_772_607_600_000, "{times:?}");
    assert!(times[0] < times[1] && times[1] >= 1_772_593_800_000 && times[2] >= 1_772_594_100_000, "{times:?}");
    generator.terminate().succeeded();
}

#[test]
fn those_that_moved_most_come_first_and_there_are_no_news() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    let moves = |direction: &str| {
        let body = api.body(&format!("/v2/snapshot/locale/us/markets/stocks/{direction}"));
        let change = |ticker: &Value| {
            let [day, before] = ["day", "prevDay"].map(|name| ticker[name]["c"].as_f64().unwrap());
            day / before - 1.0
        };
        body["tickers"].as_array().unwrap().iter().map(change).collect::<Vec<f64>>()
    };
    let (gained, lost) = (moves("gainers"), moves("losers"));
    assert!(gained.iter().all(|change| *change > 0.0) && gained.is_sorted_by(|one, other| one >= other), "{gained:?}");
    assert!(lost.iter().all(|change| *change < 0.0) && lost.is_sorted(), "{lost:?}");
    assert!((8..=10).contains(&(gained.len() + lost.len())));
    assert_eq!(api.body("/v2/reference/news?ticker=AAPL&published_utc.gte=2026-01-01&limit=3")["results"], json!([]));
    assert_eq!(api.get("/v2/snapshot/locale/us/markets/stocks/sideways").status, 404);
}
