//! A start on tables that contradict one another is refused, and a refill ends where the market is.

use klined::jobs::{Stop, Window, backfill, clear};

use crate::on_every_backend;
use crate::support::database::Database;
use crate::support::date;
use crate::support::market_builder::{
    Quiet, aggregate, assert_clean, at, days, fill, generate, generator, market, market_of_seed, minute, symbol,
};

/// Damages, and words of the refusal.
const DAMAGES: [(&str, &[&str]); 10] = [
    ("DELETE FROM model_checkpoint WHERE symbol = 'V'", &["stock_listing has V", "model_checkpoint"]),
    ("DELETE FROM stock_listing WHERE symbol = 'V'", &["model_checkpoint has V", "stock_listing"]),
    ("DELETE FROM stock_state WHERE symbol = 'V'", &["rollup_watermark of V", "stock_state"]),
    (
        "DELETE FROM stock_state WHERE symbol = 'V'; UPDATE rollup_watermark SET folded_to = 0 WHERE symbol = 'V'",
        &["market_klines has bars of V"],
    ),
    ("DELETE FROM market_klines WHERE symbol = 'V'", &["stock_state of V", "no bar"]),
    ("DELETE FROM market_klines; DELETE FROM stock_state", &["rollup_watermark of V", "and 5 more"]),
    ("UPDATE stock_state SET current_price = current_price + 1 WHERE symbol = 'V'", &["stock_state of V shows"]),
    ("UPDATE stock_state SET last_update = last_update + 86400 WHERE symbol = 'V'", &["stock_state of V is of"]),
    (
        "UPDATE rollup_watermark SET folded_to = folded_to + 60 WHERE symbol = 'V'",
        &["rollup_watermark of V", "after its last bar"],
    ),
    (
        "DELETE FROM stock_listing WHERE symbol = 'V'; DELETE FROM model_checkpoint WHERE symbol = 'V'; \
         DELETE FROM stock_state WHERE symbol = 'V'; DELETE FROM rollup_watermark WHERE symbol = 'V'",
        &["market_klines has bars of V"],
    ),
];

const TABLES: [&str; 5] = ["market_klines", "stock_state", "model_checkpoint", "stock_listing", "rollup_watermark"];

on_every_backend! {
    fn a_start_on_contradicting_rows_is_refused_and_writes_nothing(database: &Database) {
        let market = market(database);
        fill(&market, days(2), "2026-03-20 20:00:00").unwrap();
        aggregate(&market);
        let before = database.contents();
        for table in TABLES {
            database.execute(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"));
        }
        for (damage, words) in DAMAGES {
            database.execute(damage);
            let damaged = database.contents();
            let refusals = [
                generator(&market, date("2026-03-02")).map(drop).unwrap_err().to_string(),
                fill(&market, days(2), "2026-03-23 20:00:00").unwrap_err().to_string(),
            ];
            for refusal in refusals {
                let is_named = |word: &&str| refusal.contains(word) || refusal.contains("more");
                assert!(refusal.contains("contradict") && words.iter().all(is_named), "{damage}: {refusal}");
            }
            assert_eq!(database.contents(), damaged, "{damage}");
            for table in TABLES {
                database.execute(&format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}"));
            }
            database.execute("DELETE FROM rollup_dirty");
            assert_eq!(database.contents(), before);
            generator(&market, date("2026-03-02")).map(drop).unwrap();
        }
    }

    fn a_market_without_its_identity_is_not_taken_for_a_new_one(database: &Database) {
        fill(&market_of_seed(database, 7).unwrap(), days(1), "2026-03-20 20:00:00").unwrap();
        database.execute("DELETE FROM market_identity");
        for seed in [42, 7] {
            let refusal = market_of_seed(database, seed).map(drop).unwrap_err().to_string();
            assert!(refusal.contains("market_identity has no row, but stock_listing has 10"), "{refusal}");
        }
        assert_eq!(database.value("SELECT CAST(count(*) AS text) AS text FROM market_identity"), "0");
    }

    fn a_refill_ends_where_the_market_is(database: &Database) {
        let market = market(database);
        generate(&market, "2026-03-02", "2026-03-03 10:30");
        aggregate(&market);
        let before = database.contents();
        for window in [Window::Range { from: date("2026-03-02"), to: None }, days(2)] {
            clear(&*market.store, Some(symbol("V"))).unwrap();
            // The clock is months ahead.
            let now = at("2026-06-30 20:00:00");
            let filled = backfill(&market, window, Some(symbol("V")), now, &mut Quiet, &Stop::default()).unwrap();
            assert_eq!(filled.last, minute("2026-03-03 10:30"));
            aggregate(&market);
            assert_clean(&market);
            assert_eq!(database.contents(), before);
        }
    }
}
