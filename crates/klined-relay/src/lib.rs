//! `market-relay`: has topics of Kafka follow the bars of a market in a database, and the trades and quotes that follow from them.
//!
//! | module | contains |
//! |---|---|
//! | `args` | the command line |
//! | `record` | a bar, a trade or a quote as a record: JSON, and a binary form |
//! | `reader` | the bars of the store in one order, as far as no earlier one can come |
//! | `publication` | that order in the partitions of a topic, and where it goes on |
//! | `lag` | how far the topics are behind the database |
//! | `tables` | the scripts for ClickHouse |
//! | `run` | what the program does between its command line and its end |
//!
//! All of it needs the feature `platform`.
#![forbid(unsafe_code)]

#[cfg(feature = "platform")]
pub mod args;

#[cfg(feature = "platform")]
pub mod record;

#[cfg(feature = "platform")]
pub mod reader;

#[cfg(feature = "platform")]
pub mod publication;

#[cfg(feature = "platform")]
pub mod lag;

#[cfg(feature = "platform")]
pub mod tables;

#[cfg(feature = "platform")]
pub mod run;
