//! Logical replication: the market under a publication for all tables, and a subscriber that ends equal.

use crate::support::cluster::Cluster;
use crate::support::database::Database;
use crate::support::programs::{assert_same, eventually};
use crate::support::psql::run;

/// The tables whose first rows are still being copied.
const NOT_READY: &str = "SELECT count(*)::text AS text FROM pg_subscription_rel WHERE srsubstate <> 'r'";

/// A subscriber as an operator makes one: the publisher's tables, and a partition for the months to come.
fn subscribe(publisher: &Database, cluster: &Cluster) -> Database {
    let subscriber = Database::on(cluster, "");
    let schema = run("pg_dump", &["--schema-only", "--no-publications", "-d", publisher.url()]);
    let file = subscriber.directory.path().join("schema.sql");
    std::fs::write(&file, schema).unwrap();
    run("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", subscriber.url(), "-f", file.to_str().unwrap()]);
    subscriber.execute("CREATE TABLE market_klines_rest PARTITION OF market_klines DEFAULT");
    let name = publisher.url().rsplit_once('/').unwrap().1;
    // A slot made by the subscription would wait for the transaction that makes it, as both are on one server.
    publisher.execute(&format!("SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')"));
    subscriber.execute(&format!(
        "CREATE SUBSCRIPTION {name} CONNECTION '{}' PUBLICATION everything WITH (create_slot = false, slot_name = '{name}')",
        publisher.url()
    ));
    subscriber
}

#[test]
fn the_market_goes_on_under_a_publication_for_all_tables_and_a_subscriber_ends_equal() {
    let cluster = Cluster::start_with("-c wal_level=logical");
    let database = Database::on(&cluster, "");
    database.market_backfill("--from 2026-02-26 --to 2026-02-27").run().succeeded();
    database.execute("CREATE PUBLICATION everything FOR ALL TABLES WITH (publish_via_partition_root = true)");
    let subscriber = subscribe(&database, &cluster);
    // A backfill with a month that it would load whole, the daemons, and an operator's edit with its repair.
    database.market_backfill("--from 2026-03-02 --to 2026-03-03").run().succeeded();
    let mut generator = database.market_generator("--test --speed 6000").spawn();
    let mut aggregator = database.data_aggregator("--interval 1").spawn();
    aggregator.until_it_says("started");
    generator.until_minutes(20, &database);
    generator.terminate().succeeded();
    aggregator.terminate().succeeded();
    database
        .execute("UPDATE market_klines SET close = high WHERE interval = '1m' AND symbol = 'AAPL' AND close < high");
    database.data_aggregator("--once").run().succeeded();

    let contents = |database: &Database| {
        let mut rows = database.contents();
        rows.extend(database.column("SELECT symbol || ' ' || folded_to AS text FROM rollup_watermark ORDER BY 1"));
        rows
    };
    let expected = contents(&database);
    eventually("the subscriber has caught up", || {
        subscriber.value(NOT_READY) == "0"
            && contents(&subscriber).len() == expected.len()
            && contents(&subscriber) == expected
    });
    assert_same(&contents(&subscriber), &expected);
    assert_eq!(subscriber.value("SELECT count(*)::text AS text FROM rollup_dirty"), "0");
}
