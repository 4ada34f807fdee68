//! Units of time, and the range of an unrounded price. Volatility is given per trading day, drift per year, and a step is a
//! minute: all conversions are in this file.

use crate::base::{DailyVolatility, Price};
use crate::calendar::Hours;

/// Expected return over one year (0.15 = +15 %), continuously compounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnnualDrift(pub f64);

impl AnnualDrift {
    /// Expected log growth of the price in one trading minute of a market with these hours.
    #[must_use]
    pub fn per_minute(self, hours: Hours) -> f64 {
        self.0 / hours.days_per_year() / f64::from(hours.minutes_per_day())
    }
}

impl DailyVolatility {
    /// Variance of one trading minute's log return: variance is proportional to trading time.
    #[must_use]
    pub(super) fn minute_variance(self, hours: Hours) -> f64 {
        self.per_day() * self.per_day() / f64::from(hours.minutes_per_day())
    }
}

/// Limits an unrounded price, in ticks, to the range of [`Price`], so that a stock that reaches one tick can recover.
pub(super) fn clamp_price(price_ticks: f64) -> f64 {
    price_ticks.clamp(Price::MIN.ticks() as f64, Price::MAX.ticks() as f64)
}
