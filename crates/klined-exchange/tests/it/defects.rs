//! Which test covers which defect of the original: the table of the exchange's contract. Tests are Rust functions here, in the servers' tests
//! (`servers::`) and in the library, and functions of the scripts that run readers of others (`readers::`).
//!
//! | | the defect | the test |
//! |---|---|---|
//! | 1 | every deletion and execution has a new order number, and books of readers cross | `readers::check_itch_book`, `readers::check_meatpy`, `readers::check_itchcpp`, `readers::check_dbn`, `readers::check_hftbacktest` |
//! | 2 | the depth at the open and refilled levels are never announced | `readers::check_itch_book`, `orders::tests::a_reader_of_the_orders_has_the_models_book_after_every_event` |
//! | 3 | order numbers repeat across symbols; times 0; stock directory after the open; locates in order of arrival | `readers::check_itchfeed`, `readers::check_itch_book`, `logs::the_messages_of_an_itch_feed_come_in_the_order_of_the_exchange` |
//! | 4 | MoldUDP64 without heartbeat, end of session and requests; a session begins again at 1; the last packet waits | `feed::a_receiver_that_loses_packets_rebuilds_the_feed_exactly`, `feed::an_idle_feed_sends_heartbeats_and_no_packet_waits`, `feed::a_feed_that_starts_again_numbers_the_same_messages_as_before` |
//! | 5 | a restart writes day 1 again over old files, sends everything again; no manifest until the end | `producer::killed_ten_times_a_run_ends_in_the_bytes_of_one_that_never_stopped`, `servers::a_producer_that_is_killed_again_and_again_sends_nothing_twice`, `producer::the_manifest_is_there_from_the_start` |
//! | 6 | a torn chunk: the file is refused; a count that is not true ends the reader | `log::cut_at_every_byte_of_its_end_a_log_gives_its_whole_chunks_and_is_repaired_and_resumed`, `log::damaged_bytes_are_read_or_refused_and_never_more`, `log::lying_headers_are_refused_with_their_place`, `logs::a_torn_log_is_named_by_verify_and_whole_after_repair` |
//! | 7 | SIGTERM cuts a day that is listed as whole; a pause is deaf for five seconds | `producer::stopped_in_mid_day_the_day_is_marked_and_made_on_to_the_same_bytes`, `producer::a_pause_between_days_ends_at_once_too` |
//! | 8 | without a broker: ten events a second, silent loss, exit status 0 | `servers::a_broker_that_is_away_holds_no_file_up_and_the_topic_is_complete_later` |
//! | 9 | all simulated days have one date, and the best prices are yesterday's | `servers::tables_hold_what_the_logs_hold_at_midday_of_the_second_day_and_after_a_kill` |
//! | 10 | flags, dates, seeds, speeds and symbols that cannot be are accepted; a model with more levels than the book gives an empty day | `refusals::bad_flags_are_refused_by_name_and_nothing_is_written` |
//! | 11 | a full disk aborts; prices below zero | `disk::a_full_disk_ends_the_run_with_words_and_the_next_start_goes_on`, `disk::a_file_that_may_not_grow_ends_the_run_with_words_and_the_next_start_goes_on`, `variants::no_bid_is_below_the_floor_and_above_it_the_path_is_the_same` |
//! | 12 | calibration begins dwells at midnight and drops censored time | `calibrate::estimated_rates_are_those_of_the_curves_and_so_are_those_of_the_next_round` |
//! | 13 | seeds meet after 1,024 days; holidays are traded | `variants::distinct_seeds_never_meet_and_sequential_ones_do_after_1024_days`, `variants::a_run_with_a_floor_opens_above_it_every_day_and_does_not_depend_on_threads_or_stops` |
//! | 14 | the tool for one session has another model, without orders inside the spread | `golden::ten_seconds`, `golden::two_days_of_the_simple_model`, `producer::one_security_without_a_name_has_the_older_layout` |

#[test]
fn the_table_above_names_tests_that_exist() {
    let table = include_str!("defects.rs");
    let sources = [
        ("calibrate", include_str!("calibrate.rs")),
        ("disk", include_str!("disk.rs")),
        ("feed", include_str!("feed.rs")),
        ("golden", include_str!("golden.rs")),
        ("log", include_str!("log.rs")),
        ("logs", include_str!("logs.rs")),
        ("orders", include_str!("../../src/orders.rs")),
        ("producer", include_str!("producer.rs")),
        ("refusals", include_str!("refusals.rs")),
        ("variants", include_str!("variants.rs")),
        ("servers", include_str!("../servers/kafka.rs")),
        ("servers", include_str!("../servers/clickhouse.rs")),
        ("readers", include_str!("../readers/check.py")),
        ("readers", include_str!("../readers/check_archives.py")),
    ];
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("//! | ")).skip(1).collect();
    assert_eq!(rows.len(), 14);
    for row in rows {
        let tests: Vec<&str> = row.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "{row}");
        for test in tests {
            let (place, name) = (test.split("::").next().unwrap(), test.rsplit("::").next().unwrap());
            let found = sources
                .iter()
                .filter(|(source, _)| *source == place)
                .any(|(_, text)| text.contains(&format!("fn {name}(")) || text.contains(&format!("def {name}(")));
            assert!(found, "there is no test {test}");
        }
    }
}
