//! What a writer may not become: the functions that run as the owner reach nothing that their caller has made.

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use klined_testing::assert_same;

use super::roles::Users;
use crate::support::database::{Backend, Database};
use crate::support::market_builder::{aggregate, assert_clean, generate, market, minute, verified};
use crate::support::psql::{psql, run};

/// Every function that runs as the owner, called in the ways that meet the names below.
const CALLS: [&str; 9] = [
    "SELECT klines_remove_days('')",
    "SELECT klines_clear_month('market_klines_2031_01')",
    "SELECT klines_make_partition('market_klines_2031_01', 1924963200, 1927641600)",
    "SELECT klines_make_partition('market_klines_2031_02', 1927641600, 1930060800)",
    "SELECT klines_drop_partition()",
    "SELECT klines_end_month('market_klines_loading_a')",
    "SELECT klines_attach_month('market_klines_loading_a', 'market_klines_2031_03', 1930060800, 1932739200, current_user)",
    "SELECT klines_begin_month('market_klines_loading_b', 1, 2, current_user)",
    "SELECT klines_attach_month('market_klines_loading_b', 'market_klines_2031_01', 1, 2, current_user)",
];

/// A function of the caller's own that gives the role which runs it.
const TRAP: &str = "CREATE FUNCTION pg_temp.trap() RETURNS bigint LANGUAGE plpgsql AS \
     $$ BEGIN RAISE 'the trap ran as %', current_user; END $$; \
     CREATE FUNCTION pg_temp.trapped(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS \
     $$ BEGIN RAISE 'the trap ran as %', current_user; END $$; ";

/// What a caller can put in the way, each under the name that a function looks up.
const BAITS: [&str; 7] = [
    "CREATE TEMP VIEW market_klines_2031_01 AS SELECT pg_temp.trap() AS time",
    "CREATE TEMP TABLE market_klines_2031_02 (time bigint DEFAULT pg_temp.trap(), CHECK (pg_temp.trapped(time, 1)))",
    "CREATE TEMP VIEW market_klines AS SELECT pg_temp.trap() AS time",
    "CREATE TEMP VIEW market_identity AS SELECT pg_temp.trap() AS retained_from",
    "CREATE TEMP TABLE market_klines_loading_a (symbol text, interval text, time bigint, CHECK (pg_temp.trapped(time, 1)))",
    "CREATE TEMP VIEW pg_inherits AS SELECT pg_temp.trap() AS inhparent, pg_temp.trap() AS inhrelid",
    "CREATE OPERATOR pg_temp.<= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = pg_temp.trapped)",
];

/// The owner may use what the caller has made, as an attacker would have it.
const SHARED: &str = "DO $$ DECLARE bait regclass; BEGIN \
     FOR bait IN SELECT oid FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind IN ('r', 'v') LOOP \
     EXECUTE format('GRANT ALL ON %s TO PUBLIC', bait); END LOOP; END $$";

/// Lays a bait and calls every function; gives what the trap reported.
fn sprung(writer: &str, bait: &str) -> Vec<String> {
    let call = |call: &&str| {
        let mut connection = PgConnection::establish(writer).unwrap();
        connection.batch_execute(TRAP).unwrap();
        connection.batch_execute(bait).unwrap();
        connection.batch_execute(SHARED).unwrap();
        connection.batch_execute("SET search_path = pg_temp, public, pg_catalog").unwrap();
        let outcome = connection.batch_execute(&format!("BEGIN; {call}; ROLLBACK"));
        let error = outcome.err().map(|error| error.to_string()).unwrap_or_default();
        error.contains("the trap ran").then(|| format!("{call}: {error}"))
    };
    CALLS.iter().filter_map(call).collect()
}

/// A market whose tables belong to somebody, with a user in the writer's role.
fn writer_of(database: &Database, owner_is_superuser: bool) -> String {
    let name = database.url().rsplit('/').next().unwrap().to_owned();
    let users = Users { name: name.clone() };
    if !owner_is_superuser {
        let owner = users.make(database, "owner", &[]);
        database.execute(&format!("ALTER SCHEMA public OWNER TO {name}_owner"));
        PgConnection::establish(&owner).unwrap();
        crate::support::psql::psql_at(&owner, &[], "sql_scripts/create_market_data_tables.sql");
    } else {
        psql(database, "sql_scripts/create_market_data_tables.sql");
    }
    psql(database, "sql_scripts/roles.sql");
    // Without a horizon klines_drop_partition compares nothing.
    database.execute("INSERT INTO market_identity (seed, model, retained_from) VALUES ('1', 'gbm-1', 1)");
    database.execute("SELECT klines_make_partition('market_klines_2030_01', 1893427200, 1896105600)");
    users.make(database, "writer", &["klined_writer"])
}

#[test]
fn nothing_of_a_writer_s_own_runs_as_the_owner() {
    for owner_is_superuser in [false, true] {
        let database = Database::new(Backend::Postgres);
        let writer = writer_of(&database, owner_is_superuser);
        for bait in BAITS {
            assert_eq!(sprung(&writer, bait), [""; 0], "{bait}");
        }
        // The functions still do what they are for, past the same baits.
        let mut connection = PgConnection::establish(&writer).unwrap();
        connection.batch_execute(&format!("{TRAP}{}", BAITS.join("; "))).unwrap();
        connection.batch_execute(CALLS[3]).unwrap();
        let parent = "SELECT inhparent::regclass::text AS text FROM pg_inherits WHERE inhrelid = 'public.market_klines_2031_02'::regclass";
        assert_eq!(database.value(parent), "market_klines");
    }
}

