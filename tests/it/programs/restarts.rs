//! Crashes: whatever is killed, wherever, and started again, the database ends up as if nothing had happened.

use std::thread::sleep;
use std::time::Duration;

use klined_market::base::UnixSeconds;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::on_every_backend;
use crate::support::SHANGHAI;
use crate::support::database::{Backend, Database};
use crate::support::programs::{Program, assert_same, eventually};

const FASTEST: &str = "--test --speed 60000";
const RESTARTS: u32 = 50;
/// Bars for several transactions.
const SEVEN_WEEKS: &str = "--from 2026-03-02 --to 2026-04-17";
/// How often a program may be refused because a server has not seen yet that the one before was killed.
const REFUSALS_MAX: u64 = 200;

/// Instants to kill at: the same ones in each run of the tests, as far as processes run alike.
struct Chance(StdRng);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0.random_range(0..bound)
    }

    fn pause(&mut self, milliseconds_max: u64) {
        sleep(Duration::from_millis(self.below(milliseconds_max)));
    }
}

/// Starts a program again and again and kills it ever later, until it comes to its end by itself.
fn killed_ever_later_until_it_ends(chance: &mut Chance, program: impl Fn() -> Program) {
    let mut patience = 20;
    for round in 0..REFUSALS_MAX {
        let mut running = program().spawn();
        chance.pause(patience);
        patience += patience * 2 / 3;
        if !running.has_ended() {
            running.kill();
            continue;
        }
        let ended = running.wait();
        if ended.status.success() {
            assert!(round > 2, "it was killed only {round} times");
            return;
        }
        ended.failed(&["another process is this database's"]);
    }
    panic!("it never comes to its end");
}

fn roll_up(database: &Database) {
    database.data_aggregator("--once").run().succeeded();
}

/// Nothing is off, and nothing waits to be rolled up.
fn is_clean(database: &Database) {
    let report = database.klined("verify").run().succeeded().stdout;
    assert!(report.ends_with("clean\n") && !report.contains("not rolled up"), "{report}");
}

#[test]
fn a_backfill_that_is_killed_while_it_loads_a_month_leaves_nothing_of_it() {
    let database = Database::new(Backend::Postgres);
    let window = "--from 2026-03-02 --to 2026-05-12 --universe ashare:40";
    let on = |window: &str| database.market_backfill(window);
    let loading = "SELECT count(*)::text AS text FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' AND (query LIKE 'COPY%' OR query LIKE '%klines_end_month%')";
    for months in 1..=3 {
        let running = on(window).spawn();
        eventually("a month is loaded", || database.value(loading) != "0");
        // Later and later in the month, and in the next one's company.
        sleep(Duration::from_millis(30 * months));
        running.kill();
        eventually("the server has noticed", || database.value(loading) == "0");
        let left = "SELECT count(*)::text AS text FROM pg_class WHERE relname LIKE 'market_klines%loading%'";
        assert_eq!(database.value(left), "0");
    }
    on(window).run().succeeded();
    is_clean(&database);
    let uninterrupted = Database::new(Backend::Postgres);
    uninterrupted.market_backfill(window).run().succeeded();
    assert_same(&database.contents(), &uninterrupted.contents());
}

on_every_backend! {
    fn fifty_kills_of_the_generator_leave_no_trace(database: &Database) {
        database.filled();
        let mut chance = Chance::new(1);
        for round in 0..RESTARTS {
            // Now and then an aggregator is killed too.
            let aggregator = (round % 5 == 0).then(|| database.data_aggregator("--interval 1").spawn());
            match round % 3 {
                0 => {
                    let generator = database.market_generator(FASTEST).spawn();
                    chance.pause(60);
                    generator.kill();
                }
                1 => {
                    let mut generator = database.restarted_generator(FASTEST);
                    generator.until_minutes(chance.below(20), database);
                    generator.kill();
                }
                _ => {
                    let generator = database.market_generator(FASTEST).spawn();
                    chance.pause(250);
                    generator.kill();
                }
            }
            drop(aggregator);
        }
        let mut last_one = database.restarted_generator(FASTEST);
        last_one.until_minutes(240, database);
        last_one.terminate().succeeded();
        roll_up(database);
        is_clean(database);

        let uninterrupted = Database::uninterrupted(database.backend, database.last_minute());
        roll_up(&uninterrupted);
        assert_same(&database.contents(), &uninterrupted.contents());
    }

    fn a_backfill_that_is_killed_goes_on_where_it_was(database: &Database) {
        killed_ever_later_until_it_ends(&mut Chance::new(2), || database.market_backfill(SEVEN_WEEKS));
        is_clean(database);
        let uninterrupted = Database::new(database.backend);
        uninterrupted.market_backfill(SEVEN_WEEKS).run().succeeded();
        assert_same(&database.contents(), &uninterrupted.contents());
    }

    fn an_aggregator_that_is_killed_makes_the_same_roll_ups(database: &Database) {
        database.market_backfill(SEVEN_WEEKS).run().succeeded();
        let rolled_up_at_once = database.contents();
        database.execute(
            "DELETE FROM market_klines WHERE interval <> '1m'; UPDATE rollup_watermark SET folded_to = 0; \
             DELETE FROM rollup_dirty",
        );
        assert_ne!(database.contents().len(), rolled_up_at_once.len());
        killed_ever_later_until_it_ends(&mut Chance::new(3), || database.data_aggregator("--once"));
        is_clean(database);
        assert_same(&database.contents(), &rolled_up_at_once);
    }

    fn a_whole_market_that_is_killed_while_it_is_set_up_is_complete_in_the_end(database: &Database) {
        let up = || database.klined("up --days 32 --speed 60000").spawn();
        let mut chance = Chance::new(4);
        for patience in (0..900).step_by(300) {
            let market = up();
            sleep(Duration::from_millis(patience));
            chance.pause(300);
            market.kill();
        }
        let mut market = up();
        for _ in 0..REFUSALS_MAX {
            eventually("it runs or is refused", || market.has_ended() || market.stdout().contains("Chart  "));
            if !market.has_ended() {
                break;
            }
            market.wait().failed(&["another process is this database's"]);
            market = up();
        }
        market.until_minutes(10, database);
        market.terminate().succeeded();
        is_clean(database);
        let spans = database.column(
            "SELECT DISTINCT min(time) || ' ' || max(time) || ' ' || count(*) AS text FROM market_klines \
             WHERE interval = '1m' GROUP BY symbol",
        );
        let [span] = spans.as_slice() else { panic!("stocks of different lengths: {spans:?}") };
        let [first, last, count] = span.split(' ').map(|number| number.parse::<i64>().unwrap()).collect::<Vec<_>>()[..]
        else {
            panic!("{span}")
        };
        assert_eq!(SHANGHAI.minutes_between(UnixSeconds::new(first), UnixSeconds::new(last).next()), count.unsigned_abs());
        assert!(count > 31 * 240, "{count} minutes of 32 days");
    }
}
