//! Brokers, the topic, and where its partitions end.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::runtime::Handle;

use super::error::{KafkaFailure, is_refusal};
use super::record::{event_of, partition_of};
use crate::run::{Begin, RunSpec};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at a partition's end. A producer that was killed may have left requests that the broker has not handled yet.
const SETTLING: Duration = Duration::from_millis(300);
/// Looks at a partition's end, or at a new topic, before it counts as one that does not come to rest.
const LOOKS: usize = 30;
/// Partitions of a topic that is made.
const PARTITIONS: i32 = 3;

/// How the client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    ScramSha256,
}

/// A user of the brokers.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub mechanism: Mechanism,
    pub username: String,
    pub password: String,
}

/// What a connection is protected by.
#[derive(Clone, PartialEq, Eq)]
pub enum Security {
    Plaintext,
    /// TLS, and a user. Without a file of certificate authorities those of the system count.
    SaslSsl {
        credentials: Credentials,
        ca_file: Option<PathBuf>,
    },
}

/// Brokers and a topic.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaConfig {
    /// `HOST:PORT`, separated by commas.
    pub brokers: String,
    pub topic: String,
    pub security: Security,
}

/// Hears of errors that no call returns, and keeps the last refusal.
#[derive(Default)]
pub struct Listener {
    refusal: Mutex<Option<String>>,
}

impl Listener {
    pub fn refusal(&self) -> Option<String> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(?level, facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("{error}: {reason}");
        if is_refusal(&error) {
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
    }
}

impl ConsumerContext for Listener {}

impl KafkaConfig {
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("client.id", "exchange-producer");
        config.set("socket.timeout.ms", "10000").set("reconnect.backoff.max.ms", "2000");
        config.set_log_level(RDKafkaLogLevel::Warning);
        match &self.security {
            Security::Plaintext => {}
            Security::SaslSsl { credentials: Credentials { mechanism, username, password }, ca_file } => {
                let mechanism = match mechanism {
                    Mechanism::Plain => "PLAIN",
                    Mechanism::ScramSha256 => "SCRAM-SHA-256",
                };
                config.set("security.protocol", "SASL_SSL").set("sasl.mechanism", mechanism);
                config.set("sasl.username", username).set("sasl.password", password);
                if let Some(file) = ca_file {
                    config.set("ssl.ca.location", file.display().to_string());
                }
            }
        }
        config
    }

    /// A client that sends. It repeats what the broker has not confirmed for as long as it takes, and leaves no gap.
    pub(super) fn sender<C: ClientContext, P: FromClientConfigAndContext<C>>(
        &self,
        context: C,
    ) -> Result<P, KafkaFailure> {
        let mut config = self.client();
        config.set("enable.idempotence", "true").set("enable.gapless.guarantee", "true").set("acks", "all");
        config.set("message.timeout.ms", "0").set("linger.ms", "5").set("compression.type", "lz4");
        config.set("queue.buffering.max.messages", "200000").set("batch.num.messages", "50000");
        config.create_with_context(context).map_err(|error| self.unusable(&error))
    }

    fn unusable(&self, error: &KafkaError) -> KafkaFailure {
        KafkaFailure::Refused { brokers: self.brokers.clone(), reason: error.to_string() }
    }

    pub(super) fn away(&self, reason: impl ToString) -> KafkaFailure {
        KafkaFailure::Away { brokers: self.brokers.clone(), reason: reason.to_string() }
    }
}

/// A connection that asks.
pub struct Connection<'a> {
    config: &'a KafkaConfig,
    client: BaseConsumer<Listener>,
}

impl<'a> Connection<'a> {
    /// Opens a connection. It does not wait for the brokers.
    ///
    /// # Errors
    /// [`KafkaFailure::Refused`] where the configuration cannot be used.
    pub fn open(config: &'a KafkaConfig) -> Result<Self, KafkaFailure> {
        let mut settings = config.client();
        settings.set("group.id", "exchange-producer").set("enable.auto.commit", "false");
        settings.set("allow.auto.create.topics", "false").set("check.crcs", "true");
        let client = settings.create_with_context(Listener::default()).map_err(|error| config.unusable(&error))?;
        Ok(Self { config, client })
    }

    /// The failure that an error stands for: a refusal that was heard of meanwhile says more than a timeout.
    fn failure(&self, error: &KafkaError) -> KafkaFailure {
        // Errors that no call returned wait in the queue of messages, between lines of the client's log.
        for _ in 0..LOOKS {
            if let Some(Err(waiting)) = self.client.poll(Duration::from_millis(10))
                && is_refusal(&waiting)
                && self.client.context().refusal().is_none()
            {
                return self.config.unusable(&waiting);
            }
        }
        match self.client.context().refusal() {
            Some(reason) => KafkaFailure::Refused { brokers: self.config.brokers.clone(), reason },
            None if is_refusal(error) => self.config.unusable(error),
            None => self.config.away(error),
        }
    }

