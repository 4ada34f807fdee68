//! Reading and writing `market_klines`.

use std::collections::BTreeSet;
use std::io::Write;

use diesel::deserialize::{self, FromSql, QueryableByName};
use diesel::pg::{CopyFormat, Pg, PgConnection};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::row::{Field, NamedRow, Row};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Text};

use klined_market::bars::Bar;
use klined_market::base::{Interval, Ohlcv, Price, Symbol, Traded, UnixSeconds};

use super::super::data::{BarRange, StoredBar, VolumeFilter};
use super::super::error::{During, StoreError};
use super::super::schema::market_klines;
use super::super::schema::sql_types::FixedPoint;
use super::super::values::{ExactPrice, ExactTurnover, Units};
use super::super::{tables, transaction};
use super::copy::{CHUNK_BYTES, CopyRows, copied_columns};

/// From this many bars on, COPY's set-up pays off.
const COPY_BARS_MIN: usize = 2_000;
/// The most bars that one statement carries in arrays.
const UPSERT_BARS_MAX: usize = 10_000;

/// Bars of several ranges. SQL, because diesel has no LATERAL and no UNNEST in the place of tables.
const BARS_OF_RANGES: &str = include_str!("sql/bars_of_ranges.sql");
/// The newest bars of several ranges. SQL for the same reason.
const LAST_BARS_OF_RANGES: &str = include_str!("sql/last_bars_of_ranges.sql");
/// Bars of one range. SQL, because diesel would keep the statement prepared: the server may then plan it without its values, and
/// with them it knows the partitions before it runs.
const BARS_OF_ONE: &str = include_str!("sql/bars_of_one.sql");
/// Symbols with later bars. SQL, because diesel has no UNNEST in the place of tables.
const BARS_AFTER: &str = include_str!("sql/bars_after.sql");
/// Upserts bars from arrays. SQL for the same reason.
const UPSERT_BARS: &str = include_str!("sql/upsert_bars.sql");

/// Gives bars turnovers from arrays. SQL for the same reason.
const FILL_TURNOVER: &str = include_str!("sql/fill_turnover.sql");

/// A bar on its way into the table.
pub(super) struct KlineWrite<'a> {
    pub symbol: &'a Symbol,
    pub interval: Interval,
    pub bar: &'a Bar,
}

/// A bar of a range, which is numbered from 1.
struct RangeBarRow(StoredBar);

/// By place, in the order of the fields: to look up each column of each row by its name costs more than to read it. Prices come
/// as `numeric`: to make doubles of them takes the server several times as long as to send the digits.
impl QueryableByName<Pg> for RangeBarRow {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        fn at<'a, ST, T: FromSql<ST, Pg>>(row: &impl Row<'a, Pg>, place: usize) -> deserialize::Result<T> {
            let field = row.get(place).ok_or("a column is missing")?;
            T::from_nullable_sql(field.value())
        }
        let integer = |place| at::<BigInt, i64>(row, place);
        let price = |place| at::<FixedPoint, Units>(row, place).map(f64::from);
        Ok(Self(StoredBar {
            range: usize::try_from(integer(0)? - 1)?,
            time: UnixSeconds::new(integer(1)?),
            open: price(2)?,
            high: price(3)?,
            low: price(4)?,
            close: price(5)?,
            volume: integer(6)?,
            turnover: at::<Nullable<FixedPoint>, Option<Units>>(row, 7)?.map(f64::from),
            trades: at::<Nullable<BigInt>, Option<i64>>(row, 8)?,
        }))
    }
}

#[derive(QueryableByName)]
struct LaterSymbol {
    #[diesel(sql_type = Text)]
    symbol: String,
}

pub(super) fn bars(
    connection: &mut PgConnection,
    ranges: &[BarRange],
    volume: VolumeFilter,
    limit: usize,
) -> Result<Vec<StoredBar>, StoreError> {
    let [range] = ranges else {
        return bars_by(connection, BARS_OF_RANGES, ranges, volume, limit);
    };
    let found = sql_query(BARS_OF_ONE)
        .bind::<Text, _>(range.symbol.as_str())
        .bind::<Text, _>(range.interval.as_str())
        .bind::<BigInt, _>(range.from.get())
        .bind::<BigInt, _>(range.to.get())
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind::<BigInt, _>(volume.least())
        .get_results::<RangeBarRow>(connection)
        .during("read bars")?;
    Ok(found.into_iter().map(|RangeBarRow(bar)| bar).collect())
}

pub(super) fn last_bars(
    connection: &mut PgConnection,
    ranges: &[BarRange],
    volume: VolumeFilter,
    count: usize,
) -> Result<Vec<StoredBar>, StoreError> {
    bars_by(connection, LAST_BARS_OF_RANGES, ranges, volume, count)
}

