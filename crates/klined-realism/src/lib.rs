//! Realism: the comparison of a market's bars with a real market, by 16 metrics with bands.
//!
//! Nothing here reads files, the clock or the environment. [`generate`] makes a sample of a market in memory, [`Series`] folds a symbol's minutes to quarter-hours and days,
//! [`metrics`] has one function for each estimator, and [`score`] compares them with the reference; [`RealismReport`] and a picture show the result.
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod metrics;

mod picture;
mod profiles;
mod reference;
mod report;
mod sample;
mod scorecard;
mod series;

#[cfg(feature = "picture")]
pub use picture::Picture;
pub use picture::{DailyCandles, PictureError, PictureFormat};
pub use reference::Reference;
pub use report::{RealismReport, ScoredSeed, caution};
pub use sample::{DAYS_MIN, generate};
pub use scorecard::{InvalidSample, Metric, MetricValue, SCORED_DAYS_MIN, Scorecard, score};
pub use series::{DailyBar, QUARTERS_PER_DAY, QuarterBar, SampleBar, Series};
