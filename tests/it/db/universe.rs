//! What a database is filled with, what it keeps, and what is refused.

use std::fs;
use std::sync::Arc;

use klined::jobs::{JobError, Market};
use klined_market::calendar::{Calendar, Hours};
use klined_market::model::ModelKind;
use klined_market::universe::{StockCount, Universe, UniverseRow, csv, demo, synth};
use klined_testing::assert_same;
use klined_testing::market::{as_csv, stocks};

use crate::on_every_backend;
use crate::support::SHANGHAI;
use crate::support::database::Database;
use crate::support::market_builder::{aggregate, assert_clean, generate};
use crate::support::programs::{Program, TWO_DAYS, assert_has};

fn claim(database: &Database, universe: Option<&Universe>) -> Result<Market, JobError> {
    let calendar = Arc::new(Calendar::clone(&SHANGHAI));
    Market::claim_filling(database.open(), calendar, ModelKind::Full, Some(42), universe)
}

fn ashares(count: u16) -> Universe {
    Universe::ashare(StockCount::new(count).unwrap())
}

fn sorted_demo() -> Vec<UniverseRow> {
    let mut rows = demo();
    rows.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    rows
}

fn refusal(outcome: Result<Market, JobError>) -> String {
    match outcome.map(drop) {
        Err(error @ JobError::OtherUniverse { .. }) if !error.is_retriable() => error.to_string(),
        other => panic!("{other:?}"),
    }
}

