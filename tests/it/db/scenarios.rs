//! What scenarios do to a database: tables, restarts, refusals and verify.

use std::sync::Arc;

use klined::jobs::{JobError, Market, ModelChoice, Stop};
use klined_market::calendar::Calendar;
use klined_market::model::{ModelKind, Scenario};
use klined_testing::assert_same;
use klined_testing::market::{event, scenario};

use crate::on_every_backend;
use crate::support::database::Database;
use crate::support::market_builder::{
    aggregate, assert_clean, at, fill, generate, generator, market, minute, range, symbol, verified,
};
use crate::support::{SHANGHAI, date};

const FIRST_DAY: &str = "2026-03-02";

/// A market of seed 42 that is to have scenarios.
fn market_with(database: &Database, kind: ModelKind, scenarios: &[Scenario]) -> Market {
    let choice = ModelChoice { kind: Some(kind), scenarios: scenarios.to_vec(), ..ModelChoice::default() };
    Market::claim(database.open(), Arc::new(Calendar::clone(&SHANGHAI)), choice, Some(42)).unwrap()
}

/// A halt of everybody, one of a single stock over a night, a gap and a crash of a sector.
fn eventful(name: &str) -> Scenario {
    let events = [
        event("halt", "from = \"day 1 10:00\"\nuntil = \"10:20\""),
        event("halt", "symbol = \"TSLA\"\nfrom = \"day 1 14:00\"\nuntil = \"day 2 10:30\""),
        event("gap", "percent = 4\nday = \"day 2\""),
        event("move", "percent = -8\nsector = \"Technology\"\nfrom = \"day 2 09:45\"\nuntil = \"10:00\""),
    ];
    Scenario::from_toml(&format!("name = \"{name}\"\n{}", events.concat())).unwrap()
}

fn start(market: &Market, first_day: &str) -> Result<(), JobError> {
    generator(market, date(first_day)).map(|_| ())
}

