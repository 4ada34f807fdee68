//! `monitoring.sql`: every section on any database, and what it finds.

use std::fs;

use crate::support::database::{Backend, Database};
use crate::support::market_builder::minute;
use crate::support::programs::assert_has;
use crate::support::psql::{psql, psql_fails};

const HEADINGS: [&str; 11] = [
    "== Market ==",
    "== Bars by interval",
    "== Last prices",
    "== Stocks by regime",
    "== Missing minutes",
    "== Roll-ups: how far",
    "== Roll-ups: the newest bar",
    "== Partitions",
    "== Who holds klined's roles",
    "== Connections",
    "== Scenario events",
];

fn report(database: &Database) -> String {
    let report = psql(database, "sql_scripts/monitoring.sql");
    assert_has(&report, &HEADINGS);
    report
}

/// The lines of a section, without its heading and the names of its columns.
fn section(report: &str, heading: &str) -> Vec<String> {
    let after = report.split(heading).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    let section = after.split("\n== ").next().unwrap();
    let rows =
        section.lines().skip_while(|line| !line.starts_with("--")).skip(1).filter(|line| !line.trim().is_empty());
    rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn an_empty_market_is_shown_without_an_error() {
    let database = Database::new(Backend::Postgres);
    database.open();
    let report = report(&database);
    for heading in HEADINGS.into_iter().filter(|heading| !["== Roll-ups: how far", "== Connections"].contains(heading))
    {
        assert!(section(&report, heading).len() <= 1, "{heading}: {report}");
    }
}

#[test]
fn a_market_is_shown_in_every_section() {
    let database = Database::new(Backend::Postgres);
    database.market_backfill("--from 2026-03-02 --to 2026-03-05 --model gbm").run().succeeded();
    fs::write(
        database.directory.path().join("crash.toml"),
        "name = \"crash\"\n[[event]]\nkind = \"move\"\npercent = -10\nfrom = \"day 9 10:00\"\nuntil = \"day 9 10:30\"\n",
    )
    .unwrap();
    let mut generator = database.market_generator("--test --speed 600 --scenario crash.toml").spawn();
    generator.until_minutes(2, &database);
    let report = report(&database);
    assert_has(&section(&report, "== Market ==")[0], &["42 gbm-2 sse t morning"]);
    let counts = section(&report, "== Bars by interval");
    assert_eq!(counts.len(), 9);
    assert!(counts[1].starts_with("5m 960 10 2026-03-04 09:30:00+08"), "{}", counts[1]);
    assert_eq!(section(&report, "== Last prices").len(), 10);
    assert_eq!(section(&report, "== Missing minutes"), [""; 0]);
    assert_has(&section(&report, "== Roll-ups: how far")[0], &["10 10 2026-03-05 14:59:00+08 2026-03-06"]);
    assert_has(&section(&report, "== Roll-ups: the newest bar")[5], &["1d 2026-03-05 09:30:00+08"]);
    assert_has(&section(&report, "== Partitions")[2], &["market_klines_2026_03"]);
    assert_has(&section(&report, "== Who holds klined's roles")[0], &["writer t", "postgres"]);
    assert_has(&section(&report, "== Scenario events")[0], &["crash move market -10"]);
    generator.terminate().succeeded();
}

#[test]
fn missing_minutes_are_found_and_halts_are_none() {
    let database = Database::new(Backend::Postgres);
    let scenario =
        "name = \"halt\"\n[[event]]\nkind = \"halt\"\nsymbol = \"JPM\"\nfrom = \"day 2 11:00\"\nuntil = \"13:30\"\n";
    fs::write(database.directory.path().join("halt.toml"), scenario).unwrap();
    database.market_backfill("--from 2026-03-02 --to 2026-03-05 --scenario halt.toml").run().succeeded();
    let missing = || section(&report(&database), "== Missing minutes");
    let halted = "SELECT count(*)::text AS text FROM market_klines WHERE symbol = 'JPM' AND interval = '1m'";
    assert_eq!(database.value(halted), (4 * 240 - 60).to_string());
    assert_eq!(missing(), [""; 0]);
    for (symbol, at) in [
        ("JPM", "2026-03-03 10:59"),
        ("AAPL", "2026-03-04 13:00"),
        ("AAPL", "2026-03-04 14:59"),
        ("V", "2026-03-05 14:59"),
        // Too long ago.
        ("V", "2026-03-02 10:00"),
    ] {
        let time = minute(at).start();
        database.execute(&format!(
            "DELETE FROM market_klines WHERE symbol = '{symbol}' AND interval = '1m' AND time = {time}"
        ));
    }
    let expected =
        ["JPM 2026-03-03 1 10:59 10:59 3", "AAPL 2026-03-04 2 13:00 14:59 3", "V 2026-03-05 1 14:59 14:59 3"];
    assert_eq!(missing(), expected);
    assert_has(&section(&report(&database), "== Roll-ups: how far")[0], &[" 5 0 2026-03-02"]);
}

#[test]
fn a_wrong_variable_ends_it_before_anything_is_shown() {
    let database = Database::new(Backend::Postgres);
    database.open();
    for wrong in ["days=x", "days=0", "days=", "rows=-1", "rows=1; DROP TABLE market_klines"] {
        let (status, stderr) = psql_fails(database.url(), &["-v", wrong], "sql_scripts/monitoring.sql");
        assert_eq!(status, Some(3), "{wrong}: {stderr}");
        assert_has(&stderr, &["days must be a whole number from 1 to 9999"]);
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}
