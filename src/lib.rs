//! klined: a synthetic stock market that runs as daemons.
//!
//! One truth, the seeded 1-minute bars, is made by one writer on the exchange's own calendar; everything else
//! follows it. The modules stand in layers and import only downwards (`tests/` enforces it):
//!
//! | layer | module | owns |
//! |---|---|---|
//! | 0 | [`base`] | prices in ticks, symbols, instruments, intervals, the clock's trait, seeds |
//! | 1 | [`calendar`] | days, sessions, minutes, buckets |
//! | 2 | [`model`] | regimes, the price step, volume, what a symbol carries from day to day |
//! | 3 | [`bars`] | the bar, one symbol's run over trading minutes, the roll-up, ticks |
//! | 3 | [`universe`] | what `stock_metadata` holds: the ten default stocks, invented A-shares, CSV files |
//! | 4 | [`store`] | what is kept and its laws; PostgreSQL and SQLite |
//! | 5 | [`jobs`] | generate, aggregate, backfill, verify |
//! | 5 | [`realism`] | a sample of a market in memory, 16 metrics of it with their bands |
//! | 6 | [`serve`] | the market over HTTP |
//! | 7 | [`config`], [`daemon`] | flags and variables; signals, alarms, logs, running a job until told to stop |
//!
//! Layers 0 to 3 hold no async, no SQL, no logging, no environment and no wall clock.

pub mod base;

pub mod calendar;

pub mod model;

pub mod bars;

pub mod universe;

pub mod store;

pub mod jobs;

pub mod realism;

pub mod serve;

pub mod config;

pub mod daemon;
