//! Turnover and number of trades in the bars of every dialect: those of the database, and those of the bars' trades.

use serde_json::{Value, json};

use crate::on_every_backend;
use crate::support::api::Api;
use crate::support::database::{Backend, Database};

/// Turnover, volume and number of trades of bars of AAPL, in order of time.
fn stored(database: &Database, interval: &str) -> Vec<(f64, f64, i64)> {
    let turnover = match database.backend {
        Backend::Sqlite => "printf('%.2f', turnover)",
        Backend::Postgres => "CAST(turnover AS text)",
    };
    let rows = database.column(&format!(
        "SELECT {turnover} || ' ' || volume || ' ' || trades AS text FROM market_klines \
         WHERE symbol = 'AAPL' AND interval = '{interval}' ORDER BY time"
    ));
    let parse = |row: &String| {
        let numbers: Vec<&str> = row.split(' ').collect();
        (numbers[0].parse().unwrap(), numbers[1].parse().unwrap(), numbers[2].parse().unwrap())
    };
    rows.iter().map(parse).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}

fn list(value: Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list")).clone()
}

/// The bars of an interval in each dialect: what it shows as turnover or mean price, and as number of trades.
fn check_dialects(api: &Api, database: &Database, interval: &str, [vendor, polygon, binance]: [&str; 3]) {
    let stored = stored(database, interval);
    let mean = |(turnover, volume, _): &(f64, f64, i64)| (turnover / volume * 10_000.0).round() / 10_000.0;
    let trades: Vec<i64> = stored.iter().map(|row| row.2).collect();
    let turnovers: Vec<f64> = stored.iter().map(|row| row.0).collect();
    let means: Vec<f64> = stored.iter().filter(|row| row.2 > 0).map(mean).collect();
    let traded: Vec<i64> = trades.iter().copied().filter(|trades| *trades > 0).collect();
    let of = |bars: &[Value], name: &str| bars.iter().map(|bar| number(&bar[name])).collect::<Vec<f64>>();
    let counts = |bars: &[Value], name: &str| bars.iter().map(|bar| bar[name].as_i64().unwrap()).collect::<Vec<i64>>();

    for bars in [
        list(api.body(&format!("/api/klines?symbol=AAPL&interval={interval}&limit=5000"))),
        api.pages(&format!("/api/v2/bars/AAPL?timeframe={interval}&limit=5000")),
    ] {
        assert_eq!((of(&bars, "turnover"), counts(&bars, "trades")), (turnovers.clone(), trades.clone()));
    }
    let alpaca =
        list(api.body(&format!("/v2/stocks/AAPL/bars?timeframe={vendor}&start=2026-03-01&limit=10000"))["bars"].take());
    assert_eq!((of(&alpaca, "vw"), counts(&alpaca, "n")), (means.clone(), traded.clone()));
    let path = format!("/v2/aggs/ticker/AAPL/range/{polygon}/2026-03-01/2026-03-31?limit=50000");
    let polygon = list(api.body(&path)["results"].take());
    assert_eq!((of(&polygon, "vw"), counts(&polygon, "n")), (means, traded));
    let binance = list(api.ask(&format!("/api/v3/klines?symbol=AAPL&interval={binance}&limit=1000"), &[]).json());
    let binance: Vec<(f64, i64)> = binance.iter().map(|row| (number(&row[7]), row[8].as_i64().unwrap())).collect();
    assert_eq!(binance, turnovers.into_iter().zip(trades).collect::<Vec<_>>());
}

on_every_backend! {
    fn every_dialect_shows_turnover_and_trades_of_the_stored_bars(database: &Database) {
        let api = database.filled().api("");
        check_dialects(&api, database, "1m", ["1Min", "1/minute", "1m"]);
        check_dialects(&api, database, "60m", ["1Hour", "1/hour", "1h"]);
        check_dialects(&api, database, "1d", ["1Day", "1/day", "1d"]);
        let &(turnover, volume, trades) = stored(database, "1d").last().unwrap();
        let mean = (turnover / volume * 10_000.0).round() / 10_000.0;
        let alpaca = api.body("/v2/stocks/AAPL/snapshot");
        assert_eq!((number(&alpaca["dailyBar"]["vw"]), &alpaca["dailyBar"]["n"]), (mean, &json!(trades)));
        assert!(alpaca["prevDailyBar"]["n"].as_i64() > Some(0) && alpaca["minuteBar"]["n"].as_i64() > Some(0), "{alpaca}");
        let polygon = api.body("/v2/snapshot/locale/us/markets/stocks/tickers/AAPL");
        assert_eq!(number(&polygon["ticker"]["day"]["vw"]), mean);
        assert!(polygon["ticker"]["min"]["n"].as_i64() > Some(0), "{polygon}");
        let day = api.ask("/api/v3/ticker/24hr?symbol=AAPL", &[]).json();
        assert_eq!((number(&day["quoteVolume"]), number(&day["weightedAvgPrice"]), &day["count"]), (turnover, mean, &json!(trades)));
        let stats = api.data("/api/v1/stats/AAPL?period=1d");
        assert_eq!((&stats["tick_count"], &stats["avg_price"]), (&json!(trades), &json!(format!("{mean:.2}"))));
    }

    fn the_trades_of_a_minute_add_up_to_its_bar(database: &Database) {
        let api = database.filled().api("");
        let bars = api.pages("/api/v2/bars/AAPL?start=2026-03-03T10:00:00&end=2026-03-03T10:29:00");
        let trades = api.pages("/api/v2/trades/AAPL?start=2026-03-03T10:00:00&end=2026-03-03T10:29:59&limit=10000");
        assert_eq!(bars.len(), 30);
        for bar in bars {
            let start = bar["time"].as_i64().unwrap();
            let within = trades.iter().filter(|trade| trade["timestamp"].as_i64().unwrap() / 60_000_000_000 == start / 60);
            let (mut count, mut hundredths) = (0, 0);
            for trade in within {
                count += 1;
                hundredths += (number(&trade["price"]) * 100.0).round() as i64 * trade["volume"].as_i64().unwrap();
            }
            assert_eq!((count, hundredths), (bar["trades"].as_i64().unwrap(), (number(&bar["turnover"]) * 100.0).round() as i64));
        }
    }
}

#[test]
fn bars_of_an_earlier_version_have_none_in_any_dialect() {
    let database = Database::new(Backend::Sqlite);
    database.filled().execute("UPDATE market_klines SET turnover = NULL, trades = NULL");
    let api = database.api("");
    let bar = &list(api.body("/api/klines?symbol=AAPL&interval=1d"))[0];
    assert!(bar["turnover"].is_null() && bar["trades"].is_null(), "{bar}");
    let bar = &list(api.body("/v2/stocks/AAPL/bars?timeframe=1Day&start=2026-03-01")["bars"].take())[0];
    assert!(bar["vw"].is_null() && bar["n"].is_null() && bar.as_object().unwrap().contains_key("vw"), "{bar}");
    let bar = &list(api.body("/v2/aggs/ticker/AAPL/range/1/day/2026-03-01/2026-03-31")["results"].take())[0];
    assert!(!bar.as_object().unwrap().contains_key("vw") && !bar.as_object().unwrap().contains_key("n"), "{bar}");
    let row = &list(api.ask("/api/v3/klines?symbol=AAPL&interval=1d", &[]).json())[0];
    assert_eq!((&row[7], &row[8]), (&json!("0"), &json!(0)));
    // Counted from the ticks.
    let stats = api.data("/api/v1/stats/AAPL?period=1d");
    assert!(stats["tick_count"].as_i64() > Some(10_000), "{stats}");
}
