//! What the tests of several subjects share, besides what all crates do ([`klined_testing`]).

pub mod api;
pub mod clock;
pub mod cluster;
pub mod database;
pub mod ended;
pub mod http;
pub mod market_builder;
pub mod pooler;
pub mod programs;
pub mod proxy;
pub mod psql;
pub mod terminal;
pub mod vendor;

pub use klined_testing::{SHANGHAI, date, market, trading_days_from};
