//! A database and its model: the claim, the parameters' digest, a file that is wrong.

use std::process::Command;
use std::sync::Arc;

use klined::jobs::{JobError, Market, ModelChoice};
use klined::store::{Identity, StoreError};
use klined_market::calendar::{Calendar, Hours};
use klined_market::model::{FullParameters, ModelKind};

use crate::support::SHANGHAI;
use crate::support::database::{Backend, Database};
use crate::support::market_builder::{aggregate, assert_clean, days, fill};

#[test]
fn a_database_keeps_to_its_model_and_parameters() {
    let database = Database::new(Backend::Sqlite);
    let claim =
        |choice: ModelChoice| Market::claim(database.open(), Arc::new(Calendar::clone(&SHANGHAI)), choice, None);
    let parameters = FullParameters::from_toml("overnight.share = 0.15").unwrap();
    let changed = ModelChoice { parameters, ..ModelChoice::default() };
    let market = claim(changed.clone()).unwrap();
    assert_eq!(market.source.model().unwrap().kind, ModelKind::Full);
    fill(&market, days(3), "2026-03-04 10:15:30").unwrap();
    aggregate(&market);
    assert_clean(&market);
    assert!(claim(changed).is_ok());
    let is_other =
        |found: Result<Market, JobError>| matches!(found, Err(JobError::Store(StoreError::OtherMarket { .. })));
    assert!(is_other(claim(ModelChoice::default())));
    assert!(is_other(claim(ModelKind::Gbm.into())));
    assert!(matches!(
        claim(ModelChoice { kind: Some(ModelKind::Gbm), parameters, ..ModelChoice::default() }),
        Err(JobError::UnusedParameters)
    ));
}

#[test]
fn a_database_of_the_plain_model_stays_one_without_a_flag() {
    let database = Database::new(Backend::Sqlite);
    let claim = |choice: ModelChoice| {
        Market::claim(database.open(), Arc::new(Calendar::clone(&SHANGHAI)), choice, None)
            .unwrap()
            .source
            .model()
            .unwrap()
            .kind
    };
    assert_eq!(claim(ModelKind::Gbm.into()), ModelKind::Gbm);
    assert_eq!(claim(ModelChoice::default()), ModelKind::Gbm);
}

#[test]
fn a_database_of_an_earlier_version_keeps_it_and_a_new_one_gets_the_newest() {
    let version_of = |database: &Database, choice: ModelChoice| {
        let calendar = Arc::new(Calendar::clone(&SHANGHAI));
        Market::claim(database.open(), calendar, choice, None).unwrap().source.version()
    };
    for earlier in ["gbm-1", "full-2"] {
        let database = Database::new(Backend::Sqlite);
        let identity = Identity { seed: 42, model: earlier.to_owned(), hours: Hours::Sse };
        database.open().claim(&identity, &[]).unwrap();
        let kind = ModelKind::of_version(earlier).unwrap();
        for choice in [ModelChoice::default(), kind.into()] {
            assert_eq!(version_of(&database, choice), earlier);
        }
        let new = Database::new(Backend::Sqlite);
        assert_eq!(version_of(&new, kind.into()), kind.version());
        assert_ne!(kind.version(), earlier);
    }
}

#[test]
fn a_program_refuses_a_parameter_file_that_is_wrong() {
    let database = Database::new(Backend::Sqlite);
    let file = database.directory.path().join("parameters.toml");
    std::fs::write(&file, "[tails]\nwidth = 40\n").unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_market-backfill"))
        .args(["--days", "1", "--db-url", database.url(), "--model-params"])
        .arg(&file)
        .current_dir(database.directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(!run.status.success() && said.contains("tails.width = 40") && said.contains("parameters.toml"), "{said}");
}
