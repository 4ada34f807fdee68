//! What a run shows of itself: signs of life, metrics, and a line of progress now and then.

use std::sync::{Arc, Mutex, PoisonError};

use klined_service::prometheus_client::metrics::counter::Counter;
use klined_service::prometheus_client::metrics::family::Family;
use klined_service::prometheus_client::metrics::gauge::Gauge;
use klined_service::{JobStatus, Service, Vitals, VitalsLimits};

use super::pressure::Lag;
use crate::out::{PerTable, Table};

type TableLabel = [(&'static str, &'static str); 1];

fn label(table: Table) -> TableLabel {
    [("table", table.name())]
}

/// The job that makes and sends rows.
struct RowsJob {
    vitals: Vitals,
    line: Mutex<String>,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Progress({} rows)", self.rows_sent())
    }
}

impl JobStatus for RowsJob {
    fn vitals(&self) -> &Vitals {
        &self.vitals
    }

    fn activity(&self) -> String {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A run's signs of life and metrics, shared by its threads.
pub struct Progress {
    rows: Arc<RowsJob>,
    database: Option<Arc<Vitals>>,
    sent: Family<TableLabel, Counter>,
    lag_transactions: Family<TableLabel, Gauge>,
    lag_rows: Family<TableLabel, Gauge>,
    paused: Gauge,
    pauses: Counter,
    late_seconds: Counter,
    late_ms: Gauge,
    send_retries: Counter,
    second: Gauge,
}

impl Progress {
    /// The progress of a run, on its process's health; with a job for the database where there is one.
    #[must_use]
    pub fn of(service: &Service, has_database: bool) -> Self {
        let vitals = service.vitals("rows", "rows".to_owned(), VitalsLimits::default());
        let rows = Arc::new(RowsJob { vitals, line: Mutex::new("beginning".to_owned()) });
        service.add_job(rows.clone());
        let database = has_database.then(|| service.job("database"));
        let progress = Self {
            rows,
            database,
            sent: Family::default(),
            lag_transactions: Family::default(),
            lag_rows: Family::default(),
            paused: Gauge::default(),
            pauses: Counter::default(),
            late_seconds: Counter::default(),
            late_ms: Gauge::default(),
            send_retries: Counter::default(),
            second: Gauge::default(),
        };
        for table in Table::ALL {
            // A rate sees the first rows only when the counter began with 0.
            drop(progress.sent.get_or_create(&label(table)));
        }
        service.metrics(|registry| {
            registry.register("fx_rows_sent", "Rows sent, or written to files", progress.sent.clone());
            registry.register("fx_second", "The last second that was handed over, Unix time", progress.second.clone());
            let help = "Seconds that were sent more than a second late";
            registry.register("fx_late_seconds", help, progress.late_seconds.clone());
            registry.register("fx_late_milliseconds", "How late the last second was", progress.late_ms.clone());
            if has_database {
                let help = "Transactions that are in the write-ahead log and not in the table";
                registry.register("fx_lag_transactions", help, progress.lag_transactions.clone());
                let help = "Rows that are in the write-ahead log and not in the table";
                registry.register("fx_lag_rows", help, progress.lag_rows.clone());
                registry.register("fx_paused", "1 while sending is paused because of lag", progress.paused.clone());
                registry.register("fx_pauses", "Pauses because of lag", progress.pauses.clone());
                registry.register("fx_send_retries", "Flushes that were sent again", progress.send_retries.clone());
            }
        });
        progress
    }

    /// The run has begun.
    pub fn begins(&self) {
        self.rows.vitals.works();
        if let Some(database) = &self.database {
            database.works();
        }
    }

    /// The run waits on purpose, or has done a step.
    pub fn moves(&self) {
        self.rows.vitals.answered(true);
    }

    /// Rows up to a second were handed over.
    pub fn handed_over(&self, second: i64) {
        self.second.set(second);
        self.moves();
    }

    /// Rows of a table were sent.
    pub fn sent(&self, table: Table, rows: u64) {
        self.sent.get_or_create(&label(table)).inc_by(rows);
    }

    /// A flush failed and will be sent again.
    pub fn sends_again(&self) {
        self.send_retries.inc();
    }

    /// A second was this late.
    pub fn late(&self, late_ms: i64, is_late: bool) {
        self.late_ms.set(late_ms);
        self.late_seconds.inc_by(is_late.into());
    }

    /// The database has answered how far it is behind.
    pub fn lags(&self, lags: &[Lag], is_paused: bool) {
        if let Some(database) = &self.database {
            database.works();
            database.answered(true);
        }
        for lag in lags {
            self.lag_transactions.get_or_create(&label(lag.table)).set(lag.transactions);
            self.lag_rows.get_or_create(&label(lag.table)).set(lag.rows);
        }
        let was_paused = self.paused.set(is_paused.into()) == 1;
        if is_paused && !was_paused {
            self.pauses.inc();
        }
    }

    /// The database has not answered.
    pub fn is_unanswered(&self, why: &impl ToString) {
        if let Some(database) = &self.database {
            database.failed(why);
        }
    }

    /// The database is no longer asked: its job counts as well as long as the run goes on.
    pub fn database_moves(&self) {
        if let Some(database) = &self.database {
            database.answered(true);
        }
    }

    /// Rows of a table that were sent.
    #[must_use]
    pub fn rows_of(&self, table: Table) -> u64 {
        self.sent.get_or_create(&label(table)).get()
    }

    /// Rows of all tables that were sent.
    #[must_use]
    pub fn rows_sent(&self) -> u64 {
        Table::ALL.into_iter().map(|table| self.rows_of(table)).sum()
    }

    /// What `systemctl status` shows.
    pub fn shows(&self, line: &str) {
        line.clone_into(&mut self.rows.line.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Milliseconds between two lines of progress.
const LINE_MS: i64 = 10_000;

/// Makes the lines of progress.
#[derive(Debug)]
pub struct Speedometer {
    /// Rows of `market_data` in all.
    total: u64,
    at_ms: i64,
    rows: u64,
    books: u64,
}

/// How far a run is at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Rows of all tables.
    pub rows: u64,
    /// Rows of `market_data` among them, which are what a plan counts.
    pub books: u64,
}

impl Speedometer {
    /// Begins to measure a run of so many rows of `market_data`.
    #[must_use]
    pub fn new(total: u64, now_ms: i64) -> Self {
        Self { total, at_ms: now_ms, rows: 0, books: 0 }
    }

    /// A line, when the last one is old enough: rows sent, rows a second since the last line, how far the database is
    /// behind, and how long the rest takes at this rate.
    pub fn line(&mut self, now_ms: i64, sent: Sent, lags: Option<&[Lag]>) -> Option<String> {
        let passed_ms = now_ms - self.at_ms;
        if passed_ms < LINE_MS {
            return None;
        }
        let per_second = |rows: u64| rows as f64 * 1e3 / passed_ms as f64;
        let (rate, book_rate) = (per_second(sent.rows - self.rows), per_second(sent.books - self.books));
        let total = self.total;
        let left = total.saturating_sub(sent.books);
        let time_left = if book_rate > 0.0 { span((left as f64 / book_rate).ceil() as u64) } else { "unknown".into() };
        let lag = lags.map(|lags| {
            let all = |number: fn(&Lag) -> i64| lags.iter().map(number).sum::<i64>();
            format!(", lag {} transactions and {} rows", all(|lag| lag.transactions), all(|lag| lag.rows))
        });
        (self.at_ms, self.rows, self.books) = (now_ms, sent.rows, sent.books);
        Some(format!(
            "{} of {total} rows of market_data, {rate:.0} rows/s of all tables{}, time left {time_left}",
            sent.books,
            lag.unwrap_or_default(),
        ))
    }
}

/// Seconds as hours, minutes and seconds.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// Rows of a run in stretches of an hour or more, as long as they can be compared with the database.
#[derive(Debug, Default)]
pub struct HandedOver {
    stretches: std::collections::VecDeque<(i64, PerTable<u64>)>,
    /// Stretches that began so many seconds before the newest one are forgotten.
    remembered_seconds: Option<i64>,
    all: PerTable<u64>,
    last: i64,
}

impl HandedOver {
    /// Remembers all rows, or those of the newest seconds alone.
    #[must_use]
    pub fn new(remembered_seconds: Option<i64>) -> Self {
        Self { remembered_seconds, ..Self::default() }
    }

    /// Takes the rows of a block of seconds.
    pub fn block(&mut self, first: i64, last: i64, rows: [u64; 3]) {
        if self.stretches.back().is_none_or(|(start, _)| first - start >= 3_600) {
            self.stretches.push_back((first, PerTable::default()));
        }
        for table in Table::ALL {
            *self.all.of(table) += rows[table as usize];
            if let Some((_, stretch)) = self.stretches.back_mut() {
                *stretch.of(table) += rows[table as usize];
            }
        }
        self.last = last;
        let is_old = |start: i64| self.remembered_seconds.is_some_and(|seconds| start < last - seconds);
        while self.stretches.len() > 1 && is_old(self.stretches[0].0) {
            self.stretches.pop_front();
        }
    }

    /// The remembered seconds, the last included, and their rows; none when no block was taken.
    #[must_use]
    pub fn remembered(&self) -> Option<((i64, i64), PerTable<u64>)> {
        let (first, _) = self.stretches.front()?;
        let mut rows = PerTable::<u64>::default();
        for (_, stretch) in &self.stretches {
            for table in Table::ALL {
                *rows.of(table) += stretch.get(table);
            }
        }
        Some(((*first, self.last), rows))
    }

    /// All rows, forgotten ones included.
    #[must_use]
    pub fn all(&self) -> &PerTable<u64> {
        &self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_rate_lag_and_time_left_and_comes_every_ten_seconds() {
        let mut speed = Speedometer::new(1_000_000, 5_000);
        let sent = Sent { rows: 120_000, books: 100_000 };
        assert_eq!(speed.line(14_999, sent, None), None);
        let lags = [Table::MarketData, Table::CorePrice].map(|table| Lag { table, transactions: 2, rows: 150 });
        assert_eq!(
            speed.line(15_000, sent, Some(&lags)).as_deref(),
            Some(
                "100000 of 1000000 rows of market_data, 12000 rows/s of all tables, lag 4 transactions and 300 rows, \
                 time left 1 min 30 s"
            )
        );
        // The rate is that since the last line.
        assert_eq!(speed.line(20_000, sent, None), None);
        let line = speed.line(25_000, sent, None).unwrap();
        assert!(line.contains(" 0 rows/s") && line.ends_with("time left unknown"), "{line}");
        assert_eq!(span(7_500), "2 h 5 min");
    }

    #[test]
    fn rows_are_counted_by_stretches_and_old_ones_are_forgotten() {
        let mut all = HandedOver::default();
        let mut newest = HandedOver::new(Some(7_200));
        assert_eq!(all.remembered(), None);
        for first in (0..36_000).step_by(60) {
            all.block(first, first + 59, [3, 2, 1]);
            newest.block(first, first + 59, [3, 2, 1]);
        }
        assert_eq!(all.remembered(), Some(((0, 35_999), PerTable([1_800, 1_200, 600]))));
        let ((first, last), rows) = newest.remembered().unwrap();
        assert!((first, last) == (28_800, 35_999) && rows.0[0] == 3 * (35_999 - 28_800 + 1) / 60, "{first} {rows:?}");
        assert_eq!(newest.all(), all.all());
    }
}
