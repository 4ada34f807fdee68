//! An operator removes what the daemons rely on while they run.

use super::*;
use crate::support::database::Backend;

const FASTEST: &str = "--test --speed 60000";
const LAST_DAY_BUT_ONE_OF_MARCH: &str = "--from 2026-03-30 --to 2026-03-30";

#[test]
fn a_partition_that_was_removed_before_its_month_is_made_again() {
    let database = Database::new(Backend::Postgres);
    database.market_backfill(LAST_DAY_BUT_ONE_OF_MARCH).run().succeeded();
    let mut generator = database.market_generator(FASTEST).spawn();
    generator.until_minutes(5, &database);
    database.execute("DROP TABLE market_klines_2026_04");
    generator.until_minutes(260, &database);
    let ended = generator.terminate().succeeded();
    assert!(!ended.stderr.contains("retry"), "{}", ended.stderr);
    let undisturbed =
        Database::uninterrupted_after(database.backend, LAST_DAY_BUT_ONE_OF_MARCH, database.last_minute());
    for market in [&database, &undisturbed] {
        market.data_aggregator("--once").run().succeeded();
    }
    is_clean(&database);
    assert_same(&database.contents(), &undisturbed.contents());
}

#[test]
fn a_partition_that_is_removed_in_its_month_takes_its_bars_along_and_nothing_else() {
    let database = Database::new(Backend::Postgres);
    let mut generator = database.filled().market_generator(FAST).spawn();
    generator.until_minutes(5, &database);
    database.execute("DROP TABLE market_klines_2026_03");
    generator.until_minutes(30, &database);
    let ended = generator.terminate().succeeded();
    assert!(!ended.stderr.contains("retry"), "{}", ended.stderr);
    let undisturbed = Database::uninterrupted(database.backend, database.last_minute());
    let first = database.value("SELECT min(time)::text AS text FROM market_klines");
    let since = |market: &Database| {
        market.column(&format!(
            "SELECT symbol || ' ' || time || ' ' || close || ' ' || volume AS text FROM market_klines \
             WHERE interval = '1m' AND time >= {first} ORDER BY 1"
        ))
    };
    assert_same(&since(&database), &since(&undisturbed));
    assert!(since(&database).len() >= 300);
    // The missing stocks are named.
    let report = database.klined("verify").run();
    assert_eq!(report.status.code(), Some(1), "{}", report.stdout);
}
