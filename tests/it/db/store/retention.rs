//! The horizon: bars before it are removed, are not noted as changes, and are not written again.

use klined::store::StoreError;
use klined_market::calendar::Hours;

use super::*;
use crate::on_every_backend;

/// 2026-02-01 00:00 in Shanghai.
const FEBRUARY: UnixSeconds = UnixSeconds::new(1_769_875_200);

/// The last ten minutes of January and the first ten of February.
fn turn_of_the_month() -> Vec<Minute> {
    let day = |text: &str| SHANGHAI.minutes_of(date(text)).collect::<Vec<_>>();
    [&day("2026-01-30")[230..], &day("2026-02-02")[..10]].concat()
}

fn never() -> bool {
    false
}

/// Bars of two symbols on both sides of the turn of the month, and roll-ups of each.
fn desk(database: &Database) -> Desk {
    let desk = Desk::of(database);
    desk.store.claim(&klined::store::Identity { seed: 1, model: "gbm-1".to_owned(), hours: Hours::Sse }, &[]).unwrap();
    let minutes = turn_of_the_month();
    for name in ["AAA", "BBB"] {
        desk.write(&full_batch(name, &minutes));
        let bars = [Interval::Minute5, Interval::Day, Interval::Week, Interval::Month];
        let both = |interval| [(interval, bar(minutes[0], 1, 1)), (interval, bar(minutes[10], 1, 1))];
        let bars = bars.into_iter().flat_map(both).collect();
        desk.fold(&[RollupWrite { bars, ..folding_to(name, minutes[19].start()) }]);
    }
    desk
}

fn earliest(database: &Database) -> String {
    database.value("SELECT CAST(min(time) AS text) || ' ' || count(*) AS text FROM market_klines")
}

on_every_backend! {
    fn bars_before_the_horizon_are_removed_and_are_no_change(database: &Database) {
        let desk = desk(database);
        assert_eq!(desk.store.retained_from().unwrap(), None);
        assert!(desk.store.retain_from(&desk.writer, FEBRUARY, &never).unwrap());
        assert_eq!(earliest(database), format!("{} {}", turn_of_the_month()[10].start(), 2 * (10 + 4)));
        assert_eq!(desk.store.retained_from().unwrap(), Some(FEBRUARY));
        assert_eq!(desk.tasks(), []);
        // Again, and with an earlier horizon, nothing happens.
        let before = everything(database);
        assert!(desk.store.retain_from(&desk.writer, FEBRUARY, &never).unwrap());
        assert!(desk.store.retain_from(&desk.writer, FEBRUARY - Seconds::DAY * 31, &never).unwrap());
        assert_eq!(desk.store.retained_from().unwrap(), Some(FEBRUARY));
        assert_eq!(everything(database), before);
        // A change behind it still is one.
        database.execute(&format!("DELETE FROM market_klines WHERE time = {} AND interval = '1m'", turn_of_the_month()[11].start()));
        assert_eq!(desk.changes().len(), 2);
    }

    fn nothing_is_written_before_the_horizon(database: &Database) {
        let desk = desk(database);
        desk.store.retain_from(&desk.writer, FEBRUARY, &never).unwrap();
        let kept = everything(database);
        let minutes = turn_of_the_month();
        // In bulk too, and though its month may have no place any more.
        let january: Vec<Minute> = trading_days_from(date("2026-01-05"), 19).into_iter().flat_map(|day| SHANGHAI.minutes_of(day)).collect();
        for minutes in [&minutes[..10], &january] {
            desk.write(&full_batch("AAA", minutes));
            let bars = minutes.iter().map(|&minute| (Interval::Minute5, bar(minute, 1, 1))).collect();
            desk.fold(&[RollupWrite { replace_from: None, bars, ..folding_to("AAA", minutes[0].start()) }]);
        }
        // All that belongs to the bars is written, and what lies behind the horizon.
        desk.write(&full_batch("AAA", &minutes));
        desk.fold(&[folding_to("AAA", minutes[19].start())]);
        let market = |all: &[String]| all.iter().filter(|row| !row.starts_with("AAA 1769")).cloned().collect::<Vec<_>>();
        assert_eq!(earliest(database), format!("{} {}", minutes[10].start(), 2 * (10 + 4)));
        assert_eq!(market(&everything(database)).len(), market(&kept).len());
    }

    fn a_removal_that_is_stopped_is_finished_by_the_next(database: &Database) {
        let desk = desk(database);
        assert!(!desk.store.retain_from(&desk.writer, FEBRUARY, &|| true).unwrap());
        assert_eq!(desk.store.retained_from().unwrap(), Some(FEBRUARY));
        assert!(earliest(database).starts_with(&turn_of_the_month()[0].start().to_string()));
        assert!(desk.store.retain_from(&desk.writer, FEBRUARY, &never).unwrap());
        assert!(earliest(database).starts_with(&turn_of_the_month()[10].start().to_string()));
    }

    fn a_new_market_has_no_horizon(database: &Database) {
        let desk = desk(database);
        desk.store.retain_from(&desk.writer, FEBRUARY, &never).unwrap();
        desk.store.clear(&desk.writer, None).unwrap();
        assert_eq!(desk.store.retained_from().unwrap(), None);
    }

    fn a_process_that_lost_the_writers_role_removes_nothing(database: &Database) {
        let desk = desk(database);
        database.execute("UPDATE role_epoch SET epoch = epoch + 1 WHERE role = 'writer'");
        let before = everything(database);
        let error = desk.store.retain_from(&desk.writer, FEBRUARY, &never).unwrap_err();
        assert!(matches!(error, StoreError::RoleLost { role: Role::Writer }), "{error}");
        assert_eq!((everything(database), desk.store.retained_from().unwrap()), (before, None));
    }
}

