//! The aggregator and verify on both databases: whatever the history, the roll-ups are those of one run over everything,
//! and whatever is off is found.

use klined::jobs::{Aggregator, JobError, Stop};
use klined_testing::{assert_same, first_difference};
use proptest::prelude::*;

use crate::on_every_backend;
use crate::support::database::{Backend, Database};
use crate::support::market_builder::{
    aggregate, assert_clean, at, days, fill, generate, generator, market, minute, symbol, verified,
};
use crate::support::{SHANGHAI, date};

/// Every roll-up, as text.
fn rollups(database: &Database) -> Vec<String> {
    let mut rows = database.column(
        "SELECT symbol || ' ' || interval || ' ' || CAST(time AS text) || ' ' || CAST(open AS text) || ' ' || \
         CAST(high AS text) || ' ' || CAST(low AS text) || ' ' || CAST(close AS text) || ' ' || CAST(volume AS text) AS text \
         FROM market_klines WHERE interval <> '1m'",
    );
    rows.sort();
    rows
}

/// What one run over everything would give: all roll-ups are thrown away and made again.
fn rollups_made_anew(database: &Database) -> Vec<String> {
    database.execute("DELETE FROM market_klines WHERE interval <> '1m'; UPDATE rollup_watermark SET folded_to = 0");
    aggregate(&market(database));
    rollups(database)
}