    fn topic_failure(&self, reason: impl ToString) -> KafkaFailure {
        KafkaFailure::Topic { topic: self.config.topic.clone(), reason: reason.to_string() }
    }

    /// How many partitions the topic has; it is made when it is missing.
    ///
    /// # Errors
    /// [`KafkaFailure`]: the brokers do not answer or refuse this client, or the topic cannot be made.
    pub fn topic(&self, runtime: &Handle) -> Result<i32, KafkaFailure> {
        let mut is_made = false;
        for _ in 0..LOOKS {
            let metadata = self.client.fetch_metadata(Some(&self.config.topic), PATIENCE);
            let metadata = metadata.map_err(|error| self.failure(&error))?;
            let Some(topic) = metadata.topics().first() else {
                return Err(self.topic_failure("the brokers do not name it"));
            };
            let error = topic.error().map(RDKafkaErrorCode::from);
            match error {
                None if topic.partitions().iter().all(|partition| partition.leader() >= 0) => {
                    return Ok(topic.partitions().len() as i32);
                }
                Some(RDKafkaErrorCode::UnknownTopicOrPartition) if !is_made => {
                    self.make_topic(runtime)?;
                    is_made = true;
                }
                None | Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::LeaderNotAvailable) => {
                    std::thread::sleep(SETTLING);
                }
                Some(code) => return Err(self.topic_failure(code)),
            }
        }
        Err(self.config.away(format_args!("topic {} has partitions without a leader", self.config.topic)))
    }

    fn make_topic(&self, runtime: &Handle) -> Result<(), KafkaFailure> {
        let admin: AdminClient<_> = self
            .config
            .client()
            .create_with_context(Listener::default())
            .map_err(|error| self.config.unusable(&error))?;
        // -1 is what the brokers replicate without being asked.
        let topic = NewTopic::new(&self.config.topic, PARTITIONS, TopicReplication::Fixed(-1));
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        let made = runtime.block_on(admin.create_topics([&topic], &options)).map_err(|error| self.failure(&error))?;
        match made.into_iter().next() {
            None | Some(Ok(_)) => {
                tracing::info!(topic = self.config.topic, partitions = PARTITIONS, "topic made");
                Ok(())
            }
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
            Some(Err((topic, code))) => Err(KafkaFailure::NoTopic { topic, reason: code.to_string() }),
        }
    }

    /// Where a partition's stream goes on, and how many records the partition has had. Waits until nothing more comes in.
    ///
    /// # Errors
    /// [`KafkaFailure`]: the brokers do not answer, or the last record is none of this run.
    pub fn end(&self, run: &RunSpec, partition: i32, partitions: i32) -> Result<(Begin, u64), KafkaFailure> {
        let (low, high) = self.settled(partition)?;
        let count = u64::try_from(high).unwrap_or_default();
        if high == 0 {
            return Ok((Begin::Start, 0));
        }
        // The brokers have dropped what was there. Each record had an offset of its own, so their number is known still.
        if low >= high {
            return Ok((Begin::Count(count), count));
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.config.topic, partition, Offset::Offset(high - 1))
            .and_then(|()| self.client.assign(&list))
            .map_err(|error| self.failure(&error))?;
        let message = self.client.poll(PATIENCE);
        let event = match message {
            Some(Ok(message)) if message.offset() == high - 1 => event_of(run, &message),
            Some(Err(error)) => return Err(self.topic_failure(error)),
            Some(Ok(_)) | None => {
                return Err(self.config.away(format_args!("partition {partition} has no last record")));
            }
        };
        match event {
            Ok(event) if partition_of(run.symbol(event.nth), partitions) == partition => {
                Ok((Begin::After(event), count))
            }
            Ok(event) => Err(self.foreign(partition, format!("{} belongs elsewhere", run.symbol(event.nth)))),
            Err(reason) => Err(self.foreign(partition, reason)),
        }
    }

    fn foreign(&self, partition: i32, reason: String) -> KafkaFailure {
        KafkaFailure::Foreign { topic: self.config.topic.clone(), partition, reason }
    }

    /// First and next offset of a partition, once they stay the same.
    fn settled(&self, partition: i32) -> Result<(i64, i64), KafkaFailure> {
        let look = || {
            let ends = self.client.fetch_watermarks(&self.config.topic, partition, PATIENCE);
            ends.map_err(|error| self.failure(&error))
        };
        let mut before = look()?;
        for _ in 0..LOOKS {
            std::thread::sleep(SETTLING);
            let now = look()?;
            if now.1 == before.1 {
                return Ok(now);
            }
            before = now;
        }
        Err(self.topic_failure(format_args!("another producer writes to partition {partition}")))
    }
}
