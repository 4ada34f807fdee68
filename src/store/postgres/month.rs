//! Whole months by the fastest way in: COPY FREEZE into a table made by the same transaction, the primary key built over what
//! is there, the table attached as the month's partition.
//!
//! Rows come in order of symbol, then of interval and time, so that the key is built from rows in order, and a chart reads
//! neighbouring pages.

use std::cell::RefCell;
use std::time::Duration;

use chrono::NaiveDate;
use diesel::connection::SimpleConnection;
use diesel::pg::{CopyFormat, CopyTarget, PgConnection};
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Text};

use klined_market::base::{Interval, Symbol, UnixSeconds};

use super::super::connection::AnyConnection;
use super::super::data::RollupWrite;
use super::super::error::{During, StoreError};
use super::super::history::{HistoryPart, LoadRoles, MonthLoad, NextPart, PartSource};
use super::super::tables::identity;
use super::copy::{CHUNK_BYTES, CopyRows, copied_columns};
use super::schema::{market_klines_loading_a, market_klines_loading_b};
use super::{notify, partitions, write};

/// Makes the table that a month is loaded into. SQL, as are the next two, because diesel knows no function that returns nothing.
const BEGIN_MONTH: &str = "SELECT klines_begin_month($1, $2, $3, current_user::text)";
/// Builds the key of a loaded table.
const END_MONTH: &str = "SELECT klines_end_month($1)";
/// Makes a loaded table the month's partition.
const ATTACH_MONTH: &str = "SELECT klines_attach_month($1, $2, $3, $4, current_user::text)";
/// Notes what the trigger of an ordinary insertion would. SQL, because diesel has no UNNEST in the place of tables.
const NOTE_LATE_BARS: &str = include_str!("sql/note_late_bars.sql");
/// Writing a month takes as long as it takes: it ends when either side loses the other.
const NO_STATEMENT_TIMEOUT: &str = "SET LOCAL statement_timeout = 0";

/// The pause between two looks at a month that another process is writing.
const PLACE_PAUSE: Duration = Duration::from_millis(50);
/// The action of the error that undoes a cancelled month.
const CANCELLED: &str = "go on with a month";

/// Whether bars of a day's month are kept.
pub(super) fn is_kept(connection: &mut PgConnection, day: NaiveDate) -> Result<bool, StoreError> {
    let (from, _) = partitions::span(partitions::hours(connection)?, partitions::month_of(day))?;
    Ok(identity::horizon(&mut AnyConnection::Postgres(connection))?.keeps_all_from(from))
}

/// Makes room for a table of a day's month; whether there is room.
pub(super) fn clear(connection: &mut PgConnection, day: NaiveDate) -> Result<bool, StoreError> {
    Ok(partitions::is_partitioned(connection)?
        && partitions::drop_empty(connection, &partitions::name(partitions::month_of(day)))?)
}

/// What has come with the bars and is written after them.
#[derive(Default)]
struct MonthRemainder {
    part: HistoryPart,
    /// The first 1-minute bar of each symbol.
    firsts: Vec<(Symbol, UnixSeconds)>,
}

/// Writes a month in the connection's present transaction.
pub(super) fn load(
    connection: &mut PgConnection,
    roles: LoadRoles<'_>,
    day: NaiveDate,
    source: &mut dyn PartSource,
) -> Result<MonthLoad, StoreError> {
    let month = partitions::month_of(day);
    let place = partitions::loading_place(month);
    let loading = if place == 0 { "market_klines_loading_a" } else { "market_klines_loading_b" };
    let (from, until) = partitions::span(partitions::hours(connection)?, month)?;
    connection.batch_execute(NO_STATEMENT_TIMEOUT).during("begin a month")?;
    roles.check(&mut AnyConnection::Postgres(connection))?;
    while !partitions::try_hold_place(connection, month)? {
        // Looked for while waiting, because the process that had the place may take it again for its next month.
        if partitions::exists(connection, month)? {
            return Ok(MonthLoad::Taken);
        }
        if !source.goes_on() {
            return Err(cancelled());
        }
        std::thread::sleep(PLACE_PAUSE);
    }
    if partitions::exists(connection, month)? {
        return Ok(MonthLoad::Taken);
    }
    sql_query(BEGIN_MONTH)
        .bind::<Text, _>(loading)
        .bind::<BigInt, _>(from.get())
        .bind::<BigInt, _>(until.get())
        .execute(connection)
        .during("begin a month")?;
    let MonthRemainder { part, firsts } = if place == 0 {
        let columns = copied_columns!(market_klines_loading_a);
        copy(connection, market_klines_loading_a::table, columns, from, source)?
    } else {
        let columns = copied_columns!(market_klines_loading_b);
        copy(connection, market_klines_loading_b::table, columns, from, source)?
    };
    sql_query(END_MONTH).bind::<Text, _>(loading).execute(connection).during("build a key")?;
    if !source.may_end() {
        return Err(cancelled());
    }
    sql_query(ATTACH_MONTH)
        .bind::<Text, _>(loading)
        .bind::<Text, _>(partitions::name(month))
        .bind::<BigInt, _>(from.get())
        .bind::<BigInt, _>(until.get())
        .execute(connection)
        .during("attach a month")?;
    write::minutes(connection, &part.minutes)?;
    note_late(connection, &firsts)?;
    write::rollups(connection, &part.rollups)?;
    if let Some(first) = firsts.iter().map(|(_, time)| *time).min() {
        notify::of_month(connection, first, !part.rollups.is_empty())?;
    }
    // The locks that held the roles may have been lost while all this went on.
    roles.check(&mut AnyConnection::Postgres(connection))?;
    Ok(MonthLoad::Committed)
}

