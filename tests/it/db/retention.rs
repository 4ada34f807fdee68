//! Retention: a market that forgets its oldest months or days is otherwise the market it would have been.

use std::fs;

use chrono::{Days, Months};
use klined::jobs::{Generator, Market, Retained, Stop};
use klined_market::base::{Interval, UnixSeconds};
use klined_market::calendar::Hours;

use crate::on_every_backend;
use crate::support::database::Database;
use crate::support::market_builder::{aggregate, assert_clean, fill, market, minute, range, symbol, verified};
use crate::support::programs::{assert_same, eventually};
use crate::support::{SHANGHAI, date};

/// 2026-03-01 and 2026-04-01 00:00 in Shanghai. The first of April is a Wednesday, the week's Monday is in March.
const MARCH: i64 = 1_772_294_400;
const APRIL: i64 = 1_774_972_800;

fn filled(database: &Database) -> Market {
    let market = market(database);
    fill(&market, range("2026-02-10", "2026-04-29"), "2026-05-01 12:00:00").unwrap();
    market
}

/// Goes on to a minute as a generator that keeps one full month.
fn go_on(market: &Market, to: &str) {
    go_on_keeping(market, Some(Retained::Months(1)), to);
}

/// Goes on to a minute as a generator that keeps a part of the history, or all of it.
fn go_on_keeping(market: &Market, retained: Option<Retained>, to: &str) {
    let market = market.clone().retaining(retained);
    let mut generator = Generator::start(market, &[], date("2026-02-10"), &Stop::default()).unwrap();
    generator.advance(minute(to), &Stop::default()).unwrap();
}

fn earliest(database: &Database) -> i64 {
    database.value("SELECT CAST(min(time) AS text) AS text FROM market_klines").parse().unwrap()
}

/// A database's contents from an instant on: of bars only those, and everything else.
fn contents_from(database: &Database, from: i64) -> Vec<String> {
    let is_kept = |row: &String| {
        let words: Vec<&str> = row.split(' ').collect();
        let is_bar = words.get(1).is_some_and(|word| word.parse::<Interval>().is_ok());
        !is_bar || words[2].parse::<i64>().map_or(true, |time| time >= from)
    };
    database.contents().into_iter().filter(is_kept).collect()
}

