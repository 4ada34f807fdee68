//! One SQLite file, whatever it is called.

use std::fs;
use std::os::unix::fs::symlink;

use klined::store::{self, DatabaseUrl};

use super::*;
use crate::support::programs::assert_has;

#[test]
fn a_role_holds_for_the_file_by_all_of_its_names() {
    let database = Database::new(Backend::Sqlite);
    let desk = Desk::of(&database);
    let place = database.directory.path();
    fs::create_dir_all(place.join("deep/er")).unwrap();
    symlink(place.join("market.db"), place.join("absolute.db")).unwrap();
    symlink("../market.db", place.join("deep/relative.db")).unwrap();
    symlink("relative.db", place.join("deep/chain.db")).unwrap();
    symlink(place, place.join("deep/er/directory")).unwrap();
    for name in [
        "absolute.db",
        "deep/relative.db",
        "deep/chain.db",
        "deep/../market.db",
        "./market.db",
        "deep/er/directory/market.db",
    ] {
        let url = DatabaseUrl::of_file(&place.join(name));
        let store = store::open(&StoreOptions { url, ..options(&database, 2, Duration::from_secs(10)) }).unwrap();
        for role in [Role::Writer, Role::Aggregator] {
            assert!(matches!(store.acquire(role), Err(StoreError::RoleTaken { .. })), "{name}");
        }
    }
    drop(desk);
    // What one has written by one name the others read.
    let by_link = database.called(format!("sqlite:///{}", place.join("deep/chain.db").display()));
    Desk::of(&by_link).write(&full_batch("AAA", &minutes(3)));
    assert_eq!(Desk::of(&database).bars("AAA", Interval::Minute1).len(), 3);
}

#[test]
fn a_file_with_two_names_is_only_read() {
    let database = Database::new(Backend::Sqlite);
    drop(Desk::of(&database));
    let other = database.directory.path().join("other.db");
    fs::hard_link(database.directory.path().join("market.db"), &other).unwrap();
    let at = |path: &std::path::Path| StoreOptions {
        url: DatabaseUrl::of_file(path),
        ..options(&database, 2, Duration::from_secs(10))
    };
    for path in [&other, &database.directory.path().join("market.db")] {
        let error = store::open(&at(path)).err().expect("it has two names");
        assert_has(&error.to_string(), &["2 names (hard links)", "copy the file"]);
        assert!(!error.is_retriable());
        store::open_read_only(&at(path)).unwrap().check_schema().unwrap();
    }
    fs::remove_file(&other).unwrap();
    database.open();
}

#[test]
fn a_file_that_was_moved_away_is_not_written_any_more() {
    let database = Database::new(Backend::Sqlite);
    let desk = Desk::of(&database);
    desk.write(&full_batch("AAA", &minutes(1)));
    let (file, away) = (database.directory.path().join("market.db"), database.directory.path().join("away.db"));
    fs::rename(&file, &away).unwrap();
    let gone = desk.store.write(&desk.writer, &full_batch("AAA", &minutes(2))).unwrap_err();
    assert_has(&gone.to_string(), &["was deleted or moved"]);
    fs::copy(&away, &file).unwrap();
    let replaced = desk.store.write(&desk.writer, &full_batch("AAA", &minutes(2))).unwrap_err();
    assert_has(&replaced.to_string(), &["was replaced by another file"]);
    assert!(!gone.is_retriable() && !replaced.is_retriable());
}
