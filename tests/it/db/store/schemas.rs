//! Two markets in two schemas of one PostgreSQL database: each has roles of its own, by whatever name it is reached.

use klined::store;

use super::*;
use crate::support::programs::{Program, TWO_DAYS, assert_has};

fn in_schema(database: &Database, path: &str) -> Database {
    database.called(format!("{}?options=-csearch_path%3D{path}", database.url()))
}

#[test]
fn each_schema_has_roles_and_bars_of_its_own() {
    let database = Database::new(Backend::Postgres);
    database.execute("CREATE SCHEMA one; CREATE SCHEMA two");
    let [one, two, public] =
        [in_schema(&database, "one"), in_schema(&database, "two"), database.called(database.url().to_owned())];
    let desks = [Desk::of(&one), Desk::of(&two), Desk::of(&public)];
    for (count, desk) in (1..).zip(&desks) {
        desk.write(&full_batch("AAA", &minutes(count)));
    }
    for (count, desk) in (1..).zip(&desks) {
        assert_eq!(desk.bars("AAA", Interval::Minute1).len(), count);
    }
    // The same schema by other names.
    let socket = database.value("SELECT replace(current_setting('unix_socket_directories'), '/', '%2F') AS text");
    let name = database.url().rsplit_once('/').unwrap().1;
    let port = database.value("SELECT current_setting('port') AS text");
    for url in [
        database.url().replace("127.0.0.1", "localhost") + "?options=-csearch_path%3Done",
        format!("postgresql://postgres@{socket}:{port}/{name}?options=-csearch_path%3Done,public"),
        format!("postgres://postgres@/{name}?host={socket}&port={port}&options=-c%20search_path%3Dnowhere,one"),
    ] {
        let store = database.called(url.clone()).open_empty();
        for role in [Role::Writer, Role::Aggregator] {
            assert!(matches!(store.acquire(role), Err(StoreError::RoleTaken { .. })), "{url}");
        }
    }
}

#[test]
fn a_search_path_that_leads_nowhere_is_refused() {
    let database = Database::new(Backend::Postgres);
    let options = options(&in_schema(&database, "nowhere"), 2, Duration::from_secs(10));
    let error = store::open(&options).err().expect("there is no schema");
    assert_has(&error.to_string(), &["search path names no schema", "CREATE SCHEMA"]);
}

#[test]
fn programs_make_and_verify_two_markets_in_one_database() {
    let database = Database::new(Backend::Postgres);
    database.execute("CREATE SCHEMA one; CREATE SCHEMA two");
    let markets = ["one", "two"].map(|schema| in_schema(&database, schema));
    for (market, seed) in markets.iter().zip(["1", "2"]) {
        market.market_backfill(&format!("{TWO_DAYS} --seed {seed}")).run().succeeded();
    }
    let (mut one, mut two) = (
        markets[0].market_generator("--test --speed 6000").spawn(),
        markets[1].market_generator("--test --speed 6000").spawn(),
    );
    one.until_minutes(2, &markets[0]);
    two.until_minutes(2, &markets[1]);
    let other: Program = markets[0].market_generator("--test --speed 6000");
    other.run().failed(&["another process is this database's writer"]);
    one.terminate().succeeded();
    two.terminate().succeeded();
    for market in &markets {
        market.klined("verify").run().succeeded();
    }
}