on_every_backend! {
    fn a_market_that_forgets_goes_on_to_the_same_bytes_and_is_clean(database: &Database) {
        let whole = Database::new(database.backend);
        let [market, other] = [filled(database), filled(&whole)];
        aggregate(&market);
        go_on(&market, "2026-05-06 10:00");
        assert!(earliest(database) >= APRIL);
        aggregate(&market);
        assert_clean(&market);
        let mut generator = Generator::start(other.clone(), &[], date("2026-02-10"), &Stop::default()).unwrap();
        generator.advance(minute("2026-05-06 10:00"), &Stop::default()).unwrap();
        aggregate(&other);
        assert!(earliest(&whole) < MARCH);
        assert_same(&database.contents(), &contents_from(&whole, APRIL));
        // The week of which a part is kept went with its label, the month and later weeks are there.
        let labels = |interval| database.column(&format!(
            "SELECT DISTINCT CAST(time AS text) AS text FROM market_klines WHERE interval = '{interval}' ORDER BY 1"));
        assert_eq!(labels("1M").len(), 2);
        assert_eq!(labels("1w")[0], minute("2026-04-07 09:30").start().to_string());
    }

    fn a_market_that_keeps_days_goes_on_to_the_same_bytes_and_is_clean(database: &Database) {
        // With 30 days the month that is being written is whole; with 3 its own bar, and that of the week, go.
        for (days, ends) in [(30, ["2026-05-06 10:00", "2026-05-07 10:30"]), (3, ["2026-05-13 10:00", "2026-05-14 14:59"])] {
            let [database, whole] = [database.backend, database.backend].map(Database::new);
            let [market, other] = [filled(&database), filled(&whole)];
            aggregate(&market);
            for end in ends {
                go_on_keeping(&market, Some(Retained::Days(days)), end);
                aggregate(&market);
                assert_clean(&market);
                go_on_keeping(&other, None, end);
                aggregate(&other);
                let horizon = Hours::Sse.midnight(date(&end[..10]) - Days::new(days.into())).unwrap();
                assert_eq!(market.store.retained_from().unwrap(), Some(horizon));
                let first = SHANGHAI.minutes_in(horizon, UnixSeconds::MAX).next().unwrap();
                assert_eq!(earliest(&database), first.start().get(), "{days} days");
                assert_same(&database.contents(), &contents_from(&whole, horizon.get()));
            }
        }
    }

    fn roll_ups_that_come_after_the_removal_begin_with_the_horizon(database: &Database) {
        let market = filled(database);
        go_on(&market, "2026-05-06 10:00");
        aggregate(&market);
        assert!(earliest(database) >= APRIL);
        assert_clean(&market);
    }

    fn a_repair_in_the_week_that_was_cut_makes_no_part_of_it(database: &Database) {
        let market = filled(database);
        aggregate(&market);
        go_on(&market, "2026-05-06 10:00");
        aggregate(&market);
        let before = database.contents();
        let changed = minute("2026-04-02 10:00").start();
        for sign in ["+", "-"] {
            database.execute(&format!("UPDATE market_klines SET volume = volume {sign} 1 WHERE time = {changed} AND interval = '1m'"));
            assert_eq!(aggregate(&market).repaired, 10);
            // The edited bars themselves are not the market's; their roll-ups are right.
            let report = verified(&market);
            let edited = if sign == "+" { 10 } else { 0 };
            assert!(report.differing == edited && report.findings_count == edited, "{report}");
        }
        assert_same(&database.contents(), &before);
    }

    fn a_removal_that_was_killed_leaves_a_clean_market_and_is_finished(database: &Database) {
        let market = filled(database);
        aggregate(&market);
        // As after the first transaction of a removal, and on PostgreSQL after the first partition.
        database.execute(&format!("UPDATE market_identity SET retained_from = {APRIL}"));
        assert_clean(&market);
        if database.backend == crate::support::database::Backend::Postgres {
            database.execute("SELECT klines_drop_partition()");
            assert!(earliest(database) >= MARCH && earliest(database) < APRIL);
            assert_clean(&market);
        }
        go_on(&market, "2026-05-06 10:00");
        assert!(earliest(database) >= APRIL);
        aggregate(&market);
        assert_clean(&market);
    }

    fn a_stock_that_lags_from_before_the_horizon_is_brought_up(database: &Database) {
        let market = market(database);
        fill(&market, range("2026-02-10", "2026-02-11"), "2026-05-01 12:00:00").unwrap();
        let only = [symbol("AAPL")];
        let kept = market.clone().retaining(Some(Retained::Months(1)));
        let mut alone = Generator::start(kept, &only, date("2026-02-10"), &Stop::default()).unwrap();
        alone.advance(minute("2026-05-06 10:00"), &Stop::default()).unwrap();
        drop(alone);
        assert!(earliest(database) >= APRIL);
        go_on(&market, "2026-05-06 10:01");
        assert!(earliest(database) >= APRIL);
        aggregate(&market);
        assert_clean(&market);
        let whole = Database::new(database.backend);
        let other = filled(&whole);
        Generator::start(other.clone(), &[], date("2026-02-10"), &Stop::default()).unwrap()
            .advance(minute("2026-05-06 10:01"), &Stop::default()).unwrap();
        aggregate(&other);
        assert_same(&database.contents(), &contents_from(&whole, APRIL));
    }

    fn a_stock_delisted_before_the_horizon_is_no_finding_and_comes_back(database: &Database) {
        let market = market(database);
        fill(&market, range("2026-02-10", "2026-02-11"), "2026-05-01 12:00:00").unwrap();
        database.execute("UPDATE stock_metadata SET is_active = false WHERE symbol = 'V'");
        go_on(&market, "2026-05-06 10:00");
        aggregate(&market);
        assert_eq!(database.value("SELECT CAST(count(*) AS text) AS text FROM market_klines WHERE symbol = 'V'"), "0");
        assert_clean(&market);
        database.execute("UPDATE stock_metadata SET is_active = true WHERE symbol = 'V'");
        go_on(&market, "2026-05-07 10:00");
        aggregate(&market);
        assert_clean(&market);
    }

    fn a_week_that_begins_in_the_month_before_the_first_bar_is_rolled_up(database: &Database) {
        let market = market(database);
        fill(&market, range("2026-04-01", "2026-04-02"), "2026-05-01 12:00:00").unwrap();
        aggregate(&market);
        assert_clean(&market);
        assert_eq!(earliest(database), minute("2026-03-30 09:30").start().get());
    }

    fn the_generator_keeps_the_months_of_its_flag(database: &Database) {
        database.market_backfill("--from 2026-01-05 --to 2026-02-27").run().succeeded();
        let mut generator = database.market_generator("--test --speed 60000").variable("KLINED_RETAIN_MONTHS", "1").spawn();
        generator.until_it_says("older bars are removed");
        generator.until_minutes(300, database);
        generator.kill();
        database.market_generator("--retain-months 0").run().was_misused(&["--retain-months", "1..=1200"]);
        eventually("the role is free", || database.data_aggregator("--once").run().status.success());
        // 2026-02-01 00:00 in Shanghai.
        assert!(earliest(database) >= 1_769_875_200);
        assert!(database.klined("verify").run().succeeded().stdout.ends_with("clean\n"));
    }

    fn the_generator_keeps_the_days_of_its_flag(database: &Database) {
        database.market_backfill("--from 2026-02-02 --to 2026-02-27").run().succeeded();
        let mut generator = database.market_generator("--test --speed 60000").variable("KLINED_RETAIN_DAYS", "10").spawn();
        generator.until_it_says("older bars are removed");
        generator.until_minutes(10, database);
        generator.kill();
        let refused = database.market_generator("--retain-days 3").variable("KLINED_RETAIN_MONTHS", "1").run();
        refused.was_misused(&["--retain-months", "--retain-days"]);
        database.market_generator("--retain-days 0").run().was_misused(&["--retain-days", "1..=36500"]);
        eventually("the role is free", || database.data_aggregator("--once").run().status.success());
        // 2026-02-20 00:00 in Shanghai, ten days before the first day that the generator opened; it may have opened another one.
        assert!(earliest(database) >= 1_771_516_800);
        assert!(database.klined("verify").run().succeeded().stdout.ends_with("clean\n"));
    }

    fn up_keeps_the_months_of_its_flag(database: &Database) {
        fs::write(
            database.directory.path().join("one.csv"),
            "symbol,name,sector,base_price,base_volatility\nACME,Acme,Toys,42,0.02\n",
        )
        .unwrap();
        // Ten weeks and more, so they begin before the month before the last one's.
        let words = "up --universe one.csv --days 60 --speed 6000";
        let mut up = database.klined(words).variable("KLINED_RETAIN_MONTHS", "1").spawn();
        up.until_it_says("older bars are removed");
        up.until_minutes(5, database);
        up.terminate().succeeded();
        let newest = Hours::Sse.local_time(UnixSeconds::new(database.last_minute()));
        let first_of_month = date(&format!("{}-01", &newest.to_string()[..7]));
        assert!(earliest(database) >= Hours::Sse.midnight(first_of_month - Months::new(1)).unwrap().get());
        assert!(database.klined("verify").run().succeeded().stdout.ends_with("clean\n"));
        database.klined("up --retain-months 0").run().was_misused(&["--retain-months", "1..=1200"]);
    }
}
