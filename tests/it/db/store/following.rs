//! How followers learn that there is something new, and that the tables of the live minute do not grow.

use super::*;
use crate::support::cluster::Cluster;

/// A session that listens.
struct Follower(PgConnection);

impl Follower {
    fn of(database: &Database) -> Self {
        let mut connection = PgConnection::establish(database.url()).unwrap();
        connection.batch_execute("LISTEN klined_bars").unwrap();
        Self(connection)
    }

    /// What has been heard since the last time.
    fn heard(&mut self) -> Vec<String> {
        // What the server has sent comes with the answer of a statement.
        self.0.batch_execute("SELECT 1").unwrap();
        self.0.notifications_iter().map(|notification| notification.unwrap().payload).collect()
    }
}

#[test]
fn followers_hear_of_every_transaction_that_bars_came_with_and_of_no_other() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    let mut follower = Follower::of(&database);
    let times: Vec<UnixSeconds> = minutes(12).iter().map(|minute| minute.start()).collect();

    desk.write(&full_batch("AAA", &minutes(10)));
    assert_eq!(follower.heard(), [times[0].to_string()]);
    desk.write_bars(bars_of("AAA", &minutes(12)[10..]));
    assert_eq!(follower.heard(), [times[10].to_string()]);
    desk.write(&MarketWrite { status: Some(status(Session::Closed, times[11].get() + 60)), ..MarketWrite::default() });
    assert_eq!(follower.heard(), [""; 0]);

    break_table(&database, "market_status", "INSERT");
    desk.store.write(&desk.writer, &full_batch("AAA", &minutes(12))).unwrap_err();
    mend_table(&database, "market_status");
    assert_eq!(follower.heard(), [""; 0]);

    let five = |place: usize| (Interval::Minute5, bar(minutes(12)[place], 1000, 100));
    let day = (Interval::Day, bar(minutes(1)[0], 1000, 100));
    desk.fold(&[
        RollupWrite { bars: vec![five(10), day], ..folding_to("AAA", times[11]) },
        RollupWrite { bars: vec![five(5), day], ..folding_to("BBB", times[11]) },
    ]);
    assert_eq!(follower.heard(), [format!("rollups {}", times[5])]);
    desk.fold(&[RollupWrite { replace_from: Some(times[0]), bars: vec![five(5)], ..folding_to("AAA", times[11]) }]);
    assert_eq!(follower.heard(), [format!("rollups {}", times[0])]);
    // A watermark alone changes no bar.
    desk.fold(&[folding_to("AAA", times[11])]);
    assert_eq!(follower.heard(), [""; 0]);

    desk.store.clear(&desk.writer, Some(&symbol("AAA"))).unwrap();
    assert_eq!(follower.heard(), ["0", "rollups 0"]);
    desk.store.clear(&desk.writer, None).unwrap();
    assert_eq!(follower.heard(), ["0", "rollups 0"]);
}

#[test]
fn on_sqlite_the_data_version_changes_with_every_transaction_of_another() {
    #[derive(QueryableByName)]
    struct Version {
        #[diesel(sql_type = BigInt)]
        data_version: i64,
    }
    let database = Database::new(Backend::Sqlite);
    let desk = Desk::of(&database);
    let mut follower = SqliteConnection::establish(database.url().trim_start_matches("sqlite:///")).unwrap();
    let mut version =
        || diesel::sql_query("PRAGMA data_version").get_result::<Version>(&mut follower).unwrap().data_version;
    let before = version();
    assert_eq!(version(), before);
    desk.write(&full_batch("AAA", &minutes(3)));
    assert_ne!(version(), before);
}

/// Rows updated, those of them in place, and bytes of a table.
fn updates(database: &Database, table: &str) -> [i64; 3] {
    // A session reports its counts some time after its last transaction, and at the latest when it ends.
    let sql = format!(
        "SELECT n_tup_upd || ' ' || n_tup_hot_upd || ' ' || pg_table_size(relid) AS text FROM pg_stat_user_tables \
         WHERE relname = '{table}'"
    );
    let found: Vec<i64> = database.value(&sql).split(' ').map(|number| number.parse().unwrap()).collect();
    found.try_into().unwrap()
}

