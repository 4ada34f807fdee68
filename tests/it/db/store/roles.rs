//! One writer: leases, and what becomes of a holder whose role was taken over.

use klined_testing::assert_same;

use super::*;
use crate::on_every_backend;

/// Everything that asks for the writer's lease is refused and leaves all as it was.
fn refused(database: &Database, store: &dyn BarStore, lease: &Lease) {
    let before = everything(database);
    let outcomes = [
        store.write(lease, &full_batch("NEW", &minutes(3))),
        store.write(lease, &full_batch("NEW", &minutes(2_400))),
        store.clear(lease, Some(&symbol("AAA"))),
        store.clear(lease, None),
    ];
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::RoleLost { role: Role::Writer }), "{error}");
        assert!(!error.is_retriable());
    }
    assert_eq!(everything(database), before);
}

on_every_backend! {
    fn a_role_is_refused_while_its_lease_lives_and_free_afterwards(database: &Database) {
        let (one, other) = (database.open(), database.open());
        for role in [Role::Writer, Role::Aggregator] {
            let lease = one.acquire(role).unwrap();
            assert_eq!(lease.role(), role);
            for store in [&one, &other] {
                let error = store.acquire(role).err().expect("the role is taken");
                assert!(matches!(error, StoreError::RoleTaken { role: taken } if taken == role), "{error}");
                assert!(!error.is_retriable());
            }
            drop(lease);
            // At once, time after time: a holder that is gone leaves no shadow.
            for _ in 0..20 {
                drop(other.acquire(role).unwrap());
                drop(one.acquire(role).unwrap());
            }
        }
    }

    fn the_roles_do_not_mind_each_other(database: &Database) {
        let desk = Desk::of(database);
        desk.write(&full_batch("AAA", &minutes(3)));
        desk.fold(&[folding_to("AAA", minutes(3)[2].start())]);
        let Desk { store, writer, aggregator } = desk;
        drop(aggregator);
        let _next = store.acquire(Role::Aggregator).unwrap();
        store.write(&writer, &full_batch("AAA", &minutes(4))).unwrap();
    }

    fn a_writer_that_was_taken_over_writes_nothing(database: &Database) {
        let desk = Desk::of(database);
        desk.write(&full_batch("AAA", &minutes(3)));
        database.execute("UPDATE role_epoch SET epoch = epoch + 1 WHERE role = 'writer'");
        refused(database, &*desk.store, &desk.writer);
        desk.fold(&[folding_to("AAA", minutes(3)[2].start())]);
    }

    fn an_aggregator_that_was_taken_over_folds_nothing(database: &Database) {
        let desk = Desk::of(database);
        desk.write(&full_batch("AAA", &minutes(3)));
        desk.fold(&[folding_to("AAA", minutes(3)[2].start())]);
        database.execute("UPDATE market_klines SET volume = 1");
        database.execute("UPDATE role_epoch SET epoch = epoch + 1 WHERE role = 'aggregator'");
        let before = everything(database);
        let lost = |error| matches!(error, StoreError::RoleLost { role: Role::Aggregator });
        let write = RollupWrite { replace_from: Some(UnixSeconds::EPOCH), is_repaired: true, ..folding_to("AAA", UnixSeconds::new(1)) };
        assert!(lost(desk.store.rollup_tasks(&desk.aggregator).unwrap_err()));
        assert!(lost(desk.store.write_rollups(&desk.aggregator, &[write]).unwrap_err()));
        assert_eq!(everything(database), before);
        // Nothing has been claimed either.
        assert_eq!(database.value("SELECT CAST(count(*) AS text) AS text FROM rollup_dirty WHERE claimed"), "0");
        desk.write(&full_batch("AAA", &minutes(4)));
    }
}

#[test]
fn a_writer_whose_lock_was_cut_off_is_shut_out_once_another_has_taken_over() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    let second = database.open();
    desk.write(&full_batch("AAA", &minutes(3)));
    let cut = database.column(
        "SELECT pg_terminate_backend(l.pid, 10000)::text AS text FROM pg_locks l \
         WHERE l.locktype = 'advisory' AND l.objid = 1 AND l.database = \
         (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    assert_eq!(cut, ["true"]);
    // Nobody has taken over yet, but anybody could: it must take the role anew, which trying again does.
    let before = database.contents();
    let lost = desk.store.write(&desk.writer, &full_batch("AAA", &minutes(4))).unwrap_err();
    assert!(lost.is_retriable() && lost.to_string().contains("held the role"), "{lost}");
    assert_same(&database.contents(), &before);
    let newer = second.acquire(Role::Writer).unwrap();
    second.write(&newer, &full_batch("AAA", &minutes(5))).unwrap();
    // That the old lease goes does not free the newer one's role.
    drop(desk);
    assert!(matches!(database.open().acquire(Role::Writer), Err(StoreError::RoleTaken { .. })));
}
