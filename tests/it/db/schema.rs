//! The schema: the embedded migrations, the way down, and the columns promised to others.

use sha2::{Digest, Sha256};

use crate::on_every_backend;
use crate::support::database::{Backend, Database};
use crate::support::psql::{repository, run};

/// The catalog as statements, without what differs from dump to dump.
pub fn dump(database: &Database) -> Vec<String> {
    run("pg_dump", &["--schema-only", "--no-owner", "-d", database.url()])
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("--") && !line.starts_with('\\'))
        .map(str::to_owned)
        .collect()
}

/// The migrations with their versions, oldest first.
const MIGRATIONS: [(&str, &str); 18] = [
    ("2026-11-20-000000_market", "20261120000000"),
    ("2026-11-21-000001_universe", "20261121000001"),
    ("2026-11-21-000002_scenarios", "20261121000002"),
    ("2026-11-21-000003_retention", "20261121000003"),
    ("2026-11-21-000004_clock", "20261121000004"),
    ("2026-11-21-000005_months", "20261121000005"),
    ("2026-11-21-000006_room", "20261121000006"),
    ("2026-11-21-000007_updates", "20261121000007"),
    ("2026-11-29-000008_trust", "20261129000008"),
    ("2026-11-29-000009_keys", "20261129000009"),
    ("2026-11-29-000010_parameters", "20261129000010"),
    ("2026-11-29-000011_finite", "20261129000011"),
    ("2026-11-29-000012_checked", "20261129000012"),
    ("2026-11-29-000013_answers", "20261129000013"),
    ("2026-11-29-000014_calendar", "20261129000014"),
    ("2026-11-29-000015_turnover", "20261129000015"),
    ("2026-11-29-000016_bounds", "20261129000016"),
    ("2026-11-29-000017_days", "20261129000017"),
];

/// One way of a migration of a kind of database, as SQL.
fn way(backend: Backend, migration: &str, direction: &str) -> String {
    let kind = match backend {
        Backend::Sqlite => "sqlite",
        Backend::Postgres => "postgres",
    };
    std::fs::read_to_string(repository(&format!("migrations/{kind}/{migration}/{direction}.sql"))).unwrap()
}

