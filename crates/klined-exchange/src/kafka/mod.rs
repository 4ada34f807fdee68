//! The events of a run in a topic of Kafka.
//!
//! The topic follows the logs and is its own watermark. Every event of a security goes to one partition, the events of a partition have one order
//! ([`crate::run::RunStream`]), and the client repeats none and leaves none out. So the last record of a partition says which event
//! comes next, whatever has happened to the producer.
//!
//! | part of a record | what it is |
//! |---|---|
//! | key | the symbol; it decides the partition: CRC-32 modulo the number of partitions |
//! | value | the 26 bytes of [`crate::event::Event::to_record`] |
//! | header `day` | the session's date, YYYY-MM-DD |
//! | header `session` | the run's id, a point, and the session counted from 0: `run_42.0` |
//!
//! The record's timestamp is the time of sending. Simulated times would be refused by brokers, or fall to their retention.

mod connection;
mod error;
mod publish;
mod record;

pub use connection::{Credentials, KafkaConfig, Mechanism, Security};
pub use error::KafkaFailure;
pub use publish::{Progress, publish};
