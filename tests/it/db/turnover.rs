//! Turnover and number of trades of the stored bars: decided with a minute, summed by roll-ups, filled in where they are missing.

use klined::jobs::{Aggregator, Filled, Market, Stop};
use klined_market::base::Symbol;

use crate::on_every_backend;
use crate::support::database::Database;
use crate::support::market_builder::{aggregate, assert_clean, fill, generate, market, range, verified};
use crate::support::programs::{TWO_DAYS, assert_same};

/// Takes turnover and trades away, as in a database of an earlier version, and leaves no note of it.
fn take_away(database: &Database, condition: &str) {
    database.execute(&format!("UPDATE market_klines SET turnover = NULL, trades = NULL WHERE {condition}"));
    database.execute("DELETE FROM rollup_dirty");
}

fn fill_in(market: &Market, only: Option<&str>) -> Filled {
    let only = only.map(|name| name.parse::<Symbol>().unwrap());
    let aggregator = Aggregator::start(market.store.clone(), market.calendar.clone(), only).unwrap();
    aggregator.fill_turnover(&Stop::default()).unwrap()
}

fn count(database: &Database, condition: &str) -> u64 {
    database
        .value(&format!("SELECT CAST(count(*) AS text) AS text FROM market_klines WHERE {condition}"))
        .parse()
        .unwrap()
}

fn two_days(database: &Database) -> Market {
    let market = market(database);
    fill(&market, range("2026-03-18", "2026-03-19"), "2026-03-19 20:00:00").unwrap();
    aggregate(&market);
    assert_clean(&market);
    market
}

on_every_backend! {
    fn every_way_of_making_bars_writes_them_and_every_roll_up_is_their_sum(database: &Database) {
        let market = two_days(database);
        generate(&market, "2026-03-18", "2026-03-20 11:00");
        aggregate(&market);
        assert_clean(&market);
        assert_eq!(count(database, "turnover IS NULL OR trades IS NULL"), 0);
        assert_eq!(count(database, "turnover < low * volume - 0.001 OR turnover > high * volume + 0.001"), 0);
        assert_eq!(count(database, "(volume > 0) <> (trades > 0)"), 0);
        for interval in ["5m", "15m", "30m", "60m", "120m", "1d", "1w", "1M"] {
            // Hundredths, so that sums of doubles are exact too.
            let sums = |interval: &str| {
                database.column(&format!(
                    "SELECT symbol || ' ' || CAST(CAST(sum(round(turnover * 100)) AS bigint) AS text) || ' ' || CAST(sum(trades) AS text) AS text \
                     FROM market_klines WHERE interval = '{interval}' GROUP BY symbol ORDER BY symbol"
                ))
            };
            assert_eq!(sums(interval), sums("1m"), "{interval}");
        }
    }

    fn bars_of_an_earlier_version_are_completed_from_wherever_a_run_ended(database: &Database) {
        let market = two_days(database);
        let whole = database.contents();
        let minutes = count(database, "interval = '1m'");
        take_away(database, "true");
        // A market without them is sound, and goes on with bars that have them.
        assert_clean(&market);
        let report = verified(&market);
        assert_eq!((report.differing, report.without_turnover), (0, minutes));
        assert!(report.to_string().contains("--fill-turnover"), "{report}");

        let one = fill_in(&market, Some("V"));
        assert_eq!((one.bars, one.left), (minutes / 10, 0));
        assert_eq!(count(database, "turnover IS NOT NULL AND symbol <> 'V'"), 0);
        assert_clean(&market);
        // As a run leaves it that was killed between two pages: minutes without their roll-ups, which are noted.
        database.execute("UPDATE market_klines SET turnover = NULL, trades = NULL WHERE interval <> '1m' OR time % 120 = 0");
        let rest = fill_in(&market, None);
        assert!(rest.bars > minutes / 2 && rest.left == 0, "{rest:?}");
        assert_same(&database.contents(), &whole);
        assert_clean(&market);
        assert_eq!(fill_in(&market, None).bars, 0);
    }

    fn the_program_completes_them_and_says_how_many(database: &Database) {
        database.market_backfill(TWO_DAYS).run().succeeded();
        let whole = database.contents();
        take_away(database, "true");
        let ended = database.data_aggregator("--fill-turnover").run().succeeded();
        assert!(ended.stderr.contains("bars=4800"), "{}", ended.stderr);
        assert_same(&database.contents(), &whole);
        database.klined("verify").run().succeeded();
        database.data_aggregator("--fill-turnover --once").run().was_misused(&["--fill-turnover", "--once"]);
    }

    fn a_roll_up_without_one_of_its_minutes_has_none(database: &Database) {
        let market = two_days(database);
        database.execute("UPDATE market_klines SET turnover = NULL, trades = NULL WHERE symbol = 'V' AND interval = '1m' AND time = 1773802800");
        aggregate(&market);
        assert_clean(&market);
        // One of each interval: 11:00 on the first day.
        assert_eq!(count(database, "symbol = 'V' AND turnover IS NULL"), 9);
        assert_eq!(count(database, "symbol = 'V' AND trades IS NULL"), 9);
    }

    fn a_database_without_a_market_is_refused(database: &Database) {
        database.open();
        database.data_aggregator("--fill-turnover").run().failed(&["no market yet"]);
    }
}
