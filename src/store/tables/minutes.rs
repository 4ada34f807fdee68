//! The one-row tables that say where the market's time stands: `market_status` and `market_clock`.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl;
use diesel::sqlite::Sqlite;

use klined_market::base::{MarketClock, Pace, UnixNanos, UnixSeconds};
use klined_market::calendar::{Session, SessionSpan};

use super::super::connection::{AnyConnection, on_either};
use super::super::data::MarketStatus;
use super::super::error::{During, StoreError};
use super::super::schema::{market_clock, market_status};
use super::super::values::InstantValue;
use super::corrupt;

#[derive(Queryable, Selectable)]
#[diesel(table_name = market_status, check_for_backend(Pg, Sqlite))]
struct StatusRow {
    is_trading: bool,
    current_session: String,
    session_start: i64,
    session_end: i64,
    last_update: InstantValue,
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = market_status)]
struct NewStatus {
    id: i32,
    is_trading: bool,
    current_session: &'static str,
    session_start: i64,
    session_end: i64,
    last_update: InstantValue,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = market_clock, check_for_backend(Pg, Sqlite))]
struct ClockRow {
    pace: String,
    speed: f64,
    open_minute: i64,
    opened_at_ns: i64,
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = market_clock)]
struct NewClock {
    id: i32,
    pace: &'static str,
    speed: f64,
    open_minute: i64,
    opened_at_ns: i64,
}

pub(in crate::store) fn status(connection: &mut AnyConnection<'_>) -> Result<Option<MarketStatus>, StoreError> {
    let row =
        on_either!(connection, |inner| market_status::table.select(StatusRow::as_select()).first(inner).optional())
            .during("read market_status")?;
    // The scripts for psql and sqlite3 leave a row of the epoch, before any market has begun.
    row.filter(|row| row.last_update.0 > UnixSeconds::EPOCH)
        .map(|row| {
            let session = Session::ALL
                .into_iter()
                .find(|session| session.as_str() == row.current_session)
                .ok_or_else(|| corrupt("current_session", "market_status", &row.current_session))?;
            let ([start, end], InstantValue(last_update)) =
                ([row.session_start, row.session_end].map(UnixSeconds::new), row.last_update);
            let span = SessionSpan { session, start, end };
            Ok(MarketStatus { span, is_halted: span.is_trading() && !row.is_trading, last_update })
        })
        .transpose()
}

/// Writes a status unless a later one is stored.
pub(in crate::store) fn put_status(
    connection: &mut AnyConnection<'_>,
    status: &MarketStatus,
) -> Result<(), StoreError> {
    let row = NewStatus {
        id: 1,
        is_trading: status.is_trading(),
        current_session: status.span.session.as_str(),
        session_start: status.span.start.get(),
        session_end: status.span.end.get(),
        last_update: InstantValue(status.last_update),
    };
    on_either!(connection, |inner| {
        diesel::insert_into(market_status::table)
            .values(&row)
            .on_conflict(market_status::id)
            .do_update()
            .set(&row)
            .filter(market_status::last_update.le(row.last_update))
            .execute(inner)
    })
    .during("write market_status")?;
    Ok(())
}

pub(in crate::store) fn clock(connection: &mut AnyConnection<'_>) -> Result<Option<MarketClock>, StoreError> {
    let row = on_either!(connection, |inner| market_clock::table.select(ClockRow::as_select()).first(inner).optional())
        .during("read market_clock")?;
    row.map(|row: ClockRow| {
        let pace = match row.pace.as_str() {
            "live" => Pace::Live,
            "test" if row.speed > 0.0 => Pace::Test { speed: row.speed },
            _ => return Err(corrupt("pace and speed", "market_clock", format!("{} {}", row.pace, row.speed))),
        };
        let (open_minute, opened_at) = (UnixSeconds::new(row.open_minute), UnixNanos::new(row.opened_at_ns));
        Ok(MarketClock { pace, open_minute, opened_at })
    })
    .transpose()
}

pub(in crate::store) fn put_clock(connection: &mut AnyConnection<'_>, clock: &MarketClock) -> Result<(), StoreError> {
    let (pace, speed) = match clock.pace {
        Pace::Live => ("live", 1.0),
        Pace::Test { speed } => ("test", speed),
    };
    let row =
        NewClock { id: 1, pace, speed, open_minute: clock.open_minute.get(), opened_at_ns: clock.opened_at.get() };
    on_either!(connection, |inner| {
        diesel::insert_into(market_clock::table)
            .values(&row)
            .on_conflict(market_clock::id)
            .do_update()
            .set(&row)
            .execute(inner)
    })
    .during("write market_clock")?;
    Ok(())
}
