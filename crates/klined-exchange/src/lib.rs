//! An exchange's order events under a queue-reactive model.
//!
//! | layer | module | owns |
//! |---|---|---|
//! | 0 | [`exact`] | logarithms and exponentials that are correctly rounded, so the same on every platform |
//! | 0 | [`random`] | the stream of uniform numbers of a session |
//! | 1 | [`event`] | events, their types and sides, the 26-byte record |
//! | 1 | [`book`] | a book of counts, contiguous price levels on both sides |
//! | 2 | [`model`] | rates of events in a state of the book: simple, or curves of the queue length |
//! | 3 | [`session`] | one session of one security: its events in order of time |
//! | 4 | [`log`] | `.qrsdp` files: written, read, repaired |
//! | 4 | [`orders`] | orders behind the counts, with references that live |
//! | 5 | `itch`, `export` | ITCH 5.0, MoldUDP64, LOBSTER, CSV, JSON |
//! | 5 | [`calibrate`] | curves of rates from logs |
//! | 5 | [`scorecard`] | what is known of real order books, measured on logs |
//! | 5 | [`run`] | a directory of logs: many days of many securities, in batch or in step with a clock |
//! | 6 | `kafka` | a topic that follows the logs; with the feature `platform` |
//! | 6 | `clickhouse` | tables and views of the topic; with the feature `platform` |
//! | 7 | `programs` | the command lines, and a feed on the network |
//!
//! The cargo feature `programs`, which the default build has, is for `itch`, `export` and `programs`: without it nothing here knows the network or a terminal.
//!
//! A session is a function of its [`session::SessionSpec`] and its [`model::Model`]: the same events on any platform. Below
//! the programs nothing knows of async code, the environment or the wall clock, and below the runs nothing of files.
#![forbid(unsafe_code)]

pub mod units;

pub mod exact;

pub mod random;

pub mod event;

pub mod book;

pub mod model;

pub mod session;

pub mod log;

pub mod orders;

#[cfg(feature = "programs")]
pub mod itch;

#[cfg(feature = "programs")]
pub mod export;

pub mod calibrate;

pub mod scorecard;

pub mod run;

#[cfg(feature = "platform")]
pub mod kafka;

#[cfg(feature = "platform")]
pub mod clickhouse;

#[cfg(feature = "programs")]
pub mod programs;
