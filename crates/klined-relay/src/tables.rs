//! The tables and views of ClickHouse for the topics of a market.

use klined_exchange::clickhouse::{kafka_settings, statements_of};
use klined_exchange::kafka::KafkaConfig;
use klined_market::base::Interval;

use crate::record::Format;

const TABLES: &str = include_str!("../../../sql_scripts/clickhouse/market_tables.sql");
const CLUSTER: &str = include_str!("../../../sql_scripts/clickhouse/market_cluster.sql");
const TOPICS: &str = include_str!("../../../sql_scripts/clickhouse/market_topics.sql");
/// The tables that hold rows.
const KEEPING: [&str; 3] = ["market_bars", "market_trades", "market_quotes"];

/// What the tables read, and where they are.
pub struct Tables<'a> {
    pub bars: &'a KafkaConfig,
    pub ticks: &'a KafkaConfig,
    pub format: Format,
    pub database: &'a str,
    /// The cluster, by its name in the servers' configuration; none is one server.
    pub cluster: Option<&'a str>,
    /// With the name of a topic behind it, the group of consumers that reads it.
    pub group: &'a str,
    /// Whether what reads the topics is made too, besides the tables that hold rows.
    pub has_topics: bool,
}

impl Tables<'_> {
    /// The statements, in the order in which they are run.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        let scripts = [(TABLES, true), (CLUSTER, self.cluster.is_some()), (TOPICS, self.has_topics)];
        let texts = scripts.into_iter().filter(|(_, is_run)| *is_run).flat_map(|(script, _)| statements_of(script));
        texts.flat_map(|text| of_intervals(&self.filled(text))).collect()
    }

    fn filled(&self, mut text: String) -> String {
        for table in KEEPING {
            text = text.replace(&format!("{{engine {table}}}"), &self.engine(table));
        }
        let suffix = if self.cluster.is_some() { "_local" } else { "" };
        text.replace("{suffix}", suffix)
            .replace("{cluster}", self.cluster.unwrap_or_default())
            .replace("{database}", self.database)
            .replace("{format}", self.format.in_clickhouse())
            .replace("{bars}", &self.topic(self.bars))
            .replace("{ticks}", &self.topic(self.ticks))
    }

    fn topic(&self, config: &KafkaConfig) -> String {
        kafka_settings(config, &format!("{}-{}", self.group, config.topic))
    }

    fn engine(&self, table: &str) -> String {
        match self.cluster {
            None => "ReplacingMergeTree".to_owned(),
            Some(_) => format!(
                "ReplicatedReplacingMergeTree('/clickhouse/tables/{{shard}}/{}/{table}', '{{replica}}')",
                self.database
            ),
        }
    }
}

/// A statement for each interval, if it is one for intervals.
fn of_intervals(text: &str) -> Vec<String> {
    if !text.contains("{interval}") {
        return vec![text.to_owned()];
    }
    Interval::ROLLED.iter().map(|interval| text.replace("{interval}", interval.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use klined_exchange::kafka::Security;

    use super::*;

    #[test]
    fn every_statement_may_be_run_again_and_has_no_gap() {
        let config = |topic: &str| KafkaConfig {
            brokers: "a:1".to_owned(),
            topic: topic.to_owned(),
            security: Security::Plaintext,
            client: "c",
            partitions: 1,
            topic_settings: &[],
        };
        let (bars, ticks) = (&config("b"), &config("t"));
        for (cluster, count) in [(None, 19), (Some("c"), 30)] {
            let tables =
                Tables { bars, ticks, format: Format::Json, database: "m", cluster, group: "g", has_topics: true };
            let statements = tables.statements();
            assert_eq!(statements.len(), count);
            for text in &statements {
                assert!(text.starts_with("CREATE ") && text.contains(" IF NOT EXISTS "), "{text}");
                let left = text.replace("{shard}", "").replace("{replica}", "");
                assert!(!left.contains('{'), "{text}");
            }
        }
    }
}
