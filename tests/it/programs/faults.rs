//! Faults: of the server, the network, the disk, the clock and the operator. Whatever fails while the daemons run, nothing is
//! lost, nothing doubled and nothing out of order, and the database ends up as if nothing had happened.

mod clock;
mod descriptors;
mod disk;
mod file;
mod network;
mod operator;
mod server;
mod standby;

use crate::support::database::Database;
use crate::support::programs::{Running, assert_same};

/// A minute of the market every 10 ms.
const FAST: &str = "--test --speed 6000";
/// The shortest waits that can be asked for.
const IMPATIENT: &str = "--test --speed 6000 --db-timeout 1";

/// Nothing is off, and nothing waits to be rolled up.
fn is_clean(database: &Database) {
    let report = database.klined("verify").run().succeeded().stdout;
    assert!(report.ends_with("clean\n") && !report.contains("not rolled up"), "{report}");
}

/// A generator that has come through its faults goes on, stops at the signal, and has written what an undisturbed one
/// would have.
fn comes_through(mut generator: Running, database: &Database) {
    generator.until_minutes(10, database);
    generator.terminate().succeeded();
    is_as_undisturbed(database);
}

fn is_as_undisturbed(database: &Database) {
    let undisturbed = Database::uninterrupted(database.backend, database.last_minute());
    for market in [database, &undisturbed] {
        market.data_aggregator("--once").run().succeeded();
    }
    is_clean(database);
    assert_same(&database.contents(), &undisturbed.contents());
}
