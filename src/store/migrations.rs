//! The schema's version: migrations that are embedded in the program, and what a database has had of them.

use std::error::Error;

use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use super::StoreError;

fn schema_error(error: Box<dyn Error + Send + Sync>) -> StoreError {
    StoreError::Schema(error.to_string())
}

/// Runs what is missing; gives the names of what it ran.
///
/// # Errors
/// A migration fails, or the database has had one that this program does not know.
pub(super) fn run<C, B>(connection: &mut C, embedded: EmbeddedMigrations) -> Result<Vec<String>, StoreError>
where
    C: MigrationHarness<B>,
    B: diesel::backend::Backend,
    EmbeddedMigrations: MigrationSource<B>,
{
    refuse_unknown(connection, &embedded)?;
    let versions = connection.run_pending_migrations(embedded).map_err(schema_error)?;
    Ok(versions.iter().map(ToString::to_string).collect())
}

/// Checks that nothing is missing and nothing is unknown.
///
/// # Errors
/// Something is.
pub(super) fn check<C, B>(connection: &mut C, embedded: EmbeddedMigrations) -> Result<(), StoreError>
where
    C: MigrationHarness<B>,
    B: diesel::backend::Backend,
    EmbeddedMigrations: MigrationSource<B>,
{
    refuse_unknown(connection, &embedded)?;
    let pending = connection.pending_migrations(embedded).map_err(schema_error)?;
    match pending.as_slice() {
        [] => Ok(()),
        [first, ..] => Err(StoreError::Schema(format!(
            "{} migrations have not been run, the first being {}; start a daemon once with a role that may create tables",
            pending.len(),
            first.name()
        ))),
    }
}

fn refuse_unknown<C, B>(connection: &mut C, embedded: &EmbeddedMigrations) -> Result<(), StoreError>
where
    C: MigrationHarness<B>,
    B: diesel::backend::Backend,
    EmbeddedMigrations: MigrationSource<B>,
{
    let known: Vec<Box<dyn Migration<B>>> = embedded.migrations().map_err(schema_error)?;
    let is_known =
        |version: &MigrationVersion<'_>| known.iter().any(|migration| migration.name().version() == *version);
    match connection.applied_migrations().map_err(schema_error)?.into_iter().find(|version| !is_known(version)) {
        None => Ok(()),
        Some(version) => Err(StoreError::Schema(format!(
            "they were made by a newer klined (migration {version}); run that version or a newer one"
        ))),
    }
}
