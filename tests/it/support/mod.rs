//! What the tests of several subjects share.

pub mod api;
pub mod clock;
pub mod cluster;
pub mod database;
pub mod http;
pub mod market;
pub mod market_builder;
pub mod programs;
pub mod proxy;
pub mod psql;
pub mod stats;

use std::sync::LazyLock;

use chrono::NaiveDate;
use klined_market::calendar::Calendar;

/// The Shanghai calendar with its projected days, made once.
pub static SHANGHAI: LazyLock<Calendar> = LazyLock::new(Calendar::shanghai);

/// A date from its ISO text.
pub fn date(iso: &str) -> NaiveDate {
    iso.parse().unwrap_or_else(|error| panic!("{iso}: {error}"))
}

/// So many trading days from a date on.
pub fn trading_days_from(first: NaiveDate, count: usize) -> Vec<NaiveDate> {
    let days = SHANGHAI.days(first, SHANGHAI.last_day());
    days[..count].to_vec()
}
