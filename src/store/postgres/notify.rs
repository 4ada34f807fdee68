//! What followers hear: notifications on the channel `klined_bars`, sent with the transaction that they tell of and only when it
//! is committed.
//!
//! A payload is a time in Unix seconds from which on 1-minute bars have come, changed or gone, or `rollups` and the first
//! minute whose roll-ups, of any interval, have. PostgreSQL sends equal payloads of one transaction once.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use super::super::data::RollupWrite;
use super::super::error::During;
use super::super::{Batch, StoreError};
use klined_market::base::{Interval, UnixSeconds};

/// The channel.
pub(super) const CHANNEL: &str = "klined_bars";

/// Tells of the bars of a batch: from the earliest on. Without bars, as when trade is halted everywhere, of the minute that is open
/// now.
pub(super) fn of_batch(connection: &mut PgConnection, batch: &Batch) -> Result<(), StoreError> {
    let first = batch.bars.iter().map(|(_, bar)| bar.first.start()).min();
    match first.or(batch.clock.map(|clock| clock.open_minute)) {
        Some(from) => send(connection, &from.to_string()),
        None => Ok(()),
    }
}

/// Tells of roll-ups: from the earliest minute that they hold and did not hold before.
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

/// Tells that bars of every interval have come from an instant on.
pub(super) fn of_month(connection: &mut PgConnection, from: UnixSeconds, has_rollups: bool) -> Result<(), StoreError> {
    send(connection, &from.to_string())?;
    if has_rollups { send(connection, &rollups_from(from)) } else { Ok(()) }
}

/// Tells that bars of every interval have gone, from the beginning on.
pub(super) fn of_removal(connection: &mut PgConnection) -> Result<(), StoreError> {
    send(connection, "0")?;
    send(connection, &rollups_from(UnixSeconds::EPOCH))
}

fn rollups_from(from: UnixSeconds) -> String {
    format!("rollups {from}")
}

fn send(connection: &mut PgConnection, payload: &str) -> Result<(), StoreError> {
    sql_query(format!("SELECT pg_notify('{CHANNEL}', $1)"))
        .bind::<Text, _>(payload)
        .execute(connection)
        .during("tell those who follow the bars")?;
    Ok(())
}
