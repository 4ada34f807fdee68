//! What klined's parts make of an exchange's logs: the trades as the 1-minute bars of a market (`exchange-bars`), and a page that plays
//! book and trades (`exchange-playback`).
//!
//! The log is the truth: `exchange-bars` follows it past a watermark, the last minute that the database has. It is a crate of its own, so
//! that neither the exchange knows databases and servers nor klined's programs the exchange.
//!
//! | module | contains |
//! |---|---|
//! | [`exchange`] | what a run is as a market: its identity, calendar and stocks |
//! | [`fold`] | a day's bars from its events |
//! | [`follow`] | the bars of day after day into the database, and beside it |
//! | [`args`] | the command line of `exchange-bars`, and what it does |
//! | [`playback`] | `exchange-playback`: its command line, its server, a reader's playback |
//! | [`variables`] | the variables that programs share |
#![forbid(unsafe_code)]

pub mod exchange;

pub mod fold;

pub mod follow;

pub mod args;

pub mod playback;

pub mod variables;
