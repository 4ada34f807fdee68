//! Tables and views in ClickHouse, made over its HTTP interface: those of a run's events, and any script's.

use std::time::Duration;

use thiserror::Error;
use ureq::Agent;

use crate::kafka::{Credentials, KafkaConfig, Mechanism, Security};

const SCRIPT: &str = include_str!("../../../sql_scripts/clickhouse/exchange.sql");
/// The group of the table that reads the topic.
const GROUP: &str = "clickhouse-consumer";
/// Until a server answers, or counts as away.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// A server and a database of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    pub database: String,
    /// Whether it speaks HTTPS.
    pub secure: bool,
}

/// A server that does not do what it is asked.
#[derive(Debug, Error)]
pub enum ClickHouseError {
    #[error("ClickHouse at {address} does not answer: {reason}")]
    Away { address: String, reason: ureq::Error },
    #[error("ClickHouse at {address} refuses \"{statement}\": {reason}")]
    Refused { address: String, statement: String, reason: String },
}

/// The statements for a run's events, with the topic's address in them.
#[must_use]
pub fn statements(kafka: &KafkaConfig) -> Vec<String> {
    let statements = statements_of(SCRIPT);
    statements.iter().map(|text| text.replace("{kafka}", &kafka_settings(kafka, GROUP))).collect()
}

/// The statements of a script, each of which ends with a semicolon at a line's end, without comments that have a line of their own.
#[must_use]
pub fn statements_of(script: &str) -> Vec<String> {
    let is_code = |line: &&str| !line.trim_start().starts_with("--");
    let code: Vec<&str> = script.lines().filter(is_code).collect();
    let texts = code.join("\n");
    let texts = texts.split(";\n").map(|text| text.trim().trim_end_matches(';').to_owned());
    texts.filter(|text| !text.is_empty()).collect()
}

/// The settings of a table that say where its topic is, for a group of consumers.
#[must_use]
pub fn kafka_settings(kafka: &KafkaConfig, group: &str) -> String {
    let mut settings = vec![
        ("kafka_broker_list", kafka.brokers.as_str()),
        ("kafka_topic_list", &kafka.topic),
        ("kafka_group_name", group),
    ];
    if let Security::SaslSsl { credentials: Credentials { mechanism, username, password }, .. } = &kafka.security {
        let mechanism = match mechanism {
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
        };
        settings.extend([
            ("kafka_security_protocol", "sasl_ssl"),
            ("kafka_sasl_mechanism", mechanism),
            ("kafka_sasl_username", username),
            ("kafka_sasl_password", password),
        ]);
    }
    let settings = settings.iter().map(|(name, value)| format!("{name} = {}", quoted(value)));
    settings.collect::<Vec<_>>().join(",\n    ")
}

/// A text as SQL has it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

impl Server {
    fn address(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    /// Makes the database and runs the statements in it. Returns the server's version.
    ///
    /// # Errors
    /// [`ClickHouseError`]; statements before the one that was refused have been run, and may be run again.
    pub fn set_up(&self, statements: &[String]) -> Result<String, ClickHouseError> {
        let version = self.ask(None, "SELECT version()")?.trim().to_owned();
        self.ask(None, &format!("CREATE DATABASE IF NOT EXISTS {}", self.database))?;
        for statement in statements {
            self.ask(Some(&self.database), statement)?;
        }
        Ok(version)
    }

    fn ask(&self, database: Option<&str>, statement: &str) -> Result<String, ClickHouseError> {
        let config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
        let agent: Agent = config.build().into();
        let mut request = agent.post(format!("{}/", self.address()));
        if let Some(database) = database {
            request = request.query("database", database);
        }
        // In headers, so that no log of addresses has the password.
        request = request.header("X-ClickHouse-User", &self.user).header("X-ClickHouse-Key", &self.password);
        let away = |reason| ClickHouseError::Away { address: self.address(), reason };
        let mut answer = request.send(statement).map_err(away)?;
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().map_err(away)?;
        if answer.status().is_success() {
            return Ok(text);
        }
        // The first line alone: what follows the name may hold the password of the topic's user.
        let first = statement.lines().next().unwrap_or_default().to_owned();
        Err(ClickHouseError::Refused { address: self.address(), statement: first, reason: text.trim().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_cut_into_statements_that_may_be_run_again() {
        let credentials =
            Credentials { mechanism: Mechanism::Plain, username: "u".to_owned(), password: "it's \\".to_owned() };
        let security = Security::SaslSsl { credentials, ca_file: None };
        let kafka = KafkaConfig {
            brokers: "a:1,b:2".to_owned(),
            topic: "t".to_owned(),
            security,
            client: "c",
            partitions: 1,
            topic_settings: &[],
        };
        let statements = statements(&kafka);
        assert_eq!(statements.len(), 9);
        assert!(statements.iter().all(|text| text.starts_with("CREATE ") && text.contains(" IF NOT EXISTS ")));
        assert!(statements[0].contains("kafka_broker_list = 'a:1,b:2'"), "{}", statements[0]);
        assert!(statements[0].contains(r"kafka_sasl_password = 'it\'s \\'"), "{}", statements[0]);
    }
}
