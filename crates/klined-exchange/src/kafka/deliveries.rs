//! What became of the records that the client was given.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryResult, ProducerContext};

use super::connection::{KafkaConfig, Listener, PartitionEnd};
use super::error::KafkaFailure;

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

    pub(super) fn begin(&self, delivered: u64) {
        self.delivered.store(delivered, Ordering::Relaxed);
    }

    pub(super) fn count_delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// Nothing more comes into what is followed: [`super::publish()`] ends when the topic has all of it.
    pub fn source_is_complete(&self) {
        self.is_complete.store(true, Ordering::Release);
    }
}

/// The place of a partition in a list of all of them.
pub(super) fn place(partition: i32) -> Option<usize> {
    usize::try_from(partition).ok()
}

/// What a topic must not have: records of somebody else, or records with some missing before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Intruder { offset: i64, expected: i64 },
    Gap { offset: i64, missing: u64 },
}

/// The records of one partition, which the client reports on in the order in which it was given them.
#[derive(Debug, Default)]
struct Order {
    /// The offset that the next confirmed record gets, where nobody else writes.
    next: AtomicI64,
    /// Records that the client dropped by itself.
    dropped: AtomicU64,
}

impl Order {
    /// A record was confirmed: it has the offset behind the one before it.
    fn confirm(&self, offset: i64) -> Result<(), Fault> {
        let expected = self.next.fetch_add(1, Ordering::Relaxed);
        let dropped = self.dropped.load(Ordering::Relaxed);
        match offset - expected {
            // Of a record that it had already the broker does not say the offset.
            _ if offset < 0 => Ok(()),
            0 if dropped == 0 => Ok(()),
            0 => Err(Fault::Gap { offset, missing: dropped }),
            // The broker has what the client dropped: its answer did not arrive.
            ahead if ahead > 0 && ahead.unsigned_abs() <= dropped => {
                self.next.store(offset + 1, Ordering::Relaxed);
                self.dropped.store(dropped - ahead.unsigned_abs(), Ordering::Relaxed);
                Ok(())
            }
            _ => Err(Fault::Intruder { offset, expected }),
        }
    }
}

/// Counts what the brokers confirm, and keeps the first fault.
pub(super) struct Deliveries {
    listener: Listener,
    progress: Progress,
    has_dropped: AtomicBool,
    orders: Vec<Order>,
    /// The first fault, and its partition.
    fault: OnceLock<(i32, Fault)>,
}

impl Deliveries {
    /// Of a topic with so many partitions, some of which end like this.
    pub(super) fn behind(ends: &[PartitionEnd], partitions: i32, progress: Progress) -> Self {
        let mut orders: Vec<Order> = (0..partitions).map(|_| Order::default()).collect();
        for end in ends {
            if let Some(order) = place(end.partition).and_then(|nth| orders.get_mut(nth)) {
                order.next = AtomicI64::new(end.next_offset());
            }
        }
        let (has_dropped, fault) = (AtomicBool::new(false), OnceLock::new());
        Self { listener: Listener::default(), progress, has_dropped, orders, fault }
    }

    /// The offset behind the confirmed records of a partition.
    pub(super) fn next_offset(&self, partition: i32) -> i64 {
        place(partition).and_then(|nth| self.orders.get(nth)).map_or(0, |order| order.next.load(Ordering::Relaxed))
    }

    /// Whether the client has dropped a record. What it held behind that one must not be sent.
    pub(super) fn has_dropped(&self) -> bool {
        self.has_dropped.load(Ordering::Relaxed)
    }

    /// Whether the topic has what it should.
    ///
    /// # Errors
    /// [`KafkaFailure::Topic`]: another producer writes to it, or it lacks records.
    pub(super) fn check(&self, config: &KafkaConfig) -> Result<(), KafkaFailure> {
        match self.fault.get() {
            None => Ok(()),
            Some(&(partition, Fault::Intruder { offset, expected })) => {
                Err(config.intruder(partition, offset, expected))
            }
            Some(&(partition, Fault::Gap { offset, missing })) => Err(config.gap(partition, offset, missing)),
        }
    }
}

/// Whether a record was dropped because the program asked for it.
fn is_purge(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight))
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
        let (Ok(message) | Err((_, message))) = result;
        let partition = message.partition();
        let order = place(partition).and_then(|nth| self.orders.get(nth));
        match result {
            Ok(message) => {
                if let Some(Err(fault)) = order.map(|order| order.confirm(message.offset())) {
                    let _ = self.fault.set((partition, fault));
                }
                self.progress.count_delivered();
            }
            Err((error, _)) => {
                // What the program has it drop leaves no gap, and the client may report that before the confirmation of an earlier record.
                let is_own = is_purge(error);
                if let Some(order) = order.filter(|_| !is_own) {
                    order.dropped.fetch_add(1, Ordering::Relaxed);
                }
                if !self.has_dropped.swap(true, Ordering::Relaxed) {
                    tracing::debug!("a record was not delivered: {error}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(next: i64, dropped: u64) -> Order {
        Order { next: AtomicI64::new(next), dropped: AtomicU64::new(dropped) }
    }

    #[test]
    fn each_record_gets_the_offset_behind_the_one_before_it() {
        let order = order(7, 0);
        assert_eq!([7, 8, 9].map(|offset| order.confirm(offset)), [Ok(()); 3]);
        assert_eq!(order.confirm(-1), Ok(()), "the broker had this one already");
        assert_eq!(order.confirm(11), Ok(()));
        assert_eq!(order.confirm(14), Err(Fault::Intruder { offset: 14, expected: 12 }));
        assert_eq!(order.confirm(5), Err(Fault::Intruder { offset: 5, expected: 13 }));
    }

    #[test]
    fn only_what_the_client_drops_by_itself_can_be_missing() {
        let failed = KafkaError::MessageProduction;
        assert!(is_purge(&failed(RDKafkaErrorCode::PurgeQueue)) && is_purge(&failed(RDKafkaErrorCode::PurgeInflight)));
        assert!(!is_purge(&failed(RDKafkaErrorCode::MessageTimedOut)));
    }

    #[test]
    fn a_record_in_the_place_of_a_dropped_one_is_a_gap() {
        assert_eq!(order(7, 3).confirm(7), Err(Fault::Gap { offset: 7, missing: 3 }));
    }

    #[test]
    fn a_record_behind_dropped_ones_that_the_broker_has_is_none() {
        let order = order(7, 3);
        assert_eq!([10, 11].map(|offset| order.confirm(offset)), [Ok(()); 2]);
        assert_eq!(order.confirm(13), Err(Fault::Intruder { offset: 13, expected: 12 }));
    }

    #[test]
    fn dropped_records_do_not_excuse_those_of_somebody_else() {
        assert_eq!(order(7, 3).confirm(11), Err(Fault::Intruder { offset: 11, expected: 7 }));
        let partly = order(7, 3);
        assert_eq!(partly.confirm(9), Ok(()), "the broker has two of the three");
        assert_eq!(partly.confirm(10), Err(Fault::Gap { offset: 10, missing: 1 }));
    }
}
