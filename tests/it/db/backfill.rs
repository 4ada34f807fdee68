//! Backfill's own laws: bars and roll-ups come out as generator and aggregator make them, whichever way they are written and
//! wherever it was stopped.

mod again;
mod shards;

use std::sync::Arc;

use klined::jobs::{Backfilled, Folded, Market, ModelChoice, Progress, Stop, backfill};
use klined::store::Role;
use klined_market::calendar::Calendar;
use klined_market::model::{ModelKind, Scenario};

use crate::on_every_backend;
use crate::support::database::{Backend, Database};
use crate::support::market_builder::{
    Quiet, aggregate, assert_clean, at, days, fill, generate, generator, market, minute, range, symbol,
};
use crate::support::{SHANGHAI, date};

/// A week that lies in two months, a holiday, and an end in the middle of every bucket.
const FROM: &str = "2026-03-24";
const NOW: &str = "2026-05-07 14:12:00";
const LAST: &str = "2026-05-07 14:11";

const HALTS: &str = "name = \"halts\"\n\
     [[event]]\nkind = \"halt\"\nsymbol = \"V\"\nfrom = \"2026-03-31 14:30\"\nuntil = \"2026-03-31 15:00\"\n\
     [[event]]\nkind = \"halt\"\nsymbol = \"JPM\"\nfrom = \"2026-04-01 09:30\"\nuntil = \"2026-04-30 15:00\"\n\
     [[event]]\nkind = \"halt\"\nfrom = \"2026-04-13 10:02\"\nuntil = \"2026-04-13 10:31\"\n";

/// A market of the full model that is halted now and then.
fn halted_market(database: &Database) -> Market {
    let scenarios = vec![Scenario::from_toml(HALTS).unwrap()];
    let choice = ModelChoice { kind: Some(ModelKind::Full), scenarios, ..ModelChoice::default() };
    Market::claim(database.open(), Arc::new(Calendar::clone(&SHANGHAI)), choice, Some(42)).unwrap()
}

fn window() -> klined::jobs::Window {
    klined::jobs::Window::Range { from: date(FROM), to: None }
}

/// All that a backfill leaves, with how far the roll-ups are.
fn everything(database: &Database) -> Vec<String> {
    let mut all = database.contents();
    all.extend(database.column("SELECT symbol || ' ' || folded_to AS text FROM rollup_watermark ORDER BY symbol"));
    all.extend(database.column("SELECT symbol || ' changed ' || time AS text FROM rollup_dirty"));
    all
}

/// What the same market is by the generator's and the aggregator's way.
fn generated(backend: Backend) -> Database {
    let database = Database::new(backend);
    let market = halted_market(&database);
    generate(&market, FROM, LAST);
    aggregate(&market);
    database
}

fn assert_same(database: &Database, other: &Database) {
    klined_testing::assert_same(&everything(database), &everything(other));
}

/// Asks to stop when so many bars are under way in a transaction, or are written in transactions that say nothing before their end.
struct StopUnderWay(u64, Stop);

impl Progress for StopUnderWay {
    fn begin(&mut self, _bars: u64) {}

    fn advance(&mut self, bars: u64) {
        self.0 = self.0.saturating_sub(bars);
        if self.0 == 0 {
            self.1.ask();
        }
    }

    fn under_way(&mut self, bars: u64) {
        if bars >= self.0 {
            self.1.ask();
        }
    }
}

/// Removes the bars of a symbol that is not generated, put into a month to make it one that has rows.
fn occupy(database: &Database, months: &[&str]) {
    for month in months {
        let time = at(&format!("{month}-01 00:00:00"));
        database.open().ensure_partitions(date(&format!("{month}-01")), date(&format!("{month}-01"))).unwrap();
        database.execute(&format!(
            "INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) \
             VALUES ('ZZZ', '5m', {time}, 1, 1, 1, 1, 1)"
        ));
    }
}

fn made_whole(database: &Database) -> Vec<String> {
    database.column(
        "SELECT c.relname::text AS text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
         WHERE i.inhparent = 'market_klines'::regclass AND c.relname >= 'market_klines_2026_03' ORDER BY 1",
    )
}

