//! A server that is behind, killed, frozen or full.

use std::process::Command;
use std::time::Duration;

use super::database::{Database, Running};

const PLAIN: [(&str, &str); 1] = [("QDB_DEV_MODE_ENABLED", "true")];

fn run<'a>(suffix: &'a str, total: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["--create_views", "false", "--market_data_max_eps", "1500", "--suffix", suffix];
    [&fixed[..], &["--total_market_data_events", total], more].concat()
}

#[test]
fn every_fault_of_the_server_leads_to_the_rows_of_an_undisturbed_run() {
    let database = Database::start(None, &[("QDB_CAIRO_WAL_APPLY_ENABLED", "false")]);

    // Nothing is applied: the run pauses, says which table is behind, and goes on after a restart.
    let slow = ["--mode", "real-time", "--processes", "1", "--pairs", "EURUSD,USDJPY", "--market_data_min_eps", "900"];
    let mut running = Running::start(database.generator(&run("_slow", "17_000", &slow)));
    let line = running.until("pausing");
    assert!(line.contains("transactions") && line.contains("rows"), "{line}");
    database.stop();
    database.resume(&PLAIN);
    running.until("going on");
    let (ok, text) = running.end();
    assert!(ok, "{text}");
    // No flapping: one pause, one going on.
    assert_eq!((text.matches("pausing").count(), text.matches("going on").count()), (1, 1), "{text}");
    database.must_run(&[&["verify"][..], &run("_slow", "17_000", &slow[2..])].concat());

    database.must_run(&run("_calm", "400_000", &[]));
    // Killed in mid-run and started again.
    for (suffix, protocol) in [("_killed", "http"), ("_cut", "tcp")] {
        let mut running = Running::start(database.generator(&run(suffix, "400_000", &["--protocol", protocol])));
        running.until("made table fx_trades");
        std::thread::sleep(Duration::from_millis(700));
        database.kill();
        database.resume(&PLAIN);
        let (ok, text) = running.end();
        if !ok {
            // Over TCP the server answers nothing, so rows may be lost: then the run says so, and the same command mends it.
            assert!(protocol == "tcp" && text.contains("rows were lost"), "{protocol}: {text}");
            database.must_run(&run(suffix, "400_000", &["--protocol", protocol]));
        }
        database.assert_same("_calm", suffix);
    }

    // Frozen for a while.
    let mut running = Running::start(database.generator(&run("_frozen", "400_000", &[])));
    running.until("made table fx_trades");
    std::thread::sleep(Duration::from_millis(500));
    let signal =
        |signal: &str| assert!(Command::new("kill").args([signal, &database.process()]).status().unwrap().success());
    signal("-STOP");
    std::thread::sleep(Duration::from_secs(7));
    signal("-CONT");
    let (ok, text) = running.end();
    assert!(ok, "{text}");
    database.assert_same("_calm", "_frozen");

    // Full: rows that cannot be written end the run with an error, and are written when there is room.
    database.stop();
    database.resume(
        &[
            &PLAIN[..],
            &[
                ("FILE_KILOBYTES", "30000"),
                ("QDB_CAIRO_WRITER_DATA_APPEND_PAGE_SIZE", "1048576"),
                ("QDB_CAIRO_WAL_WRITER_DATA_APPEND_PAGE_SIZE", "1048576"),
            ],
        ]
        .concat(),
    );
    let (ok, text) = database.run(&run("_full", "400_000", &[]));
    assert!(!ok, "{text}");
    database.stop();
    database.resume(&PLAIN);
    for table in ["market_data", "core_price", "fx_trades"] {
        let suspended = format!("SELECT count() FROM wal_tables() WHERE name = '{table}_full' AND suspended");
        if database.number(&suspended) == 1 {
            database.rows(&format!("ALTER TABLE {table}_full RESUME WAL"));
        }
    }
    database.must_run(&run("_full", "400_000", &[]));
    database.assert_same("_calm", "_full");

    // Gone for good.
    database.kill();
    database.must_fail(&run("_gone", "1_000", &[]), "--pg_port");
}
