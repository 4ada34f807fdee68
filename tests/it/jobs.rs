//! The jobs on both databases: backfill, generator, aggregator, verify.

use crate::on_every_backend;
use crate::support::database::Database;

on_every_backend! {
    fn a_new_database_has_no_identity(database: &Database) {
        assert_eq!(database.open().identity().unwrap(), None);
    }
}
