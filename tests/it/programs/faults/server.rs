//! The server stops, starts, ends sessions, refuses, and takes too long.

use diesel::connection::{Connection, SimpleConnection};
use diesel::pg::PgConnection;

use super::*;
use crate::on_every_backend;
use crate::support::cluster::Cluster;
use crate::support::database::Backend;
use crate::support::programs::eventually;

/// Ends the sessions of this database's daemons, and gives how many there were.
const END_SESSIONS: &str = "SELECT pg_terminate_backend(pid)::text AS text FROM pg_stat_activity \
     WHERE datname = current_database() AND application_name LIKE 'klined%'";
/// How a wait begins.
const RETRY: &str = "retry_in_ms";

/// Does what only somebody in another database can do.
fn execute_beside(database: &Database, sql: &str) {
    let (server, name) = database.url().rsplit_once('/').unwrap();
    let mut connection = PgConnection::establish(&format!("{server}/postgres")).unwrap();
    connection.batch_execute(&sql.replace("{database}", name)).unwrap();
}

#[test]
fn a_server_that_stops_and_starts_is_waited_for() {
    let cluster = Cluster::start();
    let database = Database::on(&cluster, "");
    let mut generator = database.filled().market_generator(IMPATIENT).spawn();
    let mut aggregator = database.data_aggregator("--interval 1 --db-timeout 1").spawn();
    aggregator.until_it_says("started");
    for how in ["fast", "immediate"] {
        generator.until_minutes(10, &database);
        let said = generator.times_said(RETRY);
        cluster.stop(how);
        generator.until_said_more_than(said, RETRY);
        if how == "immediate" {
            // Whoever waits for the server still hears the wish to stop.
            break;
        }
        cluster.start_again();
    }
    aggregator.until_it_says(RETRY);
    aggregator.terminate().succeeded();
    cluster.start_again();
    comes_through(generator, &database);
}

#[test]
fn sessions_that_are_ended_are_taken_anew() {
    let database = Database::new(Backend::Postgres);
    let mut generator = database.filled().market_generator(IMPATIENT).spawn();
    for _ in 0..4 {
        generator.until_minutes(3, &database);
        assert!(database.column(END_SESSIONS).len() > 1);
    }
    comes_through(generator, &database);
}

#[test]
fn a_server_that_will_not_let_the_user_in_any_more_ends_the_daemon_with_its_words() {
    let database = Database::new(Backend::Postgres);
    let mut generator = database.filled().market_generator(IMPATIENT).spawn();
    generator.until_minutes(3, &database);
    execute_beside(&database, "ALTER DATABASE {database} ALLOW_CONNECTIONS false");
    execute_beside(&database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'");
    generator.wait().failed(&["refused the login", "not currently accepting connections", "check user"]);
    execute_beside(&database, "ALTER DATABASE {database} ALLOW_CONNECTIONS true");
    comes_through(database.restarted_generator(FAST), &database);
}

#[test]
fn a_server_that_has_no_connection_left_is_waited_for() {
    let database = Database::new(Backend::Postgres);
    // An ordinary user, whom limits bind.
    execute_beside(
        &database,
        "CREATE ROLE clerk_{database} LOGIN; ALTER DATABASE {database} OWNER TO clerk_{database}",
    );
    let name = database.url().rsplit_once('/').unwrap().1;
    let url = database.url().replace("//postgres@", &format!("//clerk_{name}@"));
    let as_clerk = |program: crate::support::programs::Program| program.variable("DATABASE_URL", &url);
    as_clerk(database.market_backfill("--from 2026-03-02 --to 2026-03-03")).run().succeeded();
    let mut generator = as_clerk(database.market_generator(IMPATIENT)).spawn();
    generator.until_minutes(3, &database);
    database.execute(&format!("ALTER ROLE clerk_{name} CONNECTION LIMIT 0"));
    database.column(END_SESSIONS);
    generator.until_it_says("too many connections");
    database.execute(&format!("ALTER ROLE clerk_{name} CONNECTION LIMIT 20"));
    comes_through(generator, &database);
}

#[test]
fn a_statement_that_takes_too_long_is_given_up_and_done_again() {
    let database = Database::new(Backend::Postgres);
    let mut generator = database.filled().market_generator(IMPATIENT).spawn();
    generator.until_minutes(3, &database);
    let dawdle = |seconds: u32| {
        database.execute(&format!(
            "CREATE OR REPLACE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$"
        ));
    };
    dawdle(600);
    database
        .execute("CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON market_status FOR EACH ROW EXECUTE FUNCTION dawdle()");
    generator.until_it_says("canceling statement due to statement timeout");
    dawdle(0);
    comes_through(generator, &database);
}

#[test]
fn an_aggregator_that_is_killed_between_read_and_write_loses_nothing() {
    let database = Database::new(Backend::Postgres);
    let mut generator = database.filled().market_generator(FAST).spawn();
    generator.until_minutes(30, &database);
    generator.terminate().succeeded();
    // Reading is allowed while the lock is held, writing is not.
    let hold = database.hold_writes();
    let mut aggregator = database.data_aggregator("--once").spawn();
    let waiting = "SELECT count(*)::text AS text FROM pg_stat_activity WHERE datname = current_database() \
         AND wait_event_type = 'Lock' AND query LIKE '%market_klines%'";
    aggregator.until("it has read and waits to write", || database.value(waiting) == "1");
    aggregator.kill();
    drop(hold);
    eventually("the server has seen its end", || database.value(waiting) == "0");
    is_as_undisturbed(&database);
}

on_every_backend! {
    fn a_lock_that_another_session_holds_is_waited_for(database: &Database) {
        let mut generator = database.filled().market_generator(IMPATIENT).spawn();
        generator.until_minutes(3, database);
        let hold = database.hold_writes();
        generator.until_it_says(match database.backend {
            Backend::Sqlite => "database is locked",
            Backend::Postgres => "lock timeout",
        });
        drop(hold);
        comes_through(generator, database);
    }

    fn of_two_generators_that_are_started_at_once_one_runs(database: &Database) {
        database.filled();
        for _ in 0..3 {
            let mut pair = [database.market_generator(FAST).spawn(), database.market_generator(FAST).spawn()];
            eventually("one of them has ended", || pair.iter_mut().any(Running::has_ended));
            let [mut first, mut second] = pair;
            if first.has_ended() {
                (first, second) = (second, first);
            }
            second.wait().failed(&["another process is this database's writer"]);
            first.until_minutes(3, database);
            first.terminate().succeeded();
        }
        is_as_undisturbed(database);
    }
}