#[test]
fn whole_months_go_with_their_partitions_and_can_come_back() {
    let database = Database::new(Backend::Postgres);
    let desk = desk(&database);
    desk.store.ensure_partitions(date("2025-10-01"), date("2026-02-28")).unwrap();
    desk.store.retain_from(&desk.writer, FEBRUARY, &never).unwrap();
    let tables =
        "SELECT relname::text AS text FROM pg_class WHERE relname ~ '^market_klines_2' AND relkind = 'r' ORDER BY 1";
    assert_eq!(database.column(tables), ["market_klines_2026_02"]);
    desk.store.ensure_partitions(date("2026-01-01"), date("2026-02-28")).unwrap();
    assert_eq!(database.column(tables), ["market_klines_2026_01", "market_klines_2026_02"]);
}

#[test]
fn a_reader_that_does_not_end_puts_the_removal_off_but_not_the_horizon() {
    let database = Database::new(Backend::Postgres);
    let desk = desk(&database);
    let mut reader = OtherSession::of(&database);
    reader.execute("BEGIN; LOCK TABLE market_klines_2026_01 IN ACCESS SHARE MODE");
    let error = desk.store.retain_from(&desk.writer, FEBRUARY, &never).unwrap_err();
    assert!(error.is_retriable(), "{error}");
    assert_eq!(desk.store.retained_from().unwrap(), Some(FEBRUARY));
    reader.execute("COMMIT");
    assert!(desk.store.retain_from(&desk.writer, FEBRUARY, &never).unwrap());
}

#[test]
fn the_horizon_waits_until_no_write_uses_the_old_one() {
    let database = Database::new(Backend::Postgres);
    drop(desk(&database));
    let store = klined::store::open(&options(&database, 2, Duration::from_secs(1))).unwrap();
    let writer = store.acquire(Role::Writer).unwrap();
    let mut aggregator = OtherSession::of(&database);
    aggregator.execute("BEGIN; SELECT FROM role_epoch WHERE role = 'aggregator' FOR SHARE");
    assert!(store.retain_from(&writer, FEBRUARY, &never).unwrap_err().is_retriable());
    assert_eq!(store.retained_from().unwrap(), None);
    aggregator.execute("COMMIT");
    assert!(store.retain_from(&writer, FEBRUARY, &never).unwrap());
}
