//! A synthetic foreign exchange market as a pure function of a seed, and what writes it down.
//!
//! | layer | module | owns |
//! |---|---|---|
//! | 0 | [`base`] | currencies, pairs, the market's week, random streams |
//! | 1 | [`market`] | prices, books, orders: any second of the market |
//! | 2 | [`plan`] | how many rows each second has |
//! | 2 | [`rows`] | the rows of a second: books, prices, trades; the trait of what takes them |
//! | 3 | [`pipeline`] | workers that make seconds, and one consumer that takes them in order |
//! | 3 | [`realism`] | the scorecard |
//! | 3 | [`out`] | rows as CSV and as QuestDB's line protocol |
//! | 4 | [`choice`] | which rows are asked for, and what is refused |
//! | 5 | `questdb` | tables, sending, back-pressure, proof |
//! | 6 | `cli` | flags, what they ask for, the runs |
//!
//! Layers 0 to 4 know no network, environment or wall clock, and only `out::csv` knows files; layers 5 and 6 are handed
//! their clock, and come with the cargo feature `programs`, which the default build has.
//!
//! The seams: [`market::Market`] makes a [`market::Walk`], which gives any second as a list of [`market::Ladder`]s and
//! fills; [`rows::RowMaker`] turns a second into rows for a [`rows::Sink`]; a [`pipeline::Encode`] is a sink that gives
//! what it has taken as one piece; [`pipeline::Job::run`] hands the pieces over in order.
#![forbid(unsafe_code)]

pub mod base;

pub mod market;

pub mod plan;

pub mod rows;

pub mod pipeline;

pub mod realism;

pub mod out;

pub mod choice;

#[cfg(feature = "programs")]
pub mod questdb;

#[cfg(feature = "programs")]
pub mod cli;
