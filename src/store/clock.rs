//! The row of `market_clock` as both databases keep it.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Text};

use super::rows::{Gives, Read, corrupt};
use klined_market::base::{MarketClock, Pace, UnixNanos, UnixSeconds};

const CLOCK: &str = "SELECT pace, speed, open_minute, opened_at_ns FROM market_clock";

/// Writes the clock; `$1` is the pace's name, `$2` its speed, `$3` the open minute, `$4` when it opened.
pub(super) const PUT_CLOCK: &str = "INSERT INTO market_clock (id, pace, speed, open_minute, opened_at_ns) \
     VALUES (1, $1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET pace = EXCLUDED.pace, speed = EXCLUDED.speed, \
     open_minute = EXCLUDED.open_minute, opened_at_ns = EXCLUDED.opened_at_ns";

#[derive(QueryableByName)]
pub(super) struct ClockRow {
    #[diesel(sql_type = Text)]
    pace: String,
    #[diesel(sql_type = Double)]
    speed: f64,
    #[diesel(sql_type = BigInt)]
    open_minute: i64,
    #[diesel(sql_type = BigInt)]
    opened_at_ns: i64,
}

/// Name and speed of a pace.
pub(super) fn pace_columns(pace: Pace) -> (&'static str, f64) {
    match pace {
        Pace::Live => ("live", 1.0),
        Pace::Test { speed } => ("test", speed),
    }
}

pub(super) fn clock(connection: &mut impl Gives<ClockRow>) -> Read<Option<MarketClock>> {
    let parse = |row: ClockRow| {
        let pace = match row.pace.as_str() {
            "live" => Pace::Live,
            "test" if row.speed > 0.0 => Pace::Test { speed: row.speed },
            _ => return Err(corrupt("pace and speed", "market_clock", format!("{} {}", row.pace, row.speed))),
        };
        let (open_minute, opened_at) = (UnixSeconds::new(row.open_minute), UnixNanos::new(row.opened_at_ns));
        Ok(MarketClock { pace, open_minute, opened_at })
    };
    Ok(connection.give(CLOCK)?.pop().map(parse).transpose())
}
