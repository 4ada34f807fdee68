//! Notifications on the channel `klined_bars`. The server delivers them when the transaction that sends them is committed.
//!
//! A payload is a time in Unix seconds from which on 1-minute bars have come, changed or gone, or `rollups` and the first
//! minute whose roll-ups, of any interval, have. PostgreSQL sends equal payloads of one transaction once.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use klined_market::base::{Interval, UnixSeconds};

use super::super::data::{MarketWrite, RollupWrite};
use super::super::error::{During, StoreError};

/// The channel.
pub(super) const CHANNEL: &str = "klined_bars";
/// Sends a notification. SQL, because diesel knows no function that returns nothing.
const NOTIFY: &str = "SELECT pg_notify($1, $2)";

/// Announces the bars of a write: from the earliest on. Without bars, as when trade is halted everywhere, announces the minute that
/// is open now.
pub(super) fn of_minutes(connection: &mut PgConnection, write: &MarketWrite) -> Result<(), StoreError> {
    let first = write.bars.iter().map(|(_, bar)| bar.first.start()).min();
    match first.or(write.clock.map(|clock| clock.open_minute)) {
        Some(from) => send(connection, &from.to_string()),
        None => Ok(()),
    }
}

/// Announces roll-ups: from the earliest minute that they hold and did not hold before.
pub(super) fn of_rollups(connection: &mut PgConnection, writes: &[RollupWrite]) -> Result<(), StoreError> {
    // A new minute is in the bar of the shortest interval that was written, too.
    let shortest = |write: &RollupWrite| {
        let bars = write.bars.iter().filter(|(interval, _)| *interval == Interval::ROLLED[0]);
        bars.map(|(_, bar)| bar.first.start()).min()
    };
    match writes.iter().filter_map(|write| write.replace_from.or_else(|| shortest(write))).min() {
        Some(from) => send(connection, &rollups_from(from)),
        None => Ok(()),
    }
}

/// Announces that bars of every interval have come from an instant on.
pub(super) fn of_month(connection: &mut PgConnection, from: UnixSeconds, has_rollups: bool) -> Result<(), StoreError> {
    send(connection, &from.to_string())?;
    if has_rollups { send(connection, &rollups_from(from)) } else { Ok(()) }
}

/// Announces that bars of every interval have gone, from the beginning on.
pub(super) fn of_removal(connection: &mut PgConnection) -> Result<(), StoreError> {
    send(connection, "0")?;
    send(connection, &rollups_from(UnixSeconds::EPOCH))
}

fn rollups_from(from: UnixSeconds) -> String {
    format!("rollups {from}")
}

fn send(connection: &mut PgConnection, payload: &str) -> Result<(), StoreError> {
    sql_query(NOTIFY)
        .bind::<Text, _>(CHANNEL)
        .bind::<Text, _>(payload)
        .execute(connection)
        .during("notify the followers of the bars")?;
    Ok(())
}
