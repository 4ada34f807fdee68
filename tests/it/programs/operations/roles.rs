//! `roles.sql`: the whole life of a market under roles that may do no more than they must.

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;

use crate::support::database::{Backend, Database};
use crate::support::programs::assert_has;
use crate::support::psql::{psql, psql_at};

/// The tables on which a user has a right, or any of several.
fn tables_with(database: &Database, user: &str, rights: &str) -> Vec<String> {
    database.column(&format!(
        "SELECT relname::text AS text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') \
         AND (has_table_privilege('{user}', oid, '{rights}')) ORDER BY 1"
    ))
}

/// Users of one test. A user belongs to the whole cluster, so its name begins with that of the test's database.
pub struct Users {
    pub name: String,
}

impl Users {
    /// A user of this test's own in some group roles.
    pub fn make(&self, database: &Database, user: &str, roles: &[&str]) -> String {
        let full = format!("{}_{user}", self.name);
        // A user is the whole cluster's, and so outlives its database.
        database.execute(&format!("CREATE ROLE {full} LOGIN"));
        for role in roles {
            database.execute(&format!("GRANT {role} TO {full}"));
        }
        database.url().replace("postgres@", &format!("{full}@"))
    }
}

#[track_caller]
fn denied(url: &str, sql: &str, words: &str) {
    let error = PgConnection::establish(url).unwrap().batch_execute(sql).expect_err(sql).to_string();
    assert!(error.contains(words), "{sql}: {error}");
}

