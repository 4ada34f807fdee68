//! Realism: how a market's bars compare with what is measured on real A-shares, in 16 metrics with their bands.
//!
//! [`generate`] makes a sample of a market in memory, [`Series`] folds a symbol's minutes to quarter-hours and days,
//! [`metrics`] holds one function an estimator, [`score`] puts them together; [`RealismReport`] and a picture show what came out.

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
pub use report::{RealismReport, ScoredSeed};
pub use sample::{DAYS_MIN, STOCKS_MIN, generate};
pub use scorecard::{InvalidSample, Metric, MetricValue, SCORED_DAYS_MIN, Scorecard, score};
pub use series::{DailyBar, QUARTERS_PER_DAY, QuarterBar, Series};
