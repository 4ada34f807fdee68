//! Brokers, the topic, and where its partitions end.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::runtime::Handle;

use super::error::{KafkaFailure, is_final, is_refusal};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at a partition's end. A producer that was killed may have left requests that the broker has not handled yet.
pub(super) const SETTLING: Duration = Duration::from_millis(300);
/// The same where this program has left such requests itself, to a broker that may have to recover first.
pub(super) const AFTER_A_FAILURE: Duration = Duration::from_secs(1);
/// How long the client may hold a record, in ms. It drops what is older, so a program that stood still for longer sends nothing that another one may
/// have sent for it meanwhile; the records come again from what is followed. While the program runs, records do not become so old: [`super::sending`]
/// gives up before.
const HELD: &str = "45000";
/// How many records the client holds at most.
pub(super) const HELD_RECORDS_MAX: u32 = 50_000;
/// Looks at a partition's end, or at a new topic, before it counts as one that does not come to rest.
const LOOKS: usize = 30;
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
    /// What the brokers know the program by.
    pub client: &'static str,
    /// Partitions of the topic if it is made, at least 1.
    pub partitions: i32,
    /// Settings of the topic if it is made, by their names; the brokers' own apply to all others.
    pub topic_settings: &'static [(&'static str, &'static str)],
}

/// The last record of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRecord {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl LastRecord {
    fn of(message: &BorrowedMessage<'_>) -> Self {
        let bytes = |part: Option<&[u8]>| part.unwrap_or_default().to_vec();
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        Self {
            key: bytes(message.key()),
            value: bytes(message.payload()),
            headers: headers.map(|header| (header.key.to_owned(), bytes(header.value))).collect(),
        }
    }
}

/// How a partition ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionEnd {
    pub partition: i32,
    /// Records that the partition has had, also those that the brokers have deleted.
    pub count: u64,
    /// None of an empty partition, and of one whose records the brokers have deleted.
    pub last: Option<LastRecord>,
}

