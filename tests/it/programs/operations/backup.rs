//! Backups: a market that is restored in mid-day goes on to the bytes of the one that was backed up.

use std::process::Command;

use crate::on_every_backend;
use crate::support::database::{Backend, Database};
use crate::support::market_builder::{aggregate, assert_clean, generate, market, minute, verified};
use crate::support::programs::{TWO_DAYS, assert_same};
use crate::support::psql::{program, run};

/// Copies a database as an operator does; the SQLite way is that of `sqlite3 klined.db ".backup FILE"`.
fn restored(database: &Database) -> Database {
    let copy = Database::new(database.backend);
    match database.backend {
        Backend::Sqlite => {
            let file = copy.url().trim_start_matches("sqlite:///");
            database.execute(&format!("VACUUM INTO '{file}'"));
        }
        Backend::Postgres => {
            let dump = copy.directory.path().join("market.dump");
            let dump = dump.to_str().unwrap();
            run("pg_dump", &["-Fc", "-d", database.url(), "-f", dump]);
            run("pg_restore", &["--exit-on-error", "-d", copy.url(), dump]);
        }
    }
    copy
}

on_every_backend! {
    fn a_restored_market_goes_on_to_the_same_bytes(database: &Database) {
        let original = market(database);
        generate(&original, "2026-03-30", "2026-03-31 10:17");
        aggregate(&original);
        // Not all that was written is rolled up, and an operator's change waits to be.
        generate(&original, "2026-03-30", "2026-03-31 10:18");
        let changed = minute("2026-03-30 11:00").start();
        database.execute(&format!("UPDATE market_klines SET volume = volume + 100 WHERE time = {changed} AND interval = '1m'"));
        let copy = restored(database);
        assert_same(&copy.contents(), &database.contents());
        let restored = market(&copy);
        for each in [&original, &restored] {
            // Over the end of the month, so that a partition is written which the backup had ready.
            generate(each, "2026-03-30", "2026-04-01 13:05");
            assert_eq!(aggregate(each).repaired, 10);
            // An edited bar is not the market's.
            let report = verified(each);
            assert!(report.differing == 10 && report.findings_count == 10, "{report}");
        }
        assert_same(&copy.contents(), &database.contents());
        // Changes are noted in the copy as well.
        copy.execute(&format!("UPDATE market_klines SET volume = volume - 100 WHERE time = {changed} AND interval = '1m'"));
        assert_eq!(aggregate(&restored).repaired, 10);
    }
}

#[test]
fn sqlites_own_backup_of_a_market_that_is_being_written_is_whole() {
    let database = Database::new(Backend::Sqlite);
    database.market_backfill(TWO_DAYS).with("--model gbm").run().succeeded();
    let mut generator = database.market_generator("--test --speed 6000").spawn();
    generator.until_minutes(5, &database);
    let copy = Database::new(Backend::Sqlite);
    let [from, to] = [&database, &copy].map(|one| one.url().trim_start_matches("sqlite:///").to_owned());
    // SQLite's other way, where its program is not installed.
    match Command::new(program("sqlite3")).args(["-cmd", ".timeout 10000", &from, &format!(".backup {to}")]).status() {
        Ok(status) => assert!(status.success()),
        Err(_) => database.execute(&format!("VACUUM INTO '{to}'")),
    }
    generator.terminate().succeeded();
    let restored = market(&copy);
    aggregate(&restored);
    assert_clean(&restored);
    assert!(copy.last_minute() > 0 && copy.last_minute() <= database.last_minute());
}
