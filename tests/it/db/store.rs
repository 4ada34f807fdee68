//! The laws of `BarStore`: one suite, run on both databases.

mod changes;
mod encryption;
mod failures;
mod filling;
mod following;
mod market;
mod names;
mod observing;
mod old;
mod open_minute;
mod partitions;
mod poolers;
mod reading;
mod retention;
mod roles;
mod scenarios;
mod schemas;
mod versions;
mod writing;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;
use klined::store::{
    BarRange, BarStore, Lease, Listing, MarketStatus, MarketWrite, Role, RollupTask, RollupWrite, StoreError,
    StoreOptions, StoredBar,
};
use klined_market::bars::{Bar, Checkpoint, Halt, Opening, SymbolRun, SymbolSnapshot};
use klined_market::base::{Interval, MarketClock, Ohlcv, Pace, Price, Seconds, Symbol, UnixNanos, UnixSeconds};
use klined_market::calendar::{Minute, Session, SessionSpan};
use klined_market::model::Regime;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::support::database::{Backend, Database};
use crate::support::market::{gbm, instrument};
use crate::support::{SHANGHAI, date, trading_days_from};

/// The first trading day of these tests.
const DAY: &str = "2026-01-05";
const END_OF_TIME: UnixSeconds = UnixSeconds::MAX;

fn symbol(text: &str) -> Symbol {
    text.parse().unwrap()
}

/// So many trading minutes from the open of [`DAY`] on.
fn minutes(count: usize) -> Vec<Minute> {
    let days = trading_days_from(date(DAY), count.div_ceil(240));
    days.into_iter().flat_map(|day| SHANGHAI.minutes_of(day)).take(count).collect()
}

fn price(ticks: i64) -> Price {
    Price::from_ticks(ticks).unwrap()
}

/// A bar that stands still at a price.
fn bar(first: Minute, ticks: i64, volume: i64) -> Bar {
    let at = price(ticks);
    Bar { first, ohlcv: Ohlcv::new(at, at, at, at, volume).unwrap() }
}

/// Bars of one symbol that differ from each other.
fn bars_of(name: &str, minutes: &[Minute]) -> Vec<(Symbol, Bar)> {
    minutes.iter().zip(1000..).map(|(&minute, ticks)| (symbol(name), bar(minute, ticks, 100 * ticks))).collect()
}

fn listing(name: &str, first_day: &str, last_day: Option<&str>) -> Listing {
    Listing { symbol: symbol(name), first_day: date(first_day), last_day: last_day.map(date) }
}

fn opening(name: &str) -> Opening {
    SymbolRun::list(gbm(1), instrument(name, "150.00", 0.02), date(DAY)).checkpoint().opening
}

fn checkpoint(name: &str, day: NaiveDate) -> Checkpoint {
    Checkpoint { symbol: symbol(name), day, opening: opening(name) }
}

fn quote(name: &str, ticks: i64, last_bar: i64) -> SymbolSnapshot {
    SymbolSnapshot {
        symbol: symbol(name),
        price: price(ticks),
        volatility: 0.03,
        trend: Regime::Bear.drift(),
        regime: Regime::Bear,
        last_bar: UnixSeconds::new(last_bar),
        change_percent: -1.5,
        day_volume: 12_300,
        is_halted: false,
    }
}

fn status(session: Session, last_update: i64) -> MarketStatus {
    let [start, last_update, end] = [-60, 0, 60].map(|after| UnixSeconds::new(last_update + after));
    MarketStatus { span: SessionSpan { session, start, end }, is_halted: false, last_update }
}

/// A batch that touches every table of the writer.
fn full_batch(name: &str, minutes: &[Minute]) -> MarketWrite {
    let last = minutes.last().unwrap().start();
    MarketWrite {
        bars: bars_of(name, minutes),
        snapshots: vec![quote(name, 1000 + minutes.len() as i64 - 1, last.get())],
        checkpoints: vec![checkpoint(name, date(DAY))],
        listings: vec![listing(name, DAY, None)],
        parameters: vec![],
        halts: vec![Halt { symbol: symbol(name), from: last + Seconds::MINUTE, until: last + Seconds::minutes(2) }],
        status: Some(status(Session::Morning, last.get())),
        clock: Some(MarketClock {
            pace: Pace::Test { speed: 7.5 },
            open_minute: last + Seconds::MINUTE,
            opened_at: UnixNanos::new(1_234_567_890),
        }),
    }
}

/// The whole of a symbol's bars of an interval.
fn all_of(name: &str, interval: Interval) -> BarRange {
    BarRange { symbol: symbol(name), interval, from: UnixSeconds::EPOCH, to: END_OF_TIME }
}

/// Nothing but a new watermark.
fn folding_to(name: &str, folded_to: UnixSeconds) -> RollupWrite {
    RollupWrite {
        symbol: symbol(name),
        replace_from: None,
        bars: vec![],
        folded_to: Some(folded_to),
        is_repaired: false,
    }
}

/// A store with its schema, a few months' partitions and both roles taken.
struct Desk {
    store: Arc<dyn BarStore>,
    writer: Lease,
    aggregator: Lease,
}

