//! The program against a real QuestDB server that other tests use at the same time.

use std::time::Duration;

use super::database::{Running, shared};

/// Fewer rows a second, so that a run has many seconds.
const SLOW: [&str; 2] = ["--market_data_max_eps", "1500"];

fn flags<'a>(suffix: &'a str, total: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["--suffix", suffix, "--total_market_data_events", total], &SLOW[..], more].concat()
}

#[test]
fn a_run_that_is_killed_at_any_instant_and_started_again_ends_with_the_rows_of_an_undisturbed_one() {
    let database = shared();
    let run = |suffix, more: &[&'static str]| flags(suffix, "60_000", more);
    database.must_run(&run("_calm", &["--create_views", "false"]));
    for (place, protocol) in ["http", "tcp", "http"].into_iter().enumerate() {
        // From a fixed seed: instants before, in and after the tables' making, the sending and the proof.
        let wait_ms = [90, 650, 1_400][place];
        let mut killed = Running::start(database.generator(&run("_killed", &["--protocol", protocol])));
        if place > 0 {
            killed.until("core_price");
        }
        std::thread::sleep(Duration::from_millis(wait_ms));
        killed.kill();
    }
    for more in [&["--processes", "1"][..], &["--processes", "3", "--protocol", "tcp"]] {
        database.must_run(&run("_killed", more));
        database.assert_same("_calm", "_killed");
    }
    // All views are there and none is broken.
    let views = "SELECT count() FROM materialized_views() WHERE view_name LIKE '%_killed'";
    assert_eq!(database.number(views), 11);
    assert_eq!(database.number(&format!("{views} AND view_status = 'invalid'")), 0);

    let text = database.must_run(&[&["verify"][..], &run("_killed", &[])].concat());
    assert!(text.contains("holds the market's rows"), "{text}");
    let verify = ["verify", "--suffix", "_killed", "--total_market_data_events", "9_000", "--seed", "2"];
    database.must_fail(&verify, "market_data_killed EURUSD");
    // A row that is missing, and one that is too many, are found.
    database.rows("INSERT INTO core_price_killed SELECT dateadd('u', 1, timestamp), symbol, ecn, bid_price, bid_volume, ask_price, ask_volume, reason, indicator1, indicator2 FROM core_price_killed LIMIT 1");
    while database.number("SELECT count() FROM core_price_killed")
        == database.number("SELECT count() FROM core_price_calm")
    {
        std::thread::sleep(Duration::from_millis(50));
    }
    database.must_fail(&[&["verify"][..], &run("_killed", &[])].concat(), "core_price_killed");
    database.must_fail(&run("_killed", &["--create_views", "false"]), "rows of core_price_killed were sent");
}

#[test]
fn workers_protocols_blocks_and_a_plan_in_two_parts_make_the_same_tables() {
    let database = shared();
    let end = ["--end_ts", "2025-07-07T13:30:12"];
    let run = |suffix, more: &[&'static str]| {
        flags(suffix, "1_000_000", &[&["--create_views", "false"], &end[..], more].concat())
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let must_run = |words: Vec<String>| database.must_run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    must_run(run("_one", &["--processes", "1"]));
    must_run(run("_many", &["--processes", "4", "--protocol", "tcp"]));
    database.assert_same("_one", "_many");
    // A start with an offset, a first part, and then --incremental for the rest.
    let first = flags("_parts", "1_000_000", &["--create_views", "false", "--end_ts", "2025-07-07T13:30:05"]);
    database.must_run(&[&first[..], &["--start_ts", "2025-07-07T15:30:00+02:00"]].concat());
    let mut rest = run("_parts", &[]);
    rest.push("--incremental".to_owned());
    assert!(must_run(rest).contains("going on from 2025-07-07T13:30:04"));
    database.assert_same("_one", "_parts");
    // Nothing lies at the end or behind it.
    for table in ["market_data", "core_price"] {
        let late = format!("SELECT count() FROM {table}_parts WHERE timestamp >= '2025-07-07T13:30:12'");
        assert_eq!(database.number(&late), 0);
    }
    // Prices of another market are not gone on with.
    database.must_fail(&["--suffix", "_parts", "--incremental", "--seed", "5"], "--incremental");
}

#[test]
fn a_signal_ends_a_run_with_a_second_and_the_proof() {
    let database = shared();
    let run = |suffix, more: &[&'static str]| {
        let fixed = ["--create_views", "false", "--suffix", suffix, "--total_market_data_events", "100_000_000"];
        [&fixed[..], more].concat()
    };
    for (suffix, mode) in [("_free", "faster-than-life"), ("_real", "real-time")] {
        let mut running = Running::start(database.generator(&run(suffix, &["--mode", mode])));
        running.until("made table fx_trades");
        // Some blocks are in the table, and the run is in the midst of others.
        while database.number(&format!("SELECT count() FROM market_data{suffix}")) == 0 {
            std::thread::sleep(Duration::from_millis(50));
        }
        running.signal("-TERM");
        let last = running.until("the last second is ");
        let (ok, text) = running.end();
        assert!(ok && text.contains("stopped: "), "{text}");
        // The rows are those of all seconds up to the last one, and of no part of another.
        let last = last.split("the last second is ").nth(1).unwrap().trim().trim_end_matches('Z').to_owned();
        let after = format!("SELECT count() FROM market_data{suffix} WHERE timestamp >= dateadd('s', 1, '{last}')");
        assert_eq!(database.number(&after), 0);
        let end = database.rows(&format!("SELECT to_str(dateadd('s', 1, '{last}'::timestamp), 'yyyy-MM-ddTHH:mm:ss')"));
        let end = end[0][0].clone().unwrap();
        let verify = ["verify", "--suffix", suffix, "--total_market_data_events", "100_000_000", "--end_ts", &end];
        database.must_run(&verify);
    }
}

#[test]
fn real_time_rows_are_queryable_while_the_run_goes_on() {
    let database = shared();
    let mut running = {
        let mut command = database.generator(&[
            "--mode",
            "real-time",
            "--always_open",
            "true",
            "--suffix",
            "_now",
            "--market_data_max_eps",
            "1200",
        ]);
        command.env_remove("FX_START_TS");
        Running::start(command)
    };
    running.until("orders a second");
    let newest = || {
        let rows = database.rows("SELECT cast(max(timestamp) AS LONG) FROM market_data_now");
        let found = rows.first().and_then(|row| row[0].clone());
        found.map_or(0, |micros| micros.parse::<i64>().unwrap() / 1_000_000)
    };
    let clock = || database.number("SELECT cast(systimestamp() AS LONG)") / 1_000_000;
    while database.number("SELECT count() FROM tables() WHERE table_name = 'market_data_now'") == 0 || newest() == 0 {
        std::thread::sleep(Duration::from_millis(100));
    }
    // Second after second comes, each of them after it is over.
    let mut seen = vec![newest()];
    while seen.len() < 5 {
        let (found, now) = (newest(), clock());
        assert!(found < now, "{found} at {now}");
        if *seen.last().unwrap() != found {
            seen.push(found);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    running.signal("-INT");
    let (ok, text) = running.end();
    assert!(ok, "{text}");
    let gaps =
        "SELECT count() FROM (SELECT timestamp, count() c FROM market_data_now SAMPLE BY 1s FILL(0)) WHERE c = 0";
    assert_eq!(database.number(gaps), 0);
}

#[test]
fn tables_that_cannot_take_the_rows_are_named_and_nothing_is_made() {
    let database = shared();
    let run = ["--suffix", "_bad", "--total_market_data_events", "5_000", "--create_views", "false"];
    let wal = "TIMESTAMP(timestamp) PARTITION BY HOUR WAL";
    for (columns, end, named) in [
        ("timestamp TIMESTAMP, symbol SYMBOL, bid_price DOUBLE", wal, "no column ecn"),
        ("timestamp TIMESTAMP, symbol SYMBOL, ecn STRING, bid_price DOUBLE", wal, "is STRING"),
        ("timestamp TIMESTAMP, symbol SYMBOL", "TIMESTAMP(timestamp) PARTITION BY HOUR BYPASS WAL", "write-ahead log"),
        ("t TIMESTAMP, symbol SYMBOL", "TIMESTAMP(t) PARTITION BY HOUR WAL", "designated timestamp"),
    ] {
        database.rows("DROP TABLE IF EXISTS core_price_bad");
        database.rows(&format!("CREATE TABLE core_price_bad ({columns}) {end}"));
        for more in [&[][..], &["--check"], &["--incremental"]] {
            let text = database.must_fail(&[&run[..], more].concat(), "core_price_bad");
            assert!(text.contains(named), "{text}");
        }
        assert_eq!(
            database.number("SELECT count() FROM tables() WHERE table_name IN ('market_data_bad', 'fx_trades_bad')"),
            0
        );
    }
    // Tables of the seed's generator, without keys and best prices, are given both and their readers' columns stay first.
    database.rows("CREATE TABLE market_data_seed (timestamp TIMESTAMP, symbol SYMBOL CAPACITY 15000, bids DOUBLE[][], asks DOUBLE[][]) TIMESTAMP(timestamp) PARTITION BY HOUR");
    database.must_run(&["--suffix", "_seed", "--total_market_data_events", "5_000"]);
    database.must_run(&["--suffix", "_seed", "--total_market_data_events", "5_000"]);
    assert_eq!(database.number("SELECT count() FROM market_data_seed"), 5_000);
    assert_eq!(database.rows("SELECT * FROM market_data_seed LIMIT 1")[0].len(), 6);
    // A table that is suspended ends a run by its name and its remedy.
    database.rows("ALTER TABLE core_price_seed SUSPEND WAL");
    let remedy = "ALTER TABLE core_price_seed RESUME WAL";
    database.must_fail(&["--suffix", "_seed", "--total_market_data_events", "5_000"], remedy);
    database.rows(remedy);
}

#[test]
fn a_table_that_is_suspended_in_mid_run_ends_the_run_by_its_name() {
    let database = shared();
    let run =
        ["--mode", "real-time", "--suffix", "_halted", "--create_views", "false", "--market_data_max_eps", "1200"];
    let mut running = Running::start(database.generator(&run));
    running.until("made table fx_trades_halted");
    std::thread::sleep(Duration::from_millis(1_500));
    database.rows("ALTER TABLE market_data_halted SUSPEND WAL");
    let (ok, text) = running.end();
    assert!(!ok && text.contains("ALTER TABLE market_data_halted RESUME WAL"), "{text}");
    database.rows("ALTER TABLE market_data_halted RESUME WAL");
}

#[test]
fn a_check_makes_nothing_and_a_short_time_to_live_is_set_where_it_is_asked_for() {
    let database = shared();
    let text = database.must_run(&["--suffix", "_ttl", "--check"]);
    for line in ["ok   configuration:", "ok   database:", "ok   tables:", "ok   line protocol:"] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(database.number("SELECT count() FROM tables() WHERE table_name LIKE '%_ttl'"), 0);
    database.must_run(&[
        "--suffix",
        "_ttl",
        "--short_ttl",
        "--total_market_data_events",
        "3_000",
        "--lei_pool_size",
        "2",
    ]);
    let ttl = |name: &str| {
        let rows = database.rows(&format!("SELECT ttlValue, ttlUnit FROM tables() WHERE table_name = '{name}'"));
        rows[0].iter().map(|value| value.clone().unwrap()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!([ttl("market_data_ttl"), ttl("fx_trades_ttl"), ttl("bbo_1s_ttl")], ["3 DAY", "1 MONTH", "3 DAY"]);
    assert_eq!(database.number("SELECT count_distinct(counterparty) FROM fx_trades_ttl"), 2);
    database.must_run(&["--suffix", "_long", "--total_market_data_events", "3_000"]);
    assert_eq!([ttl("market_data_long"), ttl("core_price_1s_long")], ["0 HOUR", "4 HOUR"]);
}
