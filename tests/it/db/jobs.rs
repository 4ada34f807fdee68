//! Backfill and generator on both databases: one market however it is paced, split, interrupted or levelled.

use std::sync::Arc;

use klined::jobs::{Folded, Generator, JobError, Market, Stop, Window, backfill, clear};
use klined::store::StoreError;
use klined_market::base::UnixSeconds;
use klined_market::calendar::Calendar;
use klined_market::model::ModelKind;
use klined_testing::{assert_same, first_difference};
use proptest::prelude::*;

use crate::on_every_backend;
use crate::support::database::{Backend, Database};
use crate::support::market_builder::{
    StopAfter, aggregate, assert_clean, at, days, fill, generate, generator, market, market_of_seed, minute, range,
    symbol,
};
use crate::support::{SHANGHAI, date};

const COUNT_DAYS: &str =
    "SELECT CAST(count(*) AS text) AS text FROM market_klines WHERE symbol = 'AAPL' AND interval = '1d'";

fn last_bar(database: &Database, symbol: &str) -> UnixSeconds {
    let sql = format!(
        "SELECT CAST(coalesce(max(time), 0) AS text) AS text FROM market_klines WHERE symbol = '{symbol}' AND interval = '1m'"
    );
    UnixSeconds::new(database.value(&sql).parse().unwrap_or(0))
}

fn first_bar(database: &Database, symbol: &str) -> UnixSeconds {
    let sql = format!(
        "SELECT CAST(coalesce(min(time), 0) AS text) AS text FROM market_klines WHERE symbol = '{symbol}' AND interval = '1m'"
    );
    UnixSeconds::new(database.value(&sql).parse().unwrap_or(0))
}

