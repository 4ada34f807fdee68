//! Instants as clients write them: RFC 3339, a date, Unix seconds or milliseconds.

use chrono::{DateTime, NaiveDate};

use super::parameters::repeated;
use klined_market::base::UnixSeconds;
use klined_market::calendar::Calendar;

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
pub fn parse(name: &str, text: &str, edge: Edge) -> Result<UnixSeconds, String> {
    let wrong = || {
        format!(
            "{name}={} is no time: use RFC 3339 (2026-03-02T09:30:00+08:00), a date of the exchange (2026-03-02), or Unix \
             seconds or milliseconds from 0 on",
            repeated(text)
        )
    };
    let instant = if let Ok(number) = text.parse::<i64>() {
        if number >= MILLIS_FROM { UnixSeconds::from_millis(number) } else { UnixSeconds::new(number) }
    } else if let Ok(date) = text.parse::<NaiveDate>() {
        match edge {
            Edge::Start => Calendar::midnight(date),
            Edge::End => date.succ_opt().map_or(Ok(LAST), |next| Calendar::midnight(next).map(UnixSeconds::previous)),
        }
        .map_err(|_| wrong())?
    } else {
        // An unescaped plus arrives as a space.
        let parsed = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).map_err(|_| wrong())?;
        UnixSeconds::new(parsed.timestamp())
    };
    if (UnixSeconds::EPOCH..=LAST).contains(&instant) { Ok(instant) } else { Err(wrong()) }
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
        ] {
            assert_eq!(parse("start", text, Edge::Start), Ok(instant), "{text}");
        }
        let midnight = UnixSeconds::new(1_772_380_800);
        assert_eq!(parse("start", "2026-03-02", Edge::Start), Ok(midnight));
        assert_eq!(parse("end", "2026-03-02", Edge::End), Ok((midnight + Seconds::DAY).previous()));
    }

    #[test]
    fn what_is_no_instant_is_refused_by_name() {
        for text in ["", "-1", "now", "2026-02-30", "2026-03-02T09:30:00", "99999999999999999", "1e9", "' OR 1=1 --"] {
            let message = parse("start", text, Edge::Start).unwrap_err();
            assert!(message.starts_with("start="), "{message}");
        }
    }
}