#[test]
fn a_market_lives_under_roles_that_may_do_no_more_than_they_must() {
    let database = Database::new(Backend::Postgres);
    let name = database.url().rsplit('/').next().unwrap().to_owned();
    let users = Users { name: name.clone() };
    // The owner of the database makes the tables. No superuser takes part after that.
    let owner = users.make(&database, "owner", &[]);
    database
        .execute(&format!("ALTER DATABASE {name} OWNER TO {name}_owner; ALTER SCHEMA public OWNER TO {name}_owner"));
    psql_at(&owner, &[], "sql_scripts/create_market_data_tables.sql");
    for _ in 0..2 {
        psql(&database, "sql_scripts/roles.sql");
    }
    let market = users.make(&database, "market", &["klined_writer", "klined_aggregator"]);
    let writer = users.make(&database, "writer", &["klined_writer"]);
    let aggregator = users.make(&database, "aggregator", &["klined_aggregator"]);
    let reader = users.make(&database, "reader", &["klined_reader"]);

    // A new market with its universe, bulk, the live minute, partitions ahead, old months gone, roll-ups in bulk and not.
    let backfill = |window, url| database.market_backfill(window).variable("DATABASE_URL", url);
    let filled = backfill("--from 2026-01-19 --to 2026-02-13", &market).run().succeeded();
    // A role that does not own the table loads whole months, and leaves no right behind.
    assert_eq!(filled.stderr.matches("a month is written").count(), 2, "{}", filled.stderr);
    assert_eq!(tables_with(&database, &format!("{name}_writer"), "DELETE, TRUNCATE"), [""; 0]);
    assert!(!tables_with(&database, &format!("{name}_market"), "INSERT").iter().any(|table| table.contains("2026_01")));
    // Without the aggregator's rights the roll-ups are left to it.
    let filled = backfill("--from 2026-01-19 --to 2026-02-27", &writer).run().succeeded();
    assert_has(&filled.stderr, &["left to the aggregator", "rollups=0"]);
    let generate =
        || database.market_generator("--test --speed 60000 --retain-days 20").variable("DATABASE_URL", &writer);
    let mut generator = generate().spawn();
    generator.until_it_says("older bars are removed");
    generator.until_minutes(30, &database);
    database.data_aggregator("--once").variable("DATABASE_URL", &aggregator).run().succeeded();
    let changed = "UPDATE market_klines SET volume = volume + 100 WHERE interval = '1m' AND time = (SELECT max(folded_to) - 600 FROM rollup_watermark)";
    database.execute(changed);
    generator.terminate().succeeded();
    let again = database.data_aggregator("--once").variable("DATABASE_URL", &aggregator).run().succeeded();
    assert_has(&again.stderr, &["repaired=10"]);
    // Only the edited bars are off.
    let report = database.klined("verify").variable("DATABASE_URL", &reader).run().stdout;
    assert!(
        report.ends_with("10 bars differ from the market: they were edited, or made with another seed\n10 problems\n"),
        "{report}"
    );
    assert!(!report.contains("not rolled up"), "{report}");
    let partitions = database.column("SELECT inhrelid::regclass::text AS text FROM pg_inherits WHERE inhparent = 'market_klines'::regclass ORDER BY 1");
    assert_eq!((partitions[0].as_str(), partitions.len()), ("market_klines_2026_02", 4));
    // 2026-02-10 00:00 in Shanghai, 20 days before the first day of the generator.
    let earliest = database.value("SELECT CAST(min(time) AS text) AS text FROM market_klines");
    assert!(earliest.parse::<i64>().unwrap() >= 1_770_652_800, "{earliest}");
    let owners =
        "SELECT DISTINCT pg_get_userbyid(relowner) || '' AS text FROM pg_class WHERE relname LIKE 'market_klines%'";
    assert_eq!(database.column(owners), [format!("{name}_owner")]);
    psql_at(&reader, &[], "sql_scripts/monitoring.sql");

    // Each can ask whether its program could run.
    database.market_generator("--check").variable("DATABASE_URL", &writer).run().succeeded();
    database.data_aggregator("--check").variable("DATABASE_URL", &aggregator).run().succeeded();
    let check = database.market_generator("--check").variable("DATABASE_URL", &reader).run();
    assert_has(&check.stdout, &["FAIL partitions: ", "this user may not make them"]);

    // The reader reads everything, partitions made since included, and writes nothing.
    assert_eq!(
        tables_with(&database, &format!("{name}_reader"), "SELECT"),
        tables_with(&database, "postgres", "SELECT")
    );
    assert_eq!(
        tables_with(&database, &format!("{name}_reader"), "INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER"),
        [""; 0]
    );
    denied(&reader, "UPDATE stock_state SET current_price = 1", "permission denied");
    denied(&reader, "SELECT klines_drop_partition()", "permission denied");
    database
        .data_aggregator("--once")
        .variable("DATABASE_URL", &reader)
        .run()
        .failed(&["permission denied", "role_epoch"]);

    // The aggregator has no 1-minute bars, by any way.
    let may = |user: &str, rights| tables_with(&database, &format!("{name}_{user}"), rights);
    assert_eq!(may("aggregator", "INSERT"), ["market_klines", "role_epoch", "rollup_dirty", "rollup_watermark"]);
    assert_eq!(may("aggregator", "UPDATE"), ["market_klines", "role_epoch", "rollup_dirty"]);
    assert_eq!(may("aggregator", "DELETE"), ["market_klines", "rollup_dirty"]);
    let columns = "(symbol, interval, time, open, high, low, close, volume)";
    let bar = |table: &str, interval: &str| {
        format!("INSERT INTO {table} {columns} VALUES ('NEW', '{interval}', 1772438400, 1, 1, 1, 1, 1)")
    };
    for sql in [
        bar("market_klines", "1m"),
        format!("{} ON CONFLICT DO NOTHING", bar("market_klines", "1m")),
        "UPDATE market_klines SET close = close WHERE interval = '1m'".to_owned(),
        "UPDATE market_klines SET interval = '2m' WHERE interval = '1m' AND symbol = 'V'".to_owned(),
        "UPDATE market_klines SET interval = '1m', time = time + 1 WHERE interval = '5m' AND symbol = 'V'".to_owned(),
        "DELETE FROM market_klines WHERE interval = '1m' AND symbol = 'V'".to_owned(),
    ] {
        denied(&aggregator, &sql, "permission denied for 1-minute bars");
    }
    for sql in [
        &*bar("market_klines_2026_03", "1m"),
        "TRUNCATE market_klines",
        "DELETE FROM market_klines_2026_03",
        "INSERT INTO stock_metadata (symbol, name, base_price, base_volatility) VALUES ('A', 'a', 1, 0.1)",
        "UPDATE rollup_watermark SET symbol = 'X'",
        "SELECT klines_make_partition('market_klines_2027_01', 1, 2)",
        "SELECT klines_clear_month('market_klines_2026_04')",
        "SELECT klines_begin_month('market_klines_loading_a', 1, 2, 'klined_writer')",
        "SELECT klines_end_month('market_klines_loading_a')",
        "SELECT klines_attach_month('market_klines_loading_a', 'market_klines_2027_01', 1, 2, 'klined_writer')",
    ] {
        denied(&aggregator, sql, "permission denied");
    }
    let mut connection = PgConnection::establish(&aggregator).unwrap();
    connection.batch_execute(&bar("market_klines", "5m")).unwrap();
    connection.batch_execute("DELETE FROM market_klines WHERE symbol = 'NEW'").unwrap();

    // The writer removes nothing but what lies before the horizon, and makes nothing but months.
    assert_eq!(may("writer", "DELETE, TRUNCATE"), [""; 0]);
    for sql in [
        "CREATE TABLE mine (a int)",
        "DROP TABLE market_klines_2026_03",
        "UPDATE stock_metadata SET is_active = false",
        "UPDATE market_identity SET seed = '1'",
        "INSERT INTO market_klines_2026_03 SELECT * FROM market_klines LIMIT 1",
        "ALTER TABLE market_klines DETACH PARTITION market_klines_2026_03",
        "UPDATE rollup_watermark SET folded_to = 0",
    ] {
        let words =
            if sql.starts_with("DROP") || sql.starts_with("ALTER") { "must be owner" } else { "permission denied" };
        denied(&writer, sql, words);
    }
    for (sql, words) in [
        ("SELECT klines_make_partition('stock_state', 1, 2)", "market_klines_YYYY_MM"),
        ("SELECT klines_clear_month('stock_state')", "market_klines_YYYY_MM"),
        ("SELECT klines_begin_month('stock_state', 1, 2, 'klined_writer')", "market_klines_loading_a or _b"),
        ("SELECT klines_begin_month('market_klines_loading_a', 1, 2, 'postgres')", "is not postgres"),
        ("SELECT klines_end_month('stock_state')", "market_klines_loading_a or _b"),
        (
            "SELECT klines_attach_month('stock_state', 'market_klines_2027_01', 1, 2, 'klined_writer')",
            "market_klines_YYYY_MM",
        ),
    ] {
        denied(&writer, sql, words);
    }
    // A month that has bars is not dropped.
    assert_eq!(run_as(&writer, "SELECT klines_clear_month('market_klines_2026_03')::text AS text"), "false");
    let mut connection = PgConnection::establish(&writer).unwrap();
    // A table of the writer's own in front of the real one is not seen by what runs as the owner.
    connection.batch_execute("CREATE TEMP TABLE market_klines (a int); SELECT klines_make_partition('market_klines_2030_01', 1893427200, 1896105600)").unwrap();
    assert_eq!(database.value("SELECT inhparent::regclass::text AS text FROM pg_inherits WHERE inhrelid = 'market_klines_2030_01'::regclass"), "market_klines");
    let counted = bars_and_partitions(&database);
    connection.batch_execute("SELECT klines_drop_partition()").unwrap();
    assert_eq!(bars_and_partitions(&database), counted);
    database
        .market_backfill("--days 1 --clear --yes")
        .variable("DATABASE_URL", &writer)
        .run()
        .failed(&["row-level security policy", "role_epoch"]);

    // Only a role that may make tables migrates.
    database.execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261121000003'");
    for (program, url) in [(generate(), &writer), (database.data_aggregator("--once"), &aggregator)] {
        program.variable("DATABASE_URL", url).run().failed(&["permission denied", "a role that may create tables"]);
    }
}

fn run_as(url: &str, sql: &str) -> String {
    #[derive(QueryableByName)]
    struct TextRow {
        #[diesel(sql_type = diesel::sql_types::Text)]
        text: String,
    }
    let row: TextRow = diesel::sql_query(sql).get_result(&mut PgConnection::establish(url).unwrap()).unwrap();
    row.text
}

fn bars_and_partitions(database: &Database) -> String {
    database.value("SELECT (SELECT count(*) FROM market_klines) || ' ' || (SELECT count(*) FROM pg_inherits) AS text")
}
