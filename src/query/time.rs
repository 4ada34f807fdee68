//! Instants as clients write them: RFC 3339, the same without a zone, a date, Unix seconds or milliseconds.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Timelike};

use super::parameters::repeated;
use klined_market::base::{Nanos, UnixSeconds};
use klined_market::calendar::Hours;

/// 9999-12-31T23:59:59Z, the last instant that a client may name.
const LAST: UnixSeconds = UnixSeconds::new(253_402_300_799);
/// Numbers from here on are milliseconds: the year 1973 in milliseconds, and 5138 in seconds.
const MILLIS_FROM: i64 = 100_000_000_000;

/// The end of a span that an instant marks. A date stands for its first second at the start, and for its last at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    Start,
    End,
}

/// The instant of a parameter in Unix seconds, or a text that says what is wrong with it. Fractions of a second are cut off, also
/// at the end of a span, because the last second is included there.
pub fn parse(hours: Hours, name: &str, text: &str, edge: Edge) -> Result<UnixSeconds, String> {
    precise(hours, name, text, edge).map(|(seconds, _)| seconds)
}

/// The instant of a parameter in Unix seconds, and the nanoseconds after that; or a text that says what is wrong with it. A whole
/// second stands for its first nanosecond at the start of a span, and for its last at the end, unless a fraction is written.
pub fn precise(hours: Hours, name: &str, text: &str, edge: Edge) -> Result<(UnixSeconds, Nanos), String> {
    let wrong = || {
        format!(
            "{name}={} is no time: use RFC 3339 (2026-03-02T09:30:00+08:00; without a zone it is the exchange's time), a date of \
             the exchange (2026-03-02), or Unix seconds or milliseconds from 0 on",
            repeated(text)
        )
    };
    let whole = if edge == Edge::End { Nanos::SECOND - Nanos::NANOSECOND } else { Nanos::ZERO };
    let (instant, fraction) = if let Ok(number) = text.parse::<i64>() {
        match number {
            MILLIS_FROM.. => (UnixSeconds::from_millis(number), Nanos::MILLISECOND * (number % 1000)),
            _ => (UnixSeconds::new(number), whole),
        }
    } else if let Ok(date) = text.parse::<NaiveDate>() {
        let instant = match edge {
            Edge::Start => hours.midnight(date),
            Edge::End => date.succ_opt().map_or(Ok(LAST), |next| hours.midnight(next).map(UnixSeconds::previous)),
        };
        (instant.map_err(|_| wrong())?, whole)
    } else if let Some(instant) = zoned(text) {
        instant
    } else {
        let local = local(text).ok_or_else(wrong)?;
        (hours.instant_of(local).map_err(|_| wrong())?, Nanos::new(i64::from(local.nanosecond())))
    };
    if (UnixSeconds::EPOCH..=LAST).contains(&instant) { Ok((instant, fraction)) } else { Err(wrong()) }
}

/// A date and time with their zone, as seconds and the nanoseconds after them. An unescaped plus arrives as a space.
fn zoned(text: &str) -> Option<(UnixSeconds, Nanos)> {
    let with_plus = || Some(text.rsplit_once(' ')?).map(|(time, zone)| format!("{time}+{zone}"));
    let parse = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    let instant = parse(text).or_else(|| parse(&with_plus()?))?;
    Some((UnixSeconds::new(instant.timestamp()), Nanos::new(i64::from(instant.timestamp_subsec_nanos()))))
}

/// A date and time without a zone.
fn local(text: &str) -> Option<NaiveDateTime> {
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use klined_market::base::Seconds;

    #[test]
    fn an_instant_is_the_same_however_it_is_written() {
        // 2026-03-02 09:30 in Shanghai.
        let instant = UnixSeconds::new(1_772_415_000);
        for text in [
            "1772415000",
            "1772415000000",
            "1772415000999",
            "2026-03-02T09:30:00+08:00",
            "2026-03-02T09:30:00 08:00",
            "2026-03-02T01:30:00Z",
            "2026-03-02T01:30:00.5Z",
            "2026-03-02 01:30:00Z",
            "2026-03-02T09:30:00",
            "2026-03-02 09:30:00.5",
            "2026-03-02T09:30",
            "2026-03-02 09:30",
        ] {
            assert_eq!(parse(Hours::Sse, "start", text, Edge::Start), Ok(instant), "{text}");
        }
        let midnight = UnixSeconds::new(1_772_380_800);
        assert_eq!(parse(Hours::Sse, "start", "2026-03-02", Edge::Start), Ok(midnight));
        assert_eq!(parse(Hours::Sse, "end", "2026-03-02", Edge::End), Ok((midnight + Seconds::DAY).previous()));
    }

    #[test]
    fn a_time_without_a_zone_is_the_exchanges_also_in_its_summer_time() {
        // Shanghai was nine hours ahead of UTC in the summer of 1991.
        for (text, utc) in
            [("1991-01-10T09:30:00", "1991-01-10T01:30:00Z"), ("1991-07-10T09:30:00", "1991-07-10T00:30:00Z")]
        {
            assert_eq!(
                parse(Hours::Sse, "start", text, Edge::Start),
                parse(Hours::Sse, "start", utc, Edge::Start),
                "{text}"
            );
        }
    }

    #[test]
    fn a_fraction_is_kept_where_it_is_written() {
        let fraction = |text, edge| precise(Hours::Sse, "end", text, edge).map(|(_, fraction)| fraction.get());
        for (text, nanos) in [("2026-03-02T09:30:00.25", 250_000_000), ("1772415000007", 7_000_000)] {
            assert_eq!([Edge::Start, Edge::End].map(|edge| fraction(text, edge)), [Ok(nanos), Ok(nanos)], "{text}");
        }
        for text in ["1772415000", "2026-03-02"] {
            assert_eq!([Edge::Start, Edge::End].map(|edge| fraction(text, edge)), [Ok(0), Ok(999_999_999)], "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_is_refused_by_name() {
        for text in [
            "",
            "-1",
            "now",
            "2026-02-30",
            "2026-03-02T25:30:00",
            "2026-03-02T09",
            "99999999999999999",
            "1e9",
            "' OR 1=1 --",
        ] {
            let message = parse(Hours::Sse, "start", text, Edge::Start).unwrap_err();
            assert!(message.starts_with("start="), "{message}");
        }
    }
}