impl Desk {
    fn of(database: &Database) -> Self {
        let store = database.open();
        store.ensure_partitions(date("2026-01-01"), date("2026-02-28")).unwrap();
        let writer = store.acquire(Role::Writer).unwrap();
        let aggregator = store.acquire(Role::Aggregator).unwrap();
        Self { store, writer, aggregator }
    }

    fn write(&self, batch: &MarketWrite) {
        self.store.write(&self.writer, batch).unwrap();
    }

    fn write_bars(&self, bars: Vec<(Symbol, Bar)>) {
        self.write(&MarketWrite { bars, ..MarketWrite::default() });
    }

    fn fold(&self, writes: &[RollupWrite]) {
        self.store.write_rollups(&self.aggregator, writes).unwrap();
    }

    fn tasks(&self) -> Vec<RollupTask> {
        self.store.rollup_tasks(&self.aggregator).unwrap()
    }

    /// From where on each symbol has been changed.
    fn changes(&self) -> Vec<(String, UnixSeconds)> {
        self.tasks().iter().filter_map(|task| Some((task.symbol.to_string(), task.changed_from?))).collect()
    }

    fn bars(&self, name: &str, interval: Interval) -> Vec<StoredBar> {
        self.store.bars(&[all_of(name, interval)], usize::MAX).unwrap()
    }

    /// The 1-minute bars of a symbol as they were put in.
    fn minute_bars(&self, name: &str) -> Vec<(Symbol, Bar)> {
        let rows = self.bars(name, Interval::Minute1);
        rows.iter().map(|row| (symbol(name), row.parse(&SHANGHAI).unwrap())).collect()
    }
}

/// All that is kept, as text: what a failed call must leave as it was.
fn everything(database: &Database) -> Vec<String> {
    let mut all = database.contents();
    for sql in [
        "SELECT 'watermark ' || symbol || ' ' || folded_to AS text FROM rollup_watermark ORDER BY 1",
        "SELECT 'note ' || symbol || ' ' || time AS text FROM rollup_dirty ORDER BY 1",
        "SELECT 'identity ' || seed || ' ' || model AS text FROM market_identity",
        "SELECT 'clock ' || pace || ' ' || speed || ' ' || open_minute || ' ' || opened_at_ns AS text FROM market_clock",
        "SELECT 'stock ' || symbol || ' ' || name AS text FROM stock_metadata ORDER BY 1",
    ] {
        all.extend(database.column(sql));
    }
    all
}

/// From now on a table refuses every row that is inserted, updated or deleted (`operation`).
/// What a broken table says.
const OUT_OF_ORDER: &str = "out of order";

fn break_table(database: &Database, table: &str, operation: &str) {
    database.execute(&match database.backend {
        Backend::Sqlite => format!(
            "CREATE TRIGGER broken BEFORE {operation} ON {table} BEGIN SELECT RAISE(ABORT, '{OUT_OF_ORDER}'); END"
        ),
        Backend::Postgres => format!(
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE '{OUT_OF_ORDER}'; END $$; \
             CREATE TRIGGER broken BEFORE {operation} ON {table} FOR EACH ROW EXECUTE FUNCTION fail()"
        ),
    });
}

/// A statement failed in the database, for a reason with these words.
#[track_caller]
fn assert_query_fails<T: Debug>(outcome: Result<T, StoreError>, words: &str) {
    match outcome {
        Err(StoreError::Query { source, .. }) if source.to_string().contains(words) => {}
        other => panic!("no \"{words}\": {other:?}"),
    }
}

fn mend_table(database: &Database, table: &str) {
    database.execute(&match database.backend {
        Backend::Sqlite => "DROP TRIGGER broken".to_owned(),
        Backend::Postgres => format!("DROP TRIGGER broken ON {table}"),
    });
}

/// Another session of the database, which may hold a transaction open.
enum OtherSession {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl OtherSession {
    fn of(database: &Database) -> Self {
        match database.backend {
            Backend::Sqlite => {
                let path = database.url().trim_start_matches("sqlite:///");
                Self::Sqlite(SqliteConnection::establish(path).unwrap())
            }
            Backend::Postgres => Self::Postgres(PgConnection::establish(database.url()).unwrap()),
        }
    }

    fn execute(&mut self, sql: &str) {
        match self {
            Self::Sqlite(connection) => connection.batch_execute(sql).unwrap(),
            Self::Postgres(connection) => connection.batch_execute(sql).unwrap(),
        }
    }

    /// Keeps everybody else from writing bars until the session ends.
    fn lock_bars(database: &Database) -> Self {
        let mut session = Self::of(database);
        session.execute(match database.backend {
            Backend::Sqlite => "BEGIN IMMEDIATE",
            Backend::Postgres => "BEGIN; LOCK TABLE market_klines IN ACCESS EXCLUSIVE MODE",
        });
        session
    }
}

fn options(database: &Database, pool_size: u32, timeout: Duration) -> StoreOptions {
    StoreOptions { url: database.url().parse().unwrap(), pool_size, timeout }
}

/// A runner of properties that tries the same cases in every run.
fn same_cases(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}
