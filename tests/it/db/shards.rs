//! Several writers and several aggregators on one market: the same bytes as one of each, though some are behind and some are killed.

use std::thread;

use klined::jobs::{Aggregator, Folded, Generator, JobError, Market, Stop, clear};
use klined::store::{MarketWrite, Role, StoreError};
use klined_market::base::{Seconds, Shard, UnixSeconds};

use crate::on_every_backend;
use crate::support::database::{Backend, Database};
use crate::support::date;
use crate::support::market_builder::{
    aggregate, assert_clean, days, fill, generate, generator, market, minute, range, symbol,
};
use crate::support::programs::{TWO_DAYS, assert_same};

/// Where the markets of these tests begin and end.
const BEGIN: &str = "2026-03-02";
const END: &str = "2026-03-03 09:50";

fn shard(text: &str) -> Shard {
    text.parse().unwrap()
}

/// A part of the market, by way of a store of its own.
fn part(database: &Database, of: &str) -> Market {
    market(database).of_shard(shard(of))
}

/// Generates a part to a minute.
fn generate_part(database: &Database, of: &str, to: &str) -> u64 {
    generate(&part(database, of), BEGIN, to)
}

fn aggregate_part(database: &Database, of: &str) -> Folded {
    let market = market(database);
    let aggregator = Aggregator::start_shard(market.store.clone(), market.calendar.clone(), None, shard(of)).unwrap();
    aggregator.run(None, &Stop::default()).unwrap()
}

/// A database with what one generator and one aggregator make.
fn by_one(backend: Backend) -> Database {
    let database = Database::new(backend);
    let market = market(&database);
    generate(&market, BEGIN, END);
    aggregate(&market);
    database
}

