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
use diesel::sql_types::{Array, BigInt, Bool, Text};

use super::super::data::RollupWrite;
use super::super::error::During;
use super::super::{Fill, FillRoles, MonthFill, StoreError, Supplier, Supply, retention};
use super::{lease, notify, partitions, write};
use klined_market::bars::Bar;
use klined_market::base::{Interval, Price, Symbol, UnixSeconds};

/// A table that a month is loaded into.
macro_rules! loading {
    ($name:ident) => {
        diesel::table! {
            $name (symbol, interval, time) {
                symbol -> Varchar,
                interval -> Varchar,
                time -> BigInt,
                open -> Numeric,
                high -> Numeric,
                low -> Numeric,
                close -> Numeric,
                volume -> BigInt,
            }
        }
    };
}
loading!(market_klines_loading_a);
loading!(market_klines_loading_b);

/// The pause between two looks at a month that somebody else is writing.
const PLACE_PAUSE: Duration = Duration::from_millis(50);
/// Bytes that are sent at once.
pub(super) const CHUNK_BYTES: usize = 256 * 1024;

/// What binary COPY begins with: the signature, no flags, no extension.
const COPY_HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
const COPY_TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

const GIVE_UP: &str = "go on with a month";

#[derive(QueryableByName)]
struct ClearRow {
    #[diesel(sql_type = Bool)]
    is_clear: bool,
}

/// Bars as the rows of a binary COPY into `market_klines` or a table like it.
pub(super) struct Rows {
    bytes: Vec<u8>,
}

impl Rows {
    pub fn begin() -> Self {
        Self { bytes: COPY_HEADER.to_vec() }
    }

    pub fn end(&mut self) {
        self.bytes.extend_from_slice(&COPY_TRAILER);
    }

