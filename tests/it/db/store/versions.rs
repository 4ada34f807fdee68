//! The schema's version: migrating, and refusing what is not this program's.

use klined::store::StoreError;

use super::*;
use crate::on_every_backend;

fn tables(database: &Database) -> Vec<String> {
    database.column(match database.backend {
        Backend::Sqlite => "SELECT name AS text FROM sqlite_master",
        Backend::Postgres => "SELECT relname::text AS text FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    })
}

fn refusal(outcome: Result<(), StoreError>) -> String {
    match outcome {
        Err(error @ StoreError::Schema(_)) if !error.is_retriable() => error.to_string(),
        other => panic!("{other:?}"),
    }
}

on_every_backend! {
    fn an_empty_database_is_distinguished_from_a_migrated_one_and_stays_empty(database: &Database) {
        let store = database.open_empty();
        let error = refusal(store.check_schema());
        assert!(error.contains("18 migrations have not been run"), "{error}");
        assert_eq!(tables(database), [""; 0]);
        refusal(store.status().map(drop));
        let versions = ["20261120000000", "20261121000001", "20261121000002", "20261121000003", "20261121000004", "20261121000005", "20261121000006", "20261121000007", "20261129000008", "20261129000009", "20261129000010", "20261129000011", "20261129000012", "20261129000013", "20261129000014", "20261129000015", "20261129000016", "20261129000017"];
        assert_eq!(store.migrate().unwrap(), versions);
        store.check_schema().unwrap();
        assert_eq!(store.migrate().unwrap(), [""; 0]);
        store.check_schema().unwrap();
    }

    fn a_database_of_a_newer_program_is_refused_and_left_alone(database: &Database) {
        let store = database.open();
        database.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')");
        let before = tables(database);
        for outcome in [store.check_schema(), store.migrate().map(drop)] {
            let error = refusal(outcome);
            assert!(error.contains("newer klined (migration 29990101000000)"), "{error}");
        }
        assert_eq!(tables(database), before);
    }

    fn a_table_that_is_missing_is_named(database: &Database) {
        let desk = Desk::of(database);
        database.execute("DROP TABLE stock_state");
        for outcome in [
            desk.store.states().map(drop),
            desk.store.progress().map(drop),
            desk.store.rollup_tasks(&desk.aggregator).map(drop),
            desk.store.write(&desk.writer, &full_batch("AAA", &minutes(1))),
            desk.store.clear(&desk.writer, Some(&symbol("AAA"))),
            desk.store.clear(&desk.writer, None),
        ] {
            let error = refusal(outcome);
            assert!(error.contains("stock_state"), "{error}");
        }
        database.execute("DROP TABLE market_klines");
        refusal(desk.store.bars(&[all_of("AAA", Interval::Minute1)], 1).map(drop));
        database.execute("DROP TABLE role_epoch");
        refusal(desk.store.write(&desk.writer, &MarketWrite::default()));
        drop(desk.writer);
        refusal(desk.store.acquire(Role::Writer).map(drop));
    }

    fn two_that_migrate_at_once_do_it_once(database: &Database) {
        let stores = [database.open_empty(), database.open_empty()];
        let ran: usize = std::thread::scope(|scope| {
            let runs: Vec<_> = stores.iter().map(|store| scope.spawn(|| store.migrate().unwrap().len())).collect();
            runs.into_iter().map(|run| run.join().unwrap()).sum()
        });
        assert_eq!(ran, 18);
        stores[0].check_schema().unwrap();
    }
}

#[test]
fn a_role_that_may_only_read_can_check_the_schema() {
    let database = Database::new(Backend::Postgres);
    database.open();
    let reader = database.url().rsplit('/').next().unwrap().replace("test", "reader");
    database.execute(&format!("CREATE ROLE {reader} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}"));
    let url = database.url().replace("postgres@", &format!("{reader}@")).parse().unwrap();
    let options = StoreOptions { url, ..options(&database, 1, Duration::from_secs(10)) };
    let store = klined::store::open(&options).unwrap();
    store.check_schema().unwrap();
    assert_eq!(store.universe().unwrap(), []);
}

#[test]
fn days_are_read_whatever_style_the_server_writes_them_in() {
    let database = Database::new(Backend::Postgres);
    let name = database.url().rsplit('/').next().unwrap();
    database.execute(&format!("ALTER DATABASE {name} SET datestyle = 'German'"));
    let desk = Desk::of(&database);
    desk.write(&full_batch("AAA", &minutes(1)));
    assert_eq!(desk.store.progress().unwrap()[0].checkpoint.day, date(DAY));
    assert_eq!(desk.store.listings().unwrap(), [listing("AAA", DAY, None)]);
}
