//! The rows of bars, of which more are read than of anything else.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, QueryableByName};
use diesel::pg::Pg;
use diesel::row::{Field, NamedRow, Row};
use diesel::sql_types::{BigInt, Double, Numeric};
use diesel::sqlite::Sqlite;

use super::data::StoredBar;
use super::postgres::StoredPrice;
use klined_market::base::UnixSeconds;

/// A bar of a range, with the range's place in the list counted from 1.
pub(super) struct BarRow {
    range: i64,
    time: i64,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: i64,
}

/// By place, in the order of the fields: to look up each column of each row by its name costs more than to read it.
fn build<'a, DB, ST, P>(row: &impl NamedRow<'a, DB>) -> deserialize::Result<BarRow>
where
    DB: Backend,
    i64: FromSql<BigInt, DB>,
    P: FromSql<ST, DB> + Into<f64>,
{
    fn at<'a, DB: Backend, ST, T: FromSql<ST, DB>>(row: &impl Row<'a, DB>, place: usize) -> deserialize::Result<T> {
        let field = row.get(place).ok_or("a column is missing")?;
        T::from_nullable_sql(field.value())
    }
    let price = |place| at::<DB, ST, P>(row, place).map(Into::into);
    Ok(BarRow {
        range: at::<DB, BigInt, _>(row, 0)?,
        time: at::<DB, BigInt, _>(row, 1)?,
        open: price(2)?,
        high: price(3)?,
        low: price(4)?,
        close: price(5)?,
        volume: at::<DB, BigInt, _>(row, 6)?,
    })
}

/// As `numeric`: to make it a double takes the server several times as long as to send its digits.
impl QueryableByName<Pg> for BarRow {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        build::<_, Numeric, StoredPrice>(row)
    }
}

impl QueryableByName<Sqlite> for BarRow {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Self> {
        build::<_, Double, f64>(row)
    }
}

impl From<BarRow> for StoredBar {
    fn from(row: BarRow) -> Self {
        Self {
            range: usize::try_from(row.range - 1).unwrap_or_default(),
            time: UnixSeconds::new(row.time),
            open: row.open,
            high: row.high,
            low: row.low,
            close: row.close,
            volume: row.volume,
        }
    }
}
