//! The rows of bars, of which more are read than of anything else.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, QueryableByName};
use diesel::row::{Field, NamedRow, Row};
use diesel::sql_types::{BigInt, Double};

use super::data::StoredBar;

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
impl<DB: Backend> QueryableByName<DB> for BarRow
where
    i64: FromSql<BigInt, DB>,
    f64: FromSql<Double, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> deserialize::Result<Self> {
        fn at<'a, DB: Backend, ST, T: FromSql<ST, DB>>(row: &impl Row<'a, DB>, place: usize) -> deserialize::Result<T> {
            let field = row.get(place).ok_or("a column is missing")?;
            T::from_nullable_sql(field.value())
        }
        Ok(Self {
            range: at::<DB, BigInt, _>(row, 0)?,
            time: at::<DB, BigInt, _>(row, 1)?,
            open: at::<DB, Double, _>(row, 2)?,
            high: at::<DB, Double, _>(row, 3)?,
            low: at::<DB, Double, _>(row, 4)?,
            close: at::<DB, Double, _>(row, 5)?,
            volume: at::<DB, BigInt, _>(row, 6)?,
        })
    }
}

impl From<BarRow> for StoredBar {
    fn from(row: BarRow) -> Self {
        Self {
            range: usize::try_from(row.range - 1).unwrap_or_default(),
            time: row.time,
            open: row.open,
            high: row.high,
            low: row.low,
            close: row.close,
            volume: row.volume,
        }
    }
}
