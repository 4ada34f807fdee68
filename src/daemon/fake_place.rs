//! Where the market of `--fake-data` has its database.

use anyhow::Context;
use tempfile::TempDir;
use tracing::info;

use crate::config::{DatabaseArgs, FakeArgs};

/// The place of a market of which nothing is kept: a temporary directory, which is removed with all that is in it.
pub struct FakePlace(TempDir);

impl FakePlace {
    /// Makes it.
    ///
    /// # Errors
    /// There is no room for temporary files.
    pub fn begin() -> anyhow::Result<Self> {
        let place = tempfile::Builder::new().prefix("klined-fake-").tempdir();
        place.map(Self).context("cannot create the temporary directory of --fake-data")
    }

    /// The database there, with all else as the command line has it.
    ///
    /// # Errors
    /// The directory has a name that no URL can have.
    pub fn database(&self, args: &DatabaseArgs) -> anyhow::Result<DatabaseArgs> {
        let url = format!("sqlite:///{}", self.0.path().join("market.db").display()).parse();
        Ok(DatabaseArgs {
            db_url: url
                .context("the path of the temporary directory cannot be in a URL; set TMPDIR to another directory")?,
            ..args.clone()
        })
    }

    /// Says what the market is.
    pub fn announce(args: &FakeArgs) {
        info!(
            symbols = args.fake_data_symbols.join(","),
            "a market of test symbols runs in this process; nothing of it is kept"
        );
    }
}
