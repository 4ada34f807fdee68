//! Nothing unseen: 1-minute bars that come behind the watermark or are changed, by whatever program, turn up as repair
//! work.

use super::*;
use crate::on_every_backend;

/// Ten minutes of a symbol, of which eight are rolled up.
fn folded(database: &Database) -> (Desk, Vec<UnixSeconds>) {
    let desk = Desk::of(database);
    let minutes = minutes(10);
    desk.write(&full_batch("AAA", &minutes));
    desk.fold(&[folding_to("AAA", minutes[7].start())]);
    assert_eq!(desk.changes(), []);
    (desk, minutes.into_iter().map(Minute::start).collect())
}

fn insert(database: &Database, table: &str, name: &str, interval: &str, time: UnixSeconds) {
    database.execute(&format!(
        "INSERT INTO {table} (symbol, interval, time, open, high, low, close, volume) \
         VALUES ('{name}', '{interval}', {time}, 1, 1, 1, 1, 1)"
    ));
}

fn noted(name: &str, from: UnixSeconds) -> Vec<(String, UnixSeconds)> {
    vec![(name.to_owned(), from)]
}

fn settle(desk: &Desk, name: &str) {
    desk.fold(&[RollupWrite { folded_to: None, is_repaired: true, ..folding_to(name, UnixSeconds::EPOCH) }]);
}

fn notes(database: &Database) -> String {
    database.value("SELECT CAST(count(*) AS text) AS text FROM rollup_dirty")
}

