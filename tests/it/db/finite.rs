//! Numbers that are not finite are refused at the table, in every partition, and what was there before is found.

use super::schema::make_old;
use crate::on_every_backend;
use crate::support::database::{Backend, Database};
use crate::support::programs::{TWO_DAYS, assert_has};

/// A database of an earlier version knew so many migrations.
const BEFORE: usize = 11;
/// In January, February and April 2026.
const MONTHS: [i64; 3] = [1_767_576_600, 1_770_000_000, 1_776_000_000];

/// Spellings of what is no finite number.
fn wrong(backend: Backend) -> &'static [&'static str] {
    match backend {
        Backend::Sqlite => &["9e999", "-9e999", "9e999 - 9e999", "'NaN'", "'many'", "NULL"],
        Backend::Postgres => &["'NaN'", "'Infinity'", "'-Infinity'", "NULL"],
    }
}

fn bar(time: i64, open: &str) -> String {
    format!(
        "INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) \
         VALUES ('AAA', '1m', {time}, {open}, 2, 1, 1.5, 7)"
    )
}

/// The partitions of the first two months as an earlier version made them.
fn make_old_months(database: &Database) {
    if database.backend == Backend::Postgres {
        database.execute("SELECT klines_make_partition('market_klines_2026_01', 1767196800, 1769875200)");
        database
            .execute("CREATE TABLE by_hand PARTITION OF market_klines FOR VALUES FROM (1769875200) TO (1772294400)");
    }
}

on_every_backend! {
    fn no_column_takes_what_is_not_finite(database: &Database) {
        let rows = "INSERT INTO stock_metadata (symbol, name, base_price) VALUES ('A', 'a', 1); \
             INSERT INTO stock_state (symbol, current_price, volatility, trend, market_state, last_update) VALUES ('A', 1, 0.1, 0, 'bull', 1); \
             INSERT INTO stock_realtime_price (symbol, current_price, change_percent, volume, last_update) VALUES ('A', 1, 0, 1, 1); \
             INSERT INTO market_clock (pace, speed, open_minute, opened_at_ns) VALUES ('test', 1, 1, 1); \
             INSERT INTO market_scenario (id, name, definition) VALUES (1, 'a', 'a'); \
             INSERT INTO scenario_event (scenario, place, kind, amount, from_time, until_time) VALUES (1, 1, 'move', 1, 1, 2)";
        database.open();
        database.execute(rows);
        for (table, columns) in [
            ("stock_metadata", "base_price base_volatility beta daily_turnover drift min_price max_price"),
            ("stock_state", "current_price volatility trend"),
            ("stock_realtime_price", "current_price change_percent"),
            ("market_clock", "speed"),
            ("scenario_event", "amount"),
        ] {
            for (column, value) in columns.split(' ').flat_map(|column| wrong(database.backend).iter().map(move |value| (column, value))) {
                // An event needs no amount and a stock no bounds, and an unknown number is none that is not finite.
                let may_be_missing = ["amount", "min_price", "max_price"].contains(&column);
                if may_be_missing && (*value == "NULL" || value.contains(" - ")) {
                    continue;
                }
                let change = format!("UPDATE {table} SET {column} = {value}");
                assert!(database.try_execute(&change).is_err(), "{change}");
            }
            assert_eq!(database.value(&format!("SELECT CAST(count(*) AS text) AS text FROM {table}")), "1");
        }
    }

    fn no_partition_takes_a_bar_that_is_not_finite(database: &Database) {
        make_old(database, BEFORE);
        make_old_months(database);
        database.execute(&bar(MONTHS[0], "1"));
        let store = database.open();
        store.ensure_partitions("2026-04-01".parse().unwrap(), "2026-04-02".parse().unwrap()).unwrap();
        for (time, value) in MONTHS.iter().flat_map(|time| wrong(database.backend).iter().map(move |value| (time + 60, value))) {
            assert!(database.try_execute(&bar(time, value)).is_err(), "{value} at {time}");
        }
        for time in MONTHS {
            database.execute(&bar(time + 60, "1.25"));
        }
        // A month that is loaded whole.
        let loaded = Database::new(database.backend);
        loaded.market_backfill(TWO_DAYS).run().succeeded();
        let refused = loaded.try_execute(&format!("UPDATE market_klines SET high = {}", wrong(database.backend)[0]));
        assert!(refused.is_err());
        if database.backend == Backend::Postgres {
            let unchecked = "SELECT conrelid::regclass::text AS text FROM pg_constraint \
                 WHERE conname = 'klines_finite' AND NOT convalidated";
            assert_eq!(database.column(unchecked), [""; 0]);
        }
    }

    fn a_bar_that_was_not_finite_before_stops_the_migration_and_is_named(database: &Database) {
        make_old(database, BEFORE);
        make_old_months(database);
        database.execute(&bar(MONTHS[0], wrong(database.backend)[0]));
        let store = database.open_empty();
        let error = store.migrate().unwrap_err();
        assert_has(&error.to_string(), &[match database.backend {
            Backend::Sqlite => "bars_that_are_not_finite",
            Backend::Postgres => "the 1m bar of AAA at 1767576600 has a price that is NaN",
        }]);
        database.execute("DELETE FROM market_klines");
        store.migrate().unwrap();
        store.check_schema().unwrap();
    }

    fn whole_prices_divide_as_others_in_old_databases_too(database: &Database) {
        make_old(database, BEFORE);
        make_old_months(database);
        let whole = "INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) VALUES \
             ('AAA', '1m', {}, 1732, 1732, 1728, 1728, 7)";
        database.execute(&whole.replace("{}", &MONTHS[0].to_string()));
        database.open();
        database.execute(&whole.replace("{}", &(MONTHS[0] + 60).to_string()));
        database.execute("UPDATE market_klines SET close = 1728");
        let quotients = database.column("SELECT CAST(CAST(1000000 * close / open AS integer) AS text) AS text FROM market_klines");
        // PostgreSQL rounds to the nearest whole number, SQLite cuts off; 1728 / 1732 is 0.99769053.
        assert!(quotients.iter().all(|quotient| ["997690", "997691"].contains(&&**quotient)), "{quotients:?}");
        let quotients = database.column("SELECT CAST(CAST(1000 * (close / open) AS integer) AS text) AS text FROM market_klines");
        assert!(quotients.iter().all(|quotient| ["997", "998"].contains(&&**quotient)), "{quotients:?}");
    }
}
