//! Verify remakes the market: whatever is not what the function makes is found, and whatever is, is clean.

use std::collections::HashSet;

use klined::jobs::{Sample, Stop, verify};
use klined_market::model::ModelKind;
use klined_testing::first_difference;
use klined_testing::market::symbol;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::on_every_backend;
use crate::support::database::{Backend, Database};
use crate::support::date;
use crate::support::market_builder::{
    Quiet, aggregate, assert_clean, fill, generate, generator, market, market_under, minute, range, verified,
};

const TABLES: [&str; 11] = [
    "market_klines",
    "stock_state",
    "stock_realtime_price",
    "model_checkpoint",
    "stock_listing",
    "stock_parameters",
    "rollup_watermark",
    "market_status",
    "market_clock",
    "market_identity",
    "stock_halt",
];

/// Keeps the tables as they are, and puts them back.
pub fn keep(database: &Database) {
    for table in TABLES {
        database.execute(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"));
    }
}

pub fn put_back(database: &Database) {
    for table in TABLES {
        database.execute(&format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}"));
    }
    database.execute("DELETE FROM rollup_dirty");
}

/// Damages of a market at 2026-03-20 15:00, and words of what is found.
pub fn damages() -> Vec<(String, &'static str)> {
    let at = minute("2026-03-19 10:07").start();
    let v = format!("symbol = 'V' AND interval = '1m' AND time = {at}");
    let every_table_of_v: String =
        TABLES[..7].iter().map(|table| format!("DELETE FROM {table} WHERE symbol = 'V';")).collect();
    let list = [
        (
            "DELETE FROM market_klines; DELETE FROM stock_state; DELETE FROM stock_realtime_price",
            "V: stock_state has no row",
        ),
        (
            "DELETE FROM market_klines; DELETE FROM stock_state; UPDATE rollup_watermark SET folded_to = 0",
            "V: stock_state has no row",
        ),
        ("DELETE FROM market_klines WHERE symbol = 'V'", "V 1m 2026-03-18 09:30:00"),
        ("DELETE FROM stock_listing WHERE symbol = 'V'", "V: stock_listing has no row"),
        ("DELETE FROM model_checkpoint WHERE symbol = 'V'", "V: model_checkpoint has no row"),
        ("DELETE FROM stock_parameters WHERE symbol = 'V'", "V: stock_parameters has no row"),
        ("DELETE FROM rollup_watermark WHERE symbol = 'V'", "V: rollup_watermark has no row"),
        ("DELETE FROM market_identity", "market_identity has no row"),
        ("UPDATE market_identity SET seed = '43'", "differ from the market"),
        ("UPDATE stock_state SET volatility = volatility + 0.001 WHERE symbol = 'V'", "volatility is not what"),
        ("UPDATE stock_state SET trend = trend + 0.01 WHERE symbol = 'V'", "trend is not what"),
        ("UPDATE stock_state SET is_halted = NOT is_halted WHERE symbol = 'V'", "is_halted is not what"),
        ("UPDATE stock_realtime_price SET volume = volume + 1 WHERE symbol = 'V'", "volume in stock_realtime_price"),
        (
            "UPDATE stock_realtime_price SET current_price = current_price + 1 WHERE symbol = 'V'",
            "V: stock_realtime_price has no row",
        ),
        ("DELETE FROM stock_realtime_price WHERE symbol = 'V'", "V: stock_realtime_price has no row"),
        (
            "UPDATE stock_parameters SET parameters = replace(parameters, '\"beta\":', '\"beta\":1') WHERE symbol = 'V'",
            "V: stock_parameters of",
        ),
        ("UPDATE stock_listing SET first_day = '2026-03-19' WHERE symbol = 'V'", "outside of the days"),
        ("UPDATE market_status SET session_end = session_end + 60", "market_status says"),
        (
            "INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) \
          VALUES ('MINE', '1m', 1773799800, 1, 1, 1, 1, 1)",
            "bars of MINE",
        ),
        ("UPDATE market_klines SET symbol = 'MINE' WHERE symbol = 'V'", "bars of MINE"),
    ];
    let mut all: Vec<(String, &str)> = list.map(|(sql, words)| (sql.to_owned(), words)).into();
    all.push((format!("UPDATE market_klines SET volume = volume + 1 WHERE {v}"), "differs from the market"));
    all.push((format!("UPDATE market_klines SET high = high + 0.01 WHERE {v}"), "differs from the market"));
    all.push((format!("UPDATE market_klines SET turnover = turnover + 0.01 WHERE {v}"), "differs from the market"));
    all.push((format!("UPDATE market_klines SET trades = trades + 1 WHERE {v}"), "differs from the market"));
    all.push((format!("UPDATE market_klines SET trades = NULL WHERE {v}"), "differs from the market"));
    let later = minute("2026-03-23 09:30").start();
    all.push((
        format!(
            "INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) \
                 VALUES ('V', '1m', {later}, 1, 1, 1, 1, 1)"
        ),
        "1-minute bars after",
    ));
    // All of a stock but its bars.
    all.push((every_table_of_v.replacen("DELETE FROM market_klines WHERE symbol = 'V';", "", 1), "bars of V"));
    all
}

on_every_backend! {
    fn what_the_market_does_not_make_is_found(database: &Database) {
        let market = market(database);
        fill(&market, range("2026-03-18", "2026-03-20"), "2026-03-20 20:00:00").unwrap();
        aggregate(&market);
        assert_clean(&market);
        keep(database);
        for (damage, words) in damages() {
            database.execute(&damage);
            // What is edited is rolled up again, so that the roll-ups follow.
            if words == "differs from the market" {
                aggregate(&market);
            }
            let inspected = klined::jobs::Market::inspect(
                market.store.clone(), market.calendar.clone(), Default::default(), None).unwrap();
            let inspected = if words.contains("identity") { market.clone() } else { inspected };
            let report = verified(&inspected).to_string();
            assert!(report.contains(words) && !report.contains("clean"), "{damage}: {report}");
            put_back(database);
            assert_clean(&market);
        }
    }

    fn a_stock_that_is_ahead_of_the_market_is_found(database: &Database) {
        let market = market(database);
        fill(&market, range("2026-03-18", "2026-03-20"), "2026-03-20 20:00:00").unwrap();
        // As earlier versions refilled a stock.
        keep(database);
        fill(&market, range("2026-03-18", "2026-05-29"), "2026-06-01 20:00:00").unwrap();
        let others = "symbol <> 'V'";
        database.execute(&format!("DELETE FROM market_klines WHERE {others} AND time > 1774000000"));
        for table in ["stock_state", "stock_realtime_price", "model_checkpoint"] {
            database.execute(&format!("DELETE FROM {table} WHERE {others}; INSERT INTO {table} SELECT * FROM kept_{table} WHERE {others}"));
        }
        database.execute("DELETE FROM market_status; INSERT INTO market_status SELECT * FROM kept_market_status");
        let report = verified(&market).to_string();
        assert!(report.contains("V: its last bar is of 2026-05-29 14:59:00, ahead of the market"), "{report}");
    }

    fn an_edited_universe_and_scenarios_are_no_damage(database: &Database) {
        let halts = "[[event]]\nkind = \"halt\"\nsymbol = \"V\"\nfrom = \"day 2 10:00\"\nuntil = \"11:00\"\n\
                     [[event]]\nkind = \"gap\"\npercent = -5\nday = \"day 3\"";
        for (kind, name) in [(ModelKind::Gbm, "g"), (ModelKind::Full, "f")] {
            let database = &Database::new(database.backend);
            let market = market_under(database, kind, name, halts);
            generate(&market, "2026-03-16", "2026-03-17 10:31");
            // In a halt, and with an edit that waits for the next day.
            database.execute("UPDATE stock_metadata SET base_volatility = 0.04 WHERE symbol = 'V'");
            aggregate(&market);
            assert_clean(&market);
            generate(&market, "2026-03-16", "2026-03-18 14:59");
            database.execute("UPDATE stock_metadata SET is_active = (symbol <> 'JPM')");
            generate(&market, "2026-03-16", "2026-03-20 09:40");
            database.execute("UPDATE stock_metadata SET base_volatility = 0.03 WHERE symbol = 'JPM'");
            database.execute("UPDATE stock_metadata SET is_active = (symbol <> 'TSLA')");
            generate(&market, "2026-03-16", "2026-03-24 13:00");
            aggregate(&market);
            assert_clean(&market);
            let rows = database.column("SELECT symbol || ' ' || CAST(first_day AS text) AS text FROM stock_parameters \
                                        WHERE first_day > '2026-03-16' ORDER BY 1");
            assert_eq!(rows, ["JPM 2026-03-23", "V 2026-03-18"]);
        }
    }

    fn a_sample_has_some_stocks_and_another_place_has_others(database: &Database) {
        let market = market(database);
        generate(&market, "2026-03-16", "2026-03-16 10:31");
        database.execute("UPDATE market_klines SET volume = volume + 1 WHERE interval = '1m'");
        let found = |place| {
            let sample = Sample { share: Some(0.2), place };
            let report = verify(&market, sample, &mut Quiet, &Stop::default()).unwrap();
            assert_eq!((report.symbols, report.differing), (2, 124));
            report.by_symbol.into_keys().collect::<Vec<_>>()
        };
        let all: HashSet<_> = (0..5).flat_map(found).collect();
        assert_eq!(all.len(), 10);
        assert!(all.contains(&symbol("V")));
    }

    fn verify_writes_nothing(database: &Database) {
        let market = market(database);
        generate(&market, "2026-03-16", "2026-03-16 10:31");
        aggregate(&market);
        drop(market);
        match database.backend {
            // As a hot standby has it.
            Backend::Postgres => {
                let name = database.url().rsplit_once('/').unwrap().1;
                database.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
                database.klined("verify").run().succeeded();
            }
            Backend::Sqlite => {
                let file = database.url().trim_start_matches("sqlite:///");
                let before = std::fs::read(file).unwrap();
                database.klined("verify").run().succeeded();
                assert!(before == std::fs::read(file).unwrap());
            }
        }
    }
}

/// 100 single bits of a file, drawn from a fixed seed: each flip is found, or what it changes is nothing that a market says.
#[test]
fn a_flipped_bit_is_found_or_changes_nothing() {
    let database = Database::new(Backend::Sqlite);
    let made = market(&database);
    generator(&made, date("2026-03-16")).unwrap().advance(minute("2026-03-16 11:29"), &Stop::default()).unwrap();
    aggregate(&made);
    assert_clean(&made);
    let copy = Database::new(Backend::Sqlite);
    let file = copy.url().trim_start_matches("sqlite:///").to_owned();
    database.execute(&format!("VACUUM INTO '{file}'"));
    let (bytes, contents) = (std::fs::read(&file).unwrap(), database.contents());
    let mut draws = StdRng::seed_from_u64(15);
    let mut found = 0;
    for flip in 0..100 {
        let mut damaged = bytes.clone();
        let place = draws.random_range(0..bytes.len());
        let bit = draws.random_range(0..8);
        damaged[place] ^= 1 << bit;
        let spoilt = Database::new(Backend::Sqlite);
        std::fs::write(spoilt.url().trim_start_matches("sqlite:///"), damaged).unwrap();
        let checked = spoilt.klined("verify").run();
        if checked.status.code() == Some(1) {
            found += 1;
        } else {
            checked.succeeded();
            let kept = first_difference(&spoilt.contents(), &contents);
            assert_eq!(kept, None, "flip {flip}: bit {bit} of byte {place} was not found");
        }
    }
    // The others lie in free room and in times of writing. This bound only sees to it that the flips meet what a market says.
    assert!(found > 25, "{found} of 100");
}
