//! Month partitions on PostgreSQL, and that SQLite gets by without.

use klined_market::calendar::Hours;

use super::*;

fn names(database: &Database) -> Vec<String> {
    database.column(
        "SELECT inhrelid::regclass::text AS text FROM pg_inherits WHERE inhparent = 'market_klines'::regclass ORDER BY 1",
    )
}

fn with_bar_at(database: &Database, time: i64) -> String {
    database.execute(&format!(
        "INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) \
         VALUES ('AAA', '1m', {time}, 1, 1, 1, 1, 1)"
    ));
    database.value(&format!("SELECT tableoid::regclass::text AS text FROM market_klines WHERE time = {time}"))
}

#[test]
fn months_begin_and_end_with_the_midnights_of_shanghai() {
    let database = Database::new(Backend::Postgres);
    let store = database.open();
    // 1991 had daylight saving time from 14 April to 15 September; a year ends between the last two.
    let months = [("1991-04-20", "1991-09-20"), ("2025-12-31", "2026-01-01")];
    for (from, to) in months {
        store.ensure_partitions(date(from), date(to)).unwrap();
    }
    let expected = ["1991_04", "1991_05", "1991_06", "1991_07", "1991_08", "1991_09", "2025_12", "2026_01"];
    assert_eq!(names(&database), expected.map(|month| format!("market_klines_{month}")));
    // Bounds as PostgreSQL itself reckons them, by its own table of time zones.
    for month in expected {
        let midnight = format!("to_date('{month}', 'YYYY_MM')::timestamp");
        let bound = |instant: &str| {
            database.value(&format!(
                "SELECT extract(epoch FROM ({midnight} + {instant}) AT TIME ZONE 'Asia/Shanghai')::bigint::text AS text"
            ))
        };
        let (first, next) = (bound("interval '0'"), bound("interval '1 month'"));
        let partition = format!("market_klines_{month}");
        let found = database.value(&format!(
            "SELECT pg_get_expr(relpartbound, oid) AS text FROM pg_class WHERE relname = '{partition}'"
        ));
        assert_eq!(found, format!("FOR VALUES FROM ('{first}') TO ('{next}')"), "{month}");
        assert_eq!(with_bar_at(&database, first.parse().unwrap()), partition);
        assert_eq!(with_bar_at(&database, next.parse::<i64>().unwrap() - 1), partition);
    }
}

#[test]
fn partitions_are_made_once_however_often_and_by_whomever_they_are_asked_for() {
    let database = Database::new(Backend::Postgres);
    let stores = [database.open(), database.open_empty()];
    let (from, to) = (date("2026-01-01"), date("2027-06-30"));
    std::thread::scope(|scope| {
        let makers: Vec<_> =
            stores.iter().map(|store| scope.spawn(move || store.ensure_partitions(from, to).unwrap())).collect();
        makers.into_iter().for_each(|maker| maker.join().unwrap());
    });
    assert_eq!(names(&database).len(), 18);
    for store in stores.iter().chain([&database.open_empty()]) {
        store.ensure_partitions(from, to).unwrap();
        store.ensure_partitions(to, from).unwrap();
    }
    assert_eq!(names(&database).len(), 18);
}

#[test]
fn a_partition_has_the_key_and_the_notes_of_the_whole_table() {
    let database = Database::new(Backend::Postgres);
    Desk::of(&database);
    let count = |sql: &str| database.value(&format!("SELECT count(*)::text AS text FROM {sql}"));
    assert_eq!(
        count("pg_index WHERE indrelid = 'market_klines_2026_01'::regclass AND indisprimary AND indisvalid"),
        "1"
    );
    assert_eq!(count("pg_trigger WHERE tgrelid = 'market_klines_2026_01'::regclass"), "3");
}

#[test]
fn a_partition_that_is_missing_when_bars_come_is_made() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    // One by arrays, one by COPY over the end of a month, one for roll-ups.
    let days = |from: &str, count: usize| -> Vec<Minute> {
        trading_days_from(date(from), count).into_iter().flat_map(|day| SHANGHAI.minutes_of(day)).collect()
    };
    let (few, many) = (days("2026-03-02", 1), days("2026-04-20", 15));
    desk.write(&full_batch("AAA", &few));
    desk.write(&full_batch("AAA", &many));
    assert_eq!(desk.bars("AAA", Interval::Minute1).len(), few.len() + many.len());
    let july = days("2026-07-01", 1);
    let bars = vec![(Interval::Day, bar(july[0], 1000, 100))];
    let write = RollupWrite { symbol: symbol("AAA"), replace_from: None, bars, folded_to: None, is_repaired: false };
    desk.store.write_rollups(&desk.aggregator, &[write]).unwrap();
    assert_eq!(desk.bars("AAA", Interval::Day).len(), 1);
    let expected = ["2026_01", "2026_02", "2026_03", "2026_04", "2026_05", "2026_07"];
    assert_eq!(names(&database), expected.map(|month| format!("market_klines_{month}")));
}

#[test]
fn sqlite_needs_no_partitions() {
    let database = Database::new(Backend::Sqlite);
    let store = database.open();
    store.ensure_partitions(date("1990-12-01"), date("2100-01-01")).unwrap();
    let writer = store.acquire(Role::Writer).unwrap();
    let minute = SHANGHAI.open_of(date("1990-12-19")).unwrap();
    store.write(&writer, &full_batch("AAA", &[minute])).unwrap();
}

#[test]
fn what_partitions_take_counts_and_not_how_they_are_called() {
    let database = Database::new(Backend::Postgres);
    let store = database.open();
    let midnight = |day: &str| Hours::Sse.midnight(date(day)).unwrap();
    let make = |name: &str, from: &str, to: &str| {
        let (from, to) = (midnight(from), midnight(to));
        database.execute(&format!("CREATE TABLE {name} PARTITION OF market_klines FOR VALUES FROM ({from}) TO ({to})"));
    };
    make("first_quarter", "2026-01-01", "2026-03-20");
    make("rest_of_march", "2026-03-20", "2026-04-01");
    make("golden_week", "2026-05-01", "2026-05-06");
    // Taken by others: nothing is missing. April is free, and May cannot be made.
    assert_eq!(store.missing_partitions(date("2026-01-05"), date("2026-03-31")).unwrap(), [""; 0]);
    assert_eq!(store.missing_partitions(date("2026-03-05"), date("2026-04-30")).unwrap(), ["market_klines_2026_04"]);
    store.ensure_partitions(date("2026-03-05"), date("2026-05-05")).unwrap();
    let refused = store.ensure_partitions(date("2026-05-05"), date("2026-05-06")).unwrap_err();
    assert!(refused.to_string().contains("market_klines_2026_05 cannot be made, because golden_week"), "{refused}");
    let expected = ["first_quarter", "golden_week", "market_klines_2026_04", "rest_of_march"];
    assert_eq!(names(&database), expected);
}
