//! Topics of Kafka that follow something, and the events of a run in a topic.
//!
//! A topic is its own watermark: the records of a partition have one order, and the client repeats none and leaves none out. So the last record
//! of a partition says which comes next, whatever has happened to the producer. What is followed is a [`Publication`]; that of a run's logs is
//! [`RunEvents`]. Every event of a security goes to one partition, and the events of a partition have one order ([`crate::run::RunStream`]).
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
mod deliveries;
mod error;
mod events;
mod publish;
mod record;
mod sending;
mod source;
mod window;

pub use connection::{Credentials, KafkaConfig, LastRecord, Mechanism, PartitionEnd, Security};
pub use deliveries::Progress;
pub use error::KafkaFailure;
pub use events::RunEvents;
pub use publish::publish;
pub use record::partition_of;
pub use source::{Outgoing, PAUSE, Publication, Send, Source};
