//! The clock is set forward and back by hours, and the machine sleeps over sessions.

use std::thread::sleep;
use std::time::Duration;

use super::*;
use crate::on_every_backend;
use crate::support::SHANGHAI;
use crate::support::clock::Clock;
use crate::support::database::Backend;
use crate::support::date;

/// Long enough for a daemon that looks at its clock every half second.
const A_WHILE: Duration = Duration::from_secs(2);

fn start_of(day: &str, index: u16) -> i64 {
    SHANGHAI.minute_of(date(day), index).unwrap().start().get()
}

on_every_backend! {
    fn a_clock_that_is_set_makes_no_minute_twice_and_none_too_early(database: &Database) {
        database.open();
        let clock = Clock::at(database.directory.path(), "2026-11-20 10:15:00");
        let mut generator = clock.shown_to(database.market_generator("")).spawn();
        let mut it_is = |time: &str, last: i64| {
            clock.set(time);
            generator.until(&format!("it has noticed {time}"), || database.last_minute() == last);
        };
        it_is("2026-11-20 10:15:00", start_of("2026-11-20", 44));
        // Forward by three and a half hours.
        it_is("2026-11-20 13:45:00", start_of("2026-11-20", 164));
        // Back by three: what is written stays, and nothing is added until the clock is there again.
        let before = database.contents();
        for time in ["2026-11-20 10:45:00", "2026-11-20 10:46:00", "2026-11-20 13:44:00"] {
            clock.set(time);
            sleep(A_WHILE);
            assert_same(&database.contents(), &before);
        }
        clock.set("2026-11-20 13:46:00");
        generator.until("it goes on", || database.last_minute() == start_of("2026-11-20", 165));
        clock.set("2026-11-20 10:45:00");
        generator.terminate().succeeded();
        // A start refuses: such bars may as well be those of a run in test mode.
        clock.shown_to(database.market_generator("")).run().failed(&["later than now"]);
        clock.set("2026-11-20 15:00:00");
        let mut generator = clock.shown_to(database.market_generator("")).spawn();
        generator.until("the day is complete", || database.last_minute() == start_of("2026-11-20", 239));
        generator.terminate().succeeded();
        is_as_backfilled(database, &clock);
    }

    fn a_machine_that_sleeps_over_sessions_catches_up(database: &Database) {
        database.open();
        let clock = Clock::at(database.directory.path(), "2026-11-19 10:15:00");
        let mut generator = clock.shown_to(database.market_generator("")).spawn();
        let mut wakes_at = |time: &str, day: &str, last_index: u16| {
            clock.set(time);
            let last = start_of(day, last_index);
            generator.until(&format!("it has noticed {time}"), || database.last_minute() == last);
        };
        wakes_at("2026-11-19 10:15:00", "2026-11-19", 44);
        // Over the afternoon, over a day with both sessions, into a lunch break, over a weekend.
        wakes_at("2026-11-19 20:00:00", "2026-11-19", 239);
        wakes_at("2026-11-23 12:00:00", "2026-11-23", 119);
        wakes_at("2026-11-25 15:00:00", "2026-11-25", 239);
        generator.terminate().succeeded();
        is_as_backfilled(database, &clock);
    }
}

#[test]
fn a_clock_that_is_set_back_while_the_server_is_lost_is_waited_for() {
    let database = Database::new(Backend::Postgres);
    database.open();
    let clock = Clock::at(database.directory.path(), "2026-11-20 14:50:00");
    let mut generator = clock.shown_to(database.market_generator("")).spawn();
    generator.until("it has caught up", || database.last_minute() == start_of("2026-11-20", 229));
    clock.set("2026-11-20 10:45:00");
    database.column(
        "SELECT pg_terminate_backend(pid)::text AS text FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name LIKE 'klined%'",
    );
    generator.until_it_says("retry_in_ms");
    generator.until("it holds its role again", || {
        database.value("SELECT epoch::text AS text FROM role_epoch WHERE role = 'writer'") == "2"
    });
    clock.set("2026-11-20 15:00:00");
    generator.until("it goes on", || database.last_minute() == start_of("2026-11-20", 239));
    generator.terminate().succeeded();
    is_as_backfilled(&database, &clock);
}

/// At the end of a day it is what a backfill on that evening makes.
fn is_as_backfilled(database: &Database, clock: &Clock) {
    let first = database.value("SELECT CAST(min(first_day) AS text) AS text FROM stock_listing");
    let backfilled = Database::new(database.backend);
    clock.shown_to(backfilled.market_backfill(&format!("--from {first}"))).run().succeeded();
    database.data_aggregator("--once").run().succeeded();
    is_clean(database);
    assert_same(&database.contents(), &backfilled.contents());
}