on_every_backend! {
    fn an_aggregation_after_every_minute_equals_one_at_the_end(database: &Database) {
        let market = market(database);
        let mut generator = generator(&market, date("2026-02-27")).unwrap();
        let aggregator = Aggregator::start(market.store.clone(), market.calendar.clone(), None).unwrap();
        for _ in 0..260 {
            let next = generator.next().unwrap();
            generator.advance(next, &Stop::default()).unwrap();
            let folded = aggregator.run(None, &Stop::default()).unwrap();
            assert_eq!((folded.symbols, folded.minutes, folded.repaired), (10, 10, 0));
        }
        // The open bars are current after every run.
        let day = "SELECT CAST(close AS text) AS text FROM market_klines WHERE symbol = 'V' AND interval = '1d' \
                   ORDER BY time DESC LIMIT 1";
        let price = "SELECT CAST(current_price AS text) AS text FROM stock_state WHERE symbol = 'V'";
        assert_eq!(database.value(day), database.value(price));
        drop(aggregator);
        let stepwise = rollups(database);
        assert_clean(&market);
        assert_same(&stepwise, &rollups_made_anew(database));
    }

    fn one_interval_of_one_stock_is_made_again_and_the_others_stay(database: &Database) {
        let market = market(database);
        fill(&market, days(3), "2026-03-04 15:00:00").unwrap();
        aggregate(&market);
        let whole = rollups(database);
        let noon = SHANGHAI.minute_of(date("2026-03-03"), 120).unwrap().start();
        database.execute(&format!(
            "DELETE FROM market_klines WHERE interval = '5m' AND symbol IN ('AAPL', 'V') AND time < {noon}; \
             UPDATE market_klines SET volume = 1 WHERE interval = '5m' AND symbol = 'AAPL' AND time = {noon}; \
             DELETE FROM market_klines WHERE interval = '15m' AND symbol = 'AAPL' AND time = {noon}"
        ));
        let only = |words: &str| database.data_aggregator(&format!("--once --interval-only 5m {words}")).run().succeeded();
        let is_5m_of = |symbol: &str, row: &String| row.starts_with(&format!("{symbol} 5m "));
        let of = |rows: &[String], symbol| rows.iter().filter(|row| is_5m_of(symbol, row)).cloned().collect::<Vec<_>>();
        // 72 buckets of a day and a half, and the one with the wrong volume.
        assert!(only("--symbol AAPL").stderr.contains("bars=73"));
        let mended = rollups(database);
        assert_eq!(of(&mended, "AAPL"), of(&whole, "AAPL"));
        assert_eq!(of(&mended, "V").len() + 72, of(&whole, "V").len());
        assert_eq!(mended.len() + 72 + 1, whole.len(), "the bar of 15m is not made again");
        assert!(only("--symbol AAPL").stderr.contains("bars=0"));
        // Of all stocks, and with minutes that are not rolled up yet.
        generate(&market, "2026-03-04", "2026-03-05 10:08");
        only("");
        database.data_aggregator("--once --interval-only 15m").run().succeeded();
        assert_clean(&market);
        database.data_aggregator("--once --interval-only 1m").run().was_misused(&["--interval-only", "5m 15m"]);
        database.data_aggregator("--interval-only 5m").run().was_misused(&["--once"]);
    }

    fn a_watermark_that_is_missing_is_made_again_from_the_rollups(database: &Database) {
        let market = market(database);
        fill(&market, days(30), "2026-03-20 20:00:00").unwrap();
        // In the middle of a bucket of every interval.
        generate(&market, "2026-03-20", "2026-03-23 10:08");
        aggregate(&market);
        let watermarks = "SELECT symbol || ' ' || folded_to AS text FROM rollup_watermark ORDER BY 1";
        let (clean, stood) = (rollups(database), database.column(watermarks));
        database.execute("DELETE FROM rollup_watermark WHERE symbol IN ('AAPL', 'V')");
        aggregate(&market);
        assert_eq!(database.column(watermarks), stood);
        assert_same(&rollups(database), &clean);
        // The same with minutes that came while it was missing.
        database.execute("DELETE FROM rollup_watermark");
        generate(&market, "2026-03-20", "2026-03-23 10:21");
        aggregate(&market);
        assert_eq!(database.column(watermarks).len(), stood.len());
        assert_clean(&market);
        let mended = rollups(database);
        assert_same(&mended, &rollups_made_anew(database));
    }

    fn a_changed_late_or_removed_minute_is_repaired(database: &Database) {
        let market = market(database);
        fill(&market, days(30), "2026-03-20 20:00:00").unwrap();
        aggregate(&market);
        let clean = rollups(database);
        let place = format!("symbol = 'V' AND interval = '1m' AND time = {}", minute("2026-02-26 10:07").start());
        database.execute(&format!("CREATE TABLE kept AS SELECT * FROM market_klines WHERE {place}"));

        database.execute(&format!("UPDATE market_klines SET high = high + 50, volume = volume + 100 WHERE {place}"));
        assert_eq!(aggregate(&market).repaired, 1);
        let changed = rollups(database);
        // One bar of each of the eight intervals holds the minute, and nothing else has changed.
        assert_eq!(changed.iter().filter(|row| !clean.contains(row)).count(), 8);
        assert_eq!(changed.len(), clean.len());
        assert_same(&changed, &rollups_made_anew(database));

        database.execute(&format!("DELETE FROM market_klines WHERE {place}"));
        assert_eq!(aggregate(&market).repaired, 1);
        assert_same(&rollups(database), &rollups_made_anew(database));

        database.execute("INSERT INTO market_klines SELECT * FROM kept");
        assert_eq!(aggregate(&market).repaired, 1);
        assert_same(&rollups(database), &clean);
        database.execute("DROP TABLE kept");
        assert_clean(&market);
        assert_eq!(aggregate(&market).symbols, 0);
    }

    fn a_bucket_that_loses_all_its_minutes_goes(database: &Database) {
        let market = market(database);
        fill(&market, days(3), "2026-03-20 20:00:00").unwrap();
        aggregate(&market);
        database.execute(&format!("DELETE FROM market_klines WHERE symbol = 'V' AND interval = '1m' AND time >= {} AND time < {}",
            minute("2026-03-19 10:00").start(), minute("2026-03-19 10:30").start()));
        aggregate(&market);
        let left = format!("SELECT CAST(count(*) AS text) AS text FROM market_klines WHERE symbol = 'V' AND time = {} \
            AND interval IN ('5m', '15m', '30m')", minute("2026-03-19 10:00").start());
        assert_eq!(database.value(&left), "0");
        assert_same(&rollups(database), &rollups_made_anew(database));
    }

    fn a_damaged_minute_is_left_out_and_the_rest_goes_on(database: &Database) {
        let market = market(database);
        fill(&market, days(2), "2026-03-20 20:00:00").unwrap();
        aggregate(&market);
        let place = format!("symbol = 'V' AND interval = '1m' AND time = {}", minute("2026-03-19 10:07").start());
        database.execute(&format!("UPDATE market_klines SET low = high + 1 WHERE {place}"));
        // A bar where there is no minute.
        database.execute(&format!("INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) \
            VALUES ('V', '1m', {}, 1, 1, 1, 1, 1)", at("2026-03-19 12:00:00")));
        aggregate(&market);
        database.execute(&format!("DELETE FROM market_klines WHERE {place}"));
        let without = rollups(database);
        assert_same(&without, &rollups_made_anew(database));
    }

    fn a_roll_up_that_somebody_removed_is_made_again_when_it_is_needed(database: &Database) {
        let market = market(database);
        generate(&market, "2026-03-02", "2026-03-02 10:00");
        aggregate(&market);
        database.execute("DELETE FROM market_klines WHERE interval = '1d' AND symbol = 'V'");
        generate(&market, "2026-03-02", "2026-03-02 10:01");
        aggregate(&market);
        assert_clean(&market);
    }

    fn a_look_back_makes_the_last_hours_anew(database: &Database) {
        let market = market(database);
        generate(&market, "2026-03-02", "2026-03-03 14:59");
        aggregate(&market);
        let clean = rollups(database);
        let spoil = |from: &str| {
            let since = minute(from).start();
            database.execute(&format!("UPDATE market_klines SET volume = 1 WHERE interval = '5m' AND time >= {since}"));
        };
        spoil("2026-03-03 13:30");
        let aggregator = Aggregator::start(market.store.clone(), market.calendar.clone(), None).unwrap();
        aggregator.run(None, &Stop::default()).unwrap();
        assert!(rollups(database) != clean);
        aggregator.run(Some(2), &Stop::default()).unwrap();
        assert_same(&rollups(database), &clean);
    }

    fn only_one_symbol_can_be_rolled_up(database: &Database) {
        let market = market(database);
        generate(&market, "2026-03-02", "2026-03-02 10:00");
        let start = |name| Aggregator::start(market.store.clone(), market.calendar.clone(), Some(symbol(name)));
        start("V").unwrap().run(None, &Stop::default()).unwrap();
        let rolled = database.column("SELECT DISTINCT symbol AS text FROM market_klines WHERE interval <> '1m'");
        assert_eq!(rolled, ["V"]);
        assert!(matches!(start("NOPE"), Err(JobError::UnknownSymbol { symbol, .. }) if symbol.as_str() == "NOPE"));
        aggregate(&market);
        assert_clean(&market);
    }

    fn bars_of_a_symbol_without_a_generator_are_rolled_up_too(database: &Database) {
        let market = market(database);
        generate(&market, "2026-03-02", "2026-03-02 10:00");
        aggregate(&market);
        let import = |local: &str, price: i32| database.execute(&format!(
            "INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) \
             VALUES ('MINE', '1m', {}, {price}, {price}, {price}, {price}, 100)", minute(local).start()));
        import("2026-03-02 09:31", 5);
        import("2026-03-02 09:33", 7);
        aggregate(&market);
        import("2026-03-02 09:32", 9);
        import("2026-03-02 09:36", 8);
        aggregate(&market);
        let mine = database.column("SELECT interval || ' ' || CAST(CAST(open AS integer) AS text) || ' ' || \
            CAST(CAST(high AS integer) AS text) || ' ' || CAST(CAST(close AS integer) AS text) || ' ' || \
            CAST(volume AS text) AS text FROM market_klines WHERE symbol = 'MINE' AND interval IN ('5m', '1d') \
            ORDER BY interval, time");
        assert_eq!(mine, ["1d 5 9 8 400", "5m 5 9 7 300", "5m 8 8 8 100"]);
    }

    fn verify_finds_what_is_off(database: &Database) {
        let market = market(database);
        fill(&market, days(3), "2026-03-20 20:00:00").unwrap();
        aggregate(&market);
        assert_clean(&market);
        let v = |interval: &str, local: &str| {
            format!("symbol = 'V' AND interval = '{interval}' AND time = {}", minute(local).start())
        };
        let (minute_bar, hour_bar) = (v("1m", "2026-03-19 10:07"), v("60m", "2026-03-19 10:30"));
        let spoils = [
            (format!("DELETE FROM market_klines WHERE {minute_bar}"), "is missing"),
            (format!("UPDATE market_klines SET high = low - 1 WHERE {minute_bar}"), "is not a bar"),
            (format!("UPDATE market_klines SET open = open + 0.01, high = high + 0.01 WHERE {minute_bar}"), "differs from the market"),
            (format!("DELETE FROM market_klines WHERE {hour_bar}"), "is missing, though its minutes are there"),
            (format!("UPDATE market_klines SET volume = 1 WHERE {hour_bar}"), "but its minutes make"),
            (format!("INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) \
                VALUES ('V', '60m', {}, 1, 1, 1, 1, 1)", minute("2026-03-19 10:29").start()), "has no minutes"),
            (format!("INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) \
                VALUES ('V', '1m', {}, 1, 1, 1, 1, 1)", at("2026-03-19 12:00:00")), "not the start of a trading minute"),
            ("UPDATE stock_state SET current_price = 1 WHERE symbol = 'V'".to_owned(), "stock_state shows 1"),
            ("UPDATE stock_state SET last_update = last_update - 60 WHERE symbol = 'V'".to_owned(), "last_update"),
            ("DELETE FROM stock_state WHERE symbol = 'V'".to_owned(), "V: stock_state has no row"),
        ];
        database.execute("CREATE TABLE kept_bars AS SELECT * FROM market_klines WHERE symbol = 'V'; \
                          CREATE TABLE kept_states AS SELECT * FROM stock_state WHERE symbol = 'V'");
        for (sql, words) in spoils {
            database.execute(&sql);
            let report = verified(&market);
            assert!(!report.is_clean() && report.to_string().contains(words), "{sql}: {report}");
            assert!(report.findings.iter().all(|finding| finding.symbol.as_str() == "V"), "{report}");
            database.execute("DELETE FROM market_klines WHERE symbol = 'V'; DELETE FROM stock_state WHERE symbol = 'V'; \
                              INSERT INTO market_klines SELECT * FROM kept_bars; \
                              INSERT INTO stock_state SELECT * FROM kept_states");
            assert_clean(&market);
        }
    }

    fn verify_distinguishes_lag_from_damage(database: &Database) {
        let market = market(database);
        generate(&market, "2026-03-02", "2026-03-02 10:00");
        aggregate(&market);
        generate(&market, "2026-03-02", "2026-03-02 10:03");
        let report = verified(&market);
        assert!(report.is_clean());
        assert_eq!(report.minutes_not_rolled_up, 30);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// The law of the aggregator: generate, aggregate, change and remove in any order; the last aggregation leaves what one
    /// run over everything gives.
    #[test]
    fn any_history_of_runs_equals_one_over_everything(
        steps in prop::collection::vec((0u8..4, 0usize..900), 1..14),
    ) {
        let database = Database::new(Backend::Sqlite);
        let market = market(&database);
        let minutes: Vec<_> = SHANGHAI.minutes_in(at("2026-02-26 09:30:00"), at("2026-03-04 15:00:00")).collect();
        let mut generated = 30;
        generate(&market, "2026-02-26", "2026-02-26 09:59");
        // One that lives through all of it keeps open bars in mind, which a change makes worthless.
        let lasting = Aggregator::start(market.store.clone(), market.calendar.clone(), None).unwrap();
        for (step, amount) in steps {
            // Not the last: without it a start is refused.
            let changed = minutes[amount % (generated - 1)].start();
            let place = format!("WHERE symbol = 'V' AND interval = '1m' AND time = {changed}");
            match step {
                0 => {
                    generated = (generated + amount / 3 + 1).min(minutes.len());
                    let mut generator = generator(&market, date("2026-02-26")).unwrap();
                    generator.advance(minutes[generated - 1], &Stop::default()).unwrap();
                }
                1 => database.execute(&format!("UPDATE market_klines SET high = high + 1, volume = volume + 7 {place}")),
                2 => database.execute(&format!("DELETE FROM market_klines {place}")),
                _ => drop(lasting.run(None, &Stop::default()).unwrap()),
            }
        }
        lasting.run(None, &Stop::default()).unwrap();
        drop(lasting);
        let history = rollups(&database);
        prop_assert_eq!(first_difference(&history, &rollups_made_anew(&database)), None);
    }
}
