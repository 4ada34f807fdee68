//! ClickHouse: `CLICKHOUSE_HOST`, `CLICKHOUSE_PORT`, `CLICKHOUSE_USER`, `CLICKHOUSE_PASSWORD`, `CLICKHOUSE_DB`, `CLICKHOUSE_SECURE`.

use std::fmt;

use clap::Args;

use super::kafka::KafkaArgs;

/// A ClickHouse server.
#[derive(Clone, Args)]
pub struct ClickHouseServerArgs {
    /// Host of the ClickHouse server
    #[arg(long, env = "CLICKHOUSE_HOST", value_name = "HOST", default_value = "localhost")]
    pub host: String,
    /// The port of its HTTP interface
    #[arg(long, env = "CLICKHOUSE_PORT", value_name = "PORT", default_value_t = 8123, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// The user
    #[arg(long, env = "CLICKHOUSE_USER", value_name = "NAME", default_value = "default")]
    pub user: String,
    /// Password of the user; give it in the variable, because the list of processes shows flags
    #[arg(long, env = "CLICKHOUSE_PASSWORD", value_name = "PASSWORD", hide_env_values = true, default_value = "")]
    pub password: String,
    /// Database; a missing database is created
    #[arg(long, env = "CLICKHOUSE_DB", value_name = "NAME", default_value = "default", value_parser = clickhouse_name)]
    pub db: String,
    /// Use HTTPS, which managed services require
    #[arg(long, env = "CLICKHOUSE_SECURE")]
    pub secure: bool,
    /// Kafka brokers as the ClickHouse server reaches them [default: --kafka-brokers]
    #[arg(long, env = "CLICKHOUSE_KAFKA_BROKERS", value_name = "HOST:PORT,…")]
    pub brokers_from_server: Option<String>,
    /// Print the statements and run none of them
    #[arg(long)]
    pub print: bool,
}

/// Where the tables are made, and which topic they read.
#[derive(Debug, Clone, Args)]
pub struct ClickHouseArgs {
    #[command(flatten)]
    pub server: ClickHouseServerArgs,
    #[command(flatten)]
    pub kafka: KafkaArgs,
}

impl fmt::Debug for ClickHouseServerArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, user, db, .. } = self;
        f.debug_struct("ClickHouseServerArgs")
            .field("host", host)
            .field("port", port)
            .field("user", user)
            .field("db", db)
            .finish_non_exhaustive()
    }
}

/// A name that needs no quotes in ClickHouse.
///
/// # Errors
/// Says what it must be.
pub fn clickhouse_name(text: &str) -> Result<String, String> {
    let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let fits = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if starts && fits { Ok(text.to_owned()) } else { Err("it must have 1 to 64 letters, digits or _".to_owned()) }
}

#[cfg(not(feature = "platform"))]
impl ClickHouseArgs {
    /// Says that the program cannot do it.
    pub fn run(&self) -> anyhow::Result<()> {
        anyhow::bail!("this program was built without the feature \"platform\": it knows nothing of ClickHouse")
    }
}

#[cfg(feature = "platform")]
impl ClickHouseServerArgs {
    /// Makes the database and runs the statements in it, or prints them.
    ///
    /// # Errors
    /// The server does not answer, or refuses a statement.
    pub fn set_up(&self, statements: &[String]) -> anyhow::Result<()> {
        use klined_service::say;

        if self.print {
            statements.iter().for_each(|statement| say!("{statement};\n"));
            return Ok(());
        }
        let server = crate::clickhouse::Server {
            host: self.host.clone(),
            port: self.port,
            user: self.user.clone(),
            password: self.password.clone(),
            database: self.db.clone(),
            secure: self.secure,
        };
        let version = server.set_up(statements)?;
        say!("ClickHouse {version} at {}:{}: database {} is set up", self.host, self.port, self.db);
        Ok(())
    }
}

#[cfg(feature = "platform")]
impl ClickHouseArgs {
    /// Makes the tables and views, or prints how.
    pub fn run(&self) -> anyhow::Result<()> {
        use anyhow::Context;

        let mut kafka = self.kafka.clone();
        if let Some(brokers) = &self.server.brokers_from_server {
            kafka.kafka_brokers.clone_from(brokers);
        }
        let config = kafka.config()?.context("--kafka-brokers is empty: the tables read a topic of Kafka")?;
        self.server.set_up(&crate::clickhouse::statements(&config))
    }
}
