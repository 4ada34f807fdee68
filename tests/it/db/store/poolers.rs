//! A market by way of PgBouncer: what works is as by way of the server's own address, and what does not is refused before anything is
//! written.

use klined::store;

use super::*;
use crate::support::cluster::Cluster;
use crate::support::pooler::Pooler;
use crate::support::programs::assert_has;

const LOCKS: &str = "SELECT count(*)::text AS text FROM pg_locks WHERE locktype = 'advisory' \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// The same database by way of a pooler.
fn by(pooler: &Pooler, database: &Database) -> Database {
    database.called(database.url_by(pooler.port))
}

#[track_caller]
fn assert_pooled<T>(outcome: Result<T, StoreError>) {
    let error = outcome.err().expect("it is refused");
    assert!(matches!(error, StoreError::Pooled { .. }) && !error.is_retriable(), "{error}");
    assert_has(&error.to_string(), &["use the server's own address", "pool_mode = session"]);
}

#[test]
fn in_session_mode_a_market_works_as_without_a_pooler() {
    let pooler = Pooler::before(Cluster::shared(), "pool_mode = session");
    let database = Database::new(Backend::Postgres);
    let pooled = by(&pooler, &database);
    let desk = Desk::of(&pooled);
    desk.write(&full_batch("AAA", &minutes(10)));
    assert!(matches!(database.open().acquire(Role::Writer), Err(StoreError::RoleTaken { .. })));
    let mut follower = desk.store.follow().unwrap();
    desk.write(&full_batch("AAA", &minutes(11)));
    assert!(follower.wait(Duration::from_secs(60)).unwrap());
    drop((desk, follower));
    assert_eq!(database.value(LOCKS), "0");
    Desk::of(&database).write(&full_batch("AAA", &minutes(12)));
}

#[test]
fn in_transaction_mode_a_writer_is_refused_before_it_writes_or_locks() {
    for settings in ["pool_mode = transaction", "pool_mode = transaction\nserver_round_robin = 1\nmin_pool_size = 2"] {
        let pooler = Pooler::before(Cluster::shared(), settings);
        let empty = Database::new(Backend::Postgres);
        assert_pooled(by(&pooler, &empty).open_empty().migrate());
        assert_eq!(empty.value("SELECT count(*)::text AS text FROM pg_tables WHERE schemaname = 'public'"), "0");

        let database = Database::new(Backend::Postgres);
        Desk::of(&database).write(&full_batch("AAA", &minutes(10)));
        let before = everything(&database);
        let store = by(&pooler, &database).open_empty();
        assert_pooled(store.migrate());
        assert_pooled(store.acquire(Role::Writer));
        assert_pooled(store.acquire(Role::Aggregator));
        assert_pooled(store.ensure_partitions(date("2030-01-01"), date("2030-01-02")));
        assert_eq!((everything(&database), database.value(LOCKS)), (before, "0".to_owned()));
    }
}

#[test]
fn in_transaction_mode_readers_see_and_follow_the_market_and_leave_nothing_behind() {
    let pooler = Pooler::before(Cluster::shared(), "pool_mode = transaction\ndefault_pool_size = 4");
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    desk.write(&full_batch("AAA", &minutes(10)));
    let pooled = by(&pooler, &database);
    let readers = [pooled.open_empty(), pooled.open_empty()];
    for _ in 0..20 {
        for store in &readers {
            assert_eq!(
                store.bars(&[all_of("AAA", Interval::Minute1)], 100).unwrap(),
                desk.bars("AAA", Interval::Minute1)
            );
            assert_eq!(store.states().unwrap().len(), 1);
            assert_eq!(store.pending_migrations().unwrap(), [""; 0]);
        }
    }
    let mut follower = readers[0].follow().unwrap();
    for count in 11..14 {
        desk.write(&full_batch("AAA", &minutes(count)));
        assert!(follower.wait(Duration::from_secs(60)).unwrap());
        assert_eq!(readers[0].bars(&[all_of("AAA", Interval::Minute1)], 100).unwrap().len(), count);
    }
    for setting in ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"] {
        assert_eq!(pooled.value(&format!("SELECT current_setting('{setting}')::text AS text")), "0", "{setting}");
    }
}

#[test]
fn in_statement_mode_nothing_works_and_the_message_names_the_pooler() {
    let pooler = Pooler::before(Cluster::shared(), "pool_mode = statement");
    let database = Database::new(Backend::Postgres);
    assert_pooled(store::open(&options(&by(&pooler, &database), 2, Duration::from_secs(10))));
}
