//! The exchange's time in short words: a date, a moment, a trading minute.

use std::sync::LazyLock;

use chrono::{NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Asia::Shanghai;
use klined_market::base::UnixSeconds;
use klined_market::calendar::{Calendar, Minute};

/// The Shanghai calendar with its projected days, made once.
pub static SHANGHAI: LazyLock<Calendar> = LazyLock::new(Calendar::shanghai);

/// Trading minutes of a day in Shanghai.
pub const SHANGHAI_MINUTES: u16 = 240;

/// A date from its ISO text.
///
/// # Panics
/// The text is no date.
#[must_use]
pub fn date(iso: &str) -> NaiveDate {
    iso.parse().unwrap_or_else(|error| panic!("{iso}: {error}"))
}

/// The first `count` trading days from a date on.
///
/// # Panics
/// The calendar has fewer.
#[must_use]
pub fn trading_days_from(first: NaiveDate, count: usize) -> Vec<NaiveDate> {
    let days = SHANGHAI.days(first, SHANGHAI.last_day());
    days[..count].to_vec()
}

/// A moment in Shanghai, from `2026-03-02 10:15:30`.
///
/// # Panics
/// The text is no such moment.
#[must_use]
pub fn at(local: &str) -> UnixSeconds {
    let naive = NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M:%S").unwrap();
    UnixSeconds::new(Shanghai.from_local_datetime(&naive).unwrap().timestamp())
}

/// The trading minute that starts at a moment in Shanghai, from `2026-03-02 10:15`.
///
/// # Panics
/// No trading minute starts then.
#[must_use]
pub fn minute(local: &str) -> Minute {
    SHANGHAI.minute_starting(at(&format!("{local}:00"))).unwrap()
}