    /// Appends a bar: symbol, interval, time, open, high, low, close, volume.
    pub fn push(&mut self, symbol: &str, interval: Interval, bar: &Bar) {
        let bytes = &mut self.bytes;
        bytes.extend_from_slice(&8_i16.to_be_bytes());
        for text in [symbol, interval.as_str()] {
            // Neither is longer than 20 bytes.
            bytes.extend_from_slice(&(text.len() as i32).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        push_integer(bytes, bar.first.start().get());
        for price in [bar.ohlcv.open(), bar.ohlcv.high(), bar.ohlcv.low(), bar.ohlcv.close()] {
            push_price(bytes, price);
        }
        push_integer(bytes, bar.ohlcv.volume());
    }

    /// Sends what has come together, when it is enough to.
    pub fn send(&mut self, to: &mut dyn std::io::Write, at_least: usize) -> QueryResult<()> {
        if self.bytes.len() > at_least {
            to.write_all(&self.bytes).map_err(|error| DieselError::SerializationError(Box::new(error)))?;
            self.bytes.clear();
        }
        Ok(())
    }
}

fn push_integer(bytes: &mut Vec<u8>, number: i64) {
    bytes.extend_from_slice(&8_i32.to_be_bytes());
    bytes.extend_from_slice(&number.to_be_bytes());
}

/// A price as `numeric`: digits of base 10000, of which a price has at most two before the point and one after it. The words
/// are the number of digits, the power of the first, the sign and the decimals shown.
fn push_price(bytes: &mut Vec<u8>, price: Price) {
    let (units, hundredths) = (price.ticks() / 100, price.ticks() % 100);
    let words = |words: &[i16], bytes: &mut Vec<u8>| {
        bytes.extend_from_slice(&(2 * words.len() as i32).to_be_bytes());
        words.iter().for_each(|word| bytes.extend_from_slice(&word.to_be_bytes()));
    };
    let (high, low, part) = ((units / 10_000) as i16, (units % 10_000) as i16, (hundredths * 100) as i16);
    match (high, part) {
        (0, 0) => words(&[1, 0, 0, 2, low], bytes),
        (0, _) => words(&[2, 0, 0, 2, low, part], bytes),
        (_, _) => words(&[3, 1, 0, 2, high, low, part], bytes),
    }
}

/// Whether bars of a day's month are kept.
pub(super) fn is_kept(connection: &mut PgConnection, day: NaiveDate) -> Result<bool, StoreError> {
    let (from, _) = partitions::span(partitions::month_of(day))?;
    Ok(retention::horizon(connection)?.keeps_all_from(from))
}

/// Makes room for the own table of a day's month; whether there is.
pub(super) fn clear_month(connection: &mut PgConnection, day: NaiveDate) -> Result<bool, StoreError> {
    connection.batch_execute(partitions::SHORT_WAIT).during("make room for a month")?;
    let row: ClearRow = sql_query("SELECT klines_clear_month($1) AS is_clear")
        .bind::<Text, _>(partitions::name(partitions::month_of(day)))
        .get_result(connection)
        .during("make room for a month")?;
    Ok(row.is_clear)
}

/// What has come with the bars and is written after them.
#[derive(Default)]
struct Rest {
    fill: Fill,
    /// The first 1-minute bar of each symbol.
    firsts: Vec<(Symbol, UnixSeconds)>,
}

/// Writes a month in the connection's present transaction.
pub(super) fn month(
    connection: &mut PgConnection,
    roles: FillRoles<'_>,
    day: NaiveDate,
    supplier: &mut dyn Supplier,
) -> Result<MonthFill, StoreError> {
    let month = partitions::month_of(day);
    let place = partitions::loading_place(month);
    let loading = if place == 0 { "market_klines_loading_a" } else { "market_klines_loading_b" };
    let (from, until) = partitions::span(month)?;
    // To write a month takes as long as it takes: it ends when either side loses the other.
    connection.batch_execute("SET LOCAL statement_timeout = 0").during("begin a month")?;
    roles.check(|lease| lease::check(connection, lease))?;
    while !partitions::try_hold_place(connection, month)? {
        // Looked for by whoever waits, because the place may go on to another month of whoever had it.
        if partitions::exists(connection, month)? {
            return Ok(MonthFill::Taken);
        }
        if !supplier.is_wanted() {
            return Err(given_up());
        }
        std::thread::sleep(PLACE_PAUSE);
    }
    if partitions::exists(connection, month)? {
        return Ok(MonthFill::Taken);
    }
    sql_query("SELECT klines_begin_month($1, $2, $3, current_user::text)")
        .bind::<Text, _>(loading)
        .bind::<BigInt, _>(from.get())
        .bind::<BigInt, _>(until.get())
        .execute(connection)
        .during("begin a month")?;
    let Rest { fill, firsts } = if place == 0 {
        copy(connection, market_klines_loading_a::table, from, supplier)?
    } else {
        copy(connection, market_klines_loading_b::table, from, supplier)?
    };
    sql_query("SELECT klines_end_month($1)").bind::<Text, _>(loading).execute(connection).during("build a key")?;
    if !supplier.may_end() {
        return Err(given_up());
    }
    sql_query("SELECT klines_attach_month($1, $2, $3, $4, current_user::text)")
        .bind::<Text, _>(loading)
        .bind::<Text, _>(partitions::name(month))
        .bind::<BigInt, _>(from.get())
        .bind::<BigInt, _>(until.get())
        .execute(connection)
        .during("attach a month")?;
    write::batch(connection, &fill.batch)?;
    note_late(connection, &firsts)?;
    write::rollups(connection, &fill.rollups)?;
    if let Some(first) = firsts.iter().map(|(_, time)| *time).min() {
        notify::of_month(connection, first, !fill.rollups.is_empty())?;
    }
    // The locks that held the roles may have been lost while all this went on.
    roles.check(|lease| lease::check(connection, lease))?;
    Ok(MonthFill::Written)
}

/// Copies what is supplied; gives what does not belong into the month's table.
fn copy<T>(
    connection: &mut PgConnection,
    table: T,
    from: UnixSeconds,
    supplier: &mut dyn Supplier,
) -> Result<Rest, StoreError>
where
    T: Table + CopyTarget<Table = T> + Copy,
{
    // The callback is asked once, and may not change what it holds.
    let state = RefCell::new((Rest::default(), supplier, false));
    let copied = diesel::copy_from(table)
        .from_raw_data(table, |out| -> QueryResult<()> {
            let (rest, supplier, is_given_up) = &mut *state.borrow_mut();
            let mut rows = Rows::begin();
            loop {
                match supplier.next() {
                    Supply::Part(part) => {
                        take(&mut rows, part, from, rest);
                        rows.send(out, CHUNK_BYTES)?;
                    }
                    Supply::End => {
                        rows.end();
                        return rows.send(out, 0);
                    }
                    Supply::Abort => {
                        *is_given_up = true;
                        return Err(DieselError::RollbackTransaction);
                    }
                }
            }
        })
        .with_format(CopyFormat::Binary)
        .with_freeze(true)
        .execute(connection);
    match state.into_inner() {
        (_, _, true) => Err(given_up()),
        (rest, _, false) => copied.during("copy a month").map(|_| rest),
    }
}

/// The failure that undoes a month whose supplier gave up.
fn given_up() -> StoreError {
    StoreError::Query { action: GIVE_UP, source: DieselError::RollbackTransaction }
}

/// Whether a failure is only that.
pub(super) fn is_given_up(error: &StoreError) -> bool {
    matches!(error, StoreError::Query { action: GIVE_UP, .. })
}

/// Makes a part's bars rows, in order of the key where text is ordered by bytes, and keeps what is no row of the month: roll-ups
/// that are named by a day before it, and the state.
fn take(rows: &mut Rows, part: Fill, from: UnixSeconds, rest: &mut Rest) {
    let Fill { mut batch, rollups } = part;
    let minutes = std::mem::take(&mut batch.bars);
    rest.firsts.extend(minutes.first().map(|(symbol, bar)| (*symbol, bar.first.start())));
    let mut rolled = Vec::new();
    for RollupWrite { symbol, mut bars, folded_to, .. } in rollups {
        rolled.extend(bars.extract_if(.., |(_, bar)| bar.first.start() >= from).map(|bar| (symbol, bar)));
        // What is left is kept to the end of the month, for every symbol.
        bars.shrink_to_fit();
        rest.fill.rollups.push(RollupWrite { symbol, replace_from: None, bars, folded_to, is_repaired: false });
    }
    rolled.sort_by_key(|(_, (interval, _))| interval.as_str());
    let shorter = rolled.partition_point(|(_, (interval, _))| interval.as_str() < Interval::Minute1.as_str());
    let (before, after) = rolled.split_at(shorter);
    before.iter().for_each(|(symbol, (interval, bar))| rows.push(symbol.as_str(), *interval, bar));
    minutes.iter().for_each(|(symbol, bar)| rows.push(symbol.as_str(), Interval::Minute1, bar));
    after.iter().for_each(|(symbol, (interval, bar))| rows.push(symbol.as_str(), *interval, bar));
    rest.fill.append(Fill { batch, rollups: Vec::new() });
}

/// Notes what the trigger of an ordinary insertion would: bars at or before their symbol's watermark.
fn note_late(connection: &mut PgConnection, firsts: &[(Symbol, UnixSeconds)]) -> Result<(), StoreError> {
    sql_query(
        "INSERT INTO rollup_dirty (symbol, time) SELECT i.symbol, i.time FROM unnest($1::text[], $2::bigint[]) AS i (symbol, time) \
         WHERE NOT EXISTS (SELECT FROM rollup_watermark w WHERE w.symbol = i.symbol AND w.folded_to < i.time)",
    )
    .bind::<Array<Text>, _>(firsts.iter().map(|(symbol, _)| symbol.as_str()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(firsts.iter().map(|(_, time)| time.get()).collect::<Vec<_>>())
    .execute(connection)
    .during("note late bars")?;
    Ok(())
}
