//! Topics of a broker as its readers see them.

use std::time::Duration;

use rdkafka::Message;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::servers::Server;

/// How long a broker that runs may take for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

fn client(server: &Server) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", format!("127.0.0.1:{}", server.port));
    config
}

fn consumer(server: &Server) -> BaseConsumer {
    reading(server).create().unwrap()
}

fn reading(server: &Server) -> ClientConfig {
    let mut config = client(server);
    config.set("group.id", "tests").set("enable.auto.commit", "false").set("check.crcs", "true");
    config
}

/// First and next offset of each partition; nothing of a topic that the broker does not have.
///
/// # Panics
/// The client cannot be made.
#[must_use]
pub fn ends(server: &Server, topic: &str) -> Vec<(i64, i64)> {
    let consumer = consumer(server);
    let Ok(metadata) = consumer.fetch_metadata(Some(topic), PATIENCE) else { return Vec::new() };
    let partitions = metadata.topics()[0].partitions().len() as i32;
    (0..partitions).map(|nth| consumer.fetch_watermarks(topic, nth, PATIENCE).unwrap_or((0, 0))).collect()
}

/// Records that a topic has had.
#[must_use]
pub fn records(server: &Server, topic: &str) -> i64 {
    ends(server, topic).iter().map(|(_, high)| high).sum()
}

/// A record of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its partition.
    pub partition: i32,
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: Vec<u8>,
    /// Its headers, which all are texts.
    pub headers: Vec<(String, String)>,
}

impl Record {
    fn of(message: &BorrowedMessage<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        Self {
            partition: message.partition(),
            key: text(message.key().unwrap_or_default()),
            value: message.payload().unwrap_or_default().to_vec(),
            headers: headers.map(|header| (header.key.to_owned(), text(header.value.unwrap_or_default()))).collect(),
        }
    }
}

/// Gives each record of a topic, from the first that it has to the last that it has now; those of a partition are in its order.
///
/// # Panics
/// A record does not come, or its key or a header is no text.
pub fn each_record(server: &Server, topic: &str, mut each: impl FnMut(Record)) {
    let ends = ends(server, topic);
    // A client whose queue is full looks again after a second; a topic of a soak has hundreds of millions of records.
    let mut config = reading(server);
    config.set("queued.min.messages", "1000000").set("fetch.queue.backoff.ms", "5");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..ends.len() {
        list.add_partition_offset(topic, partition as i32, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let mut left: i64 = ends.iter().map(|(low, high)| high - low).sum();
    while left > 0 {
        let message = consumer.poll(PATIENCE).expect("a record").unwrap();
        each(Record::of(&message));
        left -= 1;
    }
}

/// Puts a record into a topic, as another program would: into the partition that is named, or that of its key.
///
/// # Panics
/// The broker does not take it.
pub fn put(server: &Server, topic: &str, partition: Option<i32>, key: &str, value: &[u8]) {
    let sender: BaseProducer = client(server).create().unwrap();
    let mut record = BaseRecord::to(topic).key(key).payload(value);
    record.partition = partition;
    sender.send(record).unwrap();
    sender.flush(PATIENCE).unwrap();
}