/// A week of minutes, each of which updates every row, must find its room in the pages that are there: without vacuum, which
/// would only hide what grows.
#[test]
fn a_week_of_minutes_updates_in_place_and_grows_no_table() {
    const SYMBOLS: usize = 300;
    const MINUTES: i64 = 5 * 240;
    const TABLES: [&str; 4] = ["stock_state", "stock_realtime_price", "market_status", "rollup_watermark"];
    // A transaction of any database of the server keeps old rows from being cleared away, so it has a server of its own.
    let cluster = Cluster::start();
    let database = Database::on(&cluster, "");
    let desk = Desk::of(&database);
    for table in TABLES {
        database.execute(&format!("ALTER TABLE {table} SET (autovacuum_enabled = off)"));
    }
    let names: Vec<String> = (0..SYMBOLS).map(|nth| format!("S{nth:05}")).collect();
    let minute = |nth: i64| MarketWrite {
        snapshots: names.iter().map(|name| quote(name, 1000 + nth, 60 * nth)).collect(),
        status: Some(status(Session::Morning, 60 * nth)),
        ..MarketWrite::default()
    };
    let fold = |nth: i64| names.iter().map(|name| folding_to(name, UnixSeconds::new(60 * nth))).collect::<Vec<_>>();
    let listings = names.iter().map(|name| listing(name, DAY, None)).collect();
    desk.write(&MarketWrite { listings, ..minute(1) });
    desk.fold(&fold(1));
    for nth in 2..60 {
        desk.write(&minute(nth));
        desk.fold(&fold(nth));
    }
    let size = |table: &str| updates(&database, table)[2];
    let before = TABLES.map(size);
    for nth in 60..MINUTES {
        desk.write(&minute(nth));
        if nth % 5 == 0 {
            desk.fold(&fold(nth));
        }
    }
    assert_eq!(TABLES.map(size), before);
    drop(desk);
    crate::support::programs::eventually("the counts have come in", || {
        updates(&database, "stock_state")[0] == (MINUTES - 2) * SYMBOLS as i64
    });
    for table in TABLES {
        let [all, in_place, _] = updates(&database, table);
        assert!(in_place * 100 >= all * 99, "{table}: {in_place} of {all} updates in place");
    }
}

/// The last bars of the longer intervals are overwritten again and again, and need no entry in the key when there is room beside
/// them.
#[test]
fn most_open_roll_ups_are_overwritten_in_place() {
    const SYMBOLS: usize = 300;
    const FOLDS: usize = 40;
    let cluster = Cluster::start();
    let database = Database::on(&cluster, "");
    let desk = Desk::of(&database);
    let month = format!("market_klines_{}", DAY[..7].replace('-', "_"));
    database.execute(&format!("ALTER TABLE {month} SET (autovacuum_enabled = off)"));
    let names: Vec<String> = (0..SYMBOLS).map(|nth| format!("S{nth:05}")).collect();
    let listings = names.iter().map(|name| listing(name, DAY, None)).collect();
    desk.write(&MarketWrite { listings, ..MarketWrite::default() });
    let minutes = minutes(5 * FOLDS);
    for (nth, ticks) in (0..FOLDS).zip(1000..) {
        let open = [Interval::Minute60, Interval::Day, Interval::Week, Interval::Month];
        let mut bars = open.map(|interval| (interval, bar(minutes[0], ticks, ticks))).to_vec();
        bars.push((Interval::Minute5, bar(minutes[5 * nth], ticks, ticks)));
        let write = |name| RollupWrite { bars: bars.clone(), ..folding_to(name, minutes[5 * nth].start()) };
        desk.fold(&names.iter().map(|name| write(name)).collect::<Vec<_>>());
    }
    drop(desk);
    let expected = ((FOLDS - 1) * SYMBOLS * 4) as i64;
    crate::support::programs::eventually("the counts have come in", || updates(&database, &month)[0] == expected);
    let [all, in_place, _] = updates(&database, &month);
    assert!(in_place * 2 > all, "{in_place} of {all} updates in place");
}
