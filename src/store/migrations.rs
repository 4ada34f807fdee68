//! The schema's version: migrations that are embedded in the program, and what a database has had of them.

use std::error::Error;

use diesel::backend::Backend;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use super::connection::{AnyConnection, on_either};
use super::error::{During, StoreError};
use super::schema::__diesel_schema_migrations as versions_table;

fn schema_error(error: Box<dyn Error + Send + Sync>) -> StoreError {
    let reason = error.to_string();
    if reason.contains("permission denied") || reason.contains("must be owner") {
        return StoreError::Schema(format!("{reason}; start a daemon once with a role that may create tables"));
    }
    StoreError::Schema(reason)
}

/// Runs what is missing; returns the versions of what it ran.
///
/// # Errors
/// A migration fails, or the database has had one that this program does not know.
pub(super) fn run<C, B>(connection: &mut C, embedded: EmbeddedMigrations) -> Result<Vec<String>, StoreError>
where
    C: MigrationHarness<B>,
    B: Backend,
    EmbeddedMigrations: MigrationSource<B>,
{
    let applied = connection.applied_migrations().map_err(schema_error)?;
    let applied: Vec<String> = applied.iter().map(ToString::to_string).collect();
    refuse_unknown(&versions::<B>(&embedded)?, &applied)?;
    let versions = connection.run_pending_migrations(embedded).map_err(schema_error)?;
    Ok(versions.iter().map(ToString::to_string).collect())
}

/// The versions that the database has had. Only reads, so that a user who may do no more can ask.
pub(super) fn applied(connection: &mut AnyConnection<'_>) -> Result<Vec<String>, StoreError> {
    let versions = on_either!(connection, |inner| {
        versions_table::table.select(versions_table::version).order(versions_table::version).load(inner)
    });
    match versions.during("read the schema's version") {
        // The table that keeps the versions comes with the first migration.
        Err(StoreError::Schema(_)) => Ok(Vec::new()),
        outcome => outcome,
    }
}

/// What is missing, oldest first, of a database that has had some versions.
///
/// # Errors
/// The database has had a migration that this program does not know.
pub(super) fn pending<B>(applied: Vec<String>, embedded: EmbeddedMigrations) -> Result<Vec<String>, StoreError>
where
    B: Backend,
    EmbeddedMigrations: MigrationSource<B>,
{
    let known = versions::<B>(&embedded)?;
    refuse_unknown(&known, &applied)?;
    Ok(known.into_iter().filter(|version| !applied.contains(version)).collect())
}

/// The versions that this program carries, oldest first.
fn versions<B: Backend>(embedded: &EmbeddedMigrations) -> Result<Vec<String>, StoreError>
where
    EmbeddedMigrations: MigrationSource<B>,
{
    let known: Vec<Box<dyn Migration<B>>> = embedded.migrations().map_err(schema_error)?;
    let mut versions: Vec<String> = known.iter().map(|migration| migration.name().version().to_string()).collect();
    versions.sort();
    Ok(versions)
}

fn refuse_unknown(known: &[String], applied: &[String]) -> Result<(), StoreError> {
    match applied.iter().find(|version| !known.contains(version)) {
        None => Ok(()),
        Some(version) => Err(StoreError::Schema(format!(
            "they were made by a newer klined (migration {version}); run that version or a newer one"
        ))),
    }
}
