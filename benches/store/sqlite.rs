//! SQLite without anything between: the least that a row costs.

#![allow(unsafe_code, reason = "the reference calls SQLite as C programs do")]

use std::ffi::{CStr, CString, c_int};
use std::ptr::null_mut;

use klined_market::bars::{self, Rollup};
use klined_market::base::{Interval, Ohlcv, Price, Traded, UnixSeconds};
use klined_market::calendar::Calendar;
use libsqlite3_sys as ffi;

/// A row of `market_klines`, in the order of the columns.
pub struct Bar {
    symbol: CString,
    interval: CString,
    time: i64,
    prices: [f64; 4],
    volume: i64,
    turnover: f64,
    trades: i64,
}

const COLUMNS: &str = "symbol VARCHAR(20) NOT NULL, interval VARCHAR(10) NOT NULL, time BIGINT NOT NULL, \
     open NUMERIC(10,2) NOT NULL, high NUMERIC(10,2) NOT NULL, low NUMERIC(10,2) NOT NULL, close NUMERIC(10,2) NOT NULL, \
     volume BIGINT NOT NULL, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, turnover REAL, trades BIGINT, \
     PRIMARY KEY (symbol, interval, time))";

pub const WITHOUT_ROWID: &str = "WITHOUT ROWID";
pub const WITH_ROWID: &str = "";

impl Bar {
    fn of(symbol: &CString, interval: Interval, bar: &bars::Bar) -> Self {
        let ohlcv = bar.ohlcv;
        let prices = [ohlcv.open(), ohlcv.high(), ohlcv.low(), ohlcv.close()].map(Price::units);
        let interval = CString::new(interval.as_str()).expect("text");
        let (time, volume) = (bar.first.start().get(), ohlcv.volume());
        let traded = ohlcv.traded().expect("a turnover");
        let (turnover, trades) = (traded.turnover_units(), traded.trades());
        Self { symbol: symbol.clone(), interval, time, prices, volume, turnover, trades }
    }
}

struct Connection(*mut ffi::sqlite3);
struct Statement(*mut ffi::sqlite3_stmt);

impl Connection {
    fn open(url: &str) -> Self {
        let path = CString::new(url.trim_start_matches("sqlite://")).expect("a path");
        let mut handle = null_mut();
        // SAFETY: the path ends with a zero byte, and the handle is closed by `drop`.
        let code = unsafe { ffi::sqlite3_open(path.as_ptr(), &mut handle) };
        assert_eq!(code, ffi::SQLITE_OK);
        let connection = Self(handle);
        connection.run("PRAGMA journal_mode = WAL");
        connection.run("PRAGMA synchronous = NORMAL");
        connection
    }

    fn prepare(&self, sql: &str) -> Statement {
        let text = CString::new(sql).expect("SQL");
        let mut statement = null_mut();
        // SAFETY: the connection lives, the text ends with a zero byte, the statement is finalised by `drop`.
        let code = unsafe { ffi::sqlite3_prepare_v2(self.0, text.as_ptr(), -1, &mut statement, null_mut()) };
        assert_eq!(code, ffi::SQLITE_OK, "{sql}");
        Statement(statement)
    }

    fn run(&self, sql: &str) {
        self.prepare(sql).step();
    }

    /// Inserts into the table `bare`.
    fn insert(&self, bars: &[Bar], in_a_transaction: usize) {
        let statement = self.prepare(
            "INSERT INTO bare (symbol, interval, time, open, high, low, close, volume, turnover, trades) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        );
        for batch in bars.chunks(in_a_transaction) {
            self.run("BEGIN IMMEDIATE");
            for bar in batch {
                // SAFETY: the texts live until the statement is reset.
                unsafe {
                    for (place, text) in [(1, &bar.symbol), (2, &bar.interval)] {
                        ffi::sqlite3_bind_text(statement.0, place, text.as_ptr(), -1, None);
                    }
                    ffi::sqlite3_bind_int64(statement.0, 3, bar.time);
                    for (place, price) in (4..).zip(bar.prices) {
                        ffi::sqlite3_bind_double(statement.0, place, price);
                    }
                    ffi::sqlite3_bind_int64(statement.0, 8, bar.volume);
                    ffi::sqlite3_bind_double(statement.0, 9, bar.turnover);
                    ffi::sqlite3_bind_int64(statement.0, 10, bar.trades);
                }
                statement.step();
                // SAFETY: the statement lives.
                unsafe { ffi::sqlite3_reset(statement.0) };
            }
            self.run("COMMIT");
        }
    }
}

impl Statement {
    /// Whether there is a row.
    fn step(&self) -> bool {
        // SAFETY: the statement lives.
        match unsafe { ffi::sqlite3_step(self.0) } {
            ffi::SQLITE_ROW => true,
            ffi::SQLITE_DONE => false,
            code => panic!("SQLite error {code}"),
        }
    }

