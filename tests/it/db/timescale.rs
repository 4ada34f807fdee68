//! `sql_scripts/timescale.sql`. No PostgreSQL server with TimescaleDB is at hand in the tests: what the script does without the extension, and a
//! market in a table without partitions, which it leaves, are tested.

use klined::jobs::{Generator, Retained, Stop};
use klined_market::base::UnixSeconds;
use klined_market::calendar::Hours;

use super::schema::dump;
use crate::support::database::{Backend, Database};
use crate::support::market_builder::{aggregate, assert_clean, fill, market, minute, range};
use crate::support::programs::assert_same;
use crate::support::psql::{psql, repository};
use crate::support::{SHANGHAI, date};

const SCRIPT: &str = "sql_scripts/timescale.sql";

/// The script without its calls of the extension.
fn without_the_extension() -> String {
    let script = std::fs::read_to_string(repository(SCRIPT)).unwrap();
    let (body, _) = script.split_once("    -- Drops the chunks").unwrap();
    let (head, rest) = body.split_once("    IF NOT EXISTS (SELECT FROM pg_extension").unwrap();
    let (_, rest) = rest.split_once("    END IF;\n").unwrap();
    let of_timescale = ["create_hypertable", "set_integer_now_func", "add_compression_policy"];
    let (rest, compression) = rest.split_once("    ALTER TABLE market_klines SET (timescaledb").unwrap();
    let (_, after) = compression.split_once(";\n").unwrap();
    let kept = |text: &str| {
        let lines = text.lines().filter(|line| !of_timescale.iter().any(|call| line.contains(call)));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    format!("{head}{}{}END $script$;", kept(rest), kept(after))
}

#[test]
fn without_the_extension_the_script_changes_nothing() {
    let database = Database::new(Backend::Postgres);
    let market = market(&database);
    fill(&market, range("2026-03-30", "2026-04-01"), "2026-04-01 15:00:00").unwrap();
    let (before, bars) = (dump(&database), database.contents());
    psql(&database, SCRIPT);
    assert_eq!(dump(&database), before);
    assert_same(&database.contents(), &bars);
}

#[test]
fn a_market_goes_on_in_a_table_without_partitions_and_keeps_its_days() {
    let (database, other) = (Database::new(Backend::Postgres), Database::new(Backend::Postgres));
    let markets = [&database, &other].map(|database| {
        let market = market(database);
        fill(&market, range("2026-03-16", "2026-03-30"), "2026-03-30 15:00:00").unwrap();
        aggregate(&market);
        market
    });
    let bars = database.contents();
    database.execute(&without_the_extension());
    assert_eq!(database.value("SELECT count(*)::text AS text FROM pg_partitioned_table"), "0");
    assert_same(&database.contents(), &bars);
    assert_clean(&markets[0]);
    for market in markets {
        let market = market.retaining(Some(Retained::Days(10)));
        let mut generator = Generator::start(market.clone(), &[], date("2026-03-16"), &Stop::default()).unwrap();
        generator.advance(minute("2026-04-02 10:00"), &Stop::default()).unwrap();
        drop(generator);
        // More history, by the way that loads whole months where there are partitions.
        fill(&market, range("2026-03-16", "2026-04-30"), "2026-04-30 15:00:00").unwrap();
        aggregate(&market);
        assert_clean(&market);
    }
    assert_same(&database.contents(), &other.contents());
    let horizon = Hours::Sse.midnight(date("2026-03-23")).unwrap();
    let first = SHANGHAI.minutes_in(horizon, UnixSeconds::MAX).next().unwrap().start();
    assert_eq!(database.value("SELECT min(time)::text AS text FROM market_klines"), first.to_string());
    database.market_generator("--check").run().succeeded();
}