#[test]
fn every_function_of_the_schema_has_a_path_of_its_own_and_owner_s_functions_are_not_everybody_s() {
    let database = Database::new(Backend::Postgres);
    psql(&database, "sql_scripts/create_market_data_tables.sql");
    psql(&database, "sql_scripts/roles.sql");
    let named = |condition: &str| {
        database.column(&format!(
            "SELECT proname::text AS text FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND {condition} ORDER BY 1"
        ))
    };
    assert_eq!(named("NOT coalesce(proconfig::text, '') LIKE '%search_path=%pg_temp%'"), [""; 0]);
    let open = "prorettype <> 'trigger'::regtype AND (proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0))";
    assert_eq!(named(open), [""; 0]);
    assert_eq!(named("prosecdef").len(), 7);
}

#[test]
fn a_month_is_attached_only_for_a_role_that_its_caller_has() {
    let database = Database::new(Backend::Postgres);
    let writer = writer_of(&database, false);
    let call = "SELECT klines_attach_month('market_klines_loading_a', 'market_klines_2031_01', 1, 2, 'postgres')";
    let error = PgConnection::establish(&writer).unwrap().batch_execute(call).unwrap_err().to_string();
    assert!(error.contains("is not postgres"), "{error}");
}

#[test]
fn no_role_shuts_another_one_out_and_the_owner_can_let_it_in_again() {
    let database = Database::new(Backend::Postgres);
    let writer = writer_of(&database, false);
    let name = database.url().rsplit('/').next().unwrap().to_owned();
    let aggregator = Users { name: name.clone() }.make(&database, "aggregator", &["klined_aggregator"]);
    let reader = Users { name }.make(&database, "reader", &["klined_reader"]);
    database.execute(
        "INSERT INTO role_epoch VALUES ('writer', 5), ('writer 1/2', 5), ('aggregator', 5), ('aggregator 1/2', 5)",
    );
    let epochs = || database.column("SELECT role || ' ' || epoch AS text FROM role_epoch ORDER BY 1");
    let raise = "UPDATE role_epoch SET epoch = 9223372036854775807";
    PgConnection::establish(&aggregator).unwrap().batch_execute(raise).unwrap();
    let most = i64::MAX;
    assert_eq!(
        epochs(),
        [format!("aggregator 1/2 {most}"), format!("aggregator {most}"), "writer 1/2 5".into(), "writer 5".into()]
    );
    for (user, role) in [(&aggregator, "writer 2/2"), (&writer, "aggregator 2/2"), (&writer, "aggregators")] {
        let insert = format!("INSERT INTO role_epoch VALUES ('{role}', 1)");
        let error = PgConnection::establish(user).unwrap().batch_execute(&insert).unwrap_err().to_string();
        assert!(error.contains("row-level security"), "{error}");
    }
    // Whoever has counted up to the end is shut out itself, until the owner removes its rows.
    database.execute("INSERT INTO rollup_watermark (symbol) VALUES ('AAA')");
    let once = || database.data_aggregator("--once").variable("DATABASE_URL", &aggregator).run();
    once().failed(&["out of range"]);
    database.execute("DELETE FROM role_epoch WHERE role LIKE 'aggregator%'");
    once().succeeded();

    // The reader sees klined's tables only, and months that were made since.
    database.execute("CREATE TABLE of_somebody_else (a int); SELECT klines_make_partition('market_klines_2030_02', 1896105600, 1898524800)");
    let can_read =
        |table: &str| PgConnection::establish(&reader).unwrap().batch_execute(&format!("SELECT FROM {table}"));
    for table in ["market_klines", "market_klines_2030_01", "market_klines_2030_02", "role_epoch", "rollup_dirty"] {
        can_read(table).unwrap();
    }
    assert!(can_read("of_somebody_else").unwrap_err().to_string().contains("permission denied"));
}

#[test]
fn a_market_outside_public_is_written_edited_and_restored_by_qualified_names() {
    let database = Database::new(Backend::Postgres);
    let name = database.url().rsplit('/').next().unwrap();
    database.execute(&format!("CREATE SCHEMA \"Market 1\"; ALTER DATABASE {name} SET search_path = \"Market 1\""));
    let original = market(&database);
    generate(&original, "2026-03-30", "2026-03-31 10:17");
    aggregate(&original);
    let changed = minute("2026-03-30 11:00").start();
    let edit = format!(
        "SET search_path = pg_catalog; UPDATE \"Market 1\".market_klines SET volume = volume + 100 \
         WHERE time = {changed} AND interval = '1m'"
    );
    database.execute(&edit);
    assert_eq!(aggregate(&original).repaired, 10);
    // The edited bars are all that is off: the roll-ups follow them.
    let report = verified(&original);
    assert!(report.differing == 10 && report.findings_count == 10, "{report}");
}

#[test]
fn a_backup_of_the_data_alone_is_restored_whole() {
    let database = Database::new(Backend::Postgres);
    let original = market(&database);
    generate(&original, "2026-03-30", "2026-03-31 10:17");
    aggregate(&original);
    let copy = Database::new(Backend::Postgres);
    let store = copy.open();
    store.ensure_partitions("2026-03-01".parse().unwrap(), "2026-07-01".parse().unwrap()).unwrap();
    let dump = copy.directory.path().join("data.dump");
    let dump = dump.to_str().unwrap();
    run(
        "pg_dump",
        &["-Fc", "--data-only", "--exclude-table-data=__diesel_schema_migrations", "-d", database.url(), "-f", dump],
    );
    run("pg_restore", &["--data-only", "--exit-on-error", "-d", copy.url(), dump]);
    let count = "SELECT count(*)::text AS text FROM market_klines";
    assert_eq!(copy.value(count), database.value(count));
    let restored = market(&copy);
    aggregate(&restored);
    assert_clean(&restored);
    assert_same(&copy.contents(), &database.contents());
}
