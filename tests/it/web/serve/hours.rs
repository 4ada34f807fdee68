//! What each dialect says of a market's hours.

use serde_json::{Value, json};

use crate::on_every_backend;
use crate::support::api::Api;
use crate::support::database::Database;

/// A server of a market with these hours, which ends with a day.
fn serve(database: &Database, calendar: &str, from: &str, to: &str) -> Api {
    database.market_backfill(&format!("--calendar {calendar} --from {from} --to {to}")).run().succeeded();
    database.api("")
}

on_every_backend! {
    fn a_market_of_new_york_is_shown_in_new_yorks_hours(database: &Database) {
        let api = serve(database, "nyse", "2025-11-24", "2025-11-25");
        let symbol = api.body("/udf/symbols?symbol=AAPL");
        assert_eq!((&symbol["session"], &symbol["timezone"]), (&json!("0930-1600"), &json!("America/New_York")));
        let status = api.data("/api/v2/status");
        assert_eq!((&status["calendar"], &status["time_zone"]), (&json!("nyse"), &json!("America/New_York")));
        assert_eq!(status["sessions"], json!([{"open": "09:30", "close": "16:00"}]));
        // Thanksgiving, and the day after it.
        let upcoming = api.body("/v1/marketstatus/upcoming");
        let early = |exchange: &str| json!({"date": "2025-11-28", "exchange": exchange, "name": "Early close", "status": "early-close",
            "open": "2025-11-28T14:30:00.000Z", "close": "2025-11-28T18:00:00.000Z"});
        let closed = |exchange: &str| json!({"date": "2025-11-27", "exchange": exchange, "name": "Exchange holiday", "status": "closed"});
        let expected = json!([closed("NYSE"), closed("NASDAQ"), early("NYSE"), early("NASDAQ")]);
        assert_eq!(Value::Array(upcoming.as_array().unwrap()[..4].to_vec()), expected);
        let days = api.body("/v2/calendar?start=2025-11-26&end=2025-11-28");
        let shown: Vec<_> = days.as_array().unwrap().iter().map(|day| [&day["date"], &day["open"], &day["close"]]).collect();
        assert_eq!(json!(shown), json!([["2025-11-26", "09:30", "16:00"], ["2025-11-28", "09:30", "13:00"]]));
        // A date and a time without a zone are New York's.
        let minutes = |query: &str| api.body(&format!("/v2/stocks/bars?symbols=JPM&timeframe=1Min&limit=1000&{query}"));
        let bars = minutes("start=2025-11-25&end=2025-11-25");
        let bars = bars["bars"]["JPM"].as_array().unwrap();
        assert_eq!((&bars[0]["t"], &bars.last().unwrap()["t"]), (&json!("2025-11-25T14:30:00Z"), &json!("2025-11-25T20:59:00Z")));
        let first = minutes("start=2025-11-25T09:30:00&end=2025-11-25T09:30:00");
        assert_eq!(first["bars"]["JPM"][0]["t"], "2025-11-25T14:30:00Z");
        let hours = api.body("/v2/stocks/bars?symbols=JPM&timeframe=1Hour&start=2025-11-25&end=2025-11-25");
        assert_eq!(hours["bars"]["JPM"].as_array().unwrap().len(), 7);
        for (zone, status) in [("-8", 200), ("0", 200), ("3", 200), ("8", 400)] {
            let reply = api.get(&format!("/api/v3/klines?symbol=JPM&interval=1d&timeZone={zone}"));
            assert_eq!(reply.status, status, "{zone}: {}", reply.text);
        }
        api.running.terminate().succeeded();
    }

    fn a_market_around_the_clock_has_every_minute_of_utc(database: &Database) {
        let api = serve(database, "24x7", "2026-02-27", "2026-02-28");
        let symbol = api.body("/udf/symbols?symbol=AAPL");
        assert_eq!((&symbol["session"], &symbol["timezone"]), (&json!("24x7"), &json!("UTC")));
        assert_eq!(api.body("/udf/symbol_info?group=KLINED")["session-regular"], "24x7");
        assert_eq!(api.body("/v1/marketstatus/upcoming"), json!([]));
        let start = 1_772_236_800_000_i64;
        let klines = api.get(&format!("/api/v3/klines?symbol=AAPL&interval=1h&startTime={start}&limit=1000")).json();
        let starts: Vec<_> = klines.as_array().unwrap().iter().map(|kline| kline[0].as_i64().unwrap()).collect();
        assert_eq!(starts, (0..24).map(|hour| start + hour * 3_600_000).collect::<Vec<_>>());
        let day = &api.get("/api/v3/klines?symbol=AAPL&interval=1d&limit=1").json()[0];
        assert_eq!((&day[0], &day[6]), (&json!(start), &json!(start + 86_400_000 - 1)));
        for (zone, status) in [("0", 200), ("1", 400)] {
            assert_eq!(api.get(&format!("/api/v3/klines?symbol=JPM&interval=1d&timeZone={zone}")).status, status, "{zone}");
        }
        api.running.terminate().succeeded();
    }

    fn a_market_of_foreign_exchange_begins_its_days_in_the_evening(database: &Database) {
        let api = serve(database, "fx", "2026-03-06", "2026-03-09");
        let symbol = api.body("/udf/symbols?symbol=AAPL");
        assert_eq!((&symbol["session"], &symbol["timezone"]), (&json!("1700-1700"), &json!("America/New_York")));
        // The clocks of New York went forward on Sunday, so Monday began at 21:00 UTC and Friday at 22:00.
        let days = api.body("/v2/stocks/bars?symbols=AAPL&timeframe=1Day&start=2026-03-06&end=2026-03-09");
        let starts: Vec<_> = days["bars"]["AAPL"].as_array().unwrap().iter().map(|bar| bar["t"].clone()).collect();
        assert_eq!(starts, ["2026-03-05T22:00:00Z", "2026-03-08T21:00:00Z"]);
        let labels = api.body("/udf/history?symbol=AAPL&resolution=1D&from=1772755200&to=1773100800");
        assert_eq!(labels["t"], json!([1_772_755_200, 1_773_014_400]), "named by their dates");
        api.running.terminate().succeeded();
    }
}