on_every_backend! {
    fn backfill_and_a_generator_that_is_restarted_at_every_turn_make_the_same_eventful_market(database: &Database) {
        let other = Database::new(database.backend);
        let whole = market_with(database, ModelKind::Full, &[eventful("a")]);
        fill(&whole, range(FIRST_DAY, "2026-03-04"), "2026-03-04 11:00:00").unwrap();
        for to in ["03-02 09:35", "03-02 10:07", "03-02 10:19", "03-02 14:30", "03-02 14:59", "03-03 09:40", "03-03 10:29", "03-04 10:59"] {
            let restarted = market_with(&other, ModelKind::Full, &[eventful("a")]);
            generate(&restarted, FIRST_DAY, &format!("2026-{to}"));
        }
        aggregate(&whole);
        aggregate(&market_with(&other, ModelKind::Full, &[]));
        assert_same(&database.contents(), &other.contents());
        assert_clean(&whole);
        let halted = "SELECT CAST(count(*) AS text) AS text FROM stock_halt";
        assert_eq!(database.value(halted), "12");
    }

    fn a_scenario_that_comes_later_changes_nothing_that_is_written(database: &Database) {
        let plain = Database::new(database.backend);
        generate(&market(&plain), FIRST_DAY, "2026-03-03 14:59");
        generate(&market(database), FIRST_DAY, "2026-03-03 10:00");
        let bars = "SELECT symbol || ' ' || time || ' ' || CAST(close AS text) AS text FROM market_klines ORDER BY time, symbol";
        let before = database.column(bars);
        let today = scenario(&event("move", "percent = 3\nfrom = \"2026-03-03 10:01\"\nuntil = \"11:00\""));
        let later = market_with(database, ModelKind::Gbm, &[today, eventful("later")]);
        generate(&later, FIRST_DAY, "2026-03-05 14:59");
        let after = database.column(bars);
        assert_eq!(after[..before.len()], before);
        assert_ne!(after[before.len()..before.len() + 1000], plain.column(bars)[before.len()..before.len() + 1000]);
        assert_eq!(
            database.column("SELECT name AS text FROM market_scenario ORDER BY id"),
            ["test".to_owned(), "later".to_owned()]
        );
        // Day 1 is the day after the one that was under way.
        let first = database.value("SELECT CAST(min(from_time) AS text) AS text FROM stock_halt");
        assert_eq!(first, at("2026-03-04 10:00:00").to_string());
        aggregate(&later);
        assert_clean(&later);
    }

    fn a_scenario_once_applied_holds_without_its_file_and_is_recognised_with_it(database: &Database) {
        let other = Database::new(database.backend);
        for (database, again) in [(database, vec![]), (&other, vec![eventful("a")])] {
            generate(&market_with(database, ModelKind::Gbm, &[eventful("a")]), FIRST_DAY, "2026-03-02 09:45");
            generate(&market_with(database, ModelKind::Gbm, &again), FIRST_DAY, "2026-03-04 09:45");
        }
        assert_same(&database.contents(), &other.contents());
        assert_eq!(database.value("SELECT CAST(count(*) AS text) AS text FROM stock_halt"), "12");
    }

    fn what_cannot_be_applied_is_refused_and_leaves_nothing(database: &Database) {
        generate(&market(database), FIRST_DAY, "2026-03-03 10:00");
        let refused = |events: &str| {
            let market = market_with(database, ModelKind::Gbm, &[scenario(events)]);
            start(&market, FIRST_DAY).unwrap_err().to_string()
        };
        let halt = "from = \"day 1 10:00\"\nuntil = \"10:20\"";
        for (events, said) in [
            (event("halt", "from = \"2026-03-03 10:00\"\nuntil = \"10:20\""), "bars are written up to 2026-03-03 10:00"),
            (event("gap", "percent = 3\nday = \"2026-03-03\""), "begins at 2026-03-03 09:30"),
            (event("halt", &format!("{halt}\nsymbol = \"NOBODY\"")), "symbol NOBODY, which stock_metadata does not have"),
            (event("halt", &format!("{halt}\nsector = \"technology\"")), "sector technology, which"),
            (event("halt", "from = \"2026-03-07 10:00\"\nuntil = \"10:20\""), "2026-03-07 is not a trading day"),
            // The second of two is refused, and the first with it.
            (event("halt", halt) + &event("gap", "percent = 3\nday = \"2026-03-03\""), "begins at 2026-03-03 09:30"),
        ] {
            let error = refused(&events);
            assert!(error.contains(said), "{said:?} is not in {error:?}");
            assert_eq!(database.value("SELECT CAST(count(*) AS text) AS text FROM market_scenario"), "0");
        }
        start(&market_with(database, ModelKind::Gbm, &[eventful("test")]), FIRST_DAY).unwrap();
        assert!(refused(&event("halt", halt)).contains("a scenario test with other events is part of this market already"));
    }

    fn while_trade_is_halted_the_tables_say_so(database: &Database) {
        let market = market_with(database, ModelKind::Gbm, &[eventful("a")]);
        let mut generator = generator(&market, date(FIRST_DAY)).unwrap();
        let mut go = |to: &str| generator.advance(minute(to), &Stop::default()).unwrap();
        let halted = || database.column("SELECT symbol AS text FROM stock_state WHERE is_halted = true ORDER BY symbol").len();
        let shown = || market.store.status().unwrap().unwrap();
        go("2026-03-02 09:58");
        assert!(halted() == 0 && shown().is_trading());
        go("2026-03-02 09:59");
        assert!(halted() == 10 && !shown().is_trading() && shown().is_halted);
        go("2026-03-02 10:18");
        assert!(halted() == 10);
        go("2026-03-02 10:19");
        assert!(halted() == 0 && shown().is_trading());
        let bars = database.value("SELECT CAST(count(*) AS text) AS text FROM market_klines");
        assert_eq!(bars, "300");
        go("2026-03-02 14:59");
        assert_eq!(database.column("SELECT symbol AS text FROM stock_state WHERE is_halted = true"), ["TSLA"]);
        let last = database.value("SELECT CAST(last_update AS text) AS text FROM stock_state WHERE symbol = 'TSLA'");
        assert_eq!(last, at("2026-03-02 13:59:00").to_string());
    }

    fn a_market_in_a_halt_counts_as_even(database: &Database) {
        let market = market_with(database, ModelKind::Gbm, &[eventful("a")]);
        generate(&market, FIRST_DAY, "2026-03-03 10:00");
        assert!(market.is_even().unwrap());
        database.execute("DELETE FROM stock_halt WHERE symbol = 'TSLA'");
        assert!(!market.is_even().unwrap());
    }

    fn verify_sees_what_is_missing_beside_a_halt_and_what_is_there_in_one(database: &Database) {
        let market = market_with(database, ModelKind::Gbm, &[eventful("a")]);
        generate(&market, FIRST_DAY, "2026-03-03 14:59");
        aggregate(&market);
        assert_clean(&market);
        let (beside, inside) = (at("2026-03-03 10:30:00"), at("2026-03-03 10:29:00"));
        database.execute(&format!(
            "INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) SELECT symbol, interval, \
             {inside}, open, high, low, close, volume FROM market_klines WHERE symbol = 'TSLA' AND interval = '1m' AND time = {beside}"
        ));
        database.execute(&format!("DELETE FROM market_klines WHERE symbol = 'TSLA' AND interval = '1m' AND time = {beside}"));
        aggregate(&market);
        let problems: Vec<_> = verified(&market).findings.into_iter().map(|finding| finding.problem).collect();
        assert!(problems.iter().any(|problem| problem.ends_with("or in a halt")), "{problems:?}");
        assert!(problems.iter().any(|problem| problem == "is missing"), "{problems:?}");
    }

    fn a_scenario_for_a_symbol_that_is_added_with_it_is_applied(database: &Database) {
        generate(&market(database), FIRST_DAY, "2026-03-02 14:59");
        database.execute(
            "INSERT INTO stock_metadata (symbol, name, sector, base_price, base_volatility) VALUES ('NEW', 'New', 'New', 10, 0.02)",
        );
        let halt = scenario(&event("halt", "symbol = \"NEW\"\nfrom = \"day 1 09:30\"\nuntil = \"10:00\""));
        let market = market_with(database, ModelKind::Gbm, &[halt]);
        generate(&market, FIRST_DAY, "2026-03-03 09:40");
        // Halted since before its first bar, it has no state yet.
        assert_eq!(database.value("SELECT CAST(count(*) AS text) AS text FROM stock_state WHERE symbol = 'NEW'"), "0");
        generate(&market, FIRST_DAY, "2026-03-03 10:30");
        let first = "SELECT CAST(min(time) AS text) AS text FROM market_klines WHERE symbol = 'NEW'";
        assert_eq!(database.value(first), at("2026-03-03 10:00:00").to_string());
        aggregate(&market);
        assert_clean(&market);
        assert_eq!(market.store.halts().unwrap()[0].symbol, symbol("NEW"));
    }
}
