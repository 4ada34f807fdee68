//! The market of klined as columns: bars, trades, quotes, stocks and sessions as Arrow record batches, and as files.
//!
#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! | module | contains |
//! |---|---|
//! | [`market`] | a market that is made from its seed, without a database |
//! | [`source`] | what rows are made from: such a market, or another one that has its bars somewhere |
//! | [`columns`] | rows as columns: names, types, units |
//! | [`tables`] | the stocks of a universe and the days of a calendar, as columns |
//! | [`pipeline`] | many symbols by several threads, in one order |
//! | [`files`] | the formats and the targets (cargo feature `files`) |
//!
//! Nothing here reads the clock or the environment. The same arguments give the same bytes for any number of threads.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod columns;
pub mod source;

pub mod market;

pub mod tables;

pub mod pipeline;

#[cfg(feature = "files")]
pub mod files;
