#![doc = include_str!("../README.md")]
//!
//! # Layers
//!
//! Imports go down only.
//!
//! | layer | module | owns |
//! |---|---|---|
//! | 0 | [`base`] | prices in ticks, symbols, instruments, intervals, the clock's trait, seeds |
//! | 1 | [`calendar`] | days, sessions, minutes, buckets |
//! | 2 | [`model`] | regimes, the price step, volume, what a symbol carries from day to day |
//! | 3 | [`bars`] | the bar, one symbol's run over trading minutes, the roll-up, ticks |
//! | 3 | [`universe`] | the ten default stocks, invented A-shares, CSV files |
//!
//! No module uses async code, SQL, logs, the environment or the wall clock.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod base;

pub mod calendar;

pub mod model;

pub mod bars;

pub mod universe;
