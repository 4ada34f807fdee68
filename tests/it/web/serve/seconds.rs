//! Polygon's aggregates of seconds are sums of trades, and add up to the minutes of the database.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::on_every_backend;
use crate::support::api::Api;
use crate::support::database::Database;

/// All bars of all pages, following the links.
#[track_caller]
fn bars(api: &Api, path: &str) -> Vec<Value> {
    let (mut found, mut next) = (Vec::new(), path.to_owned());
    for _ in 0..1000 {
        let mut body = api.body(&next);
        if let Value::Array(bars) = body["results"].take() {
            found.extend(bars);
        }
        match body["next_url"].as_str() {
            Some(link) => next = link.split(&api.address.to_string()).nth(1).unwrap().to_owned(),
            None => return found,
        }
    }
    panic!("{path} has no last page");
}

/// The bar that bars make up, in order of time: prices in hundredths, shares, trades, and the turnover as far as mean prices give it.
fn sum(start: i64, bars: &[&Value]) -> (String, f64) {
    let number = |bar: &Value, name: &str| bar[name].as_f64().unwrap();
    let all = |name: &str| bars.iter().map(|bar| number(bar, name)).collect::<Vec<_>>();
    let (high, low) = (all("h").into_iter().fold(f64::MIN, f64::max), all("l").into_iter().fold(f64::MAX, f64::min));
    let (open, close) = (number(bars[0], "o"), number(bars[bars.len() - 1], "c"));
    let [volume, trades] = ["v", "n"].map(|name| all(name).iter().sum::<f64>());
    let turnover = bars.iter().map(|bar| number(bar, "vw") * number(bar, "v")).sum::<f64>();
    (format!("{start} {open:.2} {high:.2} {low:.2} {close:.2} {volume} {trades}"), turnover)
}

/// Bars of seconds are summed over each minute and compared with those that are there.
#[track_caller]
fn add_up(seconds: &[Value], minutes: &[Value]) {
    let mut sums: BTreeMap<i64, [Vec<&Value>; 2]> = BTreeMap::new();
    for (side, bars) in [seconds, minutes].into_iter().enumerate() {
        for bar in bars {
            let start = bar["t"].as_i64().unwrap() / 60_000 * 60;
            sums.entry(start).or_default()[side].push(bar);
        }
    }
    for (start, [seconds, minutes]) in sums {
        assert!(!seconds.is_empty() && !minutes.is_empty(), "only one side has {start}");
        let ((ours, turnover), (stored, wanted)) = (sum(start, &seconds), sum(start, &minutes));
        assert_eq!(ours, stored);
        // Mean prices are rounded to a ten-thousandth.
        assert!((turnover - wanted).abs() <= wanted * 1e-5, "{turnover} and {wanted} at {start}");
    }
}

on_every_backend! {
    fn seconds_add_up_to_the_minutes(database: &Database) {
        let api = database.filled().api("");
        let range = |ticker: &str, window: &str| format!("/v2/aggs/ticker/{ticker}/range/{window}/2026-03-03/2026-03-03");
        for ticker in ["AAPL", "V"] {
            let minutes = bars(&api, &range(ticker, "1/minute"));
            let seconds = bars(&api, &format!("{}?limit=50000", range(ticker, "1/second")));
            assert_eq!(minutes.len(), 240);
            assert!(seconds.len() > 3 * minutes.len() && seconds.is_sorted_by_key(|bar| bar["t"].as_i64()));
            assert!(seconds.iter().all(|bar| bar["n"].as_i64() > Some(0) && bar["t"].as_i64().unwrap() % 1000 == 0));
            add_up(&seconds, &minutes);
            // In smaller pages, and from the end, they are the same.
            let page = seconds.len() / 5;
            assert_eq!(bars(&api, &format!("{}?limit={page}", range(ticker, "1/second"))), seconds);
            let mut down = bars(&api, &format!("{}?limit={page}&sort=desc", range(ticker, "1/second")));
            down.reverse();
            assert_eq!(down, seconds);
        }
        let minutes = bars(&api, &range("AAPL", "1/minute"));
        add_up(&bars(&api, &range("AAPL", "15/second")), &minutes);
        assert_eq!(bars(&api, &range("AAPL", "3600/second")), bars(&api, &range("AAPL", "1/hour")));
        // Seven seconds do not divide a session of two hours: they begin again after the lunch break, and the last ones are shorter.
        let odd = bars(&api, &format!("{}?limit=50000", range("AAPL", "7/second")));
        let open = minutes[0]["t"].as_i64().unwrap();
        let afternoon = minutes[120]["t"].as_i64().unwrap();
        for bar in &odd {
            let start = bar["t"].as_i64().unwrap();
            let session = if start < afternoon { open } else { afternoon };
            assert_eq!((start - session) % 7000, 0, "{bar}");
        }
        let half = |bars: &[Value], is_later: bool| -> Vec<Value> {
            bars.iter().filter(|bar| (bar["t"].as_i64().unwrap() >= afternoon) == is_later).cloned().collect()
        };
        for is_later in [false, true] {
            let (ours, stored) = (half(&odd, is_later), half(&minutes, is_later));
            assert_eq!(sum(0, &ours.iter().collect::<Vec<_>>()).0, sum(0, &stored.iter().collect::<Vec<_>>()).0);
        }
        let (from, to) = (open + 30_500, open + 90_000);
        let within = bars(&api, &format!("/v2/aggs/ticker/AAPL/range/1/second/{from}/{to}"));
        let all = bars(&api, &format!("{}?limit=50000", range("AAPL", "1/second")));
        let wanted = |bar: &&Value| (open + 30_000..=to).contains(&bar["t"].as_i64().unwrap());
        assert_eq!(within.iter().collect::<Vec<_>>(), all.iter().filter(wanted).collect::<Vec<_>>());
        assert!(bars(&api, "/v2/aggs/ticker/NOPE/range/1/second/2026-03-02/2026-03-03").is_empty());
        assert!(bars(&api, "/v2/aggs/ticker/AAPL/range/1/second/2026-03-07/2026-03-08").is_empty());
    }
}