on_every_backend! {
    fn backfill_makes_exactly_the_days_that_end_with_the_last_minute_over(database: &Database) {
        let market = market(database);
        let done = fill(&market, days(5), "2026-03-04 10:15:30").unwrap();
        assert_eq!((done.first, done.last), (minute("2026-02-26 09:30"), minute("2026-03-04 10:14")));
        assert_eq!(done.bars, 10 * (4 * 240 + 45));
        aggregate(&market);
        assert_eq!(database.value(COUNT_DAYS), "5");
        assert_clean(&market);
    }

    fn backfill_in_the_night_ends_with_the_day_before(database: &Database) {
        let market = market(database);
        let done = fill(&market, days(2), "2026-03-02 03:00:00").unwrap();
        assert_eq!((done.first, done.last), (minute("2026-02-26 09:30"), minute("2026-02-27 14:59")));
        assert_eq!(last_bar(database, "AAPL"), done.last.start());
    }

    fn the_generator_goes_on_where_backfill_ended_without_a_gap_or_a_jump(database: &Database) {
        let market = market(database);
        fill(&market, range("2026-03-02", "2026-03-03"), "2026-03-05 12:00:00").unwrap();
        let written = generate(&market, "2026-01-05", "2026-03-05 10:00");
        assert_eq!(written, 240 + 31);
        aggregate(&market);
        // Verify knows of gaps, and of a bar that does not open at the close before it.
        assert_clean(&market);
    }

    fn backfill_and_generator_make_the_same_market(database: &Database) {
        let other = Database::new(database.backend);
        let (filled, generated) = (market(database), market(&other));
        fill(&filled, range("2026-03-02", "2026-03-04"), "2026-03-04 14:00:00").unwrap();
        generate(&generated, "2026-03-02", "2026-03-04 13:59");
        // The roll-ups, too: backfill folds on the way what the aggregator makes of the generator's bars.
        assert_eq!(aggregate(&filled), Folded::default());
        assert_eq!(aggregate(&generated).minutes, 10 * 660);
        assert_same(&database.contents(), &other.contents());
    }

    fn minute_by_minute_or_all_at_once_is_the_same(database: &Database) {
        let other = Database::new(database.backend);
        let (at_once, stepwise) = (market(database), market(&other));
        generate(&at_once, "2026-03-02", "2026-03-03 09:40");
        let mut steps = generator(&stepwise, date("2026-03-02")).unwrap();
        for _ in 0..251 {
            let next = steps.next().unwrap();
            assert_eq!(steps.advance(next, &Stop::default()).unwrap(), 1);
        }
        assert_same(&database.contents(), &other.contents());
    }

    fn an_interrupted_backfill_is_finished_by_the_same_command(database: &Database) {
        let other = Database::new(database.backend);
        let whole = market(&other);
        fill(&whole, days(40), "2026-03-04 20:00:00").unwrap();
        let market = market(database);
        let stop = Stop::default();
        let mut after_one_write = StopAfter { bars: 1, stop: stop.clone() };
        let first =
            backfill(&market, days(40), None, at("2026-03-04 20:00:00"), &mut after_one_write, &stop).unwrap();
        assert!(!first.is_complete && first.bars > 0 && first.bars < 96_000, "{first:?}");
        // A day later the window begins a day later, too; what was planned stays planned.
        let second = fill(&market, days(40), "2026-03-04 20:00:00").unwrap();
        assert!(second.is_complete);
        assert_eq!(first.bars + second.bars, 96_000);
        assert_same(&database.contents(), &other.contents());
    }

    fn a_generator_finishes_what_an_interrupted_backfill_has_left(database: &Database) {
        let other = Database::new(database.backend);
        let whole = market(&other);
        fill(&whole, days(40), "2026-03-04 20:00:00").unwrap();
        generate(&whole, "2026-03-04", "2026-03-05 09:35");
        let market = market(database);
        let stop = Stop::default();
        let mut after_one_write = StopAfter { bars: 1, stop: stop.clone() };
        backfill(&market, days(40), None, at("2026-03-04 20:00:00"), &mut after_one_write, &stop).unwrap();
        generate(&market, "2026-03-04", "2026-03-05 09:35");
        aggregate(&whole);
        aggregate(&market);
        assert_same(&database.contents(), &other.contents());
        assert_clean(&market);
    }

    fn backfill_refuses_to_precede_what_is_there(database: &Database) {
        let market = market(database);
        fill(&market, days(3), "2026-03-04 20:00:00").unwrap();
        let before = database.contents();
        let refused = fill(&market, days(30), "2026-03-04 20:00:00");
        assert!(matches!(refused, Err(JobError::AlreadyBegun { first_day, .. }) if first_day == date("2026-03-02")));
        assert_same(&database.contents(), &before);
        // A weekend before the first day is nothing that lacks.
        fill(&market, range("2026-02-28", "2026-03-04"), "2026-03-04 20:00:00").unwrap();
    }

    fn a_window_without_a_minute_or_beyond_the_exchange_is_refused(database: &Database) {
        let market = market(database);
        let too_many = fill(&market, days(9_000), "2026-03-04 20:00:00");
        assert!(matches!(too_many, Err(JobError::TooManyDays { available, .. }) if available < 9_000));
        for (from, to) in [("2026-02-28", "2026-03-01"), ("2026-03-09", "2026-03-10"), ("2026-03-04", "2026-03-03")] {
            let empty = fill(&market, range(from, to), "2026-03-04 20:00:00");
            assert!(matches!(empty, Err(JobError::EmptyRange { .. })), "{from} to {to}: {empty:?}");
        }
        assert_eq!(database.contents(), Vec::<String>::new());
    }

    fn a_new_stock_can_be_given_history_of_its_own(database: &Database) {
        let market = market(database);
        fill(&market, days(4), "2026-03-04 20:00:00").unwrap();
        let before = database.contents();
        database.execute("INSERT INTO stock_metadata (symbol, name, base_price, base_volatility) \
                          VALUES ('NEW', 'New Inc.', 20, 0.02)");
        let new = Some(symbol("NEW"));
        backfill(&market, days(10), new, at("2026-03-04 20:00:00"), &mut crate::support::market_builder::Quiet,
            &Stop::default()).unwrap();
        assert_eq!(first_bar(database, "NEW"), minute("2026-02-11 09:30").start());
        assert_eq!(last_bar(database, "NEW"), last_bar(database, "AAPL"));
        let kept = database.contents();
        assert!(before.iter().all(|row| kept.contains(row)), "another symbol has changed");
        aggregate(&market);
        assert_clean(&market);
    }

    fn an_unknown_or_inactive_stock_is_refused_by_name(database: &Database) {
        let market = market(database);
        database.execute("UPDATE stock_metadata SET is_active = false WHERE symbol = 'V'");
        let start = |name| Generator::start(market.clone(), &[symbol(name)], date("2026-03-02"), &Stop::default());
        assert!(matches!(start("NOPE"), Err(JobError::UnknownSymbol { symbol: s, .. }) if s.as_str() == "NOPE"));
        assert!(matches!(start("V"), Err(JobError::InactiveSymbol(s)) if s.as_str() == "V"));
        database.execute("UPDATE stock_metadata SET base_price = 0 WHERE symbol = 'JPM'");
        assert!(matches!(start("JPM"), Err(JobError::InactiveSymbol(_))));
        assert!(start("AAPL").is_ok());
    }

    fn a_universe_without_a_valid_stock_is_refused(database: &Database) {
        let market = market(database);
        database.execute("UPDATE stock_metadata SET base_volatility = 1.5");
        assert!(matches!(generator(&market, date("2026-03-02")), Err(JobError::EmptyUniverse)));
        assert!(matches!(fill(&market, days(2), "2026-03-04 20:00:00"), Err(JobError::EmptyUniverse)));
    }

    fn edits_of_the_universe_count_from_the_next_day_and_change_no_other_stock(database: &Database) {
        let other = Database::new(database.backend);
        let (edited, plain) = (market(database), market(&other));
        generate(&plain, "2026-03-02", "2026-03-05 14:59");
        generate(&edited, "2026-03-02", "2026-03-02 10:00");
        database.execute("INSERT INTO stock_metadata (symbol, name, base_price, base_volatility) \
                          VALUES ('NEW', 'New Inc.', 20, 0.02), ('BAD', 'Bad Inc.', 0, 0.02)");
        database.execute("UPDATE stock_metadata SET is_active = false WHERE symbol = 'TSLA'");
        // Across a restart in mid-day, which must not let the edits in early.
        generate(&edited, "2026-03-02", "2026-03-02 14:59");
        assert_eq!(last_bar(database, "TSLA"), minute("2026-03-02 14:59").start());
        assert_eq!(first_bar(database, "NEW"), UnixSeconds::EPOCH);
        generate(&edited, "2026-03-02", "2026-03-03 14:59");
        assert_eq!(first_bar(database, "NEW"), minute("2026-03-03 09:30").start());
        assert_eq!(last_bar(database, "TSLA"), minute("2026-03-02 14:59").start());
        assert_eq!(first_bar(database, "BAD"), UnixSeconds::EPOCH);
        // Back again, from where it left off.
        database.execute("UPDATE stock_metadata SET is_active = true WHERE symbol = 'TSLA'");
        generate(&edited, "2026-03-02", "2026-03-05 14:59");
        assert_eq!(last_bar(database, "TSLA"), minute("2026-03-05 14:59").start());
        let untouched = |rows: Vec<String>| -> Vec<String> {
            rows.into_iter().filter(|row| !row.starts_with("TSLA") && !row.starts_with("NEW")).collect()
        };
        assert_same(&untouched(database.contents()), &untouched(other.contents()));
        aggregate(&edited);
        assert_clean(&edited);
    }

    fn new_parameters_count_from_the_next_day(database: &Database) {
        let other = Database::new(database.backend);
        let (edited, plain) = (market(database), market(&other));
        generate(&plain, "2026-03-02", "2026-03-02 14:59");
        generate(&edited, "2026-03-02", "2026-03-02 10:00");
        database.execute("UPDATE stock_metadata SET base_volatility = 0.09 WHERE symbol = 'AAPL'");
        generate(&edited, "2026-03-02", "2026-03-02 14:59");
        assert_same(&database.contents(), &other.contents());
        generate(&plain, "2026-03-02", "2026-03-03 14:59");
        generate(&edited, "2026-03-02", "2026-03-03 14:59");
        assert!(database.contents() != other.contents());
    }

    fn every_parameter_counts_from_the_next_day(database: &Database) {
        let full = |database: &Database| {
            Market::claim(database.open(), Arc::new(Calendar::clone(&SHANGHAI)), ModelKind::Full, Some(42)).unwrap()
        };
        let edits = [
            ("AAPL", "board = 'main', is_st = true"),
            ("V", "beta = 1.7"),
            ("JPM", "daily_turnover = 1000000"),
            ("TSLA", "sector = 'Toys'"),
            ("AMZN", "drift = 0.8"),
            ("META", "min_price = 349, max_price = 351.5"),
        ];
        let other = Database::new(database.backend);
        let plain = full(&other);
        generate(&plain, "2026-03-02", "2026-03-02 14:59");
        let edited = full(database);
        generate(&edited, "2026-03-02", "2026-03-02 10:00");
        for (symbol, edit) in edits {
            database.execute(&format!("UPDATE stock_metadata SET {edit} WHERE symbol = '{symbol}'"));
        }
        generate(&edited, "2026-03-02", "2026-03-02 14:59");
        assert_same(&database.contents(), &other.contents());
        generate(&plain, "2026-03-02", "2026-03-03 14:59");
        generate(&edited, "2026-03-02", "2026-03-03 14:59");
        let of = |database: &Database, symbol: &str| -> Vec<String> {
            database.contents().into_iter().filter(|line| line.starts_with(&format!("{symbol} "))).collect()
        };
        for (symbol, _) in edits {
            assert!(of(database, symbol) != of(&other, symbol), "{symbol}");
        }
        assert!(of(database, "MSFT") == of(&other, "MSFT"));
        let bars = "FROM market_klines WHERE symbol = 'META' AND interval = '1m'";
        let outside = format!("SELECT CAST(count(*) AS text) AS text {bars} AND (low < 349 OR high > 351.5) AND time >= {}",
            SHANGHAI.midnight(date("2026-03-03")).unwrap());
        assert_eq!(database.value(&outside), "0");
        // What each day was made with is stored, so all of them can be made again.
        aggregate(&edited);
        assert_clean(&edited);
    }

    fn only_some_symbols_can_be_generated_and_the_others_catch_up_later(database: &Database) {
        let other = Database::new(database.backend);
        let (partly, wholly) = (market(database), market(&other));
        generate(&wholly, "2026-03-02", "2026-03-04 09:30");
        generate(&partly, "2026-03-02", "2026-03-02 11:00");
        let mut only = Generator::start(partly.clone(), &[symbol("V"), symbol("JPM")], date("2026-03-02"),
            &Stop::default()).unwrap();
        only.advance(minute("2026-03-03 13:30"), &Stop::default()).unwrap();
        drop(only);
        assert_eq!(last_bar(database, "AAPL"), minute("2026-03-02 11:00").start());
        assert_eq!(last_bar(database, "JPM"), minute("2026-03-03 13:30").start());
        generate(&partly, "2026-03-02", "2026-03-04 09:30");
        assert_same(&database.contents(), &other.contents());
    }

    fn another_seed_is_refused_and_clearing_makes_room_for_it(database: &Database) {
        let market = market(database);
        fill(&market, days(2), "2026-03-04 20:00:00").unwrap();
        let refused = market_of_seed(database, 7).map(|_| ()).unwrap_err();
        assert!(matches!(&refused, JobError::Store(StoreError::OtherMarket { .. })));
        assert!(refused.to_string().contains("seed 42") && refused.to_string().contains("seed 7"), "{refused}");
        clear(&*market.store, None).unwrap();
        let reseeded = market_of_seed(database, 7).unwrap();
        fill(&reseeded, days(2), "2026-03-04 20:00:00").unwrap();
        aggregate(&reseeded);
        assert_clean(&reseeded);
    }

    fn data_from_the_future_is_refused(database: &Database) {
        let market = market(database);
        generate(&market, "2026-03-02", "2026-03-04 10:00");
        let generator = generator(&market, date("2026-03-02")).unwrap();
        let refused = generator.refuse_future(at("2026-03-04 09:00:00")).unwrap_err();
        assert!(matches!(&refused, JobError::FutureData { .. }));
        assert!(refused.to_string().contains("--clear"), "{refused}");
        // A clock that was set back by a moment is no reason.
        generator.refuse_future(at("2026-03-04 09:59:58")).unwrap();
        generator.refuse_future(at("2026-03-04 10:01:00")).unwrap();
    }

    fn market_status_follows_the_market(database: &Database) {
        let market = market(database);
        let status = || database.value(&format!("SELECT current_session || ' ' || CAST(session_start AS text) || ' ' || \
            CAST(session_end AS text) || ' ' || CAST({} AS text) AS text FROM market_status", database.seconds_of("last_update")));
        let expected = |session: &str, start: &str, end: &str, update: &str| {
            format!("{session} {} {} {}", at(start), at(end), at(update))
        };
        generate(&market, "2026-03-02", "2026-03-02 10:00");
        let morning = ("2026-03-02 09:30:00", "2026-03-02 11:30:00");
        assert_eq!(status(), expected("morning", morning.0, morning.1, "2026-03-02 10:01:00"));
        generate(&market, "2026-03-02", "2026-03-02 11:29");
        let afternoon = ("2026-03-02 13:00:00", "2026-03-02 15:00:00");
        assert_eq!(status(), expected("closed", afternoon.0, afternoon.1, "2026-03-02 11:30:00"));
        let mut generator = generator(&market, date("2026-03-02")).unwrap();
        generator.show_session(at("2026-03-02 13:00:00")).unwrap();
        assert_eq!(status(), expected("afternoon", afternoon.0, afternoon.1, "2026-03-02 13:00:00"));
        generator.advance(minute("2026-03-02 14:59"), &Stop::default()).unwrap();
        let next_day = ("2026-03-03 09:30:00", "2026-03-03 11:30:00");
        assert_eq!(status(), expected("closed", next_day.0, next_day.1, "2026-03-02 15:00:00"));
    }

    fn a_database_of_another_calendar_is_refused(database: &Database) {
        let market = market(database);
        generate(&market, "2026-03-02", "2026-03-02 10:00");
        database.execute("UPDATE stock_state SET last_update = last_update + 7 WHERE symbol = 'AAPL'");
        let refused = generator(&market, date("2026-03-02")).map(|_| ()).unwrap_err();
        assert!(matches!(refused, JobError::ForeignMinute { symbol, .. } if symbol.as_str() == "AAPL"));
    }

    fn history_back_to_the_first_trading_day_can_be_made(database: &Database) {
        let market = market(database);
        let only = Some(symbol("AAPL"));
        let window = Window::Range { from: date("1990-12-01"), to: Some(date("1992-01-31")) };
        backfill(&market, window, only, at("2026-03-04 20:00:00"), &mut crate::support::market_builder::Quiet,
            &Stop::default()).unwrap();
        let made = database.value("SELECT CAST(count(*) AS text) AS text FROM market_klines WHERE interval = '1m'");
        let expected = SHANGHAI.days(date("1990-12-01"), date("1992-01-31")).len() * 240;
        assert_eq!(made, expected.to_string());
        aggregate(&market);
        assert_clean(&market);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The law of restarts: any stops and starts lead to the same bytes.
    #[test]
    fn any_stops_and_starts_make_the_same_market(mut ends in prop::collection::vec(0usize..700, 1..6)) {
        ends.push(699);
        ends.sort_unstable();
        let minutes: Vec<_> = SHANGHAI.minutes_in(at("2026-03-02 09:30:00"), at("2026-03-04 15:00:00")).collect();
        let (whole, pieces) = (Database::new(Backend::Sqlite), Database::new(Backend::Sqlite));
        generator(&market(&whole), date("2026-03-02")).unwrap().advance(minutes[699], &Stop::default()).unwrap();
        let market = market(&pieces);
        for end in ends {
            generator(&market, date("2026-03-02")).unwrap().advance(minutes[end], &Stop::default()).unwrap();
        }
        prop_assert_eq!(first_difference(&whole.contents(), &pieces.contents()), None);
    }
}

#[test]
fn a_coming_month_that_another_partition_overlaps_does_not_stop_the_present() {
    let database = Database::new(Backend::Postgres);
    let market = market(&database);
    database
        .execute("CREATE TABLE golden_week PARTITION OF market_klines FOR VALUES FROM (1777564800) TO (1777996800)");
    let mut generator = generator(&market, date("2026-03-20")).unwrap();
    let next = generator.next().unwrap();
    assert_eq!(generator.advance(next, &Stop::default()).unwrap(), 1);
    let names = "SELECT inhrelid::regclass::text AS text FROM pg_inherits WHERE inhparent = 'market_klines'::regclass ORDER BY 1";
    assert_eq!(database.column(names), ["golden_week", "market_klines_2026_03", "market_klines_2026_04"]);
    let unprepared = klined::jobs::unprepared(&*market.store, date("2026-03-20")).unwrap().to_string();
    assert!(unprepared.contains("market_klines_2026_05 cannot be made, because golden_week"), "{unprepared}");
}