on_every_backend! {
    fn shards_make_the_market_that_one_writer_makes(database: &Database) {
        // One after the other, each in several sittings, and one of them far behind.
        generate_part(database, "1/3", "2026-03-02 10:00");
        generate_part(database, "3/3", "2026-03-02 14:59");
        generate_part(database, "1/3", END);
        aggregate_part(database, "2/2");
        generate_part(database, "2/3", "2026-03-02 09:31");
        generate_part(database, "3/3", END);
        aggregate_part(database, "1/2");
        generate_part(database, "2/3", END);
        aggregate_part(database, "1/2");
        aggregate_part(database, "2/2");
        assert_same(&database.contents(), &by_one(database.backend).contents());
        assert_clean(&market(database));
    }

    fn shards_at_work_together_make_the_market_that_one_writer_makes(database: &Database) {
        const PARTS: [&str; 3] = ["1/3", "2/3", "3/3"];
        // The first begins the market; the others could not.
        let first = generator(&part(database, PARTS[0]), date(BEGIN)).unwrap();
        let others = PARTS[1..].iter().map(|of| generator(&part(database, of), date(BEGIN)).unwrap());
        let generators: Vec<Generator> = std::iter::once(first).chain(others).collect();
        thread::scope(|scope| {
            for mut generator in generators {
                scope.spawn(move || {
                    while generator.at() < Some(minute(END)) {
                        let next = generator.next().unwrap();
                        generator.advance(next, &Stop::default()).unwrap();
                    }
                });
            }
            for of in ["1/2", "2/2"] {
                scope.spawn(move || (0..20).for_each(|_| {
                    aggregate_part(database, of);
                }));
            }
        });
        aggregate(&market(database));
        assert_same(&database.contents(), &by_one(database.backend).contents());
        assert_clean(&market(database));
    }

    fn a_market_that_was_filled_whole_is_gone_on_with_in_shards_and_whole_again(database: &Database) {
        let other = Database::new(database.backend);
        let whole = market(&other);
        fill(&whole, range("2026-02-26", "2026-03-02"), "2026-03-02 20:00:00").unwrap();
        generate(&whole, BEGIN, "2026-03-04 10:00");
        fill(&market(database), range("2026-02-26", "2026-03-02"), "2026-03-02 20:00:00").unwrap();
        generate_part(database, "2/2", "2026-03-03 11:00");
        // The holder of the whole brings up the stocks that are behind.
        generate(&market(database), BEGIN, "2026-03-03 13:30");
        generate_part(database, "4/4", "2026-03-04 10:00");
        for of in ["1/4", "2/4", "3/4"] {
            generate_part(database, of, "2026-03-04 10:00");
        }
        assert_same(&database.contents(), &other.contents());
    }

    fn a_part_is_held_by_one_and_all_divide_alike(database: &Database) {
        let (one, other) = (database.open(), database.open());
        for role in [Role::Writer, Role::Aggregator] {
            let take = |of: &str| other.acquire_shard(role, shard(of)).map(|lease| lease.shard());
            let first = one.acquire_shard(role, shard("1/2")).unwrap();
            assert!(matches!(take("1/2"), Err(StoreError::ShardTaken { .. })));
            for of in ["1/3", "2/4", "64/64"] {
                assert!(matches!(take(of), Err(StoreError::DividedOtherwise { .. })), "{of}");
            }
            let whole = other.acquire(role).map(drop).unwrap_err();
            assert!(matches!(whole, StoreError::RoleTaken { .. }) && !whole.is_retriable(), "{whole}");
            assert_eq!(take("2/2").unwrap(), shard("2/2"));
            drop(first);
            assert_eq!(take("1/3").unwrap(), shard("1/3"));
            let _whole = one.acquire(role).unwrap();
            let refused = take("1/2").unwrap_err();
            assert!(refused.to_string().contains("--shard") && !refused.is_retriable(), "{refused}");
        }
    }

    fn nothing_is_cleared_under_a_shard_that_runs(database: &Database) {
        generate_part(database, "1/2", "2026-03-02 09:31");
        let store = database.open();
        for role in [Role::Writer, Role::Aggregator] {
            let _shard = store.acquire_shard(role, shard("2/2")).unwrap();
            let refused = clear(&*database.open(), None);
            assert!(matches!(refused, Err(JobError::Store(StoreError::RoleTaken { role: taken })) if taken == role));
        }
        clear(&*store, None).unwrap();
    }

    fn the_first_shard_begins_a_market_and_the_others_wait_for_it(database: &Database) {
        let early = generator(&part(database, "2/2"), date(BEGIN)).map(drop).unwrap_err();
        assert!(matches!(early, JobError::NotBegun(_)) && early.is_retriable(), "{early}");
        drop(generator(&part(database, "1/2"), date(BEGIN)).unwrap());
        // However much later it comes, it begins with the first day.
        let late = generator(&part(database, "2/2"), date("2026-03-05")).unwrap();
        assert_eq!(late.next().unwrap(), minute("2026-03-02 09:30"));
    }

    fn a_change_is_noted_claimed_and_settled_by_the_shard_that_it_lies_in(database: &Database) {
        generate(&market(database), BEGIN, "2026-03-02 10:00");
        aggregate(&market(database));
        // V belongs to the second of two shards.
        let spoil = |volume: u32| database.execute(&format!("UPDATE market_klines SET volume = {volume} WHERE symbol = 'V' \
            AND interval = '1m' AND time = {}", minute("2026-03-02 09:40").start()));
        let claimed = || database.value("SELECT CAST(count(*) AS text) AS text FROM rollup_dirty WHERE claimed");
        spoil(1);
        assert_eq!(aggregate_part(database, "1/2").symbols, 0);
        assert_eq!(claimed(), "0");
        let store = database.open();
        let second = store.acquire_shard(Role::Aggregator, shard("2/2")).unwrap();
        assert_eq!(store.rollup_tasks(&second).unwrap().len(), 1);
        let claimed_by_second = claimed();
        assert_ne!(claimed_by_second, "0");
        // A change that comes in between is left alone by the other shard.
        spoil(2);
        aggregate_part(database, "1/2");
        assert_eq!(claimed(), claimed_by_second);
        drop(second);
        assert_eq!(aggregate_part(database, "2/2").repaired, 1);
        assert_clean(&market(database));
    }

    fn a_shard_that_is_behind_does_not_turn_the_market_s_clock_back(database: &Database) {
        generate_part(database, "1/2", END);
        let status = market(database).store.status().unwrap().unwrap();
        assert_eq!(status.last_update, minute(END).end());
        generate_part(database, "2/2", "2026-03-02 10:00");
        assert_eq!(market(database).store.status().unwrap(), Some(status));
        let store = database.open();
        let lease = store.acquire(Role::Writer).unwrap();
        let earlier = klined::store::MarketStatus { last_update: status.last_update - Seconds::MINUTE, ..status };
        store.write(&lease, &MarketWrite { status: Some(earlier), ..MarketWrite::default() }).unwrap();
        assert_eq!(store.status().unwrap(), Some(status));
    }

    fn a_shard_without_a_stock_goes_along_and_lists_new_stocks(database: &Database) {
        let other = Database::new(database.backend);
        for database in [database, &other] {
            database.open();
            market(database);
            database.execute("DELETE FROM stock_metadata WHERE symbol <> 'V'");
        }
        let newcomer = "INSERT INTO stock_metadata (symbol, name, base_price, base_volatility) VALUES ('JPM', 'J', 160, 0.018)";
        generate(&market(&other), BEGIN, "2026-03-02 10:00");
        other.execute(newcomer);
        generate(&market(&other), BEGIN, "2026-03-04 10:00");
        // JPM belongs to the fourth of four shards, V to the second.
        generate_part(database, "1/4", "2026-03-02 10:00");
        for of in ["2/4", "4/4"] {
            generate_part(database, of, "2026-03-02 10:00");
        }
        database.execute(newcomer);
        for of in ["4/4", "2/4"] {
            generate_part(database, of, "2026-03-04 10:00");
        }
        assert_same(&database.contents(), &other.contents());
    }

    fn a_bar_of_a_shard_is_not_written_by_another(database: &Database) {
        let first = part(database, "1/2");
        generate(&first, BEGIN, END);
        let own = database.column("SELECT DISTINCT symbol AS text FROM market_klines");
        assert!(!own.is_empty() && own.iter().all(|name| shard("1/2").holds(symbol(name))), "{own:?}");
        fill(&market(database), days(2), "2026-03-03 09:51:00").unwrap();
        aggregate(&market(database));
        assert_clean(&market(database));
    }

    fn two_generators_and_two_aggregators_run_as_programs(database: &Database) {
        database.market_backfill(TWO_DAYS).run().succeeded();
        let mut first = database.market_generator("--test --speed 3000 --shard 1/2").spawn();
        let mut second = database.market_generator("--test --speed 3000 --shard 2/2").spawn();
        first.until_minutes(10, database);
        second.until_it_says("shard=2/2");
        database.market_generator("--test --shard 2/2").run().failed(&["writer of shard 2/2"]);
        database.market_generator("--test --shard 1/3").run().failed(&["--shard", "the same number"]);
        database.market_generator("--test").run().failed(&["another process is this database's writer"]);
        database.market_generator("--shard 3/2").run().was_misused(&["is not a shard"]);
        first.terminate().succeeded();
        second.kill();
        for of in ["1/2", "2/2"] {
            database.data_aggregator(&format!("--once --shard {of}")).run().succeeded();
        }
        let until = database.last_minute();
        for of in ["1/2", "2/2"] {
            let part = market_by_programs(database).of_shard(shard(of));
            let mut generator = Generator::start(part, &[], date(BEGIN), &Stop::default()).unwrap();
            generator.advance(crate::support::SHANGHAI.minute_starting(UnixSeconds::new(until)).unwrap(), &Stop::default()).unwrap();
        }
        database.data_aggregator("--once").run().succeeded();
        database.klined("verify").run().succeeded();
        let one = Database::uninterrupted(database.backend, until);
        one.data_aggregator("--once").run().succeeded();
        assert_same(&database.contents(), &one.contents());
    }
}

