//! Tables emptied at once, and work with their triggers set aside.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;

use klined_market::base::Symbol;

use super::super::error::{During, StoreError};
use super::super::tables::{MARKET_TABLES, SYMBOL_TABLES};

/// Removes the whole market, or the rows of one symbol. The names of tables are constants.
pub(super) fn clear(connection: &mut SqliteConnection, symbol: Option<&Symbol>) -> Result<(), StoreError> {
    without_triggers(connection, "%", |connection| {
        let Some(symbol) = symbol else {
            let statements: String = MARKET_TABLES.map(|table| format!("DELETE FROM {table};")).concat();
            return connection.batch_execute(&statements).during("empty the market's tables");
        };
        for table in SYMBOL_TABLES {
            sql_query(format!("DELETE FROM {table} WHERE symbol = $1"))
                .bind::<Text, _>(symbol.as_str())
                .execute(connection)
                .during("remove a symbol's rows")?;
        }
        Ok(())
    })
}

/// The triggers of the bars' table with the statements that make them. SQL, because the catalog is not in diesel's schema.
const TRIGGERS: &str =
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'market_klines' AND name LIKE $1";

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
    let triggers: Vec<TriggerRow> =
        sql_query(TRIGGERS).bind::<Text, _>(named).get_results(connection).during("list triggers")?;
    for trigger in &triggers {
        connection.batch_execute(&format!("DROP TRIGGER \"{}\"", trigger.name)).during("set a trigger aside")?;
    }
    work(connection)?;
    triggers.iter().try_for_each(|trigger| connection.batch_execute(&trigger.sql).during("put a trigger back"))
}
