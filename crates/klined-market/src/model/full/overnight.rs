//! The night: what happens between a close and the next open.
//!
//! gap = √w·(βσM·F + γσS·G + σI·e^h·z) − ½v + jumps, w the share of a day's variance that falls overnight, v the variance of
//! the first three terms (French & Roll, Journal of Financial Economics 17 (1986), on how little of a day's variance falls
//! into the closed hours). So the first bar of a day opens away from the close before; within the day each bar opens where
//! the one before closed.

use super::parameters;

/// How the variance of 24 hours is split.
#[derive(Debug, Clone, Copy)]
pub(super) struct VarianceSplit {
    /// Standard deviation of the night as a share of the whole.
    pub night: f64,
    /// Standard deviation of the trading day as a share of the whole.
    pub day: f64,
}

impl VarianceSplit {
    pub(super) fn new(parameters: &parameters::OvernightParameters) -> Self {
        let share = if parameters.enabled { parameters.share } else { 0.0 };
        Self { night: share.sqrt(), day: (1.0 - share).sqrt() }
    }
}
