//! Realism: how a market's bars compare with what is measured on real A-shares, in 16 metrics with their bands.
//!
//! [`generate`] makes a sample of a market in memory, [`Series`] folds a symbol's minutes to quarter-hours and days,
//! [`metrics`] holds one function an estimator, [`score`] puts them together; [`Report`] and [`Picture`] show what came out.

pub mod metrics;

mod picture;
mod profiles;
mod reference;
mod report;
mod sample;
mod scorecard;
mod series;

pub use picture::{Candles, Picture, PictureError, PictureFormat};
pub use report::{Report, Run};
pub use sample::{DAYS_MIN, STOCKS_MIN, generate};
pub use scorecard::{Metric, Scorecard, Value, score};
pub use series::{Day, QUARTERS_PER_DAY, Quarter, Series};
