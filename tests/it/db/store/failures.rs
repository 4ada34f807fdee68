//! Which failures can mend themselves.

use std::net::TcpListener;

use klined::store::{self, DatabaseUrl, StoreError};

use super::*;
use crate::on_every_backend;
use crate::support::cluster::Cluster;

const SHORT: Duration = Duration::from_millis(250);
const LONG: Duration = Duration::from_secs(60);

/// Asks again until a query finds what it looks for.
fn await_one(database: &Database, sql: &str) {
    while database.column(sql).is_empty() {
        std::thread::yield_now();
    }
}

/// A function of each session of a store's pool that is doing something.
fn of_sessions(function: &str, doing: &str) -> String {
    format!(
        "SELECT {function}::text AS text FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'klined' AND {doing}"
    )
}

on_every_backend! {
    fn a_lock_that_is_not_freed_in_time_is_worth_another_try(database: &Database) {
        let store = database.open();
        store.ensure_partitions(date(DAY), date(DAY)).unwrap();
        let impatient = store::open(&options(database, 2, SHORT)).unwrap();
        let writer = impatient.acquire(Role::Writer).unwrap();
        let batch = full_batch("AAA", &minutes(1));
        let holder = OtherSession::lock_bars(database);
        let error = impatient.write(&writer, &batch).unwrap_err();
        assert!(matches!(error, StoreError::Query { .. }) && error.is_retriable(), "{error}");
        drop(holder);
        impatient.write(&writer, &batch).unwrap();
    }

    fn a_row_that_breaks_a_rule_is_not(database: &Database) {
        let desk = Desk::of(database);
        let refused = |batch: &MarketWrite, words: [&str; 2]| {
            let error = desk.store.write(&desk.writer, batch).unwrap_err();
            assert!(!error.is_retriable());
            assert!(words.iter().any(|word| error.to_string().contains(word)), "{error}");
        };
        database.execute("CREATE UNIQUE INDEX odd ON stock_state (current_price)");
        let twins = vec![quote("AAA", 5, 0), quote("BBB", 5, 0)];
        refused(&MarketWrite { snapshots: twins, ..MarketWrite::default() }, ["unique", "UNIQUE"]);
        database.execute(
            "DROP TABLE market_status; CREATE TABLE market_status (id integer PRIMARY KEY, is_trading boolean, \
             current_session text, session_start bigint, session_end bigint, last_update timestamp with time zone, odd integer NOT NULL)",
        );
        let status = Some(status(Session::Closed, 0));
        refused(&MarketWrite { status, ..MarketWrite::default() }, ["not-null", "NOT NULL"]);
    }
}

#[test]
fn a_file_where_there_is_no_directory_is_not_either() {
    let database = Database::new(Backend::Sqlite);
    let url = DatabaseUrl::of_file(&database.directory.path().join("nowhere/market.db"));
    let error = store::open(&StoreOptions { url, ..options(&database, 1, SHORT) }).err().expect("no such directory");
    assert!(matches!(error, StoreError::Unusable { .. }) && !error.is_retriable(), "{error}");
}

#[test]
fn a_server_that_refuses_connections_is_worth_another_try() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgresql://user:s3cret@127.0.0.1:{port}/market").parse().unwrap();
    let error = store::open(&StoreOptions { url, pool_size: 1, timeout: SHORT }).err().expect("no server listens");
    assert!(matches!(error, StoreError::Unreachable { .. }) && error.is_retriable(), "{error}");
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[test]
fn a_server_that_will_not_let_the_user_in_is_not() {
    let database = Database::new(Backend::Postgres);
    let url = database.url();
    let nobody = url.replace("//postgres@", "//nobody:s3cret@");
    for (url, words) in [
        (format!("{url}_of_somebody_else"), "does not exist"),
        (nobody, "does not exist"),
        (format!("{url}?sslmode=require"), "does not support SSL"),
    ] {
        let options = StoreOptions { url: url.parse().unwrap(), pool_size: 1, timeout: LONG };
        let error = store::open(&options).err().expect("it is refused");
        assert!(
            matches!(error, StoreError::Refused { .. } | StoreError::NoDatabase { .. } | StoreError::NoTls { .. })
                && !error.is_retriable(),
            "{error}"
        );
        assert!(error.to_string().contains(words) && !error.to_string().contains("s3cret"), "{error}");
    }
}

