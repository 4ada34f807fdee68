//! The command line.

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};
use klined::config::{CalendarArgs, DatabaseArgs, ParameterArgs};
use klined_exchange::kafka::KafkaConfig;
use klined_exchange::programs::{ClickHouseServerArgs, SecurityArgs, check_brokers, clickhouse_name, kafka_topic};
use klined_market::base::Shard;
use klined_service::args::ServiceArgs;

use crate::publication::Kind;
use crate::record::Format;
use crate::tables::Tables;

/// How long the brokers keep the records of a topic that is made here: longer than any pause of the market, because the last record of a
/// partition says where to go on.
const TOPIC_SETTINGS: [(&str, &str); 1] = [("retention.ms", "2592000000")];

/// Publishes the bars, trades and quotes of a market in a database to Kafka
///
/// The program reads the database that market-generator and market-backfill write, and sends each 1-minute bar to one topic and the trades and
/// quotes of each minute to another. The last record of each partition says where to go on, so after a crash, a kill or a time without brokers or
/// database nothing is missing and nothing is there twice. SIGTERM and SIGINT end the program at once.
#[derive(Debug, Clone, Parser)]
#[command(name = "market-relay", version, args_conflicts_with_subcommands = true)]
pub struct RelayArgs {
    #[command(subcommand)]
    pub command: Option<RelayCommand>,
    #[command(flatten)]
    pub topics: TopicArgs,
    /// Publish only this kind of records [default: both]
    #[arg(long, env = "RELAY_ONLY", value_name = "KIND", value_enum)]
    pub only: Option<KindName>,
    /// First day to publish to partitions without records (YYYY-MM-DD) [default: the market's first day]
    #[arg(long, env = "RELAY_FROM", value_name = "DATE")]
    pub from: Option<NaiveDate>,
    /// This database is part i of n of a market in several databases, and writes only the partitions whose number modulo n is i-1
    /// [default: all partitions]
    #[arg(long, env = "RELAY_PART", value_name = "i/n")]
    pub part: Option<Shard>,
    /// End when the topics have all that the database has
    #[arg(long, env = "RELAY_ONCE")]
    pub once: bool,
    #[command(flatten)]
    pub parameters: ParameterArgs,
    #[command(flatten)]
    pub calendar: CalendarArgs,
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// What the program does beside publishing.
#[derive(Debug, Clone, Subcommand)]
pub enum RelayCommand {
    /// Make the tables and views of the topics in ClickHouse; existing tables and views stay unchanged
    ClickhouseSetup(SetupArgs),
}

/// Where the tables are made, and which topics they read.
#[derive(Debug, Clone, Args)]
pub struct SetupArgs {
    /// Make tables for this cluster, replicated and distributed; run the command for each server of the cluster, first with --without-topics [default: tables of one server]
    #[arg(long, env = "CLICKHOUSE_CLUSTER", value_name = "NAME", value_parser = clickhouse_name)]
    pub cluster: Option<String>,
    /// Group of consumers, with the topic's name behind it. The servers of a group share the records of a topic, so servers that are not of one
    /// cluster need different groups
    #[arg(long, env = "CLICKHOUSE_GROUP", value_name = "NAME", default_value = "clickhouse", value_parser = kafka_topic)]
    pub group: String,
    /// Make the tables that hold rows and nothing that reads the topics. In a cluster do this on every server first: rows may go to any server
    #[arg(long, env = "CLICKHOUSE_WITHOUT_TOPICS")]
    pub without_topics: bool,
    #[command(flatten)]
    pub server: ClickHouseServerArgs,
    #[command(flatten)]
    pub topics: TopicArgs,
}

/// Kinds of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindName {
    Bars,
    Ticks,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Bars => Self::Bars,
            KindName::Ticks => Self::Ticks,
        }
    }
}

/// The topics and their brokers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Kafka")]
pub struct TopicArgs {
    /// Kafka brokers
    #[arg(long, env = "KAFKA_BROKERS", value_name = "HOST:PORT,…", default_value = "localhost:9092")]
    pub kafka_brokers: String,
    /// Topic of the bars
    #[arg(long, env = "RELAY_BARS_TOPIC", value_name = "NAME", default_value = "market-bars", value_parser = kafka_topic)]
    pub bars_topic: String,
    /// Topic of the trades and quotes
    #[arg(long, env = "RELAY_TICKS_TOPIC", value_name = "NAME", default_value = "market-ticks", value_parser = kafka_topic)]
    pub ticks_topic: String,
    /// Format of the records: json or binary
    #[arg(long, env = "RELAY_FORMAT", value_name = "FORMAT", default_value_t = Format::Json)]
    pub format: Format,
    /// Number of partitions of a topic that is missing and is created; it keeps its records for 30 days
    #[arg(long, env = "RELAY_PARTITIONS", value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub partitions: u16,
    #[command(flatten)]
    pub security: SecurityArgs,
}

impl TopicArgs {
    /// The topic of a kind of records.
    ///
    /// # Errors
    /// Names the value that is missing or cannot be used.
    pub fn config(&self, kind: Kind) -> anyhow::Result<KafkaConfig> {
        check_brokers(&self.kafka_brokers)?;
        anyhow::ensure!(
            self.bars_topic != self.ticks_topic,
            "--bars-topic and --ticks-topic are both {}: each kind of records needs a topic of its own",
            self.bars_topic
        );
        let topic = match kind {
            Kind::Bars => &self.bars_topic,
            Kind::Ticks => &self.ticks_topic,
        };
        Ok(KafkaConfig {
            brokers: self.kafka_brokers.clone(),
            topic: topic.clone(),
            security: self.security.security()?,
            client: "market-relay",
            partitions: i32::from(self.partitions),
            topic_settings: &TOPIC_SETTINGS,
        })
    }
}

impl RelayArgs {
    /// The kinds of records that are published.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        self.only.map_or_else(|| vec![Kind::Bars, Kind::Ticks], |only| vec![only.into()])
    }
}

impl SetupArgs {
    /// Makes the tables and views, or prints how.
    ///
    /// # Errors
    /// A value cannot be used, the server does not answer, or refuses a statement.
    pub fn run(&self) -> anyhow::Result<()> {
        let mut topics = self.topics.clone();
        if let Some(brokers) = &self.server.brokers_from_server {
            topics.kafka_brokers.clone_from(brokers);
        }
        let (bars, ticks) = (&topics.config(Kind::Bars)?, &topics.config(Kind::Ticks)?);
        let (database, cluster) = (self.server.db.as_str(), self.cluster.as_deref());
        let (group, has_topics) = (self.group.as_str(), !self.without_topics);
        let tables = Tables { bars, ticks, format: topics.format, database, cluster, group, has_topics };
        self.server.set_up(&tables.statements())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        RelayArgs::command().debug_assert();
    }
}
