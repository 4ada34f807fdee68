//! Backfill, generating and rolling up included, beside a load of the same rows by the plainest fast way.

use std::fs::File;
use std::process::{Command, Stdio};

use klined::jobs::{Backfilled, Market, Progress, Stop, Window, backfill};
use klined_market::base::UnixSeconds;
use tempfile::TempDir;

use crate::databases::{Database, psql};
use crate::frame::{Row, Sizes, in_pairs, seconds};
use crate::sqlite::{self, Bar};

const COLUMNS: &str = "symbol, interval, time, open, high, low, close, volume, turnover, trades";
/// A moment after all of the windows: 2026-11-01 00:00 in Shanghai.
pub const NOW: UnixSeconds = UnixSeconds::new(1_793_462_400);
/// Bars in a transaction of the SQLite reference, as many as a backfill puts into one.
pub const BATCH_BARS: usize = 65_536;

/// Hears nothing.
pub struct Quiet;

impl Progress for Quiet {
    fn begin(&mut self, _bars: u64) {}
    fn advance(&mut self, _bars: u64) {}
}

/// Backfills months from January 2026 on.
pub fn fill(market: &Market, months: u32) -> Backfilled {
    let date = |month: u32| chrono::NaiveDate::from_ymd_opt(2026, month, 1).expect("a month of 2026");
    let window = Window::Range { from: date(1), to: date(months + 1).pred_opt() };
    backfill(market, window, None, NOW, &mut Quiet, &Stop::default()).expect("the market is filled")
}

/// Rows a second of a backfill into an empty market.
fn rate(database: &Database, sizes: &Sizes) -> f64 {
    let market = database.market(sizes.symbols);
    database.settle();
    let (took, filled) = seconds(|| fill(&market, sizes.months));
    (filled.bars + filled.rollups) as f64 / took
}

pub fn postgres(sizes: &Sizes) -> Vec<Row> {
    let rows = Exported::of(sizes);
    let pairs = in_pairs(
        sizes.pairs,
        || rate(&Database::postgres(), sizes),
        || {
            let database = Database::postgres();
            drop(database.market(sizes.symbols));
            rows.make_partitions(&database);
            database.settle();
            let (took, ()) = seconds(|| rows.copy_into(&database));
            rows.count as f64 / took
        },
    );
    vec![Row {
        name: "backfill, PostgreSQL",
        unit: "rows/s",
        reference: "COPY BINARY of the same rows in order of the key, month by month, into market_klines with its key",
        goal: Some(2.0),
        pairs,
    }]
}

/// A large market once, without a reference: what a year of it would take, and the memory of this process.
pub fn large(sizes: &Sizes) -> Vec<Row> {
    let database = Database::postgres();
    let market = database.market(sizes.symbols);
    database.settle();
    let (took, filled) = seconds(|| fill(&market, sizes.months));
    let rows = filled.bars + filled.rollups;
    let rate = rows as f64 / took;
    let year = sizes.symbols as f64 * 243.0 * 240.0 * rows as f64 / filled.bars as f64 / rate;
    let peak = peak_memory();
    println!(
        "\n{rows} rows in {took:.1} s, {:.0} k rows/s; 243 days at this rate: {:.1} min; peak memory {peak}",
        rate / 1e3,
        year / 60.0
    );
    Vec::new()
}

/// The most memory that this process has had.
pub fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "unknown".to_owned(), |peak| peak.trim().to_owned())
}

/// The rows of a market as files of binary COPY, one a month.
struct Exported {
    directory: TempDir,
    months: Vec<String>,
    count: u64,
}

impl Exported {
    fn of(sizes: &Sizes) -> Self {
        let database = Database::postgres();
        let filled = fill(&database.market(sizes.symbols), sizes.months);
        let list = "SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid::regclass::text) FROM pg_inherits \
             WHERE inhparent = 'market_klines'::regclass";
        let months: Vec<String> = psql(&database.url, list).split(' ').map(str::to_owned).collect();
        let directory = tempfile::tempdir().expect("a directory");
        for month in &months {
            let file = File::create(directory.path().join(month)).expect("a file");
            let sql = format!(
                "COPY (SELECT {COLUMNS} FROM {month} ORDER BY symbol, interval, time) TO STDOUT (FORMAT binary)"
            );
            let done = Command::new("psql").args(["-X", "-q", "-d", &database.url, "-c", &sql]).stdout(file).status();
            assert!(done.expect("psql runs").success(), "{sql}");
        }
        Self { directory, months, count: filled.bars + filled.rollups }
    }

    fn make_partitions(&self, database: &Database) {
        let store = database.store();
        for month in &self.months {
            let date = month.trim_start_matches("market_klines_").replace('_', "-");
            let day = format!("{date}-01").parse().expect("a date");
            store.ensure_partitions(day, day).expect("a partition");
            // As dense as a month that is loaded whole.
            psql(&database.url, &format!("ALTER TABLE {month} RESET (fillfactor)"));
        }
    }

    fn copy_into(&self, database: &Database) {
        for month in &self.months {
            let file = File::open(self.directory.path().join(month)).expect("a file");
            let sql = format!("COPY market_klines ({COLUMNS}) FROM STDIN (FORMAT binary)");
            let copied = Command::new("psql")
                .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &database.url, "-c", &sql])
                .stdin(Stdio::from(file))
                .status();
            assert!(copied.expect("psql runs").success(), "{sql}");
        }
    }
}

pub fn sqlite(sizes: &Sizes) -> Vec<Row> {
    let bars = {
        let database = Database::sqlite();
        fill(&database.market(sizes.symbols), sizes.months);
        sqlite::bars(&database.url)
    };
    let reference = |layout: &str, bars: &[Bar]| {
        let database = Database::sqlite();
        drop(database.market(sizes.symbols));
        let (took, ()) = seconds(|| sqlite::insert(&database.url, layout, bars, BATCH_BARS));
        bars.len() as f64 / took
    };
    let own = || rate(&Database::sqlite(), sizes);
    let row = |name, reference, goal, pairs| Row { name, unit: "rows/s", reference, goal, pairs };
    vec![
        row(
            "backfill, SQLite",
            "a prepared INSERT for each of the same rows, 65,536 in a transaction, without triggers",
            Some(0.8),
            in_pairs(sizes.pairs, own, || reference(sqlite::WITHOUT_ROWID, &bars)),
        ),
        row(
            "a bare loop into a table without rowid",
            "the same into a table with rowid and a key beside it",
            None,
            in_pairs(sizes.pairs, || reference(sqlite::WITHOUT_ROWID, &bars), || reference(sqlite::WITH_ROWID, &bars)),
        ),
    ]
}
