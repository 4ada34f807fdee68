//! The tables and views: made where they are missing, looked at where they are not.

use thiserror::Error;

use super::server::{Server, ServerError, is_true};
use crate::out::{Table, TableNames};

/// A table that rows cannot be written to.
#[derive(Debug, Error)]
pub enum SchemaError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("table {table} has no column {column}: rename the table, or add the column as {kind}")]
    MissingColumn { table: String, column: &'static str, kind: &'static str },
    #[error("column {column} of table {table} is {found}, not {kind}: rename the table")]
    OtherColumn { table: String, column: &'static str, kind: &'static str, found: String },
    #[error("table {0} has no write-ahead log or another designated timestamp: rename the table")]
    OtherTable(String),
    #[error("table {table} is suspended: {reason}; when its cause is mended: ALTER TABLE {table} RESUME WAL")]
    Suspended { table: String, reason: String },
}

/// The columns that rows have, with their types as the database names them.
fn columns(table: Table) -> &'static [(&'static str, &'static str)] {
    match table {
        // Without the best prices: where they are missing, the line protocol adds them.
        Table::MarketData => {
            &[("timestamp", "TIMESTAMP"), ("symbol", "SYMBOL"), ("bids", "DOUBLE[][]"), ("asks", "DOUBLE[][]")]
        }
        Table::CorePrice => &[
            ("timestamp", "TIMESTAMP"),
            ("symbol", "SYMBOL"),
            ("ecn", "SYMBOL"),
            ("bid_price", "DOUBLE"),
            ("bid_volume", "LONG"),
            ("ask_price", "DOUBLE"),
            ("ask_volume", "LONG"),
            ("reason", "SYMBOL"),
            ("indicator1", "DOUBLE"),
            ("indicator2", "DOUBLE"),
        ],
        Table::FxTrades => &[
            ("timestamp", "TIMESTAMP_NS"),
            ("symbol", "SYMBOL"),
            ("ecn", "SYMBOL"),
            ("trade_id", "UUID"),
            ("side", "SYMBOL"),
            ("passive", "BOOLEAN"),
            ("price", "DOUBLE"),
            ("quantity", "DOUBLE"),
            ("counterparty", "SYMBOL"),
            ("order_id", "UUID"),
        ],
    }
}

fn creation(table: Table) -> &'static str {
    match table {
        Table::MarketData => include_str!("sql/market_data.sql"),
        Table::CorePrice => include_str!("sql/core_price.sql"),
        Table::FxTrades => include_str!("sql/fx_trades.sql"),
    }
}

/// What makes a row the same as another one.
fn keys(table: Table) -> &'static str {
    match table {
        Table::MarketData | Table::CorePrice => "timestamp, symbol",
        Table::FxTrades => "timestamp, trade_id",
    }
}

const VIEWS: &str = include_str!("sql/views.sql");

/// How a table stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Missing,
    /// Without keys: rows that are sent twice would be there twice.
    WithoutKeys,
    Ready,
}

/// Which views are made, and how long rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Views {
    /// Whether the missing ones are made.
    pub are_made: bool,
    /// Whether tables and views that are made drop rows of past days.
    pub is_ttl_short: bool,
}

/// A statement with names, and with or without the short times to live: `{suffix}`, and `{ttl:3 DAYS}` behind a partition.
fn filled(statement: &str, names: &TableNames, is_ttl_short: bool) -> String {
    let named = statement.replace("{suffix}", names.suffix());
    let Some((before, after)) = named.split_once("{ttl:") else { return named };
    let Some((span, after)) = after.split_once('}') else { return named };
    if is_ttl_short { format!("{before} TTL {span}{after}") } else { format!("{before}{after}") }
}

/// Looks at the tables that are there, without a change.
///
/// # Errors
/// A table cannot take the rows.
pub fn check(server: &mut Server, names: &TableNames) -> Result<(), SchemaError> {
    Table::ALL.into_iter().try_for_each(|table| look_at(server, table, names.of(table)).map(|_| ()))
}

/// Looks at all tables that are there, then makes those that are missing, and the views.
///
/// # Errors
/// A table cannot take the rows, or the user may not make one. Then nothing was changed.
pub fn prepare(server: &mut Server, names: &TableNames, views: Views) -> Result<Vec<String>, SchemaError> {
    let mut changes = Vec::new();
    let look = |table: Table| Ok((table, look_at(server, table, names.of(table))?));
    let found: Vec<(Table, Found)> = Table::ALL.into_iter().map(look).collect::<Result<_, SchemaError>>()?;
    for (table, found) in found {
        let name = names.of(table);
        match found {
            Found::Ready => {}
            Found::Missing => {
                server.rows(&filled(creation(table), names, views.is_ttl_short))?;
                changes.push(format!("made table {name}"));
            }
            Found::WithoutKeys => {
                server.rows(&format!("ALTER TABLE {name} DEDUP ENABLE UPSERT KEYS({})", keys(table)))?;
                changes.push(format!("gave table {name} the keys {}", keys(table)));
            }
        }
    }
    if views.are_made {
        for view in VIEWS.split(';').filter(|view| !view.trim().is_empty()) {
            server.rows(&filled(view, names, views.is_ttl_short))?;
        }
    }
    Ok(changes)
}

fn look_at(server: &mut Server, table: Table, name: &str) -> Result<Found, SchemaError> {
    let facts = server.rows(&format!(
        "SELECT walEnabled, designatedTimestamp, dedup, table_suspended FROM tables() WHERE table_name = '{name}'"
    ))?;
    let Some(facts) = facts.first() else { return Ok(Found::Missing) };
    let fact = |place: usize| facts.get(place).and_then(Option::as_deref);
    if !is_true(fact(0)) || fact(1) != Some("timestamp") {
        return Err(SchemaError::OtherTable(name.to_owned()));
    }
    if is_true(fact(3)) {
        return Err(SchemaError::Suspended {
            table: name.to_owned(),
            reason: "its write-ahead log stands still".into(),
        });
    }
    let there = server.rows(&format!("SELECT \"column\", type, upsertKey FROM table_columns('{name}')"))?;
    let mut keyed = Vec::new();
    for &(column, kind) in columns(table) {
        let row = there.iter().find(|row| row.first().and_then(Option::as_deref) == Some(column));
        let Some(row) = row else { return Err(SchemaError::MissingColumn { table: name.to_owned(), column, kind }) };
        let found = row.get(1).cloned().flatten().unwrap_or_default();
        if found != kind {
            return Err(SchemaError::OtherColumn { table: name.to_owned(), column, kind, found });
        }
        if is_true(row.get(2).and_then(Option::as_deref)) {
            keyed.push(column);
        }
    }
    let wanted: Vec<&str> = keys(table).split(", ").collect();
    Ok(if is_true(fact(2)) && wanted == keyed { Found::Ready } else { Found::WithoutKeys })
}
