//! The schema's version: migrations that are embedded in the program, and what a database has had of them.

use std::error::Error;

use diesel::backend::Backend;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use super::StoreError;
use super::error::During;
use super::rows::Gives;

const APPLIED: &str = "SELECT version FROM __diesel_schema_migrations ORDER BY version";

#[derive(QueryableByName)]
pub(super) struct VersionRow {
    #[diesel(sql_type = Text)]
    version: String,
}

fn schema_error(error: Box<dyn Error + Send + Sync>) -> StoreError {
    let reason = error.to_string();
    if reason.contains("permission denied") || reason.contains("must be owner") {
        return StoreError::Schema(format!("{reason}; start a daemon once with a role that may create tables"));
    }
    StoreError::Schema(reason)
}

/// Runs what is missing; gives the names of what it ran.
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

/// What is missing, oldest first. Only reads, so that a role which may do no more can ask.
///
/// # Errors
/// The database has had a migration that this program does not know, or cannot be read.
pub(super) fn pending<C, B>(connection: &mut C, embedded: EmbeddedMigrations) -> Result<Vec<String>, StoreError>
where
    C: Connection<Backend = B> + Gives<VersionRow>,
    B: Backend,
    EmbeddedMigrations: MigrationSource<B>,
{
    let applied = match connection.give(APPLIED).during("read the schema's version") {
        Ok(rows) => rows.into_iter().map(|row| row.version).collect(),
        // The table that keeps the versions comes with the first migration.
        Err(StoreError::Schema(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
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