on_every_backend! {
    fn the_writers_own_bars_are_no_change(database: &Database) {
        let (desk, times) = folded(database);
        assert_eq!(notes(database), "0");
        let [task] = desk.tasks()[..] else { panic!() };
        let expected = RollupTask {
            symbol: symbol("AAA"),
            folded_to: Some(times[7]),
            last_bar: Some(times[9]),
            changed_from: None,
        };
        assert_eq!(task, expected);
        desk.fold(&[folding_to("AAA", times[9])]);
        assert_eq!(desk.tasks(), []);
        // Nor is the same batch once more.
        desk.write(&full_batch("AAA", &minutes(10)));
        desk.write(&full_batch("BBB", &minutes(2_400)));
        desk.write(&full_batch("BBB", &minutes(2_400)));
        assert_eq!(notes(database), "0");
    }

    fn a_bar_that_the_writer_changes_behind_the_watermark_is_noted(database: &Database) {
        let (desk, times) = folded(database);
        desk.write_bars(vec![(symbol("AAA"), bar(minutes(10)[4], 1, 1))]);
        assert_eq!(desk.changes(), noted("AAA", times[4]));
    }

    fn a_bar_inserted_behind_the_watermark_is_noted(database: &Database) {
        let (desk, times) = folded(database);
        database.execute(&format!("DELETE FROM market_klines WHERE time IN ({}, {})", times[7], times[9]));
        desk.tasks();
        settle(&desk, "AAA");
        insert(database, "market_klines", "AAA", "1m", times[9]);
        assert_eq!(desk.changes(), []);
        insert(database, "market_klines", "AAA", "1m", times[7]);
        assert_eq!(desk.changes(), noted("AAA", times[7]));
        insert(database, "market_klines", "AAA", "1m", times[0] - Seconds::MINUTE);
        assert_eq!(desk.changes(), noted("AAA", times[0] - Seconds::MINUTE));
    }

    fn many_bars_inserted_at_once_are_noted_from_the_earliest_on(database: &Database) {
        let (desk, times) = folded(database);
        database.execute(&format!(
            "INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) VALUES \
             ('AAA', '1m', {0} + 7, 1, 1, 1, 1, 1), ('AAA', '1m', {0} + 3, 1, 1, 1, 1, 1), \
             ('AAA', '1m', {1} + 9, 1, 1, 1, 1, 1), ('ZZZ', '1m', {1} + 9, 1, 1, 1, 1, 1)",
            times[2], times[9]
        ));
        assert_eq!(desk.changes(), [noted("AAA", times[2] + Seconds::new(3)), noted("ZZZ", times[9] + Seconds::new(9))].concat());
    }

    fn a_bar_changed_anywhere_is_noted(database: &Database) {
        let (desk, times) = folded(database);
        for column in ["open", "high", "low", "close", "volume"] {
            let set = |time| format!("UPDATE market_klines SET {column} = {column} + 1 WHERE time = {time}");
            for (place, time) in [("behind", times[7]), ("ahead of", times[8])] {
                database.execute(&set(time));
                assert_eq!(desk.changes(), noted("AAA", time), "{column} {place} the watermark");
                settle(&desk, "AAA");
            }
        }
    }

    fn a_bar_removed_anywhere_is_noted(database: &Database) {
        let (desk, times) = folded(database);
        database.execute(&format!("DELETE FROM market_klines WHERE time = {}", times[8]));
        assert_eq!(desk.changes(), noted("AAA", times[8]));
        database.execute(&format!("DELETE FROM market_klines WHERE time = {}", times[7]));
        assert_eq!(desk.changes(), noted("AAA", times[7]));
        database.execute("DELETE FROM market_klines");
        assert_eq!(desk.changes(), noted("AAA", times[0]));
    }

    fn a_bar_moved_to_another_time_is_noted_at_both(database: &Database) {
        let (desk, times) = folded(database);
        let move_to = |from: UnixSeconds, to: UnixSeconds| {
            database.execute(&format!("UPDATE market_klines SET time = {to} WHERE time = {from}"));
            let changes = desk.changes();
            settle(&desk, "AAA");
            changes
        };
        assert_eq!(move_to(times[3], times[2].next()), noted("AAA", times[2].next()));
        assert_eq!(move_to(times[2].next(), times[3]), noted("AAA", times[2].next()));
        assert_eq!(move_to(times[9], times[1].next()), noted("AAA", times[1].next()));
        assert_eq!(move_to(times[1].next(), times[9]), noted("AAA", times[1].next()));
        assert_eq!(move_to(times[9], times[9].next()), noted("AAA", times[9]));
        // Into another month, which on PostgreSQL is another table, and back.
        let other_month = times[0] - Seconds::DAY * 10;
        desk.store.ensure_partitions(date("2025-12-01"), date("2025-12-01")).unwrap();
        assert_eq!(move_to(times[5], other_month), noted("AAA", other_month));
        assert_eq!(move_to(other_month, times[5]), noted("AAA", other_month));
        assert_eq!(move_to(times[8], other_month), noted("AAA", other_month));
        assert_eq!(move_to(other_month, times[8]), noted("AAA", other_month));
    }

    fn a_bar_that_becomes_another_symbols_or_intervals_is_noted(database: &Database) {
        let (desk, times) = folded(database);
        database.execute(&format!("UPDATE market_klines SET symbol = 'ZZZ' WHERE time = {}", times[4]));
        assert_eq!(desk.changes(), [noted("AAA", times[4]), noted("ZZZ", times[4])].concat());
        settle(&desk, "AAA");
        settle(&desk, "ZZZ");
        database.execute(&format!("UPDATE market_klines SET interval = '5m' WHERE time = {}", times[5]));
        assert_eq!(desk.changes(), noted("AAA", times[5]));
        settle(&desk, "AAA");
        database.execute(&format!("UPDATE market_klines SET interval = '1m' WHERE time = {}", times[5]));
        assert_eq!(desk.changes(), noted("AAA", times[5]));
    }

    fn a_change_that_changes_nothing_is_not_noted(database: &Database) {
        let (_desk, times) = folded(database);
        database.execute("UPDATE market_klines SET close = close, volume = volume + 0");
        database.execute("UPDATE market_klines SET created_at = '2001-01-01 00:00:00'");
        database.execute(&format!("UPDATE market_klines SET close = 1 WHERE time = {}", times[0].next()));
        assert_eq!(notes(database), "0");
    }

    fn roll_ups_are_no_change_of_a_symbol(database: &Database) {
        let (desk, times) = folded(database);
        insert(database, "market_klines", "AAA", "5m", times[0]);
        database.execute("UPDATE market_klines SET volume = 2 WHERE interval = '5m'");
        database.execute("DELETE FROM market_klines WHERE interval = '5m'");
        desk.fold(&[RollupWrite {
            replace_from: Some(UnixSeconds::EPOCH),
            bars: vec![(Interval::Day, bar(minutes(1)[0], 3, 3))],
            ..folding_to("AAA", times[7])
        }]);
        assert_eq!(notes(database), "0");
    }

    fn a_symbol_without_a_generator_is_all_repair_work(database: &Database) {
        let desk = Desk::of(database);
        let time = minutes(1)[0].start();
        insert(database, "market_klines", "OWN", "1m", time);
        let task = RollupTask { symbol: symbol("OWN"), folded_to: None, last_bar: None, changed_from: Some(time) };
        assert_eq!(desk.tasks(), [task]);
        settle(&desk, "OWN");
        assert_eq!(desk.tasks(), []);
        // A name that is no symbol is skipped, and the other symbols are still claimed.
        insert(database, "market_klines", "no symbol!", "1m", time);
        insert(database, "market_klines", "OWN", "1m", time + Seconds::MINUTE);
        assert_eq!(desk.changes(), noted("OWN", time + Seconds::MINUTE));
    }

    fn claimed_notes_stay_until_they_are_settled(database: &Database) {
        let (desk, times) = folded(database);
        database.execute(&format!("UPDATE market_klines SET volume = 1 WHERE time = {}", times[5]));
        assert_eq!(desk.changes(), noted("AAA", times[5]));
        assert_eq!(desk.changes(), noted("AAA", times[5]));
        // Neither roll-ups without a repair nor another symbol's repair settle them, nor does a new holder of the role.
        desk.fold(&[folding_to("AAA", times[8])]);
        settle(&desk, "BBB");
        let Desk { store, writer, aggregator } = desk;
        drop(aggregator);
        let aggregator = store.acquire(Role::Aggregator).unwrap();
        let desk = Desk { store, writer, aggregator };
        assert_eq!(desk.changes(), noted("AAA", times[5]));
        settle(&desk, "AAA");
        assert_eq!(desk.changes(), []);
        assert_eq!(notes(database), "0");
    }

    fn a_note_that_comes_between_claim_and_settling_survives(database: &Database) {
        let (desk, times) = folded(database);
        database.execute(&format!("UPDATE market_klines SET volume = 1 WHERE time = {}", times[2]));
        assert_eq!(desk.changes(), noted("AAA", times[2]));
        database.execute(&format!("UPDATE market_klines SET volume = 1 WHERE time = {}", times[6]));
        database.execute(&format!("UPDATE market_klines SET volume = 2 WHERE time = {}", times[2]));
        settle(&desk, "AAA");
        assert_eq!(desk.changes(), noted("AAA", times[2]));
        settle(&desk, "AAA");
        assert_eq!(desk.changes(), []);
    }
}

#[test]
fn a_change_made_directly_in_a_partition_is_noted() {
    let database = Database::new(Backend::Postgres);
    let (desk, times) = folded(&database);
    for (sql, at) in [
        ("UPDATE market_klines_2026_01 SET close = close + 1 WHERE time =", times[6]),
        ("DELETE FROM market_klines_2026_01 WHERE time =", times[5]),
    ] {
        database.execute(&format!("{sql} {at}"));
        assert_eq!(desk.changes(), noted("AAA", at), "{sql}");
        settle(&desk, "AAA");
    }
    insert(&database, "market_klines_2026_01", "AAA", "1m", times[5]);
    assert_eq!(desk.changes(), noted("AAA", times[5]));
    settle(&desk, "AAA");
    insert(&database, "market_klines_2026_01", "AAA", "1m", times[9].next());
    database.execute("UPDATE market_klines_2026_01 SET close = close");
    assert_eq!(desk.changes(), []);
}
