//! The night between a close and the next open.
//!
//! gap = √w·(βσM·F + γσS·G + σI·e^h·z) − ½v + jumps, w the share of a day's variance that falls overnight, v the variance of
//! the first three terms (French & Roll, Journal of Financial Economics 17 (1986): only a small part of a day's variance falls
//! into the closed hours). So the first bar of a day opens away from the previous close; within the day each bar opens at the
//! close of the bar before.

use super::parameters;

/// The division of the variance of 24 hours.
#[derive(Debug, Clone, Copy)]
pub(super) struct VarianceSplit {
    /// Standard deviation of the usual night as a share of the whole; 0 in a market that does not pause before every day.
    pub night: f64,
    /// Standard deviation of a pause, as a share of the whole, where there is one.
    pub pause: f64,
    /// Standard deviation of the trading day as a share of the whole.
    pub day: f64,
}

impl VarianceSplit {
    pub(super) fn new(parameters: &parameters::OvernightParameters, has_nights: bool) -> Self {
        let of_pause = if parameters.enabled { parameters.share } else { 0.0 };
        let share = if has_nights { of_pause } else { 0.0 };
        Self { night: share.sqrt(), pause: of_pause.sqrt(), day: (1.0 - share).sqrt() }
    }
}
