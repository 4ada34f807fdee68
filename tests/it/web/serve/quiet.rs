//! Minutes without trade: Alpaca's and Polygon's dialects have no bar of them, klined's own and Binance's have one without volume.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::on_every_backend;
use crate::support::api::{Api, Heard, Socket};
use crate::support::database::{Backend, Database};

/// A stock of which a third of the minutes have no trade.
const STOCK: &str = "002224";
/// The market that it is in.
const MARKET: &str = "--from 2026-03-02 --to 2026-03-03 --universe ashare:40 --seed 42";

/// The starts of a stock's stored bars of which a condition holds, in Unix seconds.
fn starts(database: &Database, interval: &str, condition: &str) -> Vec<i64> {
    let sql = format!(
        "SELECT CAST(time AS text) AS text FROM market_klines WHERE symbol = '{STOCK}' AND interval = '{interval}' AND {condition} ORDER BY time"
    );
    database.column(&sql).iter().map(|text| text.parse().unwrap()).collect()
}

fn seconds(text: &Value) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap().timestamp()
}

/// Every bar of Alpaca's pages of seven.
fn of_alpaca(api: &Api, timeframe: &str, sort: &str) -> Vec<i64> {
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let path =
            format!("/v2/stocks/bars?symbols={STOCK}&timeframe={timeframe}&start=2026-01-01&limit=7&sort={sort}");
        let page = api.body(&format!("{path}&page_token={token}"));
        let bars = page["bars"][STOCK].as_array().unwrap();
        found.extend(bars.iter().map(|bar| seconds(&bar["t"])));
        match page["next_page_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => return found,
        }
        assert_eq!(bars.len(), 7, "a page that is not the last is full");
    }
}

/// Every bar of Polygon's pages of seven.
fn of_polygon(api: &Api, window: &str, limit: u32) -> Vec<i64> {
    let mut path = format!("/v2/aggs/ticker/{STOCK}/range/{window}/2026-03-01/2026-03-31?limit={limit}");
    let mut found = Vec::new();
    loop {
        let page = api.body(&path);
        let bars = page["results"].as_array().unwrap();
        found.extend(bars.iter().map(|bar| bar["t"].as_i64().unwrap() / 1000));
        match page["next_url"].as_str() {
            Some(next) => path = next.split(&api.address).nth(1).unwrap().to_owned(),
            None => return found,
        }
        assert_eq!(bars.len(), 7, "a page that is not the last is full");
    }
}

on_every_backend! {
    fn bars_without_volume_are_left_out_where_the_vendor_leaves_them_out(database: &Database) {
        database.market_backfill(MARKET).run().succeeded();
        // Five minutes without trade are a bar of five minutes without volume.
        for stored in ["1m", "5m"] {
            database.execute(&format!(
                "UPDATE market_klines SET volume = 0 WHERE symbol = '{STOCK}' AND interval = '{stored}' AND time % 3600 = 0"
            ));
        }
        let api = database.api("");
        for (stored, timeframe, window, binance, limit) in [("1m", "1Min", "1/minute", "1m", 7), ("5m", "5Min", "5/minute", "5m", 35)] {
            let (all, traded) = (starts(database, stored, "1 = 1"), starts(database, stored, "volume > 0"));
            assert!(traded.len() < all.len() && traded.len() > 40, "{stored}: {} of {}", traded.len(), all.len());
            assert_eq!(of_alpaca(&api, timeframe, "asc"), traded, "{stored}");
            let backwards: Vec<i64> = traded.iter().rev().copied().collect();
            assert_eq!(of_alpaca(&api, timeframe, "desc"), backwards, "{stored}");
            assert_eq!(of_polygon(&api, window, limit), traded, "{stored}");
            let native = api.data(&format!("/api/v2/bars/{STOCK}?timeframe={stored}&limit=5000"));
            let native: Vec<i64> = native.as_array().unwrap().iter().map(|bar| bar["time"].as_i64().unwrap()).collect();
            assert_eq!(native, all, "{stored}");
            let klines = api.ask(&format!("/api/v3/klines?symbol={STOCK}&interval={binance}&limit=1000"), &[]).json();
            let klines: Vec<i64> = klines.as_array().unwrap().iter().map(|kline| kline[0].as_i64().unwrap() / 1000).collect();
            assert_eq!(klines, all, "{stored}");
        }
    }

    fn the_last_minute_of_a_snapshot_has_a_trade(database: &Database) {
        database.market_backfill(MARKET).run().succeeded();
        // As if the last minutes had had none.
        let last = database.last_minute();
        database.execute(&format!("UPDATE market_klines SET volume = 0 WHERE symbol = '{STOCK}' AND interval = '1m' AND time > {}", last - 600));
        let api = database.api("");
        let traded = *starts(database, "1m", "volume > 0").last().unwrap();
        assert!(traded < last);
        let snapshot = api.body(&format!("/v2/stocks/snapshots?symbols={STOCK}"));
        assert_eq!(seconds(&snapshot[STOCK]["minuteBar"]["t"]), traded);
        assert!(snapshot[STOCK]["minuteBar"]["v"].as_i64() > Some(0) && snapshot[STOCK]["prevDailyBar"]["v"].as_i64() > Some(0));
        let latest = api.body(&format!("/v2/stocks/bars/latest?symbols={STOCK}"));
        assert_eq!(seconds(&latest["bars"][STOCK]["t"]), traded);
        let ticker = &api.body(&format!("/v2/snapshot/locale/us/markets/stocks/tickers/{STOCK}"))["ticker"];
        assert_eq!(ticker["min"]["t"], traded * 1000);
        let universal = &api.body(&format!("/v3/snapshot?ticker.any_of={STOCK}"))["results"][0];
        assert_eq!(universal["last_minute"]["last_updated"], (traded + 60) * 1_000_000_000);
    }
}

