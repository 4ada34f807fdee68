//! Polygon's indicators: their pages and what they are computed from. The values are compared with TA-Lib's in `tests/clients`.

use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::database::{Backend, Database};

/// All values of all pages, following the links.
#[track_caller]
fn values(api: &Api, path: &str) -> Vec<Value> {
    let (mut found, mut next) = (Vec::new(), path.to_owned());
    for _ in 0..100 {
        let mut body = api.body(&next);
        assert_eq!((&body["status"], body["request_id"].is_string()), (&json!("OK"), true), "{next}");
        let Value::Array(values) = body["results"]["values"].take() else { panic!("no values at {next}") };
        found.extend(values);
        match body["next_url"].as_str() {
            Some(link) => next = link.split(&api.address.to_string()).nth(1).unwrap().to_owned(),
            None => return found,
        }
    }
    panic!("{path} has no last page");
}

#[test]
fn a_value_is_the_same_on_every_page_and_in_either_order() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    for (route, windows) in [
        ("sma", "window=4"),
        ("ema", "window=3"),
        ("rsi", "window=3"),
        ("macd", "short_window=2&long_window=3&signal_window=2"),
    ] {
        for timespan in ["minute", "hour"] {
            let path = format!("/v1/indicators/{route}/AAPL?timespan={timespan}&{windows}");
            let all = values(&api, &format!("{path}&limit=5000&order=asc"));
            assert!(all.is_sorted_by_key(|value| value["timestamp"].as_i64()) && all.len() > 1, "{path}");
            let page = all.len() / 7 + 1;
            assert_eq!(values(&api, &format!("{path}&limit={page}&order=asc")), all);
            let mut down = values(&api, &format!("{path}&limit={page}"));
            down.reverse();
            assert_eq!(down, all);
            let (first, last) = (&all[all.len() / 2]["timestamp"], &all[all.len() - 2]["timestamp"]);
            let within = format!("{path}&limit=5000&order=asc&timestamp.gte={first}");
            assert_eq!(values(&api, &format!("{within}&timestamp.lte={last}")), all[all.len() / 2..all.len() - 1]);
            assert_eq!(values(&api, &format!("{path}&timestamp={last}")), all[all.len() - 2..all.len() - 1]);
            assert_eq!(values(&api, &format!("{path}&timestamp.gt={last}")), all[all.len() - 1..]);
        }
    }
}

#[test]
fn the_bars_below_a_value_are_those_of_the_link() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    for (route, order) in [("sma", "desc"), ("ema", "asc"), ("rsi", "desc"), ("macd", "asc")] {
        let path = format!("/v1/indicators/{route}/MSFT?timespan=minute&order={order}&limit=3&series_type=high");
        let body = api.body(&format!("{path}&expand_underlying=true&timestamp.gte=2026-03-03"));
        let underlying = &body["results"]["underlying"];
        let link = underlying["url"].as_str().unwrap();
        let of_link = api.body(link.split(&api.address.to_string()).nth(1).unwrap());
        assert_eq!(of_link["results"], underlying["aggregates"], "{link}");
        let bars = underlying["aggregates"].as_array().unwrap();
        let values = body["results"]["values"].as_array().unwrap();
        assert_eq!(values.len(), 3);
        let newest = if order == "asc" { bars.last() } else { bars.first() };
        assert_eq!(newest.unwrap()["t"], values[if order == "asc" { 2 } else { 0 }]["timestamp"]);
        if route == "sma" {
            assert_eq!(bars.len(), 52);
            let mean = bars[..50].iter().map(|bar| bar["h"].as_f64().unwrap()).sum::<f64>() / 50.0;
            assert!((mean - values[0]["value"].as_f64().unwrap()).abs() < 1e-9);
        }
        assert_eq!(api.body(&path)["results"]["underlying"].get("aggregates"), None);
    }
    for nothing in ["/v1/indicators/sma/NOPE", "/v1/indicators/rsi/AAPL?timestamp.gt=2099-01-01"] {
        let results = &api.body(nothing)["results"];
        assert!(results["underlying"]["url"].is_string() && results.get("values").is_none(), "{nothing}");
    }
    // There are two days: fewer than a window has.
    assert_eq!(api.body("/v1/indicators/ema/AAPL")["results"].get("values"), None);
}
