//! Which test covers which defect of the generator that this one takes the place of.
//!
//! | | the defect | the test |
//! |---|---|---|
//! | 1 | rows over TCP to a server that wants a key are lost and the run counts as good | `auth::a_server_that_wants_to_know_who_asks` |
//! | 2 | a suspended table: nothing is applied and the run counts as good, or it pauses for ever | `questdb::a_table_that_is_suspended_in_mid_run_ends_the_run_by_its_name`, `questdb::tables_that_cannot_take_the_rows_are_named_and_nothing_is_made` |
//! | 3 | a worker that died counts as one that is done | `service::a_worker_that_dies_ends_the_run_with_an_error` |
//! | 4 | the same start twice doubles the rows | `questdb::a_run_that_is_killed_at_any_instant_and_started_again_ends_with_the_rows_of_an_undisturbed_one` |
//! | 5 | no seed: no run can be repeated | `questdb::workers_protocols_blocks_and_a_plan_in_two_parts_make_the_same_tables`, `purity::any_number_of_workers_makes_the_same_bytes` |
//! | 6 | a pause ends without another look, and one table alone is watched | `questdb::pressure::tests::any_table_closes_the_gate_and_a_whole_interval_without_lag_opens_it`, `faults::every_fault_of_the_server_leads_to_the_rows_of_an_undisturbed_run` |
//! | 7 | a price is that of a random deep level, and --incremental begins with it | `laws::a_price_row_is_the_first_level_of_the_book`, `questdb::workers_protocols_blocks_and_a_plan_in_two_parts_make_the_same_tables` |
//! | 8 | pairs that are rounded to four decimals stand still | `laws::all_thirty_pairs_move_within_seconds` |
//! | 9 | volatility is several times the real one | `realism` |
//! | 10 | crosses are apart from the pairs that they follow from | `realism` |
//! | 11 | a second of real time takes longer than a second | `questdb::pace::tests::an_hour_drifts_by_less_than_50_ms_although_work_takes_time_and_waits_take_too_long` |
//! | 12 | news is as frequent as none | `laws::most_prices_are_normal`, `realism` |
//! | 13 | no weekend, no hours | `plan::tests::a_closed_market_has_no_seconds`, `realism` |
//! | 14 | memory grows with the plan | `a_plan_of_any_length_takes_the_same_memory` |
//! | 15 | an offset in a time is read as UTC | `choice::times::tests::offsets_are_honoured_and_none_means_utc`, `questdb::workers_protocols_blocks_and_a_plan_in_two_parts_make_the_same_tables` |
//! | 16 | any certificate is trusted | `auth::a_server_that_wants_to_know_who_asks` |
//! | 17 | more than ten levels: no rows, and the run counts as good | `books_may_have_a_hundred_levels` |
//! | 18 | two orders take the same size; entities without check digits; a table definition that the server refuses | `laws::a_trade_takes_from_the_book_what_it_shows_and_no_size_is_taken_twice`, `out::entities::tests::every_identifier_has_right_check_digits`, `questdb` |
//! | 19 | rows behind --end_ts | `program::rows_end_before_the_end`, `questdb::workers_protocols_blocks_and_a_plan_in_two_parts_make_the_same_tables` |

use std::process::Command;
use std::time::Duration;

use super::database::{Running, START, shared};

#[test]
fn books_may_have_a_hundred_levels() {
    let database = shared();
    let levels = ["--min_levels", "100", "--max_levels", "100", "--create_views", "false"];
    database.must_run(&[&["--suffix", "_deep", "--total_market_data_events", "3_000"], &levels[..]].concat());
    let deep = "SELECT count() FROM market_data_deep WHERE dim_length(bids, 2) = 100 AND dim_length(asks, 2) = 100";
    assert_eq!(database.number(deep), 3_000);
}

#[test]
fn a_plan_of_any_length_takes_the_same_memory() {
    let place = tempfile::tempdir().unwrap();
    // A trillion books are years of the market; some minutes of them are made.
    let to = format!("file:{}", place.path().display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_fx-generator"));
    command.args(["--mode", "faster-than-life", "--start_ts", START, "--to", &to, "--processes", "1"]);
    command.args(["--market_data_max_eps", "2000", "--total_market_data_events", "1_000_000_000_000"]);
    command.env("KLINED_NO_LOG_FILES", "1");
    let running = Running::start(command);
    let (file, status) = (place.path().join("market_data.csv.partial"), format!("/proc/{}/status", running.id()));
    let resident_at = |bytes: u64| -> u64 {
        let is_short = || !file.exists() || file.metadata().unwrap().len() < bytes;
        for _ in (0..15_000).take_while(|_| is_short()) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(!is_short(), "{bytes} bytes were not written");
        let status = std::fs::read_to_string(&status).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    // The allocator's arenas fill during the first rows, at a speed that depends on the machine.
    let (early, late) = (resident_at(60_000_000), resident_at(360_000_000));
    running.kill();
    // Three hundred megabytes of rows are written between the two, and the plan has terabytes.
    assert!(late < early + 100_000, "{early} and then {late} kilobytes");
}

#[test]
fn the_table_above_names_tests_that_exist() {
    let sources = [
        include_str!("auth.rs"),
        include_str!("faults.rs"),
        include_str!("laws.rs"),
        include_str!("program.rs"),
        include_str!("purity.rs"),
        include_str!("questdb.rs"),
        include_str!("service.rs"),
        include_str!("defects.rs"),
        include_str!("../../src/choice/times.rs"),
        include_str!("../../src/out/entities.rs"),
        include_str!("../../src/plan.rs"),
        include_str!("../../src/questdb/pace.rs"),
        include_str!("../../src/questdb/pressure.rs"),
    ];
    let rows: Vec<&str> = sources[7].lines().filter(|line| line.starts_with("//! | ")).skip(1).collect();
    assert_eq!(rows.len(), 19);
    for row in rows {
        let tests = row.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2);
        let named: Vec<&str> = tests.map(|test| test.rsplit("::").next().unwrap()).collect();
        assert!(!named.is_empty(), "{row}");
        for test in named.into_iter().filter(|test| !["realism", "questdb"].contains(test)) {
            assert!(sources.iter().any(|source| source.contains(&format!("fn {test}("))), "there is no test {test}");
        }
    }
}
