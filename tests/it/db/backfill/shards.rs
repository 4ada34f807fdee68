//! A backfill divided among several processes makes the bytes of one, in any order, and after a kill of any of them.

use std::thread;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use klined::jobs::JobError;
use klined_market::base::Shard;

use super::*;
use crate::support::market_builder::StopAfter;
use crate::support::programs::{Running, TWO_DAYS, eventually};

const PARTS: [&str; 3] = ["1/3", "2/3", "3/3"];

/// A part of the market, by way of a store of its own.
fn part(database: &Database, of: &str) -> Market {
    halted_market(database).of_shard(of.parse().unwrap())
}

/// The same market filled by one process.
fn by_one(backend: Backend) -> Database {
    let database = Database::new(backend);
    fill_window(&halted_market(&database));
    database
}

/// Fills a part until it was asked to stop after so many bars.
fn fill_until(market: &Market, bars: u64) {
    let stop = Stop::default();
    let mut progress = StopAfter { bars, stop: stop.clone() };
    backfill(market, window(), None, at(NOW), &mut progress, &stop).unwrap();
}

on_every_backend! {
    fn shards_one_after_another_fill_what_one_fills(database: &Database) {
        for of in ["1/3", "3/3", "2/3"] {
            let done = fill_window(&part(database, of));
            assert!(done.rollups > 0, "{of}: {done:?}");
            let own = halted_market(database).store.progress().unwrap().into_iter().filter(|progress| progress.last_bar.is_some());
            assert!(own.count() < 10 || of == "2/3", "{of} has written for others");
        }
        assert_same(database, &by_one(database.backend));
        assert_eq!(aggregate(&halted_market(database)), Folded::default());
        assert_clean(&halted_market(database));
    }

    fn a_shard_that_was_stopped_goes_on_whatever_the_others_did_meanwhile(database: &Database) {
        fill_until(&part(database, "1/3"), 3_000);
        fill_until(&part(database, "2/3"), 10_000);
        fill_window(&part(database, "3/3"));
        fill_until(&part(database, "1/3"), 12_000);
        fill_window(&part(database, "2/3"));
        fill_window(&part(database, "1/3"));
        assert_same(database, &by_one(database.backend));
    }

    fn one_process_ends_what_shards_have_begun_and_shards_what_one_has(database: &Database) {
        fill_window(&part(database, "1/2"));
        fill_window(&halted_market(database));
        let other = by_one(database.backend);
        assert_same(database, &other);
        let later = |market: &Market| fill(market, range(FROM, "2026-05-20"), "2026-06-01 10:00:00").unwrap();
        for of in PARTS {
            later(&part(database, of));
        }
        later(&halted_market(&other));
        assert_same(database, &other);
    }

    fn the_first_shard_begins_and_a_stock_is_filled_by_its_own_shard(database: &Database) {
        let run = |of: &str, only| {
            backfill(&part(database, of), window(), only, at(NOW), &mut Quiet, &Stop::default()).map(drop)
        };
        let early = run("2/2", None).unwrap_err();
        assert!(matches!(early, JobError::NotBegun(_)), "{early}");
        assert!(database.contents().iter().all(|row| !row.contains("2026-03-24")));
        // V belongs to the second of two shards.
        assert!(matches!(run("1/2", Some(symbol("V"))), Err(JobError::OtherShard { .. })));
        run("1/2", None).unwrap();
        run("2/2", Some(symbol("V"))).unwrap();
        run("2/2", None).unwrap();
        assert_same(database, &by_one(database.backend));
    }

    fn an_aggregator_that_divides_the_market_otherwise_gets_the_roll_ups(database: &Database) {
        let store = database.open();
        let aggregator = store.acquire_shard(Role::Aggregator, "2/2".parse().unwrap()).unwrap();
        assert_eq!(fill_window(&part(database, "1/3")).rollups, 0);
        // Theirs are free.
        assert!(fill_window(&part(database, "1/2")).rollups > 0);
        assert_eq!(fill_window(&part(database, "2/2")).rollups, 0);
        drop(aggregator);
        aggregate(&halted_market(database));
        assert_same(database, &by_one(database.backend));
    }

    fn shards_run_as_programs_and_wait_for_the_first(database: &Database) {
        market(database);
        let second = database.market_backfill(&format!("{TWO_DAYS} --shard 2/2")).spawn();
        let first = database.market_backfill(TWO_DAYS).variable("KLINED_SHARD", "1/2").run();
        first.succeeded();
        second.wait().succeeded();
        let other = Database::new(database.backend);
        market(&other);
        other.market_backfill(TWO_DAYS).run().succeeded();
        assert_same(database, &other);
        let cleared = database.market_backfill(&format!("{TWO_DAYS} --clear --yes --shard 1/2")).run();
        cleared.failed(&["--clear removes the whole market", "--shard 1/1"]);
        assert_same(database, &other);
    }
}