on_every_backend! {
    fn a_new_market_gets_the_universe_asked_for(database: &Database) {
        let market = claim(database, Some(&ashares(5429))).unwrap();
        assert_eq!(market.store.universe().unwrap(), stocks(5429, 42));
        // Asked for again, or not at all, it is kept.
        claim(database, Some(&ashares(5429))).unwrap();
        claim(database, None).unwrap();
        assert_eq!(market.store.universe().unwrap(), stocks(5429, 42));
    }

    fn the_first_apis_stocks_have_their_drifts_and_bounds_under_every_calendar(database: &Database) {
        for hours in Hours::ALL {
            let database = Database::new(database.backend);
            let words = format!("--calendar {hours} --universe synth --from 2026-03-02 --to 2026-03-03 --model gbm");
            database.market_backfill(&words).run().succeeded();
            let store = database.open();
            assert_eq!(store.universe().unwrap(), synth(hours), "{hours}");
            database.klined("verify").run().succeeded();
            // Asked for again it is the same universe.
            let again = database.market_backfill(&words).run().succeeded();
            assert!(!again.stderr.contains("no longer what"), "{}", again.stderr);
        }
    }

    fn without_a_wish_a_new_market_gets_the_ten_of_the_demo(database: &Database) {
        assert_eq!(claim(database, None).unwrap().store.universe().unwrap(), sorted_demo());
    }

    fn a_stock_that_is_not_there_is_refused_and_nothing_is_claimed(database: &Database) {
        let store = database.open();
        database.execute("INSERT INTO stock_metadata (symbol, name, base_price, base_volatility) VALUES ('OWN', 'o', 1, 0.5)");
        let refused = refusal(claim(database, Some(&ashares(200))));
        for words in ["200 of the 200 stocks of --universe ashare:200", "has 1", "DELETE FROM stock_metadata", "…"] {
            assert!(refused.contains(words), "{refused}");
        }
        assert_eq!(store.identity().unwrap(), None);
        claim(database, None).unwrap();
        assert_eq!(store.universe().unwrap().len(), 1);
        refusal(claim(database, Some(&Universe::demo())));
        // An operator empties a table on purpose.
        database.execute("DELETE FROM stock_metadata");
        refusal(claim(database, Some(&Universe::demo())));
        claim(database, None).unwrap();
        assert_eq!(store.universe().unwrap(), []);
    }

    fn a_universe_that_was_added_to_and_edited_is_kept(database: &Database) {
        let market = claim(database, Some(&ashares(20))).unwrap();
        let symbol = &stocks(20, 42)[3].symbol;
        database.execute(&format!(
            "INSERT INTO stock_metadata (symbol, name, base_price, base_volatility) VALUES ('OWN', 'o', 1, 0.5); \
             UPDATE stock_metadata SET is_active = false, beta = 1.5 WHERE symbol = '{symbol}'"
        ));
        let edited = market.store.universe().unwrap();
        claim(database, Some(&ashares(20))).unwrap();
        assert_eq!(market.store.universe().unwrap(), edited);
    }

    fn a_market_of_a_shares_runs_and_is_clean(database: &Database) {
        let market = claim(database, Some(&ashares(60))).unwrap();
        generate(&market, "2026-03-02", "2026-03-03 14:59");
        aggregate(&market);
        assert_clean(&market);
        let bars = database.value("SELECT CAST(count(*) AS text) AS text FROM market_klines WHERE interval = '1m'");
        assert_eq!(bars, (60 * 480).to_string());
    }

    fn the_programs_fill_a_new_database_and_refuse_another(database: &Database) {
        let file = database.directory.path().join("own.csv");
        fs::write(&file, "name,symbol,base_price,base_volatility,sector,board\nOwn,600001,10,0.02,Toys,main\n").unwrap();
        let backfill = |words: &str| database.market_backfill(&format!("{TWO_DAYS} {words}"));
        backfill("--universe own.csv").run().succeeded();
        let rows = csv::read(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(database.open().universe().unwrap(), rows);
        let before = database.contents();
        for program in [
            backfill("--universe demo"),
            backfill("--clear --yes --universe demo"),
            backfill("").variable("KLINED_UNIVERSE", "ashare:5400"),
            database.market_generator("--test --universe demo"),
            database.klined("up --universe demo"),
        ] {
            program.run().failed(&["--universe", "600001"].map(|words| if words == "600001" { "has 1" } else { words }));
        }
        assert_same(&database.contents(), &before);
        backfill("--clear --yes").variable("KLINED_UNIVERSE", "own.csv").run().succeeded();
        // A file is checked whole before anything is written.
        fs::write(&file, "symbol,name,sector,base_price,base_volatility\nA,a,,1,0.1\nB,b,,1,7\n").unwrap();
        database.execute("DELETE FROM stock_metadata");
        backfill("--clear --yes --universe own.csv").run().failed(&["own.csv", "line 3", "base_volatility 7"]);
        assert_same(&database.contents(), &before);
        assert_eq!(database.open().universe().unwrap(), []);
        backfill("--clear --yes --universe ashare:3 --seed 8").run().succeeded();
        assert_eq!(database.open().universe().unwrap(), stocks(3, 8));
    }
}

#[test]
fn the_command_prints_what_can_be_given_back() {
    let place = tempfile::tempdir().unwrap();
    let universe = |words: &str| Program::klined(place.path()).with("universe").with(words);
    let printed = universe("ashare:300 --seed 7").run().succeeded().stdout;
    assert_eq!(printed, as_csv(&stocks(300, 7)));
    fs::write(place.path().join("given.csv"), &printed).unwrap();
    assert_eq!(universe("given.csv --seed 9").run().succeeded().stdout, printed);
    assert_eq!(universe("").run().succeeded().stdout, as_csv(&demo()));
    assert_eq!(universe("ashare:5").run().succeeded().stdout, as_csv(&stocks(5, 42)));
    let seeded = universe("ashare:5").variable("KLINED_SEED", "3").run().succeeded();
    assert_eq!(seeded.stdout, as_csv(&stocks(5, 3)));
    let ended = universe("ashare:5429").run_with_closed_output().succeeded();
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_universe_that_there_is_not_is_a_readable_failure() {
    let place = tempfile::tempdir().unwrap();
    let universe = |words: &str| Program::klined(place.path()).with("universe").with(words).run();
    for count in ["", "0", "5430", "many", "-1"] {
        universe(&format!("ashare:{count}")).was_misused(&["not a number of A-shares", "1 to 5429"]);
    }
    universe("ashare").was_misused(&["1 to 5429"]);
    universe("dmo").failed(&["dmo", "demo, synth or ashare:N", "No such file"]);
    fs::write(place.path().join("bad.csv"), "symbol,name\n").unwrap();
    universe("bad.csv").failed(&["bad.csv", "line 1", "sector is missing"]);
    fs::create_dir(place.path().join("folder")).unwrap();
    universe("folder").failed(&["folder", "directory"]);
    for (program, first) in [
        (Program::market_generator as fn(&std::path::Path) -> Program, ""),
        (Program::market_backfill, "--days 1"),
        (Program::klined, "up"),
    ] {
        let run = |file: &str| program(place.path()).with(first).with("--universe").with(file).run();
        run("ashare:0").was_misused(&["--universe", "1 to 5429"]);
        let ended = run("bad.csv").failed(&["bad.csv", "line 1"]);
        assert_has(&ended.stderr, &["sector is missing"]);
    }
    assert!(!place.path().join("klined.db").exists(), "a wrong universe leaves nothing behind");
}
