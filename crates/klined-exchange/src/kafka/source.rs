//! What a topic follows.

use std::time::Duration;

use rdkafka::message::OwnedHeaders;

use super::connection::PartitionEnd;
use super::error::KafkaFailure;

/// Between two looks at a source that had nothing new, and at a client whose queue is full.
pub const PAUSE: Duration = Duration::from_millis(10);

/// What a topic follows. Its records have one order in each partition, and any one of them says which comes next.
pub trait Publication {
    /// Those partitions that are written, of a topic with so many.
    ///
    /// # Errors
    /// The topic has too few.
    fn own_partitions(&self, partitions: i32) -> Result<Vec<i32>, KafkaFailure>;

    /// The records behind those that the partitions have.
    ///
    /// # Errors
    /// [`KafkaFailure::Foreign`] where a partition ends with a record of something else.
    fn resume(&self, partitions: i32, ends: &[PartitionEnd]) -> Result<Box<dyn Source + '_>, KafkaFailure>;
}

/// Takes a record; false when nothing more is to be sent.
pub type Send<'a> = dyn FnMut(Outgoing<'_>) -> Result<bool, KafkaFailure> + 'a;

/// Records on their way into a topic.
pub trait Source {
    /// Gives the next records, those of each partition in their order, to `send`, until it returns false; returns their number. It may wait
    /// for records, at most for [`PAUSE`].
    ///
    /// # Errors
    /// What is followed cannot be read, or `send` fails.
    fn send_new(&mut self, send: &mut Send<'_>) -> Result<usize, KafkaFailure>;
}

/// A record that is sent.
pub struct Outgoing<'a> {
    pub partition: i32,
    pub key: &'a str,
    pub value: &'a [u8],
    pub headers: Option<&'a OwnedHeaders>,
}