#[test]
fn shards_at_the_same_time_fill_what_one_fills() {
    let database = Database::new(Backend::Postgres);
    // Lists every stock and makes nothing.
    let stop = Stop::default();
    stop.ask();
    backfill(&part(&database, "1/3"), window(), None, at(NOW), &mut Quiet, &stop).unwrap();
    thread::scope(|scope| {
        for of in PARTS {
            let market = part(&database, of);
            scope.spawn(move || fill_window(&market));
        }
    });
    assert_same(&database, &by_one(Backend::Postgres));
    assert_eq!(aggregate(&halted_market(&database)), Folded::default());
    assert_clean(&halted_market(&database));
}

/// So many stocks that a shard's part of a month takes several transactions.
const TWO_MONTHS: &str = "--from 2026-03-02 --to 2026-04-30 --universe ashare:60";
/// What a session that has to wait for another shard's month has asked last.
const WAITS_FOR_A_MONTH: &str = "SELECT EXISTS (SELECT FROM pg_class";

/// Whether a session of this database is at a statement that begins so.
fn is_at(database: &Database, state: &str, statement: &str) -> bool {
    let count = database.value(&format!(
        "SELECT count(*)::text AS text FROM pg_stat_activity \
         WHERE datname = current_database() AND state = '{state}' AND query LIKE '{statement}%'"
    ));
    count != "0"
}

/// Starts a shard as a supervisor does after a crash, until it has come so far or to its end: a server may take a moment to see
/// that the one before is gone, and refuses the next one until then.
fn started(database: &Database, of: &str, has_come: impl Fn() -> bool) -> Running {
    for _ in 0..200 {
        let mut shard = database.market_backfill(&format!("{TWO_MONTHS} --shard {of}")).spawn();
        eventually("it is there or ends", || shard.has_ended() || has_come());
        if !shard.has_ended() || !shard.stderr().contains("another process is this database's") {
            return shard;
        }
    }
    panic!("the role of a shard that was killed does not come free");
}

#[test]
fn a_shard_that_is_killed_in_the_middle_of_a_month_comes_to_the_bytes_of_one() {
    let database = Database::new(Backend::Postgres);
    database.open();
    let stocks_of = |database: &Database| {
        let part: Shard = "1/2".parse().unwrap();
        let stocks = database.column("SELECT symbol AS text FROM stock_state");
        stocks.iter().filter(|name| part.holds_name(name)).count()
    };
    let nothing_is_left = || {
        let tables =
            "SELECT relname::text AS text FROM pg_class WHERE relname LIKE 'market_klines_%' AND relkind = 'r'";
        assert_eq!((database.column(tables), stocks_of(&database)), (vec![], 0));
    };

    // All bars of the month are there, and it waits to be attached.
    let mut other = PgConnection::establish(database.url()).unwrap();
    other.batch_execute("BEGIN; LOCK TABLE market_klines IN SHARE UPDATE EXCLUSIVE MODE").unwrap();
    let is_attaching = || is_at(&database, "active", "SELECT klines_attach_month");
    started(&database, "1/2", is_attaching).kill();
    nothing_is_left();
    other.batch_execute("COMMIT").unwrap();
    eventually("the server has noticed", || !is_attaching());
    nothing_is_left();

    // Bars are on their way, and the other shard waits for the same month.
    let first = started(&database, "1/2", || is_at(&database, "active", "COPY"));
    let second = started(&database, "2/2", || is_at(&database, "idle in transaction", WAITS_FOR_A_MONTH));
    first.kill();

    // The other has made the month, into which the first's stocks go in parts.
    started(&database, "1/2", || stocks_of(&database) > 0).kill();
    let written = stocks_of(&database);

    started(&database, "1/2", || false).wait().succeeded();
    second.wait().succeeded();
    let whole = Database::new(Backend::Postgres);
    whole.market_backfill(TWO_MONTHS).run().succeeded();
    assert!((1..stocks_of(&whole)).contains(&written), "killed with {written} stocks written");
    assert_same(&database, &whole);
}
