//! Exports from a database: the bars that backfill has written are those that are made from nothing.

use std::sync::Arc;
use std::time::Duration;

use klined::jobs::{self, Market, ModelChoice, Progress, Stop, Window};
use klined::store::{self, StoreOptions};
use klined_market::calendar::{Calendar, Hours};
use klined_market::universe::{StockCount, Universe};
use klined_testing::postgres::PostgresServer;
use klined_testing::{at, date};

use super::{Place, text};

/// Shows nothing.
struct Silent;

impl Progress for Silent {
    fn begin(&mut self, _: u64) {}

    fn advance(&mut self, _: u64) {}
}

/// Fills a database: 30 invented stocks and seed 31. The days of these tests begin within a week and end with one, and with a month.
fn fill(url: &str, hours: Hours, from: &str, to: &str) {
    let options = StoreOptions { url: url.parse().unwrap(), pool_size: 4, timeout: Duration::from_secs(30) };
    let store = store::open(&options).unwrap();
    store.migrate().unwrap();
    let universe = Universe::ashare(StockCount::new(30).unwrap());
    let calendar = Arc::new(Calendar::of(hours));
    let market = Market::claim_filling(store, calendar, ModelChoice::default(), Some(31), Some(&universe)).unwrap();
    let window = Window::Range { from: date(from), to: Some(date(to)) };
    let filled = jobs::backfill(&market, window, None, at("2026-06-01 12:00:00"), &mut Silent, &Stop::default());
    assert!(filled.unwrap().is_complete);
}

/// Compares exports from a database with those from nothing.
fn same_as_made(place: &Place, url: &str) {
    let made = "--seed 31 --universe ashare:30 --listed 2026-04-01 --from 2026-04-01 --to 2026-05-29";
    let print = |words: &str| text(&place.succeeds(&format!("{words} --format csv --out -")));
    for interval in ["1m", "5m", "15m", "30m", "60m", "120m", "1d", "1w", "1M"] {
        let (stored, made) = (
            print(&format!("bars --db-url {url} --interval {interval}")),
            print(&format!("bars {made} --interval {interval}")),
        );
        assert!(stored.lines().count() > 30, "{interval}");
        assert!(stored == made, "{interval} bars differ: {:?}", stored.lines().zip(made.lines()).find(|(a, b)| a != b));
    }
    let symbols = print(&format!("universe --db-url {url}"));
    assert_eq!(symbols, print("universe --seed 31 --universe ashare:30"));
    let two: Vec<&str> = symbols.lines().skip(1).take(2).map(|line| line.split(',').next().unwrap()).collect();
    let (days, made) = (
        format!("--symbols {} --from 2026-04-08 --to 2026-04-09", two.join(",")),
        "--seed 31 --universe ashare:30 --listed 2026-04-01",
    );
    for command in ["bars", "trades", "quotes"] {
        let stored = print(&format!("{command} --db-url {url} {days}"));
        assert!(stored.lines().count() > 2 * 480, "{command}");
        assert!(stored == print(&format!("{command} {made} {days}")), "{command}");
    }
}

#[test]
fn sqlite_exports_what_is_made_from_nothing() {
    let place = Place::new();
    fill(&format!("sqlite:///{}", place.path("market.db").display()), Hours::Sse, "2026-04-01", "2026-05-29");
    same_as_made(&place, "sqlite:///market.db");
    let error = place.fails("bars --db-url sqlite:///market.db --symbols XYZ --out x.csv");
    assert!(error.contains("there is no stock XYZ with bars in the database"), "{error}");
    // By the variable, in parts.
    let words = "bars --interval 1d --format parquet --partition date --out days";
    let output = place.command(words).env("DATABASE_URL", "sqlite:///market.db").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        super::names(&place.path("days")).len(),
        klined_testing::SHANGHAI.days(date("2026-04-01"), date("2026-05-29")).len()
    );
}

#[test]
fn postgres_exports_what_is_made_from_nothing() {
    let (_server, url) = PostgresServer::start();
    fill(&url, Hours::Sse, "2026-04-01", "2026-05-29");
    same_as_made(&Place::new(), &url);
}

#[test]
fn a_market_of_another_calendar_is_exported_by_it() {
    let place = Place::new();
    fill(&format!("sqlite:///{}", place.path("market.db").display()), Hours::Nyse, "2026-05-27", "2026-05-29");
    let made = "--seed 31 --universe ashare:30 --calendar nyse --from 2026-05-27 --to 2026-05-29";
    let print = |words: &str| text(&place.succeeds(&format!("{words} --format csv --out -")));
    for (command, least) in [
        ("bars --interval 1m", 30 * 3 * 390),
        ("bars --interval 60m", 30 * 3 * 7),
        ("quotes --symbols 000676", 3 * 390),
    ] {
        let stored = print(&format!("{command} --db-url sqlite:///market.db"));
        assert!(stored.contains("T09:30:00-04:00,") && stored.lines().count() > least, "{command}");
        assert!(stored == print(&format!("{command} {made}")), "{command}");
    }
}

#[test]
fn a_database_without_a_market_is_refused() {
    let place = Place::new();
    let options = StoreOptions {
        url: format!("sqlite:///{}", place.path("empty.db").display()).parse().unwrap(),
        pool_size: 4,
        timeout: Duration::from_secs(10),
    };
    store::open(&options).unwrap().migrate().unwrap();
    let error = place.fails("bars --db-url sqlite:///empty.db --out x.csv");
    assert!(error.contains("there is no market in"), "{error}");
    assert!(!place.path("x.csv").exists());
}
