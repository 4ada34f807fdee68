//! Time bases, and the bounds of a carried price. Volatility is quoted per trading day, drift per year, and a step is a minute:
//! each conversion happens here and nowhere else.

use crate::base::{DailyVolatility, Price};
use crate::calendar::MINUTES_PER_DAY;

/// Trading days in a year: the Shanghai exchange's mean.
pub const TRADING_DAYS_PER_YEAR: f64 = 242.5;

/// Expected return over one year (0.15 = +15 %), continuously compounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnnualDrift(pub f64);

impl AnnualDrift {
    /// Expected log growth of the price in one trading minute.
    #[must_use]
    pub fn per_minute(self) -> f64 {
        self.0 / TRADING_DAYS_PER_YEAR / f64::from(MINUTES_PER_DAY)
    }
}

impl DailyVolatility {
    /// Variance of one trading minute's log return: variance is proportional to trading time.
    #[must_use]
    pub(super) fn minute_variance(self) -> f64 {
        self.per_day() * self.per_day() / f64::from(MINUTES_PER_DAY)
    }
}

/// Keeps a price that is carried unrounded, in ticks, where it can be printed: a stock that reaches one tick can recover.
pub(super) fn clamp_price(price_ticks: f64) -> f64 {
    price_ticks.clamp(Price::MIN.ticks() as f64, Price::MAX.ticks() as f64)
}
