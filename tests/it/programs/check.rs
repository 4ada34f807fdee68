//! `--check`: passes what can start, names what cannot, and changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::on_every_backend;
use crate::support::cluster::Cluster;
use crate::support::database::{Backend, Database};
use crate::support::http::get;
use crate::support::pooler::Pooler;
use crate::support::programs::{Ended, assert_has};

/// The checks' verdicts and subjects, in order; every line is one.
#[track_caller]
fn verdicts(ended: &Ended) -> Vec<String> {
    let verdict = |line: &str| {
        let (head, text) = line.split_once(": ").unwrap_or_else(|| panic!("no check: {line}"));
        assert!(!text.is_empty(), "{line}");
        head.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ended.stderr, "");
    ended.stdout.lines().map(verdict).collect()
}

/// It says that it cannot start, by status and in one line with these words.
#[track_caller]
fn fails(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.status.code(), Some(1), "{}{}", ended.stdout, ended.stderr);
    let failures: Vec<&str> = ended.stdout.lines().filter(|line| line.starts_with("FAIL ")).collect();
    assert_eq!(failures.len(), 1, "{}", ended.stdout);
    assert_has(failures[0], words);
    assert!(!ended.stdout.contains("s3cret") && !ended.stdout.contains("panicked"), "{}", ended.stdout);
}

on_every_backend! {
    fn an_empty_database_may_be_started_on_and_stays_empty(database: &Database) {
        for program in [
            database.market_generator("--check"),
            database.data_aggregator("--check"),
            database.market_backfill("--days 1 --check"),
            database.market_generator("").variable("KLINED_CHECK", "1"),
        ] {
            let ended = program.run().succeeded();
            let found = verdicts(&ended);
            assert_eq!((found[0].as_str(), found.len()), ("ok configuration", if database.backend == Backend::Sqlite { 3 } else { 4 }));
            assert_eq!(found.last().unwrap(), if database.backend == Backend::Sqlite { "note database" } else { "note migrations" });
        }
        assert_eq!(fs::read_dir(database.directory.path()).unwrap().count(), 0, "neither file nor log was made");
        if database.backend == Backend::Postgres {
            assert_eq!(database.value("SELECT count(*)::text AS text FROM pg_tables WHERE schemaname = 'public'"), "0");
        }
        database.open();
        let ended = database.market_generator("--check").run().succeeded();
        assert_has(&ended.stdout, &["note market: there is none yet"]);
    }

    fn a_market_that_can_go_on_passes_and_is_left_as_it_is(database: &Database) {
        let before = database.filled().contents();
        let file = || fs::read(database.directory.path().join("market.db")).ok();
        let bytes = file();
        for program in [database.market_generator("--check --test"), database.data_aggregator("--check")] {
            let ended = program.run().succeeded();
            assert_has(&ended.stdout, &["ok   migrations: ", "ok   database: ", "partitions: "]);
            assert!(!ended.stdout.contains("FAIL"), "{}", ended.stdout);
        }
        let ended = database.market_generator("--check --test").run();
        assert_has(&ended.stdout, &["ok   market: seed 42, model full-3, 10 stocks, last minute 2026-03-03 14:59"]);
        assert_eq!((database.contents(), file()), (before, bytes));
        assert_eq!(database.value("SELECT CAST(max(epoch) AS text) AS text FROM role_epoch WHERE role = 'writer'"), "1");
        // It may be asked beside a generator that runs.
        let mut generator = database.market_generator("--test --speed 6000").spawn();
        generator.until_minutes(2, database);
        database.market_generator("--check --test").run().succeeded();
        generator.until_minutes(2, database);
        generator.terminate().succeeded();
    }

    fn what_would_end_the_start_fails_the_check(database: &Database) {
        database.filled();
        fails(&database.market_generator("--check --test --seed 7").run(), &["market", "seed 42", "seed 7"]);
        fails(&database.market_generator("--check --test --symbols NOPE").run(), &["market", "no stock NOPE"]);
        fails(&database.market_generator("--check --log klined=loud").run(), &["configuration", "klined=loud"]);
        fs::write(database.directory.path().join("file"), "").unwrap();
        fails(&database.data_aggregator("--check --log-dir file/logs").run(), &["configuration", "file/logs"]);
        fails(&database.data_aggregator("--check --calendar-file none.txt").run(), &["calendar", "none.txt"]);
        database.execute("UPDATE stock_metadata SET is_active = false");
        fails(&database.market_generator("--check --test").run(), &["market", "no stock that is active"]);
        let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')";
        database.execute(newer);
        fails(&database.market_generator("--check --test").run(), &["database", "newer klined"]);
    }
}

