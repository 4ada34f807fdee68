//! The stream of a run into its topic.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use klined_service::{Retry, Shutdown, Vitals};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig};
use tokio::runtime::Handle;

use super::connection::{Connection, KafkaConfig, Listener};
use super::error::KafkaFailure;
use super::record::{headers, partition_of};
use crate::run::{Directory, RunEvent, RunStream};

/// Events read ahead for a partition.
const EVENTS: usize = 4096;
/// Between two looks at logs that had nothing new, and at a client whose queue is full.
const PAUSE: Duration = Duration::from_millis(10);
/// How long what the client holds may still take after the request to stop. What is not delivered then is sent after the next start.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// How far the topic is. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    delivered: Arc<AtomicU64>,
    logs_are_complete: Arc<AtomicBool>,
}

impl Progress {
    /// Records that the brokers have confirmed, since a connection was made also those of earlier starts.
    #[must_use]
    pub fn delivered_count(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Nothing more comes into the logs: [`publish`] ends when the topic has all of them.
    pub fn logs_are_complete(&self) {
        self.logs_are_complete.store(true, Ordering::Release);
    }
}

/// Counts what the brokers confirm, and keeps the first failure.
struct Deliveries {
    listener: Listener,
    progress: Progress,
    failed: AtomicBool,
    /// The offset that the next record of each partition gets, where nobody else writes.
    next: Vec<AtomicI64>,
    intruder: OnceLock<String>,
}

impl Deliveries {
    /// Whether the record came where it was expected: each record of a partition gets the offset behind the one before it.
    fn check_offset(&self, partition: i32, offset: i64) {
        let Some(next) = usize::try_from(partition).ok().and_then(|nth| self.next.get(nth)) else { return };
        let expected = next.fetch_add(1, Ordering::Relaxed);
        // Of a record that it had already the broker does not say the offset.
        if offset >= 0 && offset != expected {
            let reason = format!(
                "another producer writes to partition {partition}: a record has the offset {offset} where {expected} was free; stop one of the producers"
            );
            let _ = self.intruder.set(reason);
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

/// Follows the logs of a run into a topic until the request to stop, or until the logs are complete and the topic has all of them. A
/// connection that is lost is made again, and goes on behind what the topic has.
///
/// # Errors
/// [`KafkaFailure`] that another try cannot mend.
pub fn publish(
    config: &KafkaConfig,
    directory: &Directory,
    progress: &Progress,
    shutdown: &Shutdown,
    job: &Vitals,
    runtime: &Handle,
) -> Result<(), KafkaFailure> {
    let (mut retry, mut was_connected) = (Retry::default(), false);
    while !shutdown.is_requested() {
        let publisher = Publisher { config, directory, progress, shutdown, job };
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
    directory: &'a Directory,
    progress: &'a Progress,
    shutdown: &'a Shutdown,
    job: &'a Vitals,
}

/// The stream of one partition.
struct Lane<'a> {
    partition: i32,
    stream: RunStream<'a>,
    events: Vec<RunEvent>,
    headers: Option<(u32, OwnedHeaders)>,
}

impl Publisher<'_> {
    /// One connection, from finding out where the topic ends to its own end.
    fn connected(&self, runtime: &Handle, retry: &mut Retry, was_connected: &mut bool) -> Result<(), KafkaFailure> {
        let run = self.directory.run();
        let connection = Connection::open(self.config)?;
        let partitions = connection.topic(runtime)?;
        let (mut lanes, mut delivered, mut next) = (Vec::new(), 0, Vec::new());
        for partition in 0..partitions {
            let is_here = |&nth: &usize| partition_of(run.symbol(nth), partitions) == partition;
            let securities: Vec<usize> = (0..run.securities_count()).filter(is_here).collect();
            let (begin, count) = connection.end(run, partition, partitions)?;
            self.job.answered(true);
            delivered += count;
            next.push(AtomicI64::new(i64::try_from(count).unwrap_or(i64::MAX)));
            if !securities.is_empty() {
                let stream = RunStream::new(self.directory, &securities, begin);
                lanes.push(Lane { partition, stream, events: Vec::new(), headers: None });
            }
        }
        drop(connection);
        self.progress.delivered.store(delivered, Ordering::Relaxed);
        let context = Deliveries {
            listener: Listener::default(),
            progress: self.progress.clone(),
            failed: AtomicBool::new(false),
            next,
            intruder: OnceLock::new(),
        };
        let sender: BaseProducer<Deliveries> = self.config.sender(context)?;
        self.job.works();
        retry.reset();
        *was_connected = true;
        tracing::info!(topic = self.config.topic, partitions, records = delivered, "the topic follows the logs");
        let outcome = self.send_all(&sender, &mut lanes);
        if outcome.is_ok() {
            let _ = sender.flush(LAST_WORDS);
        }
        sender.purge(PurgeConfig::default().queue().inflight());
        outcome
    }

    fn send_all(&self, sender: &BaseProducer<Deliveries>, lanes: &mut [Lane<'_>]) -> Result<(), KafkaFailure> {
        loop {
            // Asked before the logs are read: what is read then is all there will be.
            let complete = self.progress.logs_are_complete.load(Ordering::Acquire);
            let mut sent = 0;
            for lane in &mut *lanes {
                lane.events.clear();
                sent += lane.stream.read(&mut lane.events, EVENTS)?;
                for at in 0..lane.events.len() {
                    // What comes after a record that was not sent must not be sent either.
                    if !self.send(sender, lane, at)? {
                        return Ok(());
                    }
                }
            }
            self.look_at(sender, Duration::ZERO)?;
            if self.shutdown.is_requested() {
                return Ok(());
            }
            if sent == 0 {
                if complete && sender.in_flight_count() == 0 {
                    return Ok(());
                }
                self.look_at(sender, PAUSE)?;
                // With nothing in flight the client does not wait.
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Gives an event to the client. False when the request to stop came while the client's queue was full.
    fn send(&self, sender: &BaseProducer<Deliveries>, lane: &mut Lane<'_>, at: usize) -> Result<bool, KafkaFailure> {
        let Some(&RunEvent { nth, day, event }) = lane.events.get(at) else { return Ok(true) };
        let headers = match &lane.headers {
            Some((same, headers)) if *same == day => headers.clone(),
            _ => lane.headers.insert((day, headers(self.directory.run(), day)?)).1.clone(),
        };
        let value = event.to_record();
        let key = self.directory.run().symbol(nth);
        let record = BaseRecord::to(&self.config.topic).partition(lane.partition).key(key).payload(&value[..]);
        let mut record = record.headers(headers);
        // A full queue is the broker's pace: wait, and drop nothing.
        while let Err((error, same)) = sender.send(record) {
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => self.look_at(sender, PAUSE)?,
                _ => return Err(self.config.away(error)),
            }
            if self.shutdown.is_requested() {
                return Ok(false);
            }
            record = same;
        }
        Ok(true)
    }

    /// Learns from the client what became of the records.
    fn look_at(&self, sender: &BaseProducer<Deliveries>, wait: Duration) -> Result<(), KafkaFailure> {
        let before = self.progress.delivered_count();
        sender.poll(wait);
        if self.progress.delivered_count() > before || sender.in_flight_count() == 0 {
            self.job.answered(true);
        } else {
            self.job.moved();
        }
        if let Some((code, reason)) = sender.client().fatal_error() {
            return Err(self.config.away(format_args!("{code}: {reason}")));
        }
        if let Some(reason) = sender.context().intruder.get() {
            return Err(KafkaFailure::Topic { topic: self.config.topic.clone(), reason: reason.clone() });
        }
        match sender.context().failed.load(Ordering::Relaxed) {
            false => Ok(()),
            true => Err(self.config.away("a record was refused")),
        }
    }
}
