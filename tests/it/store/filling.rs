//! A history in parts: written one by one, or a month as a whole.

use klined::store::{Fill, FillRoles, MonthFilled, StoreError, Supply};

use super::*;
use crate::on_every_backend;

fn roles(desk: &Desk) -> FillRoles<'_> {
    FillRoles { writer: &desk.writer, aggregator: Some(&desk.aggregator) }
}

/// A symbol's part: some minutes with all that belongs to them, and roll-ups.
fn part(name: &str, minutes: &[Minute]) -> Fill {
    let bars: Vec<(Interval, Bar)> =
        [Interval::Month, Interval::Minute5, Interval::Day].map(|interval| (interval, bar(minutes[0], 77, 7))).into();
    let rollups = vec![RollupWrite { bars, ..folding_to(name, minutes[minutes.len() - 1].start()) }];
    Fill { batch: full_batch(name, minutes), rollups }
}

fn parts() -> Vec<Fill> {
    ["AAA", "BBB", "CCC"].map(|name| part(name, &minutes(1_500))).into()
}

/// Supplies parts one after another, and then ends.
fn supply(desk: &Desk, parts: Vec<Fill>, end: fn() -> Supply) -> Result<MonthFilled, StoreError> {
    let mut parts = parts.into_iter();
    desk.store.fill_month(roles(desk), date(DAY), &mut || parts.next().map_or_else(end, Supply::Part))
}

/// The same on a database of its own.
fn filled_in_parts(backend: Backend) -> Vec<String> {
    let database = Database::new(backend);
    let desk = Desk::of(&database);
    parts().iter().for_each(|part| desk.store.fill(roles(&desk), part).unwrap());
    everything(&database)
}

on_every_backend! {
    fn a_part_is_written_with_its_roll_ups_and_the_watermark(database: &Database) {
        let desk = Desk::of(database);
        desk.store.fill(roles(&desk), &part("AAA", &minutes(300))).unwrap();
        assert_eq!(desk.minute_bars("AAA"), bars_of("AAA", &minutes(300)));
        assert_eq!(desk.bars("AAA", Interval::Month).len(), 1);
        assert_eq!(desk.store.watermarks().unwrap()[&symbol("AAA")], minutes(300)[299].start());
        assert_eq!(desk.tasks(), []);
        let before = everything(database);
        desk.store.fill(roles(&desk), &part("AAA", &minutes(300))).unwrap();
        assert_eq!(everything(database), before);
    }

    fn a_part_fails_as_a_whole(database: &Database) {
        let desk = Desk::of(database);
        desk.store.fill(roles(&desk), &part("AAA", &minutes(3))).unwrap();
        let before = everything(database);
        for table in ["stock_state", "rollup_watermark", "model_checkpoint"] {
            break_table(database, table, "UPDATE");
            desk.store.fill(roles(&desk), &part("AAA", &minutes(3_000))).unwrap_err();
            mend_table(database, table);
            assert_eq!(everything(database), before, "{table}");
        }
    }

    fn who_has_lost_one_of_the_roles_fills_nothing(database: &Database) {
        for role in [Role::Writer, Role::Aggregator] {
            let desk = Desk::of(database);
            let before = everything(database);
            database.execute(&format!("UPDATE role_epoch SET epoch = epoch + 1 WHERE role = '{}'", role.as_str()));
            let lost = |error| matches!(error, StoreError::RoleLost { role: lost } if lost == role);
            assert!(lost(desk.store.fill(roles(&desk), &part("AAA", &minutes(3))).unwrap_err()));
            if database.backend == Backend::Postgres {
                assert!(lost(supply(&desk, parts(), || Supply::End).unwrap_err()));
            }
            assert_eq!(everything(database), before);
        }
    }

    fn later_bars_are_told_of_by_symbol(database: &Database) {
        let desk = Desk::of(database);
        let minutes = minutes(3);
        desk.write_bars([bars_of("AAA", &minutes), bars_of("BBB", &minutes[..2])].concat());
        let after = |instant| {
            let ends = ["AAA", "BBB", "CCC"].map(|name| (symbol(name), instant));
            desk.store.bars_after(&ends).unwrap().iter().map(Symbol::to_string).collect::<Vec<_>>()
        };
        assert_eq!(after(0), ["AAA", "BBB"]);
        assert_eq!(after(minutes[1].start()), ["AAA"]);
        assert_eq!(after(minutes[2].start()), [""; 0]);
    }

    fn a_month_is_written_whole_or_not_at_all_where_it_has_rows(database: &Database) {
        let desk = Desk::of(database);
        desk.write_bars(bars_of("OLD", &minutes(1)));
        let before = everything(database);
        let unasked = || panic!("nothing may be asked of the supplier");
        let filled = desk.store.fill_month(roles(&desk), date(DAY), &mut { unasked }).unwrap();
        assert!(matches!(filled, MonthFilled::Unsuited(_)), "{filled:?}");
        assert_eq!(everything(database), before);
    }
}

