//! Databases that an earlier version has made; `tests/it/data/README.md` says how.

use std::process::{Command, Stdio};

use klined::jobs::{Aggregator, Market, Stop};
use klined_market::calendar::Calendar;
use klined_market::model::ModelKind;
use klined_market::universe::Universe;
use klined_market::universe::csv::read;

use super::*;
use crate::on_every_backend;
use crate::support::market_builder::{aggregate, assert_clean, fill, generate, range};
use crate::support::programs::assert_same;
use crate::support::psql::{psql_file, repository};

const SEED: u64 = 7;
const DAYS: [&str; 2] = ["2026-03-02", "2026-03-03"];
const END: &str = "2026-03-03 15:00:00";
/// The day after the two, and its last minute.
const NEXT: [&str; 2] = ["2026-03-04", "2026-03-04 14:59"];

/// Puts an old database in the place of an empty one.
fn restore(database: &Database, name: &str) {
    let unpacked = database.directory.path().join(match database.backend {
        Backend::Sqlite => "market.db",
        Backend::Postgres => "market.sql",
    });
    let packed = repository(&format!("tests/it/data/{name}")).with_extension(match database.backend {
        Backend::Sqlite => "db.gz",
        Backend::Postgres => "sql.gz",
    });
    let file = std::fs::File::create(&unpacked).unwrap();
    let status = Command::new("gzip").arg("-dc").arg(packed).stdout(Stdio::from(file)).status().unwrap();
    assert!(status.success());
    if database.backend == Backend::Postgres {
        psql_file(database.url(), &[], &unpacked);
    }
}

/// The market of a database as the present program recognises it, or makes it of the same stocks.
fn market(database: &Database, kind: ModelKind) -> Market {
    let stocks = repository("tests/it/data/old_stocks.csv");
    let rows = read(&std::fs::read(&stocks).unwrap()).unwrap();
    let universe = Universe::of_file(stocks, rows);
    let calendar = Arc::new(Calendar::clone(&SHANGHAI));
    Market::claim_filling(database.open(), calendar, kind, Some(SEED), Some(&universe)).unwrap()
}

fn goes_on_as_if_undisturbed(database: &Database, name: &str, kind: ModelKind) {
    restore(database, name);
    let (old, fresh) = (market(database, kind), Database::new(database.backend));
    // A new market has the newest version of its model; this one gets that of the old one.
    let version = old.source.version();
    market(&fresh, kind);
    fresh.execute(&format!("UPDATE market_identity SET model = '{version}'"));
    let undisturbed = market(&fresh, kind);
    assert_eq!(undisturbed.source.version(), version);
    fill(&undisturbed, range(DAYS[0], DAYS[1]), END).unwrap();
    assert_clean(&old);
    // The old version wrote neither turnover nor number of trades.
    let aggregator = Aggregator::start(old.store.clone(), old.calendar.clone(), None).unwrap();
    let filled = aggregator.fill_turnover(&Stop::default()).unwrap();
    assert!(filled.bars > 0 && filled.left == 0, "{filled:?}");
    drop(aggregator);
    assert_clean(&old);
    assert_same(&database.contents(), &fresh.contents());
    for market in [&old, &undisturbed] {
        assert_eq!(generate(market, NEXT[0], NEXT[1]), 240);
        aggregate(market);
        assert_clean(market);
    }
    assert_same(&database.contents(), &fresh.contents());
}

on_every_backend! {
    fn a_market_of_the_plain_model_goes_on(database: &Database) {
        goes_on_as_if_undisturbed(database, "old_gbm", ModelKind::Gbm);
    }

    fn a_market_of_the_full_model_goes_on(database: &Database) {
        goes_on_as_if_undisturbed(database, "old_full", ModelKind::Full);
        assert_eq!(market(database, ModelKind::Full).source.version(), "full-2");
        let fresh = Database::new(database.backend);
        assert_eq!(market(&fresh, ModelKind::Full).source.version(), ModelKind::Full.version());
    }
}