#[test]
fn a_server_that_cannot_be_reached_and_a_user_without_rights_fail_the_check() {
    let database = Database::new(Backend::Postgres);
    let unreachable = database.market_generator("--check --db-url postgresql://u:s3cret@127.0.0.1:1/db").run();
    fails(&unreachable, &["database", "cannot reach", "u:***@127.0.0.1:1"]);
    let name = database.url().rsplit('/').next().unwrap().to_owned();
    database.execute(&format!("CREATE ROLE reader_{name} LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC"));
    let reader = database.url().replace("postgres@", &format!("reader_{name}@"));
    let check = || database.market_generator("--check --db-url").with(&reader).run();
    fails(&check(), &["migrations", "may not create tables"]);
    database.execute(&format!(
        "CREATE TABLE IF NOT EXISTS x (); DROP TABLE x; DROP OWNED BY reader_{name}; DROP ROLE reader_{name}"
    ));
}

#[test]
fn a_directory_that_cannot_be_written_fails_the_check() {
    let database = Database::new(Backend::Sqlite);
    let closed = database.directory.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    if !rustix::process::getuid().is_root() {
        fails(&database.market_generator("--check --db-url sqlite:///closed/m.db").run(), &["database", "closed"]);
    }
    fails(&database.data_aggregator("--check --db-url sqlite:///missing/m.db").run(), &["no directory missing"]);
    // A file that was made beforehand and is empty is not made a database by looking at it.
    fs::write(database.directory.path().join("market.db"), "").unwrap();
    let ended = database.market_generator("--check").run().succeeded();
    assert_has(&ended.stdout, &["note database: "]);
    assert_eq!(fs::metadata(database.directory.path().join("market.db")).unwrap().len(), 0);
}

#[test]
fn a_pooler_that_lends_its_sessions_fails_the_check_of_writers_and_serves_readers() {
    let pooler = Pooler::before(Cluster::shared(), "pool_mode = transaction");
    let direct = Database::new(Backend::Postgres);
    direct.filled();
    let pooled = direct.called(direct.url_by(pooler.port));
    let before = direct.contents();
    for program in [
        pooled.market_generator("--check --test"),
        pooled.data_aggregator("--check"),
        pooled.market_backfill("--check --days 1"),
    ] {
        fails(&program.run(), &["database", "through a pooler", "pool_mode = session"]);
    }
    for program in
        [pooled.market_generator("--test"), pooled.data_aggregator("--once"), pooled.market_backfill("--days 1")]
    {
        program.run().failed(&["through a pooler", "use the server's own address"]);
    }
    assert_eq!(direct.contents(), before);
    let locks = "SELECT CAST(count(*) AS text) AS text FROM pg_locks WHERE locktype = 'advisory' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(direct.value(locks), "0");

    let checked = pooled.market_api("--check --addr 127.0.0.1:0").run().succeeded().stdout;
    assert_has(&checked, &["note database: ", "pooler in transaction mode"]);
    pooled.klined("verify").run().succeeded();
    let mut generator = direct.market_generator("--test --speed 6000").spawn();
    generator.until_minutes(2, &direct);
    let mut api = pooled.market_api("--addr 127.0.0.1:0 --health-addr 0").spawn();
    let address = api.health_address();
    api.until("its feed follows the market", || get(&address, "/readyz").status == 200);
    generator.until_minutes(20, &direct);
    assert_eq!(get(&address, "/readyz").status, 200, "{}", api.stderr());
    api.terminate().succeeded();
    generator.terminate().succeeded();
}