#[test]
fn a_month_written_whole_is_what_its_parts_make() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    assert_eq!(supply(&desk, parts(), || Supply::End).unwrap(), MonthFilled::Written);
    assert_eq!(everything(&database), filled_in_parts(Backend::Postgres));
    assert_eq!(desk.tasks(), []);
    // From then on it is a partition like others: keys, notes of changes, nothing left over.
    desk.store.fill(roles(&desk), &part("AAA", &minutes(1_500))).unwrap();
    let early = minutes(3)[1].start();
    database.execute(&format!("UPDATE market_klines SET volume = 1 WHERE symbol = 'AAA' AND interval = '1m' AND time = {early}"));
    database.execute(&format!("DELETE FROM market_klines_2026_01 WHERE symbol = 'BBB' AND interval = '1m' AND time = {early}"));
    database.execute(&format!(
        "INSERT INTO market_klines_2026_01 (symbol, interval, time, open, high, low, close, volume) \
         VALUES ('CCC', '1m', {}, 1, 1, 1, 1, 1)",
        early + 1
    ));
    assert_eq!(desk.changes(), [("AAA", early), ("BBB", early), ("CCC", early + 1)].map(|(name, at)| (name.to_owned(), at)));
}

#[test]
fn a_month_written_whole_has_the_partition_that_is_made_ahead() {
    let (whole, ahead) = (Database::new(Backend::Postgres), Database::new(Backend::Postgres));
    let (one, _other) = (Desk::of(&whole), Desk::of(&ahead));
    assert_eq!(supply(&one, parts(), || Supply::End).unwrap(), MonthFilled::Written);
    assert_eq!(crate::schema::dump(&whole), crate::schema::dump(&ahead));
}

#[test]
fn a_month_that_is_given_up_or_fails_leaves_nothing() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    let before = everything(&database);
    assert_eq!(supply(&desk, parts(), || Supply::Abort).unwrap(), MonthFilled::Aborted);
    assert_eq!(everything(&database), before);
    // Twice the same symbol: the key cannot be built.
    let error = supply(&desk, [parts(), parts()].concat(), || Supply::End).unwrap_err();
    assert!(error.to_string().contains("attach a month") && !error.is_retriable(), "{error}");
    // A bar of another month.
    let february = SHANGHAI.minutes_of(date("2026-02-02")).take(3).collect::<Vec<_>>();
    supply(&desk, vec![part("AAA", &february)], || Supply::End).unwrap_err();
    for table in ["stock_state", "rollup_watermark"] {
        break_table(&database, table, "INSERT");
        supply(&desk, parts(), || Supply::End).unwrap_err();
        mend_table(&database, table);
    }
    assert_eq!(everything(&database), before);
    assert_eq!(database.value("SELECT count(*)::text AS text FROM pg_class WHERE relname ~ 'loading'"), "0");
    assert_eq!(supply(&desk, parts(), || Supply::End).unwrap(), MonthFilled::Written);
}

#[test]
fn a_month_written_whole_notes_bars_behind_the_watermark() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    desk.write(&Batch { listings: vec![listing("AAA", DAY, None)], ..Batch::default() });
    desk.fold(&[folding_to("AAA", minutes(900)[899].start())]);
    let unfolded = |name| Fill { rollups: vec![], ..part(name, &minutes(1_500)) };
    assert_eq!(supply(&desk, vec![unfolded("AAA"), unfolded("BBB")], || Supply::End).unwrap(), MonthFilled::Written);
    assert_eq!(desk.changes(), [("AAA".to_owned(), minutes(1)[0].start())]);
}

#[test]
fn roll_ups_of_the_month_before_go_where_they_belong() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    desk.store.ensure_partitions(date("2025-12-31"), date("2025-12-31")).unwrap();
    let monday = SHANGHAI.open_of(date("2025-12-29")).unwrap();
    let mut early = part("AAA", &minutes(300));
    early.rollups[0].bars.push((Interval::Week, bar(monday, 55, 5)));
    assert_eq!(supply(&desk, vec![early], || Supply::End).unwrap(), MonthFilled::Written);
    let week = &desk.bars("AAA", Interval::Week)[0];
    assert_eq!((week.time, week.volume), (monday.start(), 5));
    assert_eq!(database.value("SELECT count(*)::text AS text FROM market_klines_2025_12"), "1");
}

#[test]
fn a_month_behind_the_horizon_is_left_to_be_passed_over() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    desk.store.claim(&klined::store::Identity { seed: 1, model: "gbm-1".to_owned() }, &[]).unwrap();
    desk.store.retain_from(&desk.writer, SHANGHAI.open_of(date("2026-02-02")).unwrap().start(), &|| false).unwrap();
    let filled = supply(&desk, parts(), || Supply::End).unwrap();
    assert!(matches!(filled, MonthFilled::Unsuited(_)), "{filled:?}");
    desk.store.fill(roles(&desk), &part("AAA", &minutes(1_500))).unwrap();
    assert_eq!(desk.minute_bars("AAA"), []);
}
