//! The disk is full, and then it is not.

use super::*;
use crate::support::cluster::Cluster;
use crate::support::database::Backend;

/// MonthRoom for a market and not much more.
const DISK_MEGABYTES: u32 = 32;

#[test]
fn a_servers_disk_that_is_full_is_waited_for() {
    let cluster = Cluster::start();
    let Some(directory) = cluster.small_disk(DISK_MEGABYTES) else {
        println!("not tested: this user may not mount a small file system");
        return;
    };
    let elsewhere = Database::on(&cluster, "");
    elsewhere.execute(&format!("CREATE TABLESPACE small LOCATION '{directory}'"));
    let database = Database::on(&cluster, "TABLESPACE small");
    let mut generator = database.filled().market_generator(FAST).spawn();
    generator.until_minutes(5, &database);
    database.execute("CREATE TABLE ballast (number bigint)");
    // The pages that were added before it failed stay.
    database.try_execute("INSERT INTO ballast SELECT generate_series(1, 10000000)").unwrap_err();
    generator.until_it_says("could not extend file");
    database.execute("DROP TABLE ballast");
    comes_through(generator, &database);
}

#[test]
fn a_full_disk_under_an_sqlite_file_is_waited_for() {
    let database = Database::new(Backend::Sqlite);
    let mut generator = database.filled().market_generator(FAST).deaf_to("XFSZ").spawn();
    generator.until_minutes(5, &database);
    generator.limit_files(Some(0));
    generator.until_it_says("disk");
    generator.limit_files(None);
    comes_through(generator, &database);
}
