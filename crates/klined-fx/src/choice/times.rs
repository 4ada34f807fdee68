//! Instants on the command line.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use thiserror::Error;

/// A text that is no instant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "\"{0}\" is no instant: write it as 2025-07-07, 2025-07-07T09:30:00 (UTC), 2025-07-07T09:30:00Z or with an offset such as +02:00"
)]
pub struct InvalidInstant(String);

/// An instant in Unix nanoseconds from ISO 8601. Without an offset it is in UTC.
///
/// # Errors
/// The text is no instant, or it lies outside the years 1678 to 2261.
pub fn parse_instant(text: &str) -> Result<i64, InvalidInstant> {
    let invalid = || InvalidInstant(text.to_owned());
    let trimmed = text.trim();
    let with_offset = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"];
    let in_utc = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    let exact: Option<DateTime<_>> = DateTime::parse_from_rfc3339(trimmed)
        .ok()
        .or_else(|| with_offset.iter().find_map(|format| DateTime::parse_from_str(trimmed, format).ok()));
    let naive = || {
        let instant = in_utc.iter().find_map(|format| NaiveDateTime::parse_from_str(trimmed, format).ok());
        instant
            .or_else(|| NaiveDate::parse_from_str(trimmed, "%Y-%m-%d").ok().map(|date| date.and_time(NaiveTime::MIN)))
    };
    let nanos = match exact {
        Some(exact) => exact.timestamp_nanos_opt(),
        None => naive().ok_or_else(invalid)?.and_utc().timestamp_nanos_opt(),
    };
    nanos.ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_honoured_and_none_means_utc() {
        let noon = parse_instant("2025-07-07T12:00:00Z").unwrap();
        for text in [
            "2025-07-07T12:00:00",
            "2025-07-07 12:00:00",
            "2025-07-07T14:00:00+02:00",
            "2025-07-07 08:00:00-0400",
            "2025-07-07T12:00:00.000Z",
            "2025-07-07T12:00",
        ] {
            assert_eq!(parse_instant(text).unwrap(), noon, "{text}");
        }
        assert_eq!(parse_instant("2025-07-07").unwrap(), noon - 12 * 3_600_000_000_000);
        for text in ["", "now", "2025-13-01", "2025-07-07T25:00:00", "2025-07-07T12:00:00+99:00", "1751889600"] {
            assert!(parse_instant(text).is_err(), "{text}");
        }
    }
}
