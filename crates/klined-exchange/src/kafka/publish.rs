//! Records into a topic that is their own watermark.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use klined_service::{Retry, Shutdown, Vitals, coarse_time};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig};
use tokio::runtime::Handle;

use super::connection::{AFTER_A_FAILURE, Connection, KafkaConfig, Listener, PartitionEnd, SETTLING};
use super::error::KafkaFailure;

/// Between two looks at a source that had nothing new, and at a client whose queue is full.
pub const PAUSE: Duration = Duration::from_millis(10);
/// How long what the client holds may still take after the request to stop. What is not delivered then is sent after the next start.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// A program that gave the client nothing for so long may have been stopped, and another one may have gone on for it.
const STANDSTILL: Duration = Duration::from_secs(5);

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

    /// Nothing more comes into what is followed: [`publish`] ends when the topic has all of it.
    pub fn source_is_complete(&self) {
        self.is_complete.store(true, Ordering::Release);
    }
}

/// The place of a partition in a list of all of them.
fn place(partition: i32) -> Option<usize> {
    usize::try_from(partition).ok()
}

/// Counts what the brokers confirm, and keeps the first failure.
struct Deliveries {
    listener: Listener,
    progress: Progress,
    failed: AtomicBool,
    /// The offset that the next record of each partition gets, where nobody else writes.
    next: Vec<AtomicI64>,
    /// A partition, the offset that a record got, and the one that was expected.
    intruder: OnceLock<(i32, i64, i64)>,
}

impl Deliveries {
    /// Whether the record came where it was expected: each record of a partition gets the offset behind the one before it.
    fn check_offset(&self, partition: i32, offset: i64) {
        let Some(next) = place(partition).and_then(|nth| self.next.get(nth)) else { return };
        let expected = next.fetch_add(1, Ordering::Relaxed);
        // Of a record that it had already the broker does not say the offset.
        if offset >= 0 && offset != expected {
            let _ = self.intruder.set((partition, offset, expected));
        }
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.listener.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.listener.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(message) => {
                self.check_offset(message.partition(), message.offset());
                self.progress.delivered.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => {
                if !self.failed.swap(true, Ordering::Relaxed) {
                    tracing::debug!("a record was not delivered: {error}");
                }
            }
        }
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
    let (mut retry, mut was_connected) = (Retry::default(), false);
    while !shutdown.is_requested() {
        let publisher = Publisher { config, publication, progress, shutdown, job };
        let failure = match publisher.connected(runtime, &mut retry, &mut was_connected) {
            Ok(()) => return Ok(()),
            // Brokers that took this client once refuse it while they start.
            Err(KafkaFailure::Refused { reason, .. }) if was_connected => config.away(reason),
            Err(failure) => failure,
        };
        runtime.block_on(retry.wait_after(failure, shutdown, job))?;
    }
    Ok(())
}

struct Publisher<'a> {
    config: &'a KafkaConfig,
    publication: &'a dyn Publication,
    progress: &'a Progress,
    shutdown: &'a Shutdown,
    job: &'a Vitals,
}

impl Publisher<'_> {
    /// One connection, from finding out where the topic ends to its own end.
    fn connected(&self, runtime: &Handle, retry: &mut Retry, was_connected: &mut bool) -> Result<(), KafkaFailure> {
        let connection = Connection::open(self.config)?;
        let partitions = connection.topic(runtime)?;
        let awake = Cell::new(coarse_time());
        let own = self.publication.own_partitions(partitions)?;
        let ends = connection.ends(&own, if *was_connected { AFTER_A_FAILURE } else { SETTLING })?;
        self.job.answered(true);
        drop(connection);
        let delivered = ends.iter().map(|end| end.count).sum();
        let mut next_offsets = vec![0; usize::try_from(partitions).unwrap_or_default()];
        for end in &ends {
            if let Some(next) = place(end.partition).and_then(|nth| next_offsets.get_mut(nth)) {
                *next = end.next_offset();
            }
        }
        let mut source = self.publication.resume(partitions, &ends)?;
        self.progress.delivered.store(delivered, Ordering::Relaxed);
        let context = Deliveries {
            listener: Listener::default(),
            progress: self.progress.clone(),
            failed: AtomicBool::new(false),
            next: next_offsets.iter().copied().map(AtomicI64::new).collect(),
            intruder: OnceLock::new(),
        };
        let sender: BaseProducer<Deliveries> = self.config.sender(context)?;
        self.job.works();
        retry.reset();
        *was_connected = true;
        tracing::info!(topic = self.config.topic, partitions, records = delivered, "the topic follows its source");
        let given = next_offsets.into_iter().map(Cell::new).collect();
        let sending = Sending { publisher: self, sender, own, given, awake };
        let outcome = sending.send_all(&mut *source);
        if outcome.is_ok() {
            let _ = sending.sender.flush(LAST_WORDS);
        }
        sending.sender.purge(PurgeConfig::default().queue().inflight());
        outcome
    }
}

