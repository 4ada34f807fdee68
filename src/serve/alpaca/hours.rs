//! Whether the market is open, and its days, as Alpaca's trading API gives them.

use std::sync::Arc;

use axum::extract::State;
use chrono::{Days, NaiveDate, SecondsFormat, TimeDelta};
use serde::Serialize;

use super::answers::{AlpacaAnswer, answer};
use super::parameters::AlpacaQuery;
use crate::query::errors::{Failure, Refusal};
use crate::serve::server::Server;
use klined_market::base::{UnixNanos, UnixSeconds};
use klined_market::calendar::{Calendar, CalendarError, Hours};

/// How far ahead days are listed where no end is given.
const DAYS_AHEAD: Days = Days::new(366);

#[derive(Debug, Serialize)]
struct ClockShape {
    timestamp: String,
    is_open: bool,
    next_open: String,
    next_close: String,
}

/// A day. The day begins with the first session and ends with the last one, by the market's clocks.
#[derive(Debug, Serialize)]
struct DayShape {
    date: String,
    open: String,
    close: String,
    session_open: String,
    session_close: String,
    /// The trading day after it.
    settlement_date: String,
}

/// An instant by the market's clocks, with their distance from UTC.
fn text(hours: Hours, at: UnixNanos) -> Result<String, CalendarError> {
    let local = hours.local(at.seconds())? + TimeDelta::nanoseconds(at.subsecond().get());
    Ok(local.to_rfc3339_opts(SecondsFormat::AutoSi, false))
}

/// The present instant of the market, and its next open and close.
pub async fn clock(State(server): State<Arc<Server>>, _: AlpacaQuery) -> AlpacaAnswer {
    let (now, standing) = (server.market_time_or_wall().await?, server.reader.standing().await?);
    let is_open = standing.status.is_some_and(|status| status.is_trading());
    let shape =
        clock_at(&server.reader.calendar(), now, is_open).map_err(|error| server.reader.refusal(error.into()))?;
    answer(&shape)
}

fn clock_at(calendar: &Calendar, now: UnixNanos, is_open: bool) -> Result<ClockShape, CalendarError> {
    let hours = calendar.hours();
    let present = calendar.session_at(now.seconds())?;
    let opens = if present.is_trading() { calendar.session_at(present.end)?.start } else { present.start };
    let text = |at: UnixSeconds| text(hours, at.saturating_nanos());
    Ok(ClockShape {
        timestamp: self::text(hours, now)?,
        is_open,
        next_open: text(opens)?,
        next_close: text(present.end)?,
    })
}

/// The trading days between two dates, both included; without an end those of the next year.
pub async fn calendar(State(server): State<Arc<Server>>, asked: AlpacaQuery) -> AlpacaAnswer {
    let (calendar, (start, end)) = (server.reader.calendar(), asked.range(server.hours())?);
    let today = calendar.date_of(server.market_time_or_wall().await?.seconds()).map_err(Refusal::from)?;
    let date = |at: Option<UnixNanos>| at.map(|at| calendar.date_of(at.seconds())).transpose().map_err(Refusal::from);
    let from = date(start)?.unwrap_or_else(|| calendar.first_day());
    let to = date(end)?.unwrap_or_else(|| today.checked_add_days(DAYS_AHEAD).unwrap_or(today));
    let days = calendar.days(from, to).iter().map(|&day| day_of(&calendar, day));
    let days = days.collect::<Result<Vec<_>, _>>().map_err(|error| server.reader.refusal(Failure::from(error)))?;
    answer(&days)
}

fn day_of(calendar: &Calendar, date: NaiveDate) -> Result<DayShape, CalendarError> {
    let hours = calendar.hours();
    let opens = calendar.open_of(date)?.start();
    let closes = calendar.sessions_of(date).last().map_or(opens, |session| session.end);
    let (opens, closes) = (hours.local(opens)?, hours.local(closes)?);
    Ok(DayShape {
        date: date.to_string(),
        open: opens.format("%H:%M").to_string(),
        close: closes.format("%H:%M").to_string(),
        session_open: opens.format("%H%M").to_string(),
        session_close: closes.format("%H%M").to_string(),
        settlement_date: calendar.day_after(date).unwrap_or(date).to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixNanos {
        UnixSeconds::new(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp()).saturating_nanos()
    }

    #[test]
    fn the_clock_shows_the_next_open_and_close() {
        let calendar = Calendar::of(Hours::Nyse);
        let shown = |now: &str| {
            let shape = clock_at(&calendar, at(now), true).unwrap();
            [shape.timestamp, shape.next_open, shape.next_close]
        };
        // The day after Thanksgiving closes early.
        assert_eq!(
            shown("2026-11-27T15:00:00Z"),
            ["2026-11-27T10:00:00-05:00", "2026-11-30T09:30:00-05:00", "2026-11-27T13:00:00-05:00"]
        );
        assert_eq!(
            shown("2026-11-27T18:00:00Z"),
            ["2026-11-27T13:00:00-05:00", "2026-11-30T09:30:00-05:00", "2026-11-30T16:00:00-05:00"]
        );
        assert_eq!(
            shown("2026-07-06T13:29:59Z"),
            ["2026-07-06T09:29:59-04:00", "2026-07-06T09:30:00-04:00", "2026-07-06T16:00:00-04:00"]
        );
    }

    #[test]
    fn days_have_their_open_and_close() {
        let day = |hours, date: &str| {
            let shape = day_of(&Calendar::of(hours), date.parse().unwrap()).unwrap();
            (shape.open, shape.close, shape.settlement_date)
        };
        let expected = |open: &str, close: &str, next: &str| (open.to_owned(), close.to_owned(), next.to_owned());
        assert_eq!(day(Hours::Nyse, "2026-11-25"), expected("09:30", "16:00", "2026-11-27"));
        assert_eq!(day(Hours::Nyse, "2026-11-27"), expected("09:30", "13:00", "2026-11-30"));
        assert_eq!(day(Hours::Sse, "2026-11-27"), expected("09:30", "15:00", "2026-11-30"));
        assert_eq!(day(Hours::AroundTheClock, "2026-11-28"), expected("00:00", "00:00", "2026-11-29"));
        assert_eq!(day(Hours::Fx, "2026-11-27"), expected("17:00", "17:00", "2026-11-30"));
    }
}
