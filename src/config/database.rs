//! Where the market is kept: `DATABASE_URL`, `DB_POOL_SIZE`, `DB_TIMEOUT_SECONDS`.

use std::time::Duration;

use clap::Args;

use crate::store::{DatabaseUrl, StoreOptions};

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Database")]
pub struct DatabaseArgs {
    /// Database: postgresql://user:password@host:5432/happystock, sqlite:///relative.db or sqlite:////absolute/path.db
    #[arg(
        long,
        env = "DATABASE_URL",
        value_name = "URL",
        default_value = "sqlite:///klined.db",
        hide_env_values = true
    )]
    pub db_url: DatabaseUrl,

    /// Maximum number of database connections
    #[arg(long, env = "DB_POOL_SIZE", value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub db_pool_size: u32,

    /// Maximum wait for a connection, a lock or the network, in seconds; a statement may take 10 times as long
    #[arg(long, env = "DB_TIMEOUT_SECONDS", value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub db_timeout: u64,
}

impl DatabaseArgs {
    /// How long the database may leave a request without an answer: a little longer than a statement may take there.
    #[must_use]
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.db_timeout) * 12
    }

    /// The options of the store.
    #[must_use]
    pub fn options(&self) -> StoreOptions {
        StoreOptions {
            url: self.db_url.clone(),
            pool_size: self.db_pool_size,
            timeout: Duration::from_secs(self.db_timeout),
        }
    }
}