/// Reads bars of ranges by one statement, whose fifth parameter is a limit.
fn bars_by(
    connection: &mut PgConnection,
    statement: &str,
    ranges: &[BarRange],
    volume: VolumeFilter,
    limit: usize,
) -> Result<Vec<StoredBar>, StoreError> {
    let symbols: Vec<&str> = ranges.iter().map(|range| range.symbol.as_str()).collect();
    let intervals: Vec<&str> = ranges.iter().map(|range| range.interval.as_str()).collect();
    let froms: Vec<i64> = ranges.iter().map(|range| range.from.get()).collect();
    let tos: Vec<i64> = ranges.iter().map(|range| range.to.get()).collect();
    // The bounds of all ranges together tell the server which partitions it need not look at.
    let (earliest, latest) = (froms.iter().min().copied().unwrap_or(0), tos.iter().max().copied().unwrap_or(0));
    let found = sql_query(statement)
        .bind::<Array<Text>, _>(symbols)
        .bind::<Array<Text>, _>(intervals)
        .bind::<Array<BigInt>, _>(froms)
        .bind::<Array<BigInt>, _>(tos)
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind::<BigInt, _>(earliest)
        .bind::<BigInt, _>(latest)
        .bind::<BigInt, _>(volume.least())
        .get_results::<RangeBarRow>(connection)
        .during("read bars")?;
    Ok(found.into_iter().map(|RangeBarRow(bar)| bar).collect())
}

pub(super) fn bars_after(
    connection: &mut PgConnection,
    ends: &[(Symbol, UnixSeconds)],
) -> Result<BTreeSet<Symbol>, StoreError> {
    let rows: Vec<LaterSymbol> = sql_query(BARS_AFTER)
        .bind::<Array<Text>, _>(ends.iter().map(|(symbol, _)| symbol.as_str()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(ends.iter().map(|(_, end)| end.get()).collect::<Vec<_>>())
        .get_results(connection)
        .during("look for later bars")?;
    rows.iter().map(|row| tables::symbol(&row.symbol, "market_klines")).collect()
}

/// Bulk goes by COPY, which cannot overwrite: where rows turn out to exist, and for a few rows, by upsert.
pub(super) fn insert(connection: &mut PgConnection, bars: &[KlineWrite<'_>]) -> Result<(), StoreError> {
    if bars.len() >= COPY_BARS_MIN {
        let copied = transaction::run(connection, "copy bars", |connection| {
            let send = |out: &mut dyn Write| {
                let mut rows = CopyRows::begin();
                for KlineWrite { symbol, interval, bar } in bars {
                    rows.push(symbol, *interval, bar);
                    rows.send(out, CHUNK_BYTES)?;
                }
                rows.end();
                rows.send(out, 0)
            };
            diesel::copy_from(market_klines::table)
                .from_raw_data(copied_columns!(market_klines), |out| -> QueryResult<()> { send(out) })
                .with_format(CopyFormat::Binary)
                .execute(connection)
                .during("copy bars")
        });
        match copied {
            Err(StoreError::Query {
                source: DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _),
                ..
            }) => {}
            other => return other.map(|_| ()),
        }
    }
    upsert(connection, bars)
}

pub(super) fn upsert(connection: &mut PgConnection, bars: &[KlineWrite<'_>]) -> Result<(), StoreError> {
    bars.chunks(UPSERT_BARS_MAX).try_for_each(|chunk| upsert_chunk(connection, chunk))
}

fn upsert_chunk(connection: &mut PgConnection, bars: &[KlineWrite<'_>]) -> Result<(), StoreError> {
    let prices = |of: fn(&Ohlcv) -> Price| bars.iter().map(|row| ExactPrice(of(&row.bar.ohlcv))).collect::<Vec<_>>();
    let traded = || bars.iter().map(|row| row.bar.ohlcv.traded());
    sql_query(UPSERT_BARS)
        .bind::<Array<Text>, _>(bars.iter().map(|row| row.symbol.as_str()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(bars.iter().map(|row| row.interval.as_str()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(bars.iter().map(|row| row.bar.first.start().get()).collect::<Vec<_>>())
        .bind::<Array<FixedPoint>, _>(prices(Ohlcv::open))
        .bind::<Array<FixedPoint>, _>(prices(Ohlcv::high))
        .bind::<Array<FixedPoint>, _>(prices(Ohlcv::low))
        .bind::<Array<FixedPoint>, _>(prices(Ohlcv::close))
        .bind::<Array<BigInt>, _>(bars.iter().map(|row| row.bar.ohlcv.volume()).collect::<Vec<_>>())
        .bind::<Array<Nullable<FixedPoint>>, _>(traded().map(|traded| traded.map(ExactTurnover)).collect::<Vec<_>>())
        .bind::<Array<Nullable<BigInt>>, _>(traded().map(|traded| traded.map(Traded::trades)).collect::<Vec<_>>())
        .execute(connection)
        .during("write bars")?;
    Ok(())
}

pub(super) fn fill_turnover(
    connection: &mut PgConnection,
    symbol: &Symbol,
    found: &[(UnixSeconds, Traded)],
) -> Result<(), StoreError> {
    for part in found.chunks(UPSERT_BARS_MAX) {
        let times: Vec<i64> = part.iter().map(|(time, _)| time.get()).collect();
        let bounds = times.iter().min().copied().zip(times.iter().max().copied()).unwrap_or_default();
        sql_query(FILL_TURNOVER)
            .bind::<Text, _>(symbol.as_str())
            .bind::<Array<BigInt>, _>(times)
            .bind::<Array<FixedPoint>, _>(part.iter().map(|(_, traded)| ExactTurnover(*traded)).collect::<Vec<_>>())
            .bind::<Array<BigInt>, _>(part.iter().map(|(_, traded)| traded.trades()).collect::<Vec<_>>())
            .bind::<BigInt, _>(bounds.0)
            .bind::<BigInt, _>(bounds.1)
            .execute(connection)
            .during("fill in turnovers")?;
    }
    Ok(())
}