/// A database as the program left it that knew only the oldest migrations.
pub fn make_old(database: &Database, migrations: usize) {
    let table = "CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY NOT NULL, \
         run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP)";
    database.execute(table);
    for (name, version) in &MIGRATIONS[..migrations] {
        database.execute(&way(database.backend, name, "up"));
        database.execute(&format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')"));
    }
}

/// The first 16 hexadecimal digits of the SHA-256 of each migration's way up. A database has had them as they are, so they never
/// change; what must change comes with a new one.
const DIGESTS: [(&str, &str); 36] = [
    ("postgres/2026-11-20-000000_market", "f93bde1c43e9d350"),
    ("postgres/2026-11-21-000001_universe", "14514a24bd18226b"),
    ("postgres/2026-11-21-000002_scenarios", "7ef5fbaa09eae364"),
    ("postgres/2026-11-21-000003_retention", "f7c90fecebe3e3fa"),
    ("postgres/2026-11-21-000004_clock", "e8bfcfd918dc18ac"),
    ("postgres/2026-11-21-000005_months", "cad7d00e4113903f"),
    ("postgres/2026-11-21-000006_room", "7a1a073de4c1cf2c"),
    ("postgres/2026-11-21-000007_updates", "ad255cb4c4dac7b4"),
    ("postgres/2026-11-29-000008_trust", "90e053d44401dbcf"),
    ("postgres/2026-11-29-000009_keys", "0b8d4b0be15038ac"),
    ("postgres/2026-11-29-000010_parameters", "c65d24744d0a0f9a"),
    ("postgres/2026-11-29-000011_finite", "69fbd24eecbd6aba"),
    ("postgres/2026-11-29-000012_checked", "5d70850ac84f4ba7"),
    ("postgres/2026-11-29-000013_answers", "87a7021340427242"),
    ("postgres/2026-11-29-000014_calendar", "54a321463b287169"),
    ("postgres/2026-11-29-000015_turnover", "22bb266ddacf1a24"),
    ("postgres/2026-11-29-000016_bounds", "c9449685170d417d"),
    ("postgres/2026-11-29-000017_days", "219918e32cc7fdfd"),
    ("sqlite/2026-11-20-000000_market", "9364ad970108a946"),
    ("sqlite/2026-11-21-000001_universe", "c828cc3bb9afe990"),
    ("sqlite/2026-11-21-000002_scenarios", "4561cbcfeb2ad6d7"),
    ("sqlite/2026-11-21-000003_retention", "efc5ad99b1bf0844"),
    ("sqlite/2026-11-21-000004_clock", "c84fbb34cf494216"),
    ("sqlite/2026-11-21-000005_months", "3167cf119130fbb1"),
    ("sqlite/2026-11-21-000006_room", "d7a867f949f183da"),
    ("sqlite/2026-11-21-000007_updates", "e33bce369545c73f"),
    ("sqlite/2026-11-29-000008_trust", "25202cc336b3fb03"),
    ("sqlite/2026-11-29-000009_keys", "37601b2eade02754"),
    ("sqlite/2026-11-29-000010_parameters", "b7d25bce128015f1"),
    ("sqlite/2026-11-29-000011_finite", "6ee4e3444b7372d8"),
    ("sqlite/2026-11-29-000012_checked", "ae7bd056b855c146"),
    ("sqlite/2026-11-29-000013_answers", "f73fa2a00328461e"),
    ("sqlite/2026-11-29-000014_calendar", "6175b708cdbc7b89"),
    ("sqlite/2026-11-29-000015_turnover", "0b49ae2bf0d6bb16"),
    ("sqlite/2026-11-29-000016_bounds", "77193d7e4e537ebe"),
    ("sqlite/2026-11-29-000017_days", "eaaeb4a333fd74fa"),
];

#[test]
fn a_published_migration_never_changes() {
    let digest = |migration: &str| {
        let text = std::fs::read(repository(&format!("migrations/{migration}/up.sql"))).unwrap();
        Sha256::digest(text)[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let kinds = ["postgres", "sqlite"];
    let all: Vec<_> = kinds.iter().flat_map(|kind| MIGRATIONS.map(|(name, _)| format!("{kind}/{name}"))).collect();
    let found: Vec<_> = all.iter().map(|migration| (&**migration, digest(migration))).collect();
    assert_eq!(found, DIGESTS.map(|(migration, digest)| (migration, digest.to_owned())));
}

/// A table of diesel's: its name, its primary key and its columns with their types.
#[derive(Debug, PartialEq)]
struct DieselTable {
    name: String,
    key: Vec<String>,
    columns: Vec<String>,
}

/// The tables of a source of diesel's schema, sorted by name.
fn diesel_tables(source: &str) -> Vec<DieselTable> {
    let text = std::fs::read_to_string(repository(source)).unwrap();
    let mut tables: Vec<DieselTable> = text.split("table! {").skip(1).map(diesel_table).collect();
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    tables
}

/// From what follows `table! {`: `name (key, …) {` and a column a line, after lines that import types.
fn diesel_table(text: &str) -> DieselTable {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("use "));
    let (name, key) = lines.next().unwrap().trim_end_matches(") {").split_once(" (").unwrap();
    let columns = lines.take_while(|line| *line != "}").map(|line| line.trim_end_matches(',').to_owned());
    let key = key.split(", ").map(str::to_owned).collect();
    DieselTable { name: name.to_owned(), key, columns: columns.collect() }
}

/// The tables of a database as diesel's schema should describe them.
fn catalog_tables(database: &Database) -> Vec<DieselTable> {
    let names = database.column(match database.backend {
        Backend::Sqlite => "SELECT name AS text FROM sqlite_master WHERE type = 'table' ORDER BY name",
        Backend::Postgres => {
            "SELECT table_name::text AS text FROM information_schema.tables WHERE table_schema = 'public' \
             AND table_name !~ '^market_klines_[0-9]' ORDER BY table_name COLLATE \"C\""
        }
    });
    let table = |name: String| {
        let key = database.column(&match database.backend {
            Backend::Sqlite => format!("SELECT name AS text FROM pragma_table_info('{name}') WHERE pk > 0 ORDER BY pk"),
            Backend::Postgres => format!(
                "SELECT k.column_name::text AS text FROM information_schema.table_constraints c \
                 JOIN information_schema.key_column_usage k USING (constraint_name, table_name) \
                 WHERE c.table_name = '{name}' AND c.constraint_type = 'PRIMARY KEY' ORDER BY k.ordinal_position"
            ),
        });
        let columns = database.column(&match database.backend {
            Backend::Sqlite => format!(
                "SELECT name || ' ' || CASE WHEN \"notnull\" OR pk THEN '' ELSE 'null ' END || lower(type) AS text \
                 FROM pragma_table_info('{name}') ORDER BY cid"
            ),
            Backend::Postgres => format!(
                "SELECT column_name || ' ' || CASE is_nullable WHEN 'NO' THEN '' ELSE 'null ' END || data_type AS text \
                 FROM information_schema.columns WHERE table_name = '{name}' ORDER BY ordinal_position"
            ),
        });
        DieselTable { columns: columns.iter().map(|column| as_diesel_spells(column)).collect(), name, key }
    };
    names.into_iter().map(table).collect()
}

/// `name [null] type` of a catalog as a line of diesel's schema.
fn as_diesel_spells(column: &str) -> String {
    let (name, rest) = column.split_once(' ').unwrap();
    let (is_nullable, spelled) = rest.strip_prefix("null ").map_or((false, rest), |spelled| (true, spelled));
    let spelled = spelled.split('(').next().unwrap();
    let kind = match spelled {
        "varchar" | "character varying" => "Varchar",
        "text" => "Text",
        "bigint" => "BigInt",
        "integer" => "Integer",
        "boolean" => "Bool",
        "numeric" | "real" => "FixedPoint",
        "double precision" => "Double",
        "date" => "Date",
        "timestamp" | "timestamp with time zone" | "timestamp without time zone" => "ClockTime",
        other => panic!("{column}: diesel's schema has no name for {other}"),
    };
    if is_nullable { format!("{name} -> Nullable<{kind}>") } else { format!("{name} -> {kind}") }
}

on_every_backend! {
    fn diesels_schema_is_that_of_the_migrations(database: &Database) {
        database.open();
        let mut catalog = catalog_tables(database);
        assert!(catalog.len() > 10, "the catalog shows no tables");
        // A key that counts by itself has to be called integer in SQLite, and holds as much as a bigint.
        let notes = catalog.iter_mut().find(|table| table.name == "rollup_dirty").unwrap();
        notes.columns.iter_mut().filter(|column| *column == "id -> Integer").for_each(|column| *column = "id -> BigInt".to_owned());
        assert!(catalog.iter().all(|table| !table.key.is_empty()), "a table has no primary key: {catalog:?}");
        let schema = diesel_tables("src/store/schema.rs");
        for (ours, theirs) in schema.iter().zip(&catalog) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(schema.len(), catalog.len());
    }

    fn the_way_down_leaves_nothing_and_the_way_up_is_open_again(database: &Database) {
        let store = database.open();
        store.ensure_partitions("2026-01-01".parse().unwrap(), "2026-02-01".parse().unwrap()).unwrap();
        for (migration, _) in MIGRATIONS.iter().rev() {
            database.execute(&way(database.backend, migration, "down"));
        }
        let left = database.column(match database.backend {
            Backend::Sqlite => "SELECT name AS text FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'",
            Backend::Postgres => {
                "SELECT relname::text AS text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' \
                 UNION SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            }
        });
        assert_eq!(left, ["__diesel_schema_migrations"]);
        database.execute("DELETE FROM __diesel_schema_migrations");
        assert_eq!(store.migrate().unwrap().len(), MIGRATIONS.len());
        store.check_schema().unwrap();
    }

    fn each_way_down_leads_to_where_its_way_up_began(database: &Database) {
        let catalog = |database: &Database| match database.backend {
            Backend::Sqlite => database.column("SELECT sql AS text FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE '\\_\\_%' ESCAPE '\\' ORDER BY name"),
            Backend::Postgres => dump(database),
        };
        database.open();
        for kept in (1..MIGRATIONS.len()).rev() {
            database.execute(&way(database.backend, MIGRATIONS[kept].0, "down"));
            let old = Database::new(database.backend);
            make_old(&old, kept);
            assert_eq!(catalog(database), catalog(&old));
        }
    }

    fn a_database_of_the_first_version_is_upgraded_and_keeps_its_universe(database: &Database) {
        make_old(database, 1);
        database.execute(
            "INSERT INTO stock_metadata (symbol, name, sector, base_price, base_volatility, is_active) VALUES \
             ('AAPL', 'Apple Inc.', 'Technology', 150, 0.025, true), ('OLD', 'Old', '', 1.25, 0.5, false)",
        );
        let store = database.open_empty();
        // A program of this version must not read it as it is.
        let refused = store.universe().unwrap_err().to_string();
        assert!(refused.contains("column") && refused.contains("board"), "{refused}");
        assert_eq!(store.migrate().unwrap(), MIGRATIONS[1..].iter().map(|(_, version)| *version).collect::<Vec<_>>());
        let found = store.universe().unwrap();
        // The first version had no turnover of its own for each stock.
        let expected = klined_market::universe::demo()[0].clone();
        assert_eq!(found[0], klined_market::universe::UniverseRow { daily_turnover: 149.0e6, ..expected });
        assert_eq!((&*found[1].symbol, found[1].base_price, found[1].is_active), ("OLD", 1.25, false));
        assert_eq!((&*found[1].board, found[1].is_st, found[1].beta, found[1].daily_turnover), ("free", false, 1.0, 149.0e6));
    }

    fn values_that_no_stock_has_are_refused_by_the_table(database: &Database) {
        database.open();
        database.execute("INSERT INTO stock_metadata (symbol, name, base_price, base_volatility) VALUES ('A', 'a', 1, 0.02)");
        for wrong in [
            "board = 'nasdaq'", "board = 'Main'", "beta = 0", "beta = -1", "beta = 5.1", "daily_turnover = 0",
            "daily_turnover = 10000000000001", "is_st = NULL", "board = NULL", "drift = 10.1", "drift = -11", "drift = NULL",
            "min_price = 0", "max_price = -1", "min_price = 2, max_price = 1",
        ] {
            let refused = database.try_execute(&format!("UPDATE stock_metadata SET {wrong}")).unwrap_err().to_string();
            assert!(refused.contains("constraint"), "{wrong}: {refused}");
        }
        database.execute("UPDATE stock_metadata SET board = 'star', is_st = true, beta = 5, daily_turnover = 10000000000000, drift = -10");
        database.execute("UPDATE stock_metadata SET min_price = 0.01, max_price = NULL");
    }

    fn the_columns_promised_to_others_are_there(database: &Database) {
        database.open();
        for (table, columns) in PROMISED {
            let found = match database.backend {
                Backend::Sqlite => database.column(&format!(
                    "SELECT name || ' ' || lower(type) || CASE WHEN \"notnull\" OR pk THEN '' ELSE ' null' END AS text \
                     FROM pragma_table_info('{table}') ORDER BY cid"
                )),
                Backend::Postgres => database.column(&format!(
                    "SELECT attname || ' ' || format_type(atttypid, atttypmod) || \
                     CASE WHEN attnotnull THEN '' ELSE ' null' END AS text \
                     FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 ORDER BY attnum"
                )),
            };
            let expected: Vec<String> = columns.iter().map(|column| as_written(database.backend, column)).collect();
            assert_eq!(found, expected, "{table}");
        }
    }
}

/// A column's type as the catalog of a database spells it.
fn as_written(backend: Backend, column: &str) -> String {
    match backend {
        Backend::Sqlite => match column.split_once(" numeric") {
            Some((name, rest)) => format!("{name} real{}", if rest.ends_with(" null") { " null" } else { "" }),
            None => column.replace("timestamptz", "timestamp"),
        },
        Backend::Postgres => {
            column.replace("varchar", "character varying").replace("timestamptz", "timestamp with time zone")
        }
    }
}

const PROMISED: [(&str, &[&str]); 5] = [
    (
        "market_klines",
        &[
            "symbol varchar(20)",
            "interval varchar(10)",
            "time bigint",
            "open numeric(10,2)",
            "high numeric(10,2)",
            "low numeric(10,2)",
            "close numeric(10,2)",
            "volume bigint",
            "created_at timestamptz",
            "turnover numeric(20,2) null",
            "trades bigint null",
        ],
    ),
    (
        "stock_metadata",
        &[
            "symbol varchar(20)",
            "name varchar(100)",
            "sector varchar(50)",
            "base_price numeric(10,2)",
            "base_volatility numeric(6,4)",
            "is_active boolean",
            "created_at timestamptz",
            "board varchar(20)",
            "is_st boolean",
            "beta numeric(6,4)",
            "daily_turnover numeric(16,2)",
            "drift numeric(6,4)",
            "min_price numeric(10,2) null",
            "max_price numeric(10,2) null",
        ],
    ),
    (
        "stock_state",
        &[
            "symbol varchar(20)",
            "current_price numeric(10,2)",
            "volatility numeric(6,4)",
            "trend numeric(6,4)",
            "market_state varchar(20)",
            "last_update bigint",
            "created_at timestamptz",
            "updated_at timestamptz",
            "is_halted boolean",
        ],
    ),
    (
        "stock_realtime_price",
        &[
            "symbol varchar(20)",
            "current_price numeric(10,2)",
            "change_percent numeric(6,3)",
            "volume bigint",
            "last_update bigint",
            "updated_at timestamptz",
        ],
    ),
    (
        "market_status",
        &[
            "id integer",
            "is_trading boolean",
            "current_session varchar(20)",
            "session_start bigint",
            "session_end bigint",
            "last_update timestamptz",
        ],
    ),
];

#[test]
fn a_month_is_loaded_into_a_table_like_the_one_that_it_becomes_a_part_of() {
    let columns = |source, name| diesel_tables(source).into_iter().find(|table| table.name == name).unwrap().columns;
    let loading = columns("src/store/postgres/schema.rs", "$name");
    assert_eq!(loading, columns("src/store/schema.rs", "market_klines"));
}

#[test]
fn every_table_is_logged_for_standbys_have_no_other() {
    let database = Database::new(Backend::Postgres);
    database.open();
    let unlogged = "SELECT relname::text AS text FROM pg_class WHERE relpersistence = 'u'";
    assert_eq!(database.column(unlogged), [""; 0]);
}
