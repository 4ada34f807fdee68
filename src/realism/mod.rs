//! Realism: how a market's bars compare with what is measured on real A-shares, in 16 metrics with their bands.
//!
//! [`Series`] folds a symbol's minutes to quarter-hours and days, [`metrics`] holds one function an estimator, [`score`] puts them
//! together. Pure functions over bars in memory; where they come from is the caller's.

pub mod metrics;
mod scorecard;
mod series;

pub use scorecard::{Metric, Scorecard, Value, score};
pub use series::{Day, QUARTERS_PER_DAY, Quarter, Series};
