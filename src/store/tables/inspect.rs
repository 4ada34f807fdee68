//! What only a check of a whole database asks.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Nullable, Text};

use super::super::connection::{AnyConnection, on_either};
use super::super::error::{During, StoreError};

/// Every symbol that has a bar, from one to the next by way of the key: reading all rows would take as long as the table is. SQL,
/// because diesel has no recursive queries.
const BAR_SYMBOLS: &str = "WITH RECURSIVE found (symbol) AS (SELECT min(symbol) FROM market_klines UNION ALL \
     SELECT (SELECT min(k.symbol) FROM market_klines k WHERE k.symbol > found.symbol) FROM found \
     WHERE found.symbol IS NOT NULL) SELECT symbol FROM found WHERE symbol IS NOT NULL";

#[derive(QueryableByName)]
struct SymbolRow {
    #[diesel(sql_type = Nullable<Text>)]
    symbol: Option<String>,
}

/// A line of SQLite's report on its own file.
#[derive(QueryableByName)]
struct FaultRow {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

/// States and last prices that are not of the same price and time, or that stand alone.
const STRAY_PRICES: &str = "SELECT COALESCE(s.symbol, p.symbol) AS symbol FROM stock_state s \
     FULL JOIN stock_realtime_price p ON s.symbol = p.symbol \
     WHERE s.symbol IS NULL OR p.symbol IS NULL OR p.current_price <> s.current_price OR p.last_update <> s.last_update";

pub(in crate::store) fn stray_prices(connection: &mut AnyConnection<'_>) -> Result<Vec<String>, StoreError> {
    let rows: Vec<SymbolRow> =
        on_either!(connection, |inner| sql_query(STRAY_PRICES).load(inner)).during("compare stock_realtime_price")?;
    Ok(rows.into_iter().filter_map(|row| row.symbol).collect())
}

pub(in crate::store) fn bar_symbols(connection: &mut AnyConnection<'_>) -> Result<Vec<String>, StoreError> {
    let rows: Vec<SymbolRow> =
        on_either!(connection, |inner| sql_query(BAR_SYMBOLS).load(inner)).during("list the symbols of bars")?;
    Ok(rows.into_iter().filter_map(|row| row.symbol).collect())
}

/// What the database finds wrong with its own storage. PostgreSQL is not asked: it has its checksums.
pub(in crate::store) fn storage_faults(connection: &mut AnyConnection<'_>) -> Result<Vec<String>, StoreError> {
    let AnyConnection::Sqlite(inner) = connection else { return Ok(Vec::new()) };
    let rows: Vec<FaultRow> = sql_query("PRAGMA integrity_check").load(&mut **inner).during("check the file")?;
    Ok(rows.into_iter().map(|row| row.integrity_check).filter(|line| line != "ok").collect())
}
