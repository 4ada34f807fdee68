//! The producer against a real Kafka broker and a real ClickHouse. The servers start once, for all tests.
//!
//! Faults of section "what the original gets wrong" that are tested here: everything sent again after a restart, records lost or slow while the
//! broker is away, exit status 0 in spite of that, one date for all simulated days, yesterday's best prices.

mod clickhouse;
mod deploy;
mod kafka;
mod soak;
mod support;