impl PartitionEnd {
    /// The offset of the next record.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        i64::try_from(self.count).unwrap_or(i64::MAX)
    }
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
        config.set("bootstrap.servers", &self.brokers).set("client.id", self.client);
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

    /// A client that sends. It repeats what the broker has not confirmed until a record is too old, and leaves no gap. It holds at most 50,000
    /// records or 64 MiB.
    pub(super) fn sender<C: ClientContext, P: FromClientConfigAndContext<C>>(
        &self,
        context: C,
    ) -> Result<P, KafkaFailure> {
        let mut config = self.client();
        config.set("enable.idempotence", "true").set("enable.gapless.guarantee", "true").set("acks", "all");
        config.set("message.timeout.ms", HELD).set("linger.ms", "5").set("compression.type", "lz4");
        let held = HELD_RECORDS_MAX.to_string();
        config.set("queue.buffering.max.messages", &held).set("queue.buffering.max.kbytes", "65536");
        config.set("batch.num.messages", &held);
        config.create_with_context(context).map_err(|error| self.unusable(&error))
    }

    fn unusable(&self, error: &KafkaError) -> KafkaFailure {
        KafkaFailure::Refused { brokers: self.brokers.clone(), reason: error.to_string() }
    }

    pub(super) fn away(&self, reason: impl ToString) -> KafkaFailure {
        KafkaFailure::Away { brokers: self.brokers.clone(), reason: reason.to_string() }
    }

    /// The failure of a producer that is not alone: a partition has more records than this producer has sent.
    pub(super) fn intruder(&self, partition: i32, offset: i64, expected: i64) -> KafkaFailure {
        let reason = format!(
            "another producer writes to partition {partition}: the offset is {offset}, and {expected} was expected; stop one of the producers"
        );
        KafkaFailure::Topic { topic: self.topic.clone(), reason }
    }

    /// The failure of a topic that lacks records which the client dropped, before one that it sent.
    pub(super) fn gap(&self, partition: i32, offset: i64, missing: u64) -> KafkaFailure {
        let reason = format!(
            "partition {partition} lacks {missing} records before offset {offset}, which the brokers did not take in time; delete the topic, or choose another one"
        );
        KafkaFailure::Topic { topic: self.topic.clone(), reason }
    }

    pub(super) fn interrupted(&self, reason: impl ToString) -> KafkaFailure {
        KafkaFailure::Interrupted { brokers: self.brokers.clone(), reason: reason.to_string() }
    }

    /// The refusal of a topic whose partition ends with a record of something else.
    #[must_use]
    pub fn foreign(&self, partition: i32, of: &'static str, reason: String) -> KafkaFailure {
        KafkaFailure::Foreign { topic: self.topic.clone(), partition, of, reason }
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
        settings.set("group.id", config.client).set("enable.auto.commit", "false");
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
        let mut topic = NewTopic::new(&self.config.topic, self.config.partitions, TopicReplication::Fixed(-1));
        for (name, value) in self.config.topic_settings {
            topic = topic.set(name, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        let made = runtime.block_on(admin.create_topics([&topic], &options)).map_err(|error| self.failure(&error))?;
        match made.into_iter().next() {
            None | Some(Ok(_)) => {
                tracing::info!(topic = self.config.topic, partitions = self.config.partitions, "topic made");
                Ok(())
            }
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
            Some(Err((topic, code))) => Err(KafkaFailure::NoTopic { topic, reason: code.to_string() }),
        }
    }

    /// How partitions end. Waits until nothing more comes in for a time.
    ///
    /// # Errors
    /// [`KafkaFailure`]: the brokers do not answer, or another producer writes to a partition.
    pub fn ends(&self, partitions: &[i32], settling: Duration) -> Result<Vec<PartitionEnd>, KafkaFailure> {
        let offsets = self.settled(partitions, settling)?;
        partitions.iter().zip(offsets).map(|(&partition, offsets)| self.end(partition, offsets)).collect()
    }

    /// How a partition of these first and next offsets ends.
    fn end(&self, partition: i32, (low, high): (i64, i64)) -> Result<PartitionEnd, KafkaFailure> {
        let count = u64::try_from(high).unwrap_or_default();
        if low >= high {
            return Ok(PartitionEnd { partition, count, last: None });
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.config.topic, partition, Offset::Offset(high - 1))
            .and_then(|()| self.client.assign(&list))
            .map_err(|error| self.failure(&error))?;
        match self.client.poll(PATIENCE) {
            Some(Ok(message)) if message.offset() == high - 1 => {
                Ok(PartitionEnd { partition, count, last: Some(LastRecord::of(&message)) })
            }
            Some(Err(error)) if is_final(&error) => Err(self.topic_failure(error)),
            Some(Err(error)) => Err(self.failure(&error)),
            Some(Ok(_)) | None => Err(self.config.away(format_args!("partition {partition} has no last record"))),
        }
    }

    /// Whether partitions end at these offsets or before them, which is where a client has brought them.
    ///
    /// # Errors
    /// [`KafkaFailure::Topic`] where another producer has published more, and others where the brokers do not answer.
    pub(super) fn check_alone(&self, given: &[(i32, i64)]) -> Result<(), KafkaFailure> {
        for &(partition, given) in given {
            let (_, next) = self.offsets(partition)?;
            if next > given {
                return Err(self.config.intruder(partition, next, given));
            }
        }
        Ok(())
    }

    /// First and next offset of a partition.
    fn offsets(&self, partition: i32) -> Result<(i64, i64), KafkaFailure> {
        let offsets = self.client.fetch_watermarks(&self.config.topic, partition, PATIENCE);
        offsets.map_err(|error| self.failure(&error))
    }

    /// First and next offsets of partitions, once they stay the same for a time.
    fn settled(&self, partitions: &[i32], settling: Duration) -> Result<Vec<(i64, i64)>, KafkaFailure> {
        let look = || partitions.iter().map(|&partition| self.offsets(partition)).collect::<Result<Vec<_>, _>>();
        let (mut before, mut growing) = (look()?, 0);
        for _ in 0..LOOKS {
            std::thread::sleep(settling);
            let now = look()?;
            match before.iter().zip(&now).position(|(before, now)| before.1 != now.1) {
                None => return Ok(now),
                Some(nth) => growing = partitions[nth],
            }
            before = now;
        }
        Err(self.topic_failure(format_args!("another producer writes to partition {growing}")))
    }
}
