//! The tables of this module: files of lines, in which `#` begins a comment.

use chrono::NaiveDate;

const CLOSED_DAYS: &str = include_str!("tables/closed_days.txt");
const NYSE_DAYS: &str = include_str!("tables/nyse_days.txt");
const LUNAR_FESTIVALS: &str = include_str!("tables/lunar_festivals.txt");

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

/// The known weekdays on which the exchange was or will be closed, ascending.
pub(super) fn closed_days() -> Vec<NaiveDate> {
    lines(CLOSED_DAYS).filter_map(|line| line.parse().ok()).collect()
}

/// The known weekdays on which the New York Stock Exchange was or will be closed, or closes early, ascending.
pub(super) fn nyse_days() -> impl Iterator<Item = &'static str> {
    lines(NYSE_DAYS)
}

/// The festivals that follow the moon or the sun, a year a line.
pub(super) fn lunar_festivals() -> impl Iterator<Item = &'static str> {
    lines(LUNAR_FESTIVALS)
}
