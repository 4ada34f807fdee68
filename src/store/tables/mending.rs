//! What a repair takes away, and the notes that it leaves for the aggregator.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use klined_market::base::{Symbol, UnixSeconds};

use super::super::connection::{AnyConnection, on_either};
use super::super::data::Outdated;
use super::super::error::{During, StoreError};
use super::super::schema::{market_clock, market_klines, market_status, rollup_dirty};
use super::SYMBOL_TABLES;

/// Labels in one statement.
const TIMES: usize = 1_000;
/// Removing as much as there is takes as long as it takes.
const NO_STATEMENT_TIMEOUT: &str = "SET LOCAL statement_timeout = 0";

pub(in crate::store) fn remove(connection: &mut AnyConnection<'_>, outdated: &[Outdated]) -> Result<(), StoreError> {
    if let (AnyConnection::Postgres(inner), false) = (&mut *connection, outdated.is_empty()) {
        inner.batch_execute(NO_STATEMENT_TIMEOUT).during("repair rows")?;
    }
    for rows in outdated {
        match rows {
            // Each kind of database empties its tables in its own way.
            Outdated::Market => {}
            Outdated::Bars { symbol, interval, times } => {
                use market_klines::dsl;
                for part in times.chunks(TIMES) {
                    let times: Vec<i64> = part.iter().map(|time| time.get()).collect();
                    on_either!(connection, |inner| {
                        let stored = dsl::market_klines
                            .filter(dsl::symbol.eq(symbol.as_str()))
                            .filter(dsl::interval.eq(interval.as_str()))
                            .filter(dsl::time.eq_any(times));
                        diesel::delete(stored).execute(inner)
                    })
                    .during("remove bars")?;
                }
            }
            Outdated::Stranger(name) => {
                SYMBOL_TABLES.iter().try_for_each(|table| of_symbol(connection, table, name))?;
            }
            Outdated::Listings(symbol) => of_symbol(connection, "stock_listing", symbol.as_str())?,
            Outdated::Parameters(symbol) => of_symbol(connection, "stock_parameters", symbol.as_str())?,
            Outdated::Halts(symbol) => of_symbol(connection, "stock_halt", symbol.as_str())?,
            Outdated::Price(symbol) => of_symbol(connection, "stock_realtime_price", symbol.as_str())?,
            Outdated::Status => {
                on_either!(connection, |inner| diesel::delete(market_status::table).execute(inner))
                    .during("remove market_status")?;
            }
            Outdated::Clock => {
                on_either!(connection, |inner| diesel::delete(market_clock::table).execute(inner))
                    .during("remove market_clock")?;
            }
        }
    }
    Ok(())
}

/// Removes a symbol's rows of a table, whose name is a constant.
fn of_symbol(connection: &mut AnyConnection<'_>, table: &str, symbol: &str) -> Result<(), StoreError> {
    let statement = format!("DELETE FROM {table} WHERE symbol = $1");
    on_either!(connection, |inner| sql_query(statement).bind::<Text, _>(symbol).execute(inner))
        .during("remove a symbol's rows")?;
    Ok(())
}

/// Notes bars as changed.
pub(in crate::store) fn note(
    connection: &mut AnyConnection<'_>,
    changed: &[(Symbol, UnixSeconds)],
) -> Result<(), StoreError> {
    use rollup_dirty::{claimed, symbol, time};
    for (of, from) in changed {
        let note = (symbol.eq(of.as_str()), time.eq(from.get()), claimed.eq(false));
        on_either!(connection, |inner| diesel::insert_into(rollup_dirty::table).values(note).execute(inner))
            .during("note changed bars")?;
    }
    Ok(())
}