    fn text(&self, column: c_int) -> CString {
        // SAFETY: the statement stands on a row, whose text lives until the next step.
        unsafe { CStr::from_ptr(ffi::sqlite3_column_text(self.0, column).cast()) }.to_owned()
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: nobody uses it afterwards.
        unsafe { ffi::sqlite3_finalize(self.0) };
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: all statements are finalised.
        unsafe { ffi::sqlite3_close(self.0) };
    }
}

/// All bars, month by month in order of the key, as a backfill writes them.
pub fn bars(url: &str) -> Vec<Bar> {
    let connection = Connection::open(url);
    let statement = connection.prepare(
        "SELECT symbol, interval, time, open, high, low, close, volume, turnover, trades FROM market_klines \
         ORDER BY strftime('%Y-%m', time + 28800, 'unixepoch'), symbol, interval, time",
    );
    let mut bars = Vec::new();
    while statement.step() {
        // SAFETY: the statement stands on a row.
        let [time, volume, trades] = [2, 7, 9].map(|column| unsafe { ffi::sqlite3_column_int64(statement.0, column) });
        let [open, high, low, close, turnover] =
            [3, 4, 5, 6, 8].map(|column| unsafe { ffi::sqlite3_column_double(statement.0, column) });
        let (symbol, interval, prices) = (statement.text(0), statement.text(1), [open, high, low, close]);
        bars.push(Bar { symbol, interval, time, prices, volume, turnover, trades });
    }
    bars
}

/// Reads all 1-minute bars, folds them and inserts the roll-ups one by one; how many bars it has read.
pub fn roll_up(url: &str, calendar: &Calendar, in_a_transaction: usize) -> u64 {
    let connection = Connection::open(url);
    connection.run("DROP TABLE IF EXISTS bare");
    connection.run(&format!("CREATE TABLE bare ({COLUMNS} {WITHOUT_ROWID}"));
    let statement = connection.prepare(
        "SELECT symbol, time, open, high, low, close, volume, turnover, trades FROM market_klines WHERE interval = '1m' \
         ORDER BY symbol, interval, time",
    );
    let (mut count, mut bars, mut symbol, mut rollup) = (0, Vec::new(), CString::default(), Rollup::new(calendar));
    while statement.step() {
        // SAFETY: the statement stands on a row.
        let name = unsafe { CStr::from_ptr(ffi::sqlite3_column_text(statement.0, 0).cast()) };
        // SAFETY: the same.
        let [time, volume, trades] = [1, 6, 8].map(|column| unsafe { ffi::sqlite3_column_int64(statement.0, column) });
        if name != symbol.as_c_str() {
            rollup.current().for_each(|(interval, bar)| bars.push(Bar::of(&symbol, interval, &bar)));
            (symbol, rollup) = (name.to_owned(), Rollup::new(calendar));
        }
        // SAFETY: the statement stands on a row.
        let units = |column| unsafe { ffi::sqlite3_column_double(statement.0, column) };
        let price = |column| Price::from_units(units(column)).expect("a price");
        let traded = Traded::new((units(7) * 100.0).round() as i64, trades).expect("a turnover");
        let ohlcv =
            Ohlcv::new(price(2), price(3), price(4), price(5), volume).expect("a bar").with_traded(Some(traded));
        let bar = bars::Bar { first: calendar.minute_starting(UnixSeconds::new(time)).expect("a minute"), ohlcv };
        rollup.push(&bar, &mut |interval, bar| bars.push(Bar::of(&symbol, interval, &bar)));
        count += 1;
        if bars.len() >= in_a_transaction {
            connection.insert(&bars, in_a_transaction);
            bars.clear();
        }
    }
    rollup.current().for_each(|(interval, bar)| bars.push(Bar::of(&symbol, interval, &bar)));
    connection.insert(&bars, in_a_transaction);
    count
}

/// Inserts bars one by one into a table of a layout beside the market's own.
pub fn insert(url: &str, layout: &str, bars: &[Bar], in_a_transaction: usize) {
    let connection = Connection::open(url);
    connection.run(&format!("CREATE TABLE bare ({COLUMNS} {layout}"));
    connection.insert(bars, in_a_transaction);
}