on_every_backend! {
    fn bars_and_roll_ups_are_those_of_generator_and_aggregator(database: &Database) {
        let market = halted_market(database);
        let done = fill_window(&market);
        assert_eq!(done.last, minute(LAST));
        let rolled = database.value("SELECT CAST(count(*) AS text) AS text FROM market_klines WHERE interval <> '1m'");
        // Bars of a week that goes on in the next month are written twice.
        assert!(done.rollups >= rolled.parse().unwrap(), "{done:?} {rolled}");
        assert_same(database, &generated(database.backend));
        assert_eq!(aggregate(&market), Folded::default());
        assert_clean(&market);
        // The aggregator goes on from there, in the middle of every bucket.
        generate(&market, FROM, "2026-05-11 10:03");
        aggregate(&market);
        let other = Database::new(database.backend);
        let whole = halted_market(&other);
        generate(&whole, FROM, "2026-05-11 10:03");
        aggregate(&whole);
        assert_same(database, &other);
        assert_clean(&market);
    }

    fn a_window_filled_in_many_sittings_is_that_of_one(database: &Database) {
        let market = halted_market(database);
        let ends = ["2026-03-24 09:31:00", "2026-03-26 13:07:00", "2026-03-31 20:00:00", "2026-04-02 10:00:00",
            "2026-04-17 11:30:00", NOW];
        for now in ends {
            backfill(&market, window(), None, at(now), &mut Quiet, &Stop::default()).unwrap();
            assert_clean(&market);
        }
        assert_same(database, &generated(database.backend));
    }

    fn a_month_that_has_rows_is_written_the_ordinary_way_and_is_the_same(database: &Database) {
        let market = halted_market(database);
        occupy(database, &["2026-03", "2026-04", "2026-05"]);
        fill_window(&market);
        database.execute("DELETE FROM market_klines WHERE symbol = 'ZZZ'");
        assert_same(database, &generated(database.backend));
    }

    fn a_foreign_bar_ahead_of_the_market_is_overwritten_and_rolled_up_rightly(database: &Database) {
        let market = halted_market(database);
        market.store.ensure_partitions(date("2026-04-01"), date("2026-04-01")).unwrap();
        // One where the market will have a bar, and one in a halt, where it will not.
        for (name, time) in [("AAPL", at("2026-04-02 10:00:00")), ("V", at("2026-04-13 10:05:00"))] {
            database.execute(&format!(
                "INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) \
                 VALUES ('{name}', '1m', {time}, 1, 1, 1, 1, 1)"
            ));
        }
        fill_window(&market);
        aggregate(&market);
        let halted = at("2026-04-13 10:05:00");
        let low = format!("SELECT CAST(CAST(low AS double precision) AS text) AS text FROM market_klines \
             WHERE symbol = 'V' AND interval = '1M' AND time = {}", at("2026-04-01 09:30:00"));
        assert_eq!(database.value(&low).trim_end_matches(".0"), "1", "the foreign bar is not part of its month");
        database.execute(&format!("DELETE FROM market_klines WHERE symbol = 'V' AND interval = '1m' AND time = {halted}"));
        aggregate(&market);
        assert_same(database, &generated(database.backend));
    }

    fn a_stop_in_the_middle_of_a_month_leaves_a_shorter_market(database: &Database) {
        let market = halted_market(database);
        let stop = Stop::default();
        // March has 6 days of 10 symbols; the wish comes in April.
        let mut progress = StopUnderWay(20_000, stop.clone());
        let done = backfill(&market, window(), None, at(NOW), &mut progress, &stop).unwrap();
        assert!(!done.is_complete, "{done:?}");
        // A month that is loaded whole leaves nothing when it is stopped; on SQLite the transaction under way is April's only one.
        let newest = match database.backend {
            Backend::Postgres => minute("2026-03-31 14:59"),
            Backend::Sqlite => minute("2026-04-30 14:59"),
        };
        assert_eq!(market.newest().unwrap(), Some(newest));
        let bars = database.value("SELECT CAST(count(*) AS text) AS text FROM market_klines WHERE interval = '1m'");
        assert_eq!(bars, done.bars.to_string());
        assert_clean(&market);
        if database.backend == Backend::Postgres {
            assert_eq!(database.value("SELECT count(*)::text AS text FROM pg_class WHERE relname ~ 'loading'"), "0");
        }
        fill_window(&market);
        assert_same(database, &generated(database.backend));
    }

    fn roll_ups_are_left_to_an_aggregator_that_runs(database: &Database) {
        let market = halted_market(database);
        let role = market.store.acquire(Role::Aggregator).unwrap();
        let done = fill_window(&market);
        assert_eq!(done.rollups, 0);
        assert_eq!(database.value("SELECT CAST(count(*) AS text) AS text FROM market_klines WHERE interval <> '1m'"), "0");
        drop(role);
        aggregate(&market);
        assert_same(database, &generated(database.backend));
    }

    fn what_was_not_rolled_up_before_is_first(database: &Database) {
        let market = halted_market(database);
        generate(&market, FROM, "2026-04-15 13:44");
        // Behind, with a change; and with a roll-up that somebody has removed.
        database.execute("UPDATE market_klines SET volume = volume WHERE interval = '1m' AND symbol = 'TSLA'");
        fill_window(&market);
        assert_eq!(aggregate(&market), Folded::default());
        assert_same(database, &generated(database.backend));
    }

    fn a_delisted_stock_ends_on_its_day_and_the_others_go_on(database: &Database) {
        let other = Database::new(database.backend);
        for (database, is_occupied) in [(database, false), (&other, true)] {
            let market = halted_market(database);
            fill(&market, range(FROM, "2026-03-31"), NOW).unwrap();
            database.execute("UPDATE stock_metadata SET is_active = false WHERE symbol IN ('V', 'TSLA')");
            if is_occupied {
                occupy(database, &["2026-04", "2026-05"]);
            }
            fill(&market, range(FROM, "2026-04-30"), NOW).unwrap();
            database.execute("DELETE FROM market_klines WHERE symbol = 'ZZZ'");
            assert_clean(&market);
            let listed = "SELECT CAST(last_day AS text) AS text FROM stock_listing WHERE symbol = 'V'";
            assert_eq!(database.value(listed), "2026-03-31");
        }
        assert_same(database, &other);
    }

    fn bars_before_the_horizon_are_passed_over_with_their_roll_ups(database: &Database) {
        let other = Database::new(database.backend);
        let april = at("2026-04-01 00:00:00");
        for (database, is_generated) in [(database, false), (&other, true)] {
            let market = halted_market(database);
            let lease = market.store.acquire(Role::Writer).unwrap();
            assert!(market.store.retain_from(&lease, april, &|| false).unwrap());
            drop(lease);
            if is_generated {
                generator(&market, date(FROM)).unwrap().advance(minute(LAST), &Stop::default()).unwrap();
                aggregate(&market);
            } else {
                fill_window(&market);
            }
            assert_eq!(database.value(&format!("SELECT CAST(count(*) AS text) AS text FROM market_klines WHERE time < {april}")), "0");
        }
        assert_same(database, &other);
    }

    fn one_stock_among_others_is_filled_and_rolled_up_alone(database: &Database) {
        let market = market(database);
        fill(&market, days(30), NOW).unwrap();
        database.execute("INSERT INTO stock_metadata (symbol, name, base_price, base_volatility) \
                          VALUES ('NEW', 'New Inc.', 20, 0.02)");
        let before = everything(database);
        let done = backfill(&market, days(60), Some(symbol("NEW")), at(NOW), &mut Quiet, &Stop::default()).unwrap();
        assert!(done.rollups > 4_000, "{done:?}");
        assert_clean(&market);
        assert_eq!(aggregate(&market), Folded::default());
        let after = everything(database);
        assert!(before.iter().all(|row| after.contains(row)));
    }
}

fn fill_window(market: &Market) -> Backfilled {
    let done = backfill(market, window(), None, at(NOW), &mut Quiet, &Stop::default()).unwrap();
    assert!(done.is_complete);
    done
}

#[test]
fn a_market_that_was_cleared_is_filled_by_whole_months_again() {
    let database = Database::new(Backend::Postgres);
    fill_window(&halted_market(&database));
    let (first, oids) = (everything(&database), oids(&database));
    klined::jobs::clear(&*database.open(), None).unwrap();
    fill_window(&halted_market(&database));
    assert_eq!(everything(&database), first);
    // The empty partitions made way for new ones.
    assert!(self::oids(&database)[..3].iter().all(|oid| !oids.contains(oid)));
    assert_eq!(made_whole(&database).len(), oids.len());
}

/// The partitions as the catalog numbers them, in order of month.
fn oids(database: &Database) -> Vec<String> {
    database.column(
        "SELECT inhrelid::oid::text AS text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid \
         WHERE inhparent = 'market_klines'::regclass ORDER BY relname",
    )
}
