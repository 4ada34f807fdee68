//! Kafka: `KAFKA_BROKERS`, `KAFKA_TOPIC`, `KAFKA_SECURITY_PROTOCOL`, `KAFKA_SASL_MECHANISM`, `KAFKA_SASL_USERNAME`,
//! `KAFKA_SASL_PASSWORD`, `KAFKA_CA_FILE`.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Where events are published.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Kafka")]
pub struct KafkaArgs {
    /// Kafka brokers; if empty, the program writes only logs
    #[arg(long, env = "KAFKA_BROKERS", value_name = "HOST:PORT,…", default_value = "")]
    pub kafka_brokers: String,
    /// Kafka topic; a missing topic is created with three partitions
    #[arg(long, env = "KAFKA_TOPIC", value_name = "NAME", default_value = "exchange.events", value_parser = topic)]
    pub kafka_topic: String,
    #[command(flatten)]
    pub security: SecurityArgs,
}

/// How the program connects with the brokers.
#[derive(Clone, Args)]
#[command(next_help_heading = "Kafka")]
pub struct SecurityArgs {
    /// Protocol of the connections to the brokers: without protection, or TLS with a user and password
    #[arg(long, env = "KAFKA_SECURITY_PROTOCOL", value_name = "PROTOCOL", value_enum, ignore_case = true,
          default_value_t = Protocol::Plaintext)]
    pub kafka_security_protocol: Protocol,
    /// Login method with SASL_SSL
    #[arg(long, env = "KAFKA_SASL_MECHANISM", value_name = "MECHANISM", value_enum, ignore_case = true,
          default_value_t = Mechanism::ScramSha256)]
    pub kafka_sasl_mechanism: Mechanism,
    /// User name with SASL_SSL
    #[arg(long, env = "KAFKA_SASL_USERNAME", value_name = "NAME", default_value = "")]
    pub kafka_sasl_username: String,
    /// Password of the user; give it in the variable, because the list of processes shows flags
    #[arg(long, env = "KAFKA_SASL_PASSWORD", value_name = "PASSWORD", hide_env_values = true, default_value = "")]
    pub kafka_sasl_password: String,
    /// PEM file of the certificate authorities of the brokers [default: the authorities of the system]
    #[arg(long, env = "KAFKA_CA_FILE", value_name = "FILE")]
    pub kafka_ca_file: Option<PathBuf>,
}

/// What connections are protected by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    #[value(name = "PLAINTEXT")]
    Plaintext,
    #[value(name = "SASL_SSL")]
    SaslSsl,
}

/// How a user is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mechanism {
    #[value(name = "PLAIN")]
    Plain,
    #[value(name = "SCRAM-SHA-256")]
    ScramSha256,
}

impl fmt::Debug for SecurityArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.kafka_security_protocol;
        f.debug_struct("SecurityArgs").field("kafka_security_protocol", &protocol).finish_non_exhaustive()
    }
}

/// A name that Kafka takes.
///
/// # Errors
/// Says what it must be.
pub fn topic(text: &str) -> Result<String, String> {
    let fits =
        (1..=249).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    match text {
        "." | ".." => Err("a topic needs a name".to_owned()),
        _ if fits => Ok(text.to_owned()),
        _ => Err("it must have 1 to 249 letters, digits or . _ -".to_owned()),
    }
}

#[cfg(feature = "platform")]
pub use platform::check_brokers;

#[cfg(feature = "platform")]
mod platform {
    use anyhow::{Context, ensure};

    use super::{KafkaArgs, Mechanism, Protocol, SecurityArgs};
    use crate::kafka::{self, Credentials, KafkaConfig, Security};

    /// Partitions of a topic that is made.
    const PARTITIONS: i32 = 3;

    /// Refuses what is no list of brokers.
    ///
    /// # Errors
    /// Names the broker that is none.
    pub fn check_brokers(brokers: &str) -> anyhow::Result<()> {
        for broker in brokers.split(',') {
            let port = broker.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            let port = port.and_then(|(_, port)| port.parse::<u16>().ok()).filter(|port| *port > 0);
            ensure!(port.is_some(), "--kafka-brokers has \"{broker}\": a broker is HOST:PORT");
        }
        Ok(())
    }

    impl SecurityArgs {
        /// What connections are protected by.
        ///
        /// # Errors
        /// Names the value that is missing or cannot be used.
        pub fn security(&self) -> anyhow::Result<Security> {
            match self.kafka_security_protocol {
                Protocol::Plaintext => {
                    let is_unused = self.kafka_sasl_username.is_empty() && self.kafka_sasl_password.is_empty();
                    ensure!(is_unused, "a Kafka user is given: it needs --kafka-security-protocol SASL_SSL");
                    Ok(Security::Plaintext)
                }
                Protocol::SaslSsl => {
                    let is_given = !self.kafka_sasl_username.is_empty() && !self.kafka_sasl_password.is_empty();
                    ensure!(is_given, "SASL_SSL needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD");
                    if let Some(file) = &self.kafka_ca_file {
                        std::fs::File::open(file)
                            .with_context(|| format!("cannot read --kafka-ca-file {}", file.display()))?;
                    }
                    let mechanism = match self.kafka_sasl_mechanism {
                        Mechanism::Plain => kafka::Mechanism::Plain,
                        Mechanism::ScramSha256 => kafka::Mechanism::ScramSha256,
                    };
                    let (username, password) = (self.kafka_sasl_username.clone(), self.kafka_sasl_password.clone());
                    let credentials = Credentials { mechanism, username, password };
                    Ok(Security::SaslSsl { credentials, ca_file: self.kafka_ca_file.clone() })
                }
            }
        }
    }

    impl KafkaArgs {
        /// Brokers and topic; none when there are no brokers.
        ///
        /// # Errors
        /// Names the value that is missing or cannot be used.
        pub fn config(&self) -> anyhow::Result<Option<KafkaConfig>> {
            if self.kafka_brokers.is_empty() {
                return Ok(None);
            }
            check_brokers(&self.kafka_brokers)?;
            Ok(Some(KafkaConfig {
                brokers: self.kafka_brokers.clone(),
                topic: self.kafka_topic.clone(),
                security: self.security.security()?,
                client: "exchange-producer",
                partitions: PARTITIONS,
                topic_settings: &[],
            }))
        }
    }
}