#[test]
fn a_session_waits_for_nothing_without_end_and_speaks_english() {
    let database = Database::new(Backend::Postgres);
    let name = database.value("SELECT current_database()::text AS text");
    database.execute(&format!("ALTER DATABASE {name} SET lc_messages = 'C.UTF-8'"));
    let desk = Desk::of(&database);
    database.execute(
        "CREATE TABLE seen (name text, value text); \
         CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO seen SELECT name, setting FROM pg_settings; RETURN NEW; END $$; \
         CREATE TRIGGER look BEFORE INSERT ON market_status FOR EACH ROW EXECUTE FUNCTION look()",
    );
    let patient = store::open(&options(&database, 1, LONG)).unwrap();
    drop(desk);
    let writer = patient.acquire(Role::Writer).unwrap();
    patient
        .write(&writer, &MarketWrite { status: Some(status(Session::Closed, 0)), ..MarketWrite::default() })
        .unwrap();
    for (name, value) in [
        ("lock_timeout", "60000"),
        ("statement_timeout", "600000"),
        ("idle_in_transaction_session_timeout", "600000"),
        ("tcp_user_timeout", "60000"),
        ("tcp_keepalives_idle", "30"),
        ("tcp_keepalives_interval", "10"),
        ("tcp_keepalives_count", "3"),
        ("lc_messages", "C"),
    ] {
        assert_eq!(database.value(&format!("SELECT value AS text FROM seen WHERE name = '{name}'")), value, "{name}");
    }
}

#[test]
fn a_session_that_is_cut_off_is_worth_another_try() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    for batch in [full_batch("AAA", &minutes(1)), full_batch("AAA", &minutes(2_400))] {
        let holder = OtherSession::lock_bars(&database);
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| desk.store.write(&desk.writer, &batch).unwrap_err());
            await_one(&database, &of_sessions("pid", "wait_event_type = 'Lock'"));
            database.column(&of_sessions("pg_terminate_backend(pid)", "wait_event_type = 'Lock'"));
            let error = writing.join().unwrap();
            assert!(error.is_retriable(), "{error}");
        });
        drop(holder);
        desk.write(&batch);
    }
    // One that was cut off while it was idle is not even noticed.
    database.column(&of_sessions("pg_terminate_backend(pid, 10000)", "state = 'idle'"));
    desk.write(&full_batch("AAA", &minutes(2)));
}

#[test]
fn a_pool_that_is_exhausted_is_worth_another_try() {
    let database = Database::new(Backend::Postgres);
    let patient = database.open();
    let store = store::open(&options(&database, 1, SHORT)).unwrap();
    let writer = store.acquire(Role::Writer).unwrap();
    database.execute(&format!(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep({}); RETURN NEW; END $$; \
         CREATE TRIGGER slow BEFORE INSERT ON market_status FOR EACH ROW EXECUTE FUNCTION dawdle()",
        LONG.as_secs()
    ));
    let batch = MarketWrite { status: Some(status(Session::Closed, 0)), ..MarketWrite::default() };
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| store.write(&writer, &batch));
        await_one(&database, &of_sessions("pid", "wait_event = 'PgSleep'"));
        let (starved, other) = (store.status(), patient.status());
        database.column(&of_sessions("pg_cancel_backend(pid)", "wait_event = 'PgSleep'"));
        assert_query_fails(writing.join().unwrap(), "canceling statement due to user request");
        let error = starved.unwrap_err();
        assert!(matches!(error, StoreError::PoolTimeout { .. }) && error.is_retriable(), "{error}");
        // Readers with connections of their own are not kept waiting.
        assert_eq!(other.unwrap(), None);
    });
    assert_eq!(store.status().unwrap(), None);
}

#[test]
fn what_is_said_of_a_server_is_the_same_for_every_password() {
    let port = Cluster::shared().port;
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = |place: &str, password: &str| -> Result<String, String> {
        let url = format!("postgresql://nobody:{password}@{place}&sslpassword={password}").parse();
        let url = url.map_err(|error: store::InvalidUrl| error.to_string())?;
        let options = StoreOptions { url, pool_size: 1, timeout: LONG };
        let error = store::open(&options).err().expect("nobody is let in");
        Ok(format!("{error} {error:?} {options:?}"))
    };
    for place in [
        format!("127.0.0.1:{nobody}/market?sslmode=disable"),
        format!("127.0.0.1:{port}/market?sslmode=require"),
        format!("127.0.0.1:{port}/postgres?sslmode=disable"),
    ] {
        let other = said(&place, "other").unwrap();
        for letter in ' '..='~' {
            let code = format!("%{:02X}", u32::from(letter));
            for password in [format!("{letter}"), format!("q7Xz{letter}q7Xz"), code.clone(), format!("q7Xz{code}q7Xz")]
            {
                match said(&place, &password) {
                    Ok(said) => assert_eq!(said, other, "{password}"),
                    Err(refusal) => {
                        assert!(!refusal.contains("q7Xz") && !password.contains(&code), "{password}: {refusal}")
                    }
                }
            }
        }
    }
}
