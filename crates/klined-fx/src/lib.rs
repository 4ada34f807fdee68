//! A synthetic foreign exchange market as a pure function of a seed, and what writes it down.
//!
//! | layer | module | owns |
//! |---|---|---|
//! | 0 | [`base`] | currencies, pairs, the market's week, random streams |
//! | 1 | [`market`] | prices, books, orders: any second of the market |
//! | 2 | [`plan`] | how many rows each second has |
//! | 2 | [`rows`] | the rows of a second: books, prices, trades |
//!
//! Nothing in layers 0 to 2 knows of files, networks, the environment or the wall clock.
#![forbid(unsafe_code)]

pub mod base;

pub mod market;

pub mod plan;

pub mod rows;

pub mod pipeline;

pub mod out;

pub mod cli;

pub mod realism;

pub mod questdb;
