//! Tables emptied at once, and work with their triggers set aside.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;

use super::super::error::During;
use super::super::{StoreError, rows};
use klined_market::base::Symbol;

/// Removes the whole market, or what there is of one symbol.
pub(super) fn clear(connection: &mut SqliteConnection, symbol: Option<&Symbol>) -> Result<(), StoreError> {
    without_triggers(connection, "%", |connection| {
        let Some(symbol) = symbol else {
            let statements: String = rows::MARKET_TABLES.map(|table| format!("DELETE FROM {table};")).concat();
            return connection.batch_execute(&statements).during("empty the market's tables");
        };
        for table in rows::SYMBOL_TABLES {
            sql_query(format!("DELETE FROM {table} WHERE symbol = $1"))
                .bind::<Text, _>(symbol.as_str())
                .execute(connection)
                .during("remove a symbol's rows")?;
        }
        Ok(())
    })
}

#[derive(QueryableByName)]
struct TriggerRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    sql: String,
}

/// Does some work with triggers taken away, those whose names are like a pattern, and puts them back as they were: without
/// any a table is emptied at once. All of it belongs to the transaction that it runs in.
pub(super) fn without_triggers(
    connection: &mut SqliteConnection,
    named: &str,
    work: impl FnOnce(&mut SqliteConnection) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let triggers: Vec<TriggerRow> = sql_query(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'market_klines' AND name LIKE $1",
    )
    .bind::<Text, _>(named)
    .get_results(connection)
    .during("list triggers")?;
    for trigger in &triggers {
        connection.batch_execute(&format!("DROP TRIGGER \"{}\"", trigger.name)).during("set a trigger aside")?;
    }
    work(connection)?;
    triggers.iter().try_for_each(|trigger| connection.batch_execute(&trigger.sql).during("put a trigger back"))
}