/// The market as the programs claim it.
fn market_by_programs(database: &Database) -> Market {
    let calendar = std::sync::Arc::new(klined_market::calendar::Calendar::shanghai());
    Market::claim(database.open(), calendar, klined::jobs::ModelChoice::default(), None).unwrap()
}

#[test]
fn a_shard_whose_lock_was_cut_off_is_shut_out_once_the_market_is_divided_otherwise() {
    let database = Database::new(Backend::Postgres);
    market(&database);
    let cut = || {
        database.column(
            "SELECT pg_terminate_backend(l.pid, 10000)::text AS text FROM pg_locks l WHERE l.locktype = 'advisory' \
             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
    };
    let (one, other) = (database.open(), database.open());
    let parts = ["1/1", "1/2", "1/3", "2/3"];
    for (taken, takes) in parts.iter().zip(&parts[1..]).take(2).chain([(&"1/3", &"1/1")]) {
        let lost = one.acquire_shard(Role::Writer, shard(taken)).unwrap();
        assert_eq!(cut(), ["true"]);
        let newer = other.acquire_shard(Role::Writer, shard(takes)).unwrap();
        let epoch = |of: &str| {
            let name = if of == "1/1" { "writer".to_owned() } else { format!("writer {of}") };
            database.value(&format!("SELECT epoch::text AS text FROM role_epoch WHERE role = '{name}'"))
        };
        // The lock is asked for first; the epoch is what shuts out a holder whose connection seems to live.
        let shut_out = one.write(&lost, &MarketWrite::default()).unwrap_err();
        assert!(
            matches!(&shut_out, StoreError::Unreachable { reason, .. } if reason.contains("held the role is lost")),
            "{shut_out}"
        );
        assert_ne!(epoch(taken), "1", "{taken} was not overtaken by {takes}");
        other.write(&newer, &MarketWrite::default()).unwrap();
    }
}