/// A client that sends, from where the partitions ended.
struct Sending<'a> {
    publisher: &'a Publisher<'a>,
    sender: BaseProducer<Deliveries>,
    /// The partitions that are written.
    own: Vec<i32>,
    /// The offset behind everything that the client was given, of each partition.
    given: Vec<Cell<i64>>,
    /// When the program was last seen to run.
    awake: Cell<Duration>,
}

impl Sending<'_> {
    fn send_all(&self, source: &mut dyn Source) -> Result<(), KafkaFailure> {
        let (sender, progress, shutdown) = (&self.sender, self.publisher.progress, self.publisher.shutdown);
        loop {
            // Asked before the source is read: what is read then is all there will be.
            let complete = progress.is_complete.load(Ordering::Acquire);
            let mut is_stopped = false;
            let sent = source.send_new(&mut |record| {
                // What comes after a record that was not sent must not be sent either.
                let is_sent = !is_stopped && self.send(&record)?;
                is_stopped |= !is_sent;
                Ok(is_sent)
            })?;
            if is_stopped {
                return Ok(());
            }
            self.look_at(Duration::ZERO)?;
            if shutdown.is_requested() {
                return Ok(());
            }
            if sent == 0 {
                if complete && sender.in_flight_count() == 0 {
                    return Ok(());
                }
                self.look_at(PAUSE)?;
                // With nothing in flight the client does not wait.
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Gives a record to the client. False when the request to stop came while the client's queue was full.
    fn send(&self, outgoing: &Outgoing<'_>) -> Result<bool, KafkaFailure> {
        let Publisher { config, shutdown, .. } = self.publisher;
        let &Outgoing { partition, key, value, headers } = outgoing;
        self.check_standstill()?;
        let mut record = BaseRecord::to(&config.topic).partition(partition).key(key).payload(value);
        if let Some(headers) = headers {
            record = record.headers(headers.clone());
        }
        // A full queue is the broker's pace: wait, and drop nothing.
        while let Err((error, same)) = self.sender.send(record) {
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => self.look_at(PAUSE)?,
                _ => return Err(config.away(error)),
            }
            if shutdown.is_requested() {
                return Ok(false);
            }
            record = same;
        }
        if let Some(given) = place(partition).and_then(|nth| self.given.get(nth)) {
            given.update(|offset| offset + 1);
        }
        Ok(true)
    }

    /// After a standstill another producer may have taken over, and then nothing more may be sent. The client also drops what it held for too
    /// long, and a record behind a dropped one would leave a gap: so it gets nothing before the brokers have confirmed what it holds.
    fn check_standstill(&self) -> Result<(), KafkaFailure> {
        let now = coarse_time();
        if now.saturating_sub(self.awake.replace(now)) < STANDSTILL {
            return Ok(());
        }
        self.check_alone()?;
        while self.sender.in_flight_count() > 0 {
            self.learn(PAUSE)?;
            if self.publisher.shutdown.is_requested() {
                return Err(self.publisher.config.away("what the client held during a standstill is not confirmed"));
            }
        }
        // A record that was dropped, and the last report of all.
        self.learn(Duration::ZERO)?;
        self.awake.set(coarse_time());
        Ok(())
    }

    /// Whether the partitions have only what this client was given.
    fn check_alone(&self) -> Result<(), KafkaFailure> {
        let config = self.publisher.config;
        let connection = Connection::open(config)?;
        for &partition in &self.own {
            let given = place(partition).and_then(|nth| self.given.get(nth)).map_or(0, Cell::get);
            let next = connection.next_offset(partition)?;
            if next > given {
                return Err(config.intruder(partition, next, given));
            }
        }
        Ok(())
    }

    /// Learns from the client what became of the records, when the program has not stood still.
    fn look_at(&self, wait: Duration) -> Result<(), KafkaFailure> {
        self.check_standstill()?;
        self.learn(wait)
    }

    /// Learns from the client what became of the records.
    fn learn(&self, wait: Duration) -> Result<(), KafkaFailure> {
        let (sender, Publisher { config, progress, job, .. }) = (&self.sender, self.publisher);
        let before = progress.delivered_count();
        sender.poll(wait);
        if progress.delivered_count() > before || sender.in_flight_count() == 0 {
            job.answered(true);
        } else {
            job.moved();
        }
        if let Some((code, reason)) = sender.client().fatal_error() {
            return Err(config.away(format_args!("{code}: {reason}")));
        }
        if let Some(&(partition, offset, expected)) = sender.context().intruder.get() {
            return Err(config.intruder(partition, offset, expected));
        }
        match sender.context().failed.load(Ordering::Relaxed) {
            false => Ok(()),
            true => {
                // The client drops what is old after a standstill too, before that is noticed here.
                self.check_alone()?;
                Err(config.away("a record was not taken in time, or refused"))
            }
        }
    }
}
