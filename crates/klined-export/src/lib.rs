//! `klined export`: bars, trades, quotes, stocks and trading days as files, made from a seed or read from a database.
//!
//! It is a program of its own, because Arrow and Parquet take long to build. `klined export` runs it.
//!
//! | module | contains |
//! |---|---|
//! | [`args`] | the command line |
//! | [`database`] | a market in a database as a source of rows |
//! | [`out`] | what takes the rows: a file, a directory or standard output |
//! | [`run`] | what the program does between its command line and its end |
#![forbid(unsafe_code)]

pub mod args;

pub mod database;

pub mod out;

pub mod run;
