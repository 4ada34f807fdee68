//! An SQLite file that goes away under its daemons, and one that may not be written.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use klined_testing::assert_has;

use super::*;
use crate::support::database::Backend;
use crate::support::http::{get, try_get};
use crate::support::programs::{NOBODY, Program, Running};

fn file_of(database: &Database) -> PathBuf {
    PathBuf::from(database.url().trim_start_matches("sqlite:///"))
}

/// The programs that hold a database open, each with what it says when it has begun. The first two do their own work only now and
/// then, and the last writes all the time.
fn daemons(database: &Database) -> [(Running, &'static str); 4] {
    [
        (database.data_aggregator("--interval 60 --health-addr 0").spawn(), "started"),
        (database.market_api("--addr 127.0.0.1:0 --health-addr 0").spawn(), "serving"),
        (database.market_generator("--test --speed 1 --health-addr 0").spawn(), "started"),
        (database.klined("up --speed 6000 --addr 127.0.0.1:0 --health-addr 0").spawn(), "serving"),
    ]
}

/// Takes the file away under each daemon, and expects it to end with these words.
fn ends_without_its_file(words: &str, take_away: impl Fn(&Path)) {
    for place in 0..4 {
        let database = Database::new(Backend::Sqlite);
        database.filled();
        let (mut daemon, words_of_start) = daemons(&database).into_iter().nth(place).unwrap();
        daemon.until_it_says(words_of_start);
        let health = daemon.health_address();
        daemon.until("it is ready", || get(&health, "/readyz").status == 200);
        take_away(&file_of(&database));
        // It may have ended before its page is read.
        while !daemon.has_ended() {
            let Some(page) = try_get(&health, "/readyz") else { break };
            if page.status == 503 {
                assert_has(&page.body, &[words]);
                break;
            }
        }
        daemon.wait().failed(&["market.db", words, "start the program again"]);
    }
}

#[test]
fn a_file_that_is_deleted_ends_its_daemons() {
    ends_without_its_file("was deleted or moved", |file| {
        fs::remove_file(file).unwrap();
    });
}

#[test]
fn a_file_that_is_replaced_ends_its_daemons() {
    ends_without_its_file("was replaced by another file", |file| {
        let other = file.with_extension("other");
        fs::copy(file, &other).unwrap();
        fs::rename(other, file).unwrap();
    });
}

#[test]
fn rights_that_are_missing_are_named_by_the_check_and_do_not_keep_verify_from_reading() {
    let database = Database::new(Backend::Sqlite);
    let place = database.directory.path();
    database.filled();
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    let (closed, readable) = (place.join("closed"), place.join("readable.db"));
    fs::create_dir(&closed).unwrap();
    for copy in [closed.join("market.db"), readable.clone()] {
        fs::copy(file_of(&database), copy).unwrap();
    }
    if rustix::process::getuid().is_root() {
        chown(place, Some(NOBODY), Some(NOBODY)).unwrap();
        chown(closed.join("market.db"), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    fs::set_permissions(&readable, Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o555)).unwrap();
    let url = |path: &Path| format!("sqlite:///{}", path.display());
    let run = |program: fn(&Path) -> Program, words: &str, file: &Path| {
        let program = program(place).with(words).with("--db-url").with(&url(file)).by_nobody();
        program.map(Program::run)
    };
    for file in [closed.join("market.db"), readable.clone()] {
        let words = if file == readable { "can be read, and not written" } else { "its directory" };
        for (program, arguments) in [
            (Program::market_generator as fn(&Path) -> Program, "--check --test --no-log-files"),
            (Program::data_aggregator, "--check --no-log-files"),
            (Program::market_backfill, "--days 1 --check --no-log-files"),
        ] {
            let Some(checked) = run(program, arguments, &file) else {
                println!("not tested: nobody may not run the programs here");
                return;
            };
            assert_eq!(checked.status.code(), Some(1), "{}", checked.stdout);
            assert_has(&checked.stdout, &["FAIL database: ", words]);
        }
        let before = fs::read(&file).unwrap();
        let verified = run(Program::klined, "verify", &file).unwrap().succeeded();
        assert_has(&verified.stdout, &["4800 1-minute bars", "clean"]);
        assert!(before == fs::read(&file).unwrap());
    }
    let served = run(Program::market_api, "--check --addr 127.0.0.1:0 --no-log-files", &readable).unwrap().succeeded();
    assert_has(&served.stdout, &["note database: ", "can be read, and not written"]);
    assert_eq!(fs::read_dir(&closed).unwrap().count(), 1);
    fs::set_permissions(&closed, Permissions::from_mode(0o755)).unwrap();
}
