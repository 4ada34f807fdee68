//! Removing bars before the horizon in transactions of bounded length, symbol after symbol along the key of the table.

use diesel::dsl::min;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;

use klined_market::base::{Interval, UnixSeconds};

use super::super::error::{During, StoreError};
use super::super::schema::market_klines::dsl;

/// The most bars removed in one transaction.
const BARS_MAX: usize = 50_000;
/// The most symbols looked at in one.
const SYMBOLS_MAX: usize = 500;

/// Removes the oldest bars of a symbol's interval. SQL, because diesel does not let a DELETE look into its own table.
const REMOVE_OLD: &str = "DELETE FROM market_klines WHERE symbol = $1 AND interval = $2 AND time IN (SELECT time \
     FROM market_klines WHERE symbol = $1 AND interval = $2 AND time < $3 ORDER BY time LIMIT $4)";

/// How far a removal has come.
#[derive(Default)]
pub(in crate::store) struct Removal {
    /// The last symbol of which nothing is left to remove.
    done: String,
}

impl Removal {
    /// Removes some bars; whether none are left.
    pub fn step(&mut self, connection: &mut SqliteConnection, from: UnixSeconds) -> Result<bool, StoreError> {
        let mut left = BARS_MAX;
        for _ in 0..SYMBOLS_MAX {
            let next: Option<String> = dsl::market_klines
                .filter(dsl::symbol.gt(&self.done))
                .select(min(dsl::symbol))
                .first(connection)
                .during("remove old bars")?;
            let Some(symbol) = next else { return Ok(true) };
            for interval in Interval::ALL {
                left -= remove(connection, &symbol, interval, from, left)?;
                if left == 0 {
                    return Ok(false);
                }
            }
            self.done = symbol;
        }
        Ok(false)
    }
}

fn remove(
    connection: &mut SqliteConnection,
    symbol: &str,
    interval: Interval,
    from: UnixSeconds,
    at_most: usize,
) -> Result<usize, StoreError> {
    sql_query(REMOVE_OLD)
        .bind::<Text, _>(symbol)
        .bind::<Text, _>(interval.as_str())
        .bind::<BigInt, _>(from.get())
        .bind::<BigInt, _>(i64::try_from(at_most).unwrap_or(i64::MAX))
        .execute(connection)
        .during("remove old bars")
}
