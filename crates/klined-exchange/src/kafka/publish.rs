//! Records into a topic that is their own watermark.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use klined_service::{Retry, Shutdown, Vitals, coarse_time};
use rdkafka::message::OwnedHeaders;
use tokio::runtime::Handle;

use super::connection::{AFTER_A_FAILURE, Connection, KafkaConfig, PartitionEnd, SETTLING};
use super::error::KafkaFailure;
use super::sending::Sending;

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

/// How far the topic is. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    delivered: Arc<AtomicU64>,
    is_complete: Arc<AtomicBool>,
}

impl Progress {
    /// Records that the brokers have confirmed, since a connection was made also those of earlier starts.
    #[must_use]
    pub fn delivered_count(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    pub(super) fn count_delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// Nothing more comes into what is followed: [`publish`] ends when the topic has all of it.
    pub fn source_is_complete(&self) {
        self.is_complete.store(true, Ordering::Release);
    }
}

/// Has a topic follow something until the request to stop, or until that is complete and the topic has all of it. A connection that is lost
/// is made again, and goes on behind what the topic has.
///
/// # Errors
/// [`KafkaFailure`] that another try cannot mend.
pub fn publish(
    config: &KafkaConfig,
    publication: &dyn Publication,
    progress: &Progress,
    shutdown: &Shutdown,
    job: &Vitals,
    runtime: &Handle,
) -> Result<(), KafkaFailure> {
    let (mut retry, mut given) = (Retry::default(), None);
    while !shutdown.is_requested() {
        let publisher = Publisher { config, publication, progress, shutdown, job };
        let failure = match publisher.connected(runtime, &mut retry, &mut given) {
            Ok(()) => return Ok(()),
            // Brokers that took this client once refuse it while they start.
            Err(KafkaFailure::Refused { reason, .. }) if given.is_some() => config.away(reason),
            Err(failure) => failure,
        };
        runtime.block_on(retry.wait_after(failure, shutdown, job))?;
    }
    Ok(())
}

/// What follows, and where to.
pub(super) struct Publisher<'a> {
    pub config: &'a KafkaConfig,
    publication: &'a dyn Publication,
    pub progress: &'a Progress,
    pub shutdown: &'a Shutdown,
    pub job: &'a Vitals,
}

impl Publisher<'_> {
    /// One connection, from finding out where the topic ends to its own end. `given` is what the last client was given of each partition, and
    /// becomes what this one was.
    fn connected(
        &self,
        runtime: &Handle,
        retry: &mut Retry,
        given: &mut Option<Vec<(i32, i64)>>,
    ) -> Result<(), KafkaFailure> {
        let connection = Connection::open(self.config)?;
        let partitions = connection.topic(runtime)?;
        connection.check_alone(given.as_deref().unwrap_or_default())?;
        let asked = coarse_time();
        let own = self.publication.own_partitions(partitions)?;
        let ends = connection.ends(&own, if given.is_some() { AFTER_A_FAILURE } else { SETTLING })?;
        self.job.answered(true);
        drop(connection);
        let delivered = ends.iter().map(|end| end.count).sum();
        let mut source = self.publication.resume(partitions, &ends)?;
        self.progress.delivered.store(delivered, Ordering::Relaxed);
        let sending = Sending::behind(&ends, partitions, asked, self)?;
        self.job.works();
        retry.reset();
        tracing::info!(topic = self.config.topic, partitions, records = delivered, "the topic follows its source");
        let outcome = sending.send_all(&mut *source);
        *given = Some(sending.given());
        outcome
    }
}