/// Copies what the source gives; returns what does not belong into the month's table.
fn copy<T, C>(
    connection: &mut PgConnection,
    table: T,
    columns: C,
    from: UnixSeconds,
    source: &mut dyn PartSource,
) -> Result<MonthRemainder, StoreError>
where
    T: Table,
    C: CopyTarget<Table = T>,
{
    // The callback is called once, and may not change what it holds.
    let state = RefCell::new((MonthRemainder::default(), source, false));
    let copied = diesel::copy_from(table)
        .from_raw_data(columns, |out| -> QueryResult<()> {
            let (remainder, source, is_cancelled) = &mut *state.borrow_mut();
            let mut rows = CopyRows::begin();
            loop {
                match source.next() {
                    NextPart::Part(part) => {
                        take(&mut rows, part, from, remainder);
                        rows.send(out, CHUNK_BYTES)?;
                    }
                    NextPart::End => {
                        rows.end();
                        return rows.send(out, 0);
                    }
                    NextPart::Abort => {
                        *is_cancelled = true;
                        return Err(DieselError::RollbackTransaction);
                    }
                }
            }
        })
        .with_format(CopyFormat::Binary)
        .with_freeze(true)
        .execute(connection);
    match state.into_inner() {
        (_, _, true) => Err(cancelled()),
        (remainder, _, false) => copied.during("copy a month").map(|_| remainder),
    }
}

/// The error that undoes a month whose source cancelled it.
fn cancelled() -> StoreError {
    StoreError::Query { action: CANCELLED, source: DieselError::RollbackTransaction }
}

/// Whether an error is only that.
pub(super) fn is_cancelled(error: &StoreError) -> bool {
    matches!(error, StoreError::Query { action: CANCELLED, .. })
}

/// Makes a part's bars rows, in order of the key where text is ordered by bytes, and keeps what is no row of the month: roll-ups
/// that are named by a day before it, and the state.
fn take(rows: &mut CopyRows, part: HistoryPart, from: UnixSeconds, remainder: &mut MonthRemainder) {
    let HistoryPart { minutes: mut others, rollups } = part;
    let minutes = std::mem::take(&mut others.bars);
    remainder.firsts.extend(minutes.first().map(|(symbol, bar)| (*symbol, bar.first.start())));
    let mut rolled = Vec::new();
    for RollupWrite { symbol, mut bars, folded_to, .. } in rollups {
        rolled.extend(bars.extract_if(.., |(_, bar)| bar.first.start() >= from).map(|bar| (symbol, bar)));
        // What is left is kept to the end of the month, for every symbol.
        bars.shrink_to_fit();
        remainder.part.rollups.push(RollupWrite { symbol, replace_from: None, bars, folded_to, is_repaired: false });
    }
    rolled.sort_by_key(|(_, (interval, _))| interval.as_str());
    let shorter = rolled.partition_point(|(_, (interval, _))| interval.as_str() < Interval::Minute1.as_str());
    let (before, after) = rolled.split_at(shorter);
    before.iter().for_each(|(symbol, (interval, bar))| rows.push(symbol, *interval, bar));
    minutes.iter().for_each(|(symbol, bar)| rows.push(symbol, Interval::Minute1, bar));
    after.iter().for_each(|(symbol, (interval, bar))| rows.push(symbol, *interval, bar));
    remainder.part.append(HistoryPart { minutes: others, rollups: Vec::new() });
}

/// Notes what the trigger of an ordinary insertion would: bars at or before their symbol's watermark.
fn note_late(connection: &mut PgConnection, firsts: &[(Symbol, UnixSeconds)]) -> Result<(), StoreError> {
    sql_query(NOTE_LATE_BARS)
        .bind::<Array<Text>, _>(firsts.iter().map(|(symbol, _)| symbol.as_str()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(firsts.iter().map(|(_, time)| time.get()).collect::<Vec<_>>())
        .execute(connection)
        .during("note late bars")?;
    Ok(())
}
