//! Units of time. Volatility is given per trading day, drift per year, and a step is a
//! minute: all conversions are in this file.

use crate::base::{AnnualDrift, DailyVolatility};
use crate::calendar::Hours;

impl AnnualDrift {
    /// This drift and another one together.
    #[must_use]
    pub(super) fn besides(self, other: Self) -> Self {
        Self(other.0 + self.0)
    }

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
