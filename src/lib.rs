//! klined: a synthetic stock market that runs as daemons.
//!
//! One truth, the seeded 1-minute bars, is made by one writer on the exchange's own calendar; everything else
//! follows it. The modules stand in layers and import only downwards (`tests/` enforces it):
//!
//! | layer | module | owns |
//! |---|---|---|
//! | 0–3 | [`klined_market`] | calendar, model, bars with ticks, universes: a crate of its own |
//! | 4 | [`store`] | what is kept and its laws; PostgreSQL and SQLite |
//! | 5 | [`jobs`] | generate, aggregate, backfill, verify |
//! | 6 | [`feed`] | the events of the open minute for many subscribers; it knows no HTTP |
//! | 7 | [`query`] | what may be asked of the market, for all dialects |
//! | 8 | [`access`] | keys, limits, faults on demand |
//! | 8 | [`relay`] | real vendors' streams and answers, one connection for many clients |
//! | 9 | [`serve`] | the dialects over HTTP and WebSocket, the chart page |
//! | 10 | [`config`], [`daemon`] | flags and variables; what each program does between its command line and its end |
//!
//! [`klined_service`] is below all of them: the runner that daemons share, and the accept loop of every HTTP server.
//!
//! The market's crate holds no async code, SQL, logging, environment or wall clock.

pub mod store;

pub mod jobs;

pub mod feed;

pub mod query;

pub mod access;

pub mod relay;

pub mod serve;

pub mod config;

pub mod daemon;
