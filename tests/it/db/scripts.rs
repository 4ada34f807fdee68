//! The scripts that set up a database without klined, for psql and for sqlite3.

use std::fs::File;
use std::process::Command;

use super::schema::dump;
use crate::on_every_backend;
use crate::support::database::{Backend, Database};
use crate::support::programs::TWO_DAYS;
use crate::support::psql::{program, psql, repository};

const VERSIONS: &str = "SELECT version AS text FROM __diesel_schema_migrations ORDER BY 1";
const FOR_PSQL: &str = "sql_scripts/create_market_data_tables.sql";

/// Sets a database up as an operator does.
fn set_up(database: &Database) {
    match database.backend {
        Backend::Postgres => drop(psql(database, FOR_PSQL)),
        Backend::Sqlite => assert!(sqlite3(database)),
    }
}

/// Runs `sqlite3 FILE < SCRIPT`; whether it succeeds.
fn sqlite3(database: &Database) -> bool {
    let script = File::open(repository("sql_scripts/create_market_data_tables_sqlite.sql")).unwrap();
    let file = database.url().trim_start_matches("sqlite:///");
    Command::new("sqlite3").arg(file).stdin(script).output().expect("sqlite3; ./test.sh installs it").status.success()
}

/// The tables, indices and triggers.
fn catalog(database: &Database) -> Vec<String> {
    match database.backend {
        Backend::Postgres => dump(database),
        Backend::Sqlite => database.column(
            "SELECT type || ' ' || name || ' ' || sql AS text FROM sqlite_master \
             WHERE sql IS NOT NULL AND name <> '__diesel_schema_migrations' ORDER BY type, name",
        ),
    }
}

on_every_backend! {
    fn a_script_makes_what_the_migrations_make(database: &Database) {
        let by_migrations = Database::new(database.backend);
        set_up(database);
        let store = by_migrations.open();
        assert_eq!(catalog(database), catalog(&by_migrations));
        assert!(catalog(database).len() > 15, "there are no tables");
        assert_eq!(database.column(VERSIONS), by_migrations.column(VERSIONS));

        let by_script = database.open_empty();
        by_script.check_schema().unwrap();
        assert_eq!(by_script.migrate().unwrap(), [""; 0]);
        assert_eq!(store.migrate().unwrap(), [""; 0]);
    }

    fn a_script_fills_in_the_ten_stocks_and_a_market_that_has_not_begun(database: &Database) {
        set_up(database);
        let store = database.open();
        let (mut found, mut expected) = (store.universe().unwrap(), klined_market::universe::demo());
        for rows in [&mut found, &mut expected] {
            rows.sort_by(|one, other| one.symbol.cmp(&other.symbol));
        }
        assert_eq!(found, expected);
        assert_eq!(database.value("SELECT current_session || ' ' || session_start AS text FROM market_status"), "closed 0");
        assert_eq!(store.status().unwrap(), None);
        // It begins as in an empty database.
        database.market_generator("--check --test").run().succeeded();
        database.market_backfill(TWO_DAYS).run().succeeded();
        database.klined("verify").run().succeeded();
        let fresh = Database::new(database.backend);
        fresh.market_backfill(TWO_DAYS).run().succeeded();
        assert_eq!(database.contents(), fresh.contents());
    }

    fn a_script_run_again_fails_and_changes_nothing(database: &Database) {
        database.open();
        let before = catalog(database);
        let succeeds = match database.backend {
            Backend::Sqlite => sqlite3(database),
            Backend::Postgres => {
                let psql = Command::new(program("psql"))
                    .args(["-X", "-q", "-d", database.url(), "-f"])
                    .arg(repository(FOR_PSQL))
                    .output();
                psql.unwrap().status.success()
            }
        };
        assert!(!succeeds);
        assert_eq!(catalog(database), before);
        assert_eq!(database.value("SELECT CAST(count(*) AS text) AS text FROM stock_metadata"), "0");
    }
}
