//! Bars as comma-separated values and as an Arrow stream: the rows of the JSON, page after page. Whether the bytes and the columns are those of
//! `klined export`, tests/data asks.

use serde_json::Value;

use crate::on_every_backend;
use crate::support::api::Api;
use crate::support::database::Database;

const HEADER: &str = "symbol,time,open,high,low,close,volume,turnover,trades";

/// The lines of all pages without their headers.
fn lines(api: &Api, path: &str) -> Vec<String> {
    let (mut lines, mut token) = (Vec::new(), String::new());
    loop {
        let reply = api.get(&format!("{path}&format=csv{token}"));
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.header("content-type"), Some("text/csv; charset=utf-8"));
        let mut page = reply.text.lines().map(str::to_owned);
        assert_eq!(page.next().as_deref(), Some(HEADER));
        lines.extend(page);
        match reply.header("x-next-page-token") {
            Some(next) => token = format!("&page_token={next}"),
            None => return lines,
        }
    }
}

/// The line that a bar of the JSON stands for.
fn line(bar: &Value) -> String {
    let price = |name: &str| format!("{:?}", bar[name].as_str().unwrap().parse::<f64>().unwrap());
    let local = chrono::DateTime::from_timestamp(bar["time"].as_i64().unwrap(), 0).unwrap();
    let local = local.with_timezone(&chrono_tz::Asia::Shanghai).format("%Y-%m-%dT%H:%M:%S%:z");
    let prices = ["open", "high", "low", "close"].map(price).join(",");
    format!("AAPL,{local},{prices},{},{},{}", bar["volume"], price("turnover"), bar["trades"])
}

on_every_backend! {
    fn lines_are_the_bars_of_the_json(database: &Database) {
        let api = database.filled().api("");
        for words in [
            "bars/AAPL?timeframe=1m&start=2026-03-02&limit=77",
            "bars/AAPL?timeframe=30m&start=2026-03-02&label=end&order=desc&limit=5",
            "bars/AAPL?timeframe=1d&limit=5000",
            "history/AAPL?start=2026-03-02&limit=100",
        ] {
            let path = format!("/api/v2/{words}");
            let expected: Vec<String> = api.pages(&path).iter().map(line).collect();
            assert!(!expected.is_empty());
            assert_eq!(lines(&api, &path), expected, "{words}");
        }
        // What a bar of an earlier version does not have is an empty field.
        database.execute("UPDATE market_klines SET turnover = NULL, trades = NULL WHERE symbol = 'AAPL' AND interval = '1d'");
        let days = lines(&api, "/api/v2/bars/AAPL?timeframe=1d&start=0");
        assert!(!days.is_empty() && days.iter().all(|line| line.ends_with(",,")), "{days:?}");
        // A refusal stays JSON.
        assert_eq!(api.get("/api/v2/bars/XYZ?format=csv").code(), "unknown_ticker");
        assert_eq!(api.get("/api/v2/bars/AAPL?format=parquet").status, 400);
        assert_eq!(api.data("/api/v2/bars/AAPL?format=json&limit=5"), api.data("/api/v2/bars/AAPL?limit=5"));
    }

    fn an_arrow_stream_is_given_by_a_server_that_has_it_and_refused_by_others(database: &Database) {
        let api = database.filled().api("");
        for path in ["/api/v2/bars/AAPL?timeframe=5m&start=2026-03-02&limit=7", "/api/v2/history/AAPL?start=2026-03-02&limit=7"] {
            let reply = api.get(&format!("{path}&format=arrow"));
            if cfg!(feature = "arrow") {
                assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/vnd.apache.arrow.stream")));
                assert_eq!(reply.header("x-next-page-token"), api.get(&format!("{path}&format=csv")).header("x-next-page-token"));
            } else {
                assert_eq!((reply.status, reply.code()), (400, "invalid_request".to_owned()), "{}", reply.text);
                assert!(reply.text.contains("cargo feature") && reply.text.contains("json or csv"), "{}", reply.text);
            }
        }
        assert_eq!(api.get("/api/v2/bars/XYZ?format=arrow").status, if cfg!(feature = "arrow") { 404 } else { 400 });
    }
}
