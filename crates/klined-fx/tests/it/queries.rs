//! The recipes of `sql_scripts/questdb` and the dashboard's queries, on real tables.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use klined_fx::questdb::server::TextRow;

use super::database::{Database, shared};

const SUFFIX: &str = "_queries";

/// A server with five minutes of rows in tables of their own.
fn filled() -> &'static Database {
    static FILLED: OnceLock<&Database> = OnceLock::new();
    FILLED.get_or_init(|| {
        let database = shared();
        let rates = ["--market_data_max_eps", "1500", "--total_market_data_events", "375_000"];
        database.must_run(&[&["--suffix", SUFFIX], &rates[..]].concat());
        let view = format!("SELECT count() FROM market_data_ohlc_1m{SUFFIX}");
        for _ in (0..600).take_while(|_| database.number(&view) < 30 * 4) {
            std::thread::sleep(Duration::from_millis(50));
        }
        database
    })
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A statement with the test's tables in place of the usual ones.
fn on_tables(statement: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = Vec::new();
    for piece in statement.split_inclusive(|c: char| !is_part(c)) {
        let word = piece.trim_end_matches(|c: char| !is_part(c));
        let is_table = ["market_data", "core_price", "fx_trades", "market_data_ohlc_1m"].contains(&word);
        words.push(if is_table { piece.replacen(word, &format!("{word}{SUFFIX}"), 1) } else { piece.to_owned() });
    }
    words.concat()
}

#[track_caller]
fn recipe(name: &str) -> Vec<TextRow> {
    let text = std::fs::read_to_string(repository().join("sql_scripts/questdb").join(name)).unwrap();
    assert!(text.starts_with("-- "), "{name} does not say what it is");
    let statement: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
    let rows = filled().rows(&on_tables(&statement.join("\n")));
    assert!(!rows.is_empty(), "{name} gives nothing");
    rows
}

/// A column of numbers.
fn numbers(rows: &[TextRow], place: usize) -> Vec<f64> {
    rows.iter().map(|row| row[place].as_deref().unwrap_or("NaN").parse().unwrap()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn correlation(left: &[f64], right: &[f64]) -> f64 {
    let (left_mean, right_mean) = (mean(left), mean(right));
    let sum = |a: &[f64], a_mean: f64, b: &[f64], b_mean: f64| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - a_mean) * (b - b_mean)).sum()
    };
    let spread = sum(left, left_mean, left, left_mean) * sum(right, right_mean, right, right_mean);
    sum(left, left_mean, right, right_mean) / spread.sqrt()
}

#[test]
fn every_recipe_runs_and_what_it_finds_looks_like_a_market() {
    let bbo = recipe("bbo.sql");
    let (bids, asks) = (numbers(&bbo, 2), numbers(&bbo, 3));
    assert!(bids.iter().zip(&asks).all(|(bid, ask)| bid < ask));
    assert!(numbers(&recipe("spread.sql"), 2).iter().all(|spread| (0.01..50.0).contains(spread)));
    let vwap = recipe("vwap.sql");
    for row in 0..vwap.len() {
        let [vwap, low, high, _] = [2, 3, 4, 5].map(|place| numbers(&vwap[row..=row], place)[0]);
        assert!(low - 1e-9 <= vwap && vwap <= high + 1e-9, "{low} {vwap} {high}");
    }
    let deep = recipe("l2price.sql");
    let (deep, best) = (numbers(&deep, 2), numbers(&deep, 3));
    assert!(deep.iter().zip(&best).all(|(deep, best)| deep.is_nan() || deep >= best));
    let share = mean(&numbers(&recipe("imbalance.sql"), 2));
    assert!((0.4..0.6).contains(&share), "{share}");

    // Takers pay, and on no venue gets the price a taker more than that back within a second.
    let slippage = numbers(&recipe("slippage.sql"), 3);
    assert!(mean(&slippage) > 0.05, "{}", mean(&slippage));
    let markout = recipe("markout.sql");
    assert_eq!(markout.len(), 4 * 3);
    for row in &markout {
        let markout: f64 = row[3].as_deref().unwrap().parse().unwrap();
        assert!(row[1].as_deref() == Some("60") || (-3.0..0.3).contains(&markout), "{row:?}");
    }
    let scorecard = recipe("ecn_scorecard.sql");
    let venues: BTreeSet<_> = scorecard.iter().map(|row| row[0].clone().unwrap()).collect();
    assert_eq!(venues.into_iter().collect::<Vec<_>>(), ["Currenex", "EBS", "Hotspot", "LMAX"]);
    assert!(numbers(&scorecard, 4).iter().all(|share| (0.2..0.6).contains(share)));

    // The book's flow goes with the price, and trading is now and then one-sided. n = 300 seconds, 50 buckets.
    let ofi = recipe("ofi.sql");
    let found = correlation(&numbers(&ofi, 1), &numbers(&ofi, 2));
    assert!(found > 0.2, "{found}");
    let vpin = numbers(&recipe("vpin.sql"), 2);
    assert!(vpin.iter().all(|share| (0.0..=1.0).contains(share)));
    assert!((0.05..0.8).contains(&mean(&vpin)), "{}", mean(&vpin));

    let files = std::fs::read_dir(repository().join("sql_scripts/questdb")).unwrap().count();
    assert_eq!(files, 10, "a recipe is not looked at here");
}

#[test]
fn every_query_of_the_dashboard_runs_on_the_tables() {
    let text = std::fs::read_to_string(repository().join("deploy/grafana/fx.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut queries = vec![("symbols", dashboard["templating"]["list"][1]["query"].as_str().unwrap())];
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        let targets = panel["targets"].as_array().unwrap();
        queries.extend(targets.iter().map(|target| (title, target["rawSql"].as_str().unwrap())));
    }
    assert_eq!(queries.len(), 13);
    for (title, query) in queries {
        // What Grafana puts in place of its macros.
        let query = query
            .replace("$__timeFilter(timestamp)", "timestamp BETWEEN '2025-07-07T13:30:00Z' AND '2025-07-07T13:45:00Z'")
            .replace("$symbol", "EURUSD")
            .replace("$__interval", "1s");
        assert!(!query.contains('$'), "{title}: {query}");
        let rows = filled().rows(&on_tables(&query));
        // Nothing out of the ordinary happens in these minutes.
        assert!(!rows.is_empty() || title == "Reasons of prices", "{title}: {query}");
    }
}
