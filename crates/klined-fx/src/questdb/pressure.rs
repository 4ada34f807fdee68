//! Back-pressure: how far the database is behind with its write-ahead log, and when to wait for it.
//!
//! A transaction is one row or 75,000, so both are watched: transactions that are not yet applied, and rows in them.
//! Sending stops when a table is more than three transactions a worker behind, and goes on when no table was behind for
//! a whole interval.

use super::schema::SchemaError;
use super::server::{Server, ServerError, is_true};
use crate::out::{Table, TableNames};

/// How far one table is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    pub table: Table,
    /// Transactions that are in the log and not in the table.
    pub transactions: i64,
    /// Rows in them.
    pub rows: i64,
}

/// Asks how far the tables are behind.
///
/// # Errors
/// The database does not answer, or a table is suspended.
pub fn lags(server: &mut Server, names: &TableNames) -> Result<Vec<Lag>, SchemaError> {
    let logs = server.rows("SELECT name, suspended, writerTxn, sequencerTxn, errorMessage FROM wal_tables()")?;
    let pending = server.rows("SELECT table_name, wal_pending_row_count FROM tables()")?;
    let mut lags = Vec::new();
    for table in Table::ALL {
        let is_it = |row: &&Vec<Option<String>>| row.first().and_then(Option::as_deref) == Some(names.of(table));
        let number = |row: Option<&Vec<Option<String>>>, place: usize| {
            let text = row.and_then(|row| row.get(place)).and_then(Option::as_deref);
            text.and_then(|text| text.parse::<i64>().ok()).unwrap_or(0)
        };
        let log = logs.iter().find(is_it);
        if log.is_some_and(|row| is_true(row.get(1).and_then(Option::as_deref))) {
            let reason = log.and_then(|row| row.get(4)).cloned().flatten().unwrap_or_default();
            return Err(SchemaError::Suspended { table: names.of(table).to_owned(), reason });
        }
        let transactions = number(log, 3) - number(log, 2);
        lags.push(Lag { table, transactions, rows: number(pending.iter().find(is_it), 1) });
    }
    Ok(lags)
}

/// Whether rows may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    Open,
    /// Closed; since when no table was behind, in milliseconds of the observer's clock.
    Closed {
        even_since: Option<i64>,
    },
}

/// When the gate closes and opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateRule {
    /// More transactions than this close it.
    pub transactions: i64,
    /// More rows than this close it.
    pub rows: i64,
    /// Milliseconds without lag after which it opens.
    pub interval_ms: i64,
}

/// Milliseconds between two looks at an open gate, and without lag before a closed one opens.
pub const INTERVAL_MS: i64 = 5_000;
/// Most rows of one transaction that is sent.
const ROWS_OF_A_FLUSH: i64 = 75_000;

impl GateRule {
    /// The rule for so many workers.
    #[must_use]
    pub fn for_workers(workers: usize) -> Self {
        let transactions = 3 * workers as i64;
        Self { transactions, rows: transactions * ROWS_OF_A_FLUSH, interval_ms: INTERVAL_MS }
    }

    /// The gate after a look at the lag.
    #[must_use]
    pub fn after(self, gate: Gate, lags: &[Lag], now_ms: i64) -> Gate {
        let is_far = lags.iter().any(|lag| lag.transactions > self.transactions || lag.rows > self.rows);
        let is_even = lags.iter().all(|lag| lag.transactions <= 0 && lag.rows <= 0);
        match gate {
            Gate::Open if is_far => Gate::Closed { even_since: None },
            Gate::Open => Gate::Open,
            Gate::Closed { .. } if !is_even => Gate::Closed { even_since: None },
            Gate::Closed { even_since: None } => Gate::Closed { even_since: Some(now_ms) },
            Gate::Closed { even_since: Some(since) } if now_ms - since >= self.interval_ms => Gate::Open,
            closed => closed,
        }
    }
}

/// Whether the error can pass: the database is being restarted.
#[must_use]
pub fn can_pass(error: &SchemaError) -> bool {
    matches!(error, SchemaError::Server(error) if ServerError::is_connection(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lag(transactions: i64, rows: i64) -> Vec<Lag> {
        let even = Lag { table: Table::MarketData, transactions: 0, rows: 0 };
        vec![even, Lag { table: Table::CorePrice, transactions, rows }]
    }

    #[test]
    fn any_table_closes_the_gate_and_a_whole_interval_without_lag_opens_it() {
        let rule = GateRule::for_workers(2);
        assert_eq!(rule.after(Gate::Open, &lag(6, 450_000), 0), Gate::Open);
        let closed = rule.after(Gate::Open, &lag(7, 7), 0);
        assert_eq!(closed, Gate::Closed { even_since: None });
        assert_eq!(rule.after(Gate::Open, &lag(1, 450_001), 0), closed);
        // Less lag is not none.
        assert_eq!(rule.after(closed, &lag(1, 1), 1_000), closed);
        let even = rule.after(closed, &lag(0, 0), 2_000);
        assert_eq!(rule.after(even, &lag(0, 0), 6_999), even);
        // Lag in between begins the interval anew.
        let anew = rule.after(even, &lag(1, 1), 6_999);
        assert_eq!(rule.after(anew, &lag(0, 0), 7_500), Gate::Closed { even_since: Some(7_500) });
        assert_eq!(rule.after(even, &lag(0, 0), 7_000), Gate::Open);
    }
}
