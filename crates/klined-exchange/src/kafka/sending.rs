//! Records into a topic, from where its partitions ended until the connection ends.

use std::cell::Cell;
use std::time::Duration;

use klined_service::{Shutdown, Vitals, coarse_time};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, PurgeConfig};

use super::connection::{Connection, KafkaConfig, PartitionEnd};
use super::deliveries::{Deliveries, Progress, place};
use super::error::KafkaFailure;
use super::source::{Outgoing, PAUSE, Source};
use super::window::Window;

/// How long what the client holds may still take after the request to stop. What is not delivered then is sent after the next start.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// A program that gave the client nothing for so long may have been stopped, and another one may have gone on for it.
const STANDSTILL: Duration = Duration::from_secs(5);
/// How long the records of a partition that one look found unconfirmed may stay so. The next look awaits those that came meanwhile, so the oldest
/// record is at most twice as old. The client drops a record at a greater age ([`super::connection`]), and sends those behind it.
const UNCONFIRMED: Duration = Duration::from_secs(20);

/// A partition that is written.
struct Written {
    partition: i32,
    /// The offset behind everything that the client was given.
    given: Cell<i64>,
    /// What `given` was at an earlier look, and the time of that look, until these records are confirmed. None where all were at the last look.
    awaited: Cell<Option<(i64, Duration)>>,
}

/// What a client sends for: the topic, how far it is, and the request to stop.
pub(super) struct Publisher<'a> {
    pub config: &'a KafkaConfig,
    pub progress: &'a Progress,
    pub shutdown: &'a Shutdown,
    pub job: &'a Vitals,
}

/// A client that sends.
pub(super) struct Sending<'a> {
    publisher: &'a Publisher<'a>,
    sender: BaseProducer<Deliveries>,
    /// In the places of their numbers; None of a partition that is not written.
    partitions: Vec<Option<Written>>,
    /// How many records the topic has when all that the client was given are confirmed.
    sent: Cell<u64>,
    window: Window,
    /// When the program was last seen to run.
    awake: Cell<Duration>,
}

impl<'a> Sending<'a> {
    /// From these ends of partitions, of a topic with so many, that were asked for at a time.
    pub(super) fn behind(
        ends: &[PartitionEnd],
        partitions: i32,
        asked: Duration,
        publisher: &'a Publisher<'a>,
    ) -> Result<Self, KafkaFailure> {
        let deliveries = Deliveries::behind(ends, partitions, publisher.progress.clone());
        let mut written: Vec<Option<Written>> = (0..partitions).map(|_| None).collect();
        for end in ends {
            if let Some(slot) = place(end.partition).and_then(|nth| written.get_mut(nth)) {
                let next = end.next_offset();
                *slot = Some(Written { partition: end.partition, given: Cell::new(next), awaited: Cell::new(None) });
            }
        }
        Ok(Self {
            publisher,
            sender: publisher.config.sender(deliveries)?,
            partitions: written,
            sent: Cell::new(publisher.progress.delivered_count()),
            window: Window::new(asked),
            awake: Cell::new(asked),
        })
    }

    /// Sends until the request to stop, or until the source is complete and all of it is confirmed.
    ///
    /// # Errors
    /// [`KafkaFailure`]. The client sends nothing more then.
    pub(super) fn send_all(&self, source: &mut dyn Source) -> Result<(), KafkaFailure> {
        let outcome = self.follow(source);
        if outcome.is_ok() {
            let _ = self.sender.flush(LAST_WORDS);
        }
        self.drop_held();
        outcome
    }

    fn follow(&self, source: &mut dyn Source) -> Result<(), KafkaFailure> {
        let (sender, progress, shutdown) = (&self.sender, self.publisher.progress, self.publisher.shutdown);
        loop {
            // Asked before the source is read: what is read then is all there will be.
            let complete = progress.is_complete();
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
            self.look(Duration::ZERO)?;
            if shutdown.is_requested() {
                return Ok(());
            }
            if sent == 0 {
                if complete && sender.in_flight_count() == 0 {
                    return Ok(());
                }
                self.look(PAUSE)?;
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
        // The brokers' pace: wait, and drop nothing.
        while self.window.is_full(self.held()) {
            self.look(PAUSE)?;
            if shutdown.is_requested() {
                return Ok(false);
            }
        }
        let mut record = BaseRecord::to(&config.topic).partition(partition).key(key).payload(value);
        if let Some(headers) = headers {
            record = record.headers(headers.clone());
        }
        // Large records fill the client's queue first.
        while let Err((error, same)) = self.sender.send(record) {
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => self.look(PAUSE)?,
                _ => return Err(config.away(error)),
            }
            if shutdown.is_requested() {
                return Ok(false);
            }
            record = same;
        }
        if let Some(Some(written)) = place(partition).and_then(|nth| self.partitions.get(nth)) {
            written.given.update(|offset| offset + 1);
        }
        self.sent.update(|count| count + 1);
        Ok(true)
    }

    /// Records that are not confirmed.
    fn held(&self) -> u64 {
        self.sent.get().saturating_sub(self.publisher.progress.delivered_count())
    }

    /// After a standstill another producer may have taken over, and then nothing more may be sent.
    fn check_standstill(&self) -> Result<(), KafkaFailure> {
        let now = coarse_time();
        let still = now.saturating_sub(self.awake.replace(now));
        if still < STANDSTILL {
            return Ok(());
        }
        if self.sender.in_flight_count() > 0 {
            return Err(self.give_up(format_args!("the program stood still for {} s", still.as_secs())));
        }
        Connection::open(self.publisher.config)?.check_alone(&self.given())?;
        self.awake.set(coarse_time());
        Ok(())
    }

    /// Learns from the client what became of the records.
    fn look(&self, wait: Duration) -> Result<(), KafkaFailure> {
        self.check_standstill()?;
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
        sender.context().check(config)?;
        if sender.context().has_dropped() {
            return Err(self.give_up("a record was not taken in time, or refused"));
        }
        self.check_confirmed()
    }

    /// Whether each partition's records are confirmed in time. Has the client hold what the brokers confirm soon.
    fn check_confirmed(&self) -> Result<(), KafkaFailure> {
        let (now, mut longest, mut confirmed) = (coarse_time(), Duration::ZERO, None);
        for Written { partition, given, awaited } in self.partitions.iter().flatten() {
            let next = self.sender.context().next_offset(*partition);
            if let Some((offset, since)) = awaited.get() {
                let waited = now.saturating_sub(since);
                longest = longest.max(waited);
                if next < offset && waited > UNCONFIRMED {
                    return Err(self.give_up(format_args!("partition {partition} takes no records")));
                }
                if next < offset {
                    continue;
                }
                confirmed = confirmed.max(Some(waited));
            }
            awaited.set((given.get() > next).then_some((given.get(), now)));
        }
        self.window.fit(now, confirmed, longest);
        Ok(())
    }

    /// Has the client drop what it holds: what a partition has then is without a gap, and a new client goes on behind it. Returns why.
    fn give_up(&self, reason: impl ToString) -> KafkaFailure {
        self.drop_held();
        // What was confirmed before.
        let _ = self.sender.flush(LAST_WORDS);
        let config = self.publisher.config;
        self.sender.context().check(config).err().unwrap_or_else(|| config.interrupted(reason))
    }

    fn drop_held(&self) {
        self.sender.purge(PurgeConfig::default().queue().inflight());
    }

    /// Partitions, and the offset behind everything that the client was given for each.
    pub(super) fn given(&self) -> Vec<(i32, i64)> {
        self.partitions.iter().flatten().map(|written| (written.partition, written.given.get())).collect()
    }
}
