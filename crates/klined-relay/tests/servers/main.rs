//! The relay with a real store, a real Kafka broker and real ClickHouse servers. Each server starts once for the tests that share it.

mod cluster;
mod deploy;
mod memory;
mod support;
mod tables;
mod topics;