/// The starts of the bars among the messages of an array.
fn bars_of(messages: &Value, kind: (&str, &str), start: impl Fn(&Value) -> i64) -> Vec<i64> {
    let messages = messages.as_array().into_iter().flatten();
    messages.filter(|message| message[kind.0] == kind.1).map(start).collect()
}

/// Adds the bars that a stream sends, until it has sent one of a minute or of a later one.
fn hear_until(socket: &mut Socket, last: i64, found: &mut BTreeSet<i64>, bars: impl Fn(&Value) -> Vec<i64>) {
    while found.last().is_none_or(|newest| *newest < last) {
        let Heard::Message(messages) = socket.hear() else { panic!("the stream is over") };
        found.extend(bars(&messages));
    }
}

#[test]
fn a_stream_has_no_bar_of_a_minute_without_trade() {
    let database = Database::new(Backend::Sqlite);
    database.market_backfill(MARKET).run().succeeded();
    let mut generator = database.market_generator("--test --speed 600").spawn();
    generator.until_minutes(1, &database);
    let api = database.api("");
    let [mut alpaca, mut polygon] = ["/v2/iex", "/stocks"].map(|path| api.socket_at(path));
    alpaca.say(r#"{"action":"auth","key":"a","secret":"b"}"#);
    alpaca.say(&json!({"action": "subscribe", "bars": [STOCK]}).to_string());
    polygon.say(r#"{"action":"auth","params":"any"}"#);
    polygon.say(&json!({"action": "subscribe", "params": format!("AM.{STOCK}")}).to_string());
    let of_alpaca = |messages: &Value| bars_of(messages, ("T", "b"), |bar| seconds(&bar["t"]));
    let of_polygon = |messages: &Value| bars_of(messages, ("ev", "AM"), |bar| bar["s"].as_i64().unwrap() / 1000);
    let (mut alpaca_bars, mut polygon_bars) = (BTreeSet::new(), BTreeSet::new());
    hear_until(&mut alpaca, 0, &mut alpaca_bars, of_alpaca);
    hear_until(&mut polygon, 0, &mut polygon_bars, of_polygon);
    let first = *alpaca_bars.first().max(polygon_bars.first()).unwrap();
    // A hundred minutes of trading; the lunch break may lie in them.
    let last = first + 100 * 60;
    hear_until(&mut alpaca, last, &mut alpaca_bars, of_alpaca);
    hear_until(&mut polygon, last, &mut polygon_bars, of_polygon);
    let stored =
        |condition: &str| starts(&database, "1m", &format!("time > {first} AND time <= {last} AND {condition}"));
    assert!(stored("volume = 0").len() > 5);
    for heard in [alpaca_bars, polygon_bars] {
        let heard: Vec<i64> = heard.range(first + 1..=last).copied().collect();
        assert_eq!(heard, stored("volume > 0"));
    }
    generator.terminate().succeeded();
}
