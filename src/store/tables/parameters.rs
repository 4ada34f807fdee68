//! What each stock's bars were made with, day by day.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::super::connection::{AnyConnection, on_either};
use super::super::data::ParametersSince;
use super::super::error::{During, StoreError};
use super::super::schema::stock_parameters;
use super::super::values::DateValue;
use super::{corrupt, symbol};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = stock_parameters, check_for_backend(Pg, Sqlite))]
struct ParametersRow {
    symbol: String,
    first_day: DateValue,
    parameters: String,
}

/// Rows of one statement.
const ROWS: usize = 1_000;

pub(in crate::store) fn parameters(connection: &mut AnyConnection<'_>) -> Result<Vec<ParametersSince>, StoreError> {
    let rows: Vec<ParametersRow> =
        on_either!(connection, |inner| stock_parameters::table.select(ParametersRow::as_select()).load(inner))
            .during("read stock_parameters")?;
    let parse = |row: ParametersRow| {
        let parameters = serde_json::from_str(&row.parameters)
            .map_err(|error| corrupt("stock_parameters.parameters", &row.symbol, error))?;
        Ok(ParametersSince { symbol: symbol(&row.symbol, "stock_parameters")?, first_day: row.first_day.0, parameters })
    };
    let mut rows: Vec<ParametersSince> = rows.into_iter().map(parse).collect::<Result<_, StoreError>>()?;
    rows.sort_by_key(|row| (row.symbol, row.first_day));
    Ok(rows)
}

/// Writes parameters; those that a day of a symbol has already stay as they are.
pub(in crate::store) fn put(connection: &mut AnyConnection<'_>, since: &[ParametersSince]) -> Result<(), StoreError> {
    for part in since.chunks(ROWS) {
        let rows = part.iter().map(|row| {
            let parameters = serde_json::to_string(&row.parameters).map_err(|error| StoreError::Corrupt {
                what: format!("the parameters of {}", row.symbol),
                reason: error.to_string(),
            })?;
            Ok(ParametersRow {
                symbol: row.symbol.as_str().to_owned(),
                first_day: DateValue(row.first_day),
                parameters,
            })
        });
        let rows = rows.collect::<Result<Vec<_>, StoreError>>()?;
        let action = "write stock_parameters";
        match connection {
            AnyConnection::Postgres(inner) => diesel::insert_into(stock_parameters::table)
                .values(&rows)
                .on_conflict_do_nothing()
                .execute(&mut **inner)
                .during(action)?,
            AnyConnection::Sqlite(inner) => rows.iter().try_fold(0, |sum, row| {
                let one = diesel::insert_or_ignore_into(stock_parameters::table).values(row);
                one.execute(&mut **inner).during(action).map(|written| sum + written)
            })?,
        };
    }
    Ok(())
}
