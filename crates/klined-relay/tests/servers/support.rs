//! Markets in databases, the program, and what topics hold.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use klined::jobs::{self, Market, ModelChoice, Progress, Stop, Window};
use klined::query::Ticks;
use klined::store::{self, BarRange, BarStore, StoreOptions, StoredBar};
use klined_market::bars::ticks::MinuteTicks;
use klined_market::base::{Interval, Seed, Shard, Symbol, UnixSeconds};
use klined_market::calendar::{Calendar, Hours};
use klined_market::universe::{StockCount, Universe, UniverseRow};
use klined_testing::kafka::each_record;
use klined_testing::{at, date, repository};
use serde_json::Value;

pub use klined_testing::kafka::{Record, ends, put, records};
pub use klined_testing::servers::{Server, broker, said, terminated, until};

pub const SEED: u64 = 31;

/// Shows nothing.
struct Silent;

impl Progress for Silent {
    fn begin(&mut self, _: u64) {}

    fn advance(&mut self, _: u64) {}
}

/// Invented stocks.
pub fn stocks(count: u16) -> Vec<UniverseRow> {
    Universe::ashare(StockCount::new(count).unwrap()).rows(Seed(SEED), Hours::Sse)
}

/// The URL of an SQLite file in a folder.
pub fn url_in(folder: &Path) -> String {
    format!("sqlite:///{}", folder.join("market.db").display())
}

/// A market in a database.
pub struct Filled {
    pub url: String,
    market: Market,
}

impl Filled {
    /// A market of these stocks with the bars of some days.
    pub fn new(url: String, rows: Vec<UniverseRow>, from: &str, to: &str) -> Self {
        let filled = Self::empty(url, rows);
        filled.up_to(from, to);
        filled
    }

    /// A market of these stocks without bars.
    pub fn empty(url: String, rows: Vec<UniverseRow>) -> Self {
        let options = StoreOptions { url: url.parse().unwrap(), pool_size: 4, timeout: Duration::from_secs(30) };
        let store = store::open(&options).unwrap();
        store.migrate().unwrap();
        let universe = Universe::of_file("stocks.csv".into(), rows);
        let calendar = Arc::new(Calendar::shanghai());
        let market =
            Market::claim_filling(store, calendar, ModelChoice::default(), Some(SEED), Some(&universe)).unwrap();
        Self { url, market }
    }

    /// A market in an SQLite file.
    pub fn in_file(folder: &Path, rows: Vec<UniverseRow>, from: &str, to: &str) -> Self {
        Self::new(url_in(folder), rows, from, to)
    }

    /// Makes the bars of the days that follow, as backfill does.
    pub fn up_to(&self, from: &str, to: &str) {
        self.part_up_to(Shard::WHOLE, from, to);
    }

    /// Makes those of a shard.
    pub fn part_up_to(&self, shard: Shard, from: &str, to: &str) {
        let window = Window::Range { from: date(from), to: Some(date(to)) };
        let now = at("2026-06-01 12:00:00");
        let market = self.market.clone().of_shard(shard);
        let filled = jobs::backfill(&market, window, None, now, &mut Silent, &Stop::default());
        assert!(filled.unwrap().is_complete);
    }

    pub fn store(&self) -> &dyn BarStore {
        &*self.market.store
    }

    pub fn shared_store(&self) -> Arc<dyn BarStore> {
        self.market.store.clone()
    }

    pub fn symbols(&self) -> Vec<Symbol> {
        self.store().progress().unwrap().iter().map(|progress| progress.checkpoint.symbol).collect()
    }

    /// The stored bars of an interval, with their symbols.
    pub fn bars(&self, interval: Interval) -> Vec<(Symbol, StoredBar)> {
        let symbols = self.symbols();
        let (from, to) = (UnixSeconds::EPOCH, UnixSeconds::MAX);
        let ranges: Vec<_> = symbols.iter().map(|&symbol| BarRange { symbol, interval, from, to }).collect();
        let bars = self.store().bars(&ranges, usize::MAX).unwrap();
        bars.into_iter().map(|bar| (symbols[bar.range], bar)).collect()
    }

    /// The ticks of a bar, as readers of the market get them.
    pub fn ticks(&self) -> impl Fn(Symbol, &StoredBar) -> MinuteTicks + use<> {
        let ticks = Ticks::new(self.market.clone(), Arc::new(klined::daemon::clock::SystemClock));
        move |symbol, bar| ticks.past(symbol, bar).unwrap().unwrap()
    }
}

/// A PostgreSQL server that ends with this value.
pub struct Postgres(Child);

impl Postgres {
    /// The server and the URL of an empty database on it.
    pub fn start() -> (Self, String) {
        let mut command = Command::new(repository("tests/support/cluster.sh"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
        let url = format!("postgresql://postgres@127.0.0.1:{}/postgres", port.trim());
        (Self(child), url)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The program on a database, with topics `NAME-bars` and `NAME-ticks` of a broker.
pub fn relay(server: &Server, name: &str, url: &str, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_market-relay"));
    command.args(arguments.split_whitespace()).env_clear();
    command.env("KLINED_NO_LOG_FILES", "1").env("DATABASE_URL", url);
    with_topics(&mut command, server, name);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

pub fn with_topics(command: &mut Command, server: &Server, name: &str) {
    command.env("KAFKA_BROKERS", format!("127.0.0.1:{}", server.port));
    command.env("RELAY_BARS_TOPIC", format!("{name}-bars")).env("RELAY_TICKS_TOPIC", format!("{name}-ticks"));
}

/// Runs it to its end.
pub fn relayed(server: &Server, name: &str, url: &str, arguments: &str) {
    let output = relay(server, name, url, &format!("--once {arguments}")).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// Runs it, and gives the error with which it ends.
pub fn refused(server: &Server, name: &str, url: &str, arguments: &str) -> String {
    let output: Output = relay(server, name, url, arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    said(&output)
}

/// The value of a record in JSON.
pub fn json(record: &Record) -> Value {
    serde_json::from_slice(&record.value).unwrap()
}

/// What a topic holds, partition after partition.
pub fn published(server: &Server, topic: &str) -> Vec<Record> {
    let mut found = Vec::new();
    each_record(server, topic, |record| found.push(record));
    // The sort keeps the order within a partition.
    found.sort_by_key(|record| record.partition);
    found
}

/// The topics have every bar and every tick of the database once, in order, in the partition of their symbol.
pub fn assert_complete(server: &Server, name: &str, filled: &Filled) {
    let mut bars = filled.bars(Interval::Minute1);
    bars.sort_by_key(|(symbol, bar)| (bar.time, *symbol));
    let found = published(server, &format!("{name}-bars"));
    let mut expected: Vec<(i32, Value)> = Vec::new();
    let partition = partitions(&found);
    for (symbol, bar) in &bars {
        expected.push((partition(symbol.as_str()), of_bar(*symbol, bar)));
    }
    expected.sort_by_key(|(partition, _)| *partition);
    same(found.iter().map(|record| (record.partition, without_starts(json(record)))), &expected);

    let (ticks, found) = (filled.ticks(), published(server, &format!("{name}-ticks")));
    let partition = partitions(&found);
    let mut expected: Vec<(i32, Value)> = Vec::new();
    for (symbol, bar) in &bars {
        let made = ticks(*symbol, bar);
        let of_minute = made.after(klined_market::base::UnixNanos::new(0));
        expected.extend(of_minute.map(|tick| (partition(symbol.as_str()), of_tick(*symbol, &tick))));
    }
    expected.sort_by_key(|(partition, _)| *partition);
    same(found.iter().map(|record| (record.partition, json(record))), &expected);
}

/// The partition that each key has in a topic; a key has one.
fn partitions(found: &[Record]) -> impl Fn(&str) -> i32 + use<> {
    let mut of = std::collections::BTreeMap::new();
    for record in found {
        let known = *of.entry(record.key.clone()).or_insert(record.partition);
        assert_eq!(known, record.partition, "{} is in two partitions", record.key);
    }
    move |key| of.get(key).copied().unwrap_or(-1)
}

fn same(found: impl ExactSizeIterator<Item = (i32, Value)>, expected: &[(i32, Value)]) {
    assert_eq!(found.len(), expected.len());
    for (nth, (found, expected)) in found.zip(expected).enumerate() {
        assert_eq!(found, *expected, "record {nth}");
    }
}

fn of_bar(symbol: Symbol, bar: &StoredBar) -> Value {
    serde_json::json!({"symbol": symbol.as_str(), "time": bar.time.get(), "open": bar.open, "high": bar.high, "low": bar.low,
        "close": bar.close, "volume": bar.volume, "turnover": bar.turnover, "trades": bar.trades})
}

fn without_starts(mut bar: Value) -> Value {
    bar.as_object_mut().unwrap().retain(|name, _| !name.starts_with("start_"));
    bar
}

fn of_tick(symbol: Symbol, tick: &klined_market::bars::ticks::Tick) -> Value {
    use klined_market::bars::ticks::{Side, Tick};
    let mut value = match tick {
        Tick::Quote(quote) => {
            let mut value = serde_json::json!({"kind": "quote", "time_ns": quote.at.get(), "id": quote.id().number()});
            for (side, level) in [("bid", quote.bid), ("ask", quote.ask)] {
                if let Some(level) = level {
                    value[side] = level.price.units().into();
                    value[format!("{side}_shares")] = level.shares.into();
                }
            }
            value
        }
        Tick::Trade(trade) => serde_json::json!({"kind": "trade", "time_ns": trade.at.get(), "id": trade.id().number(),
            "side": if trade.side == Side::Buy { "buy" } else { "sell" }, "price": trade.price.units(), "shares": trade.shares}),
    };
    value["symbol"] = symbol.as_str().into();
    value
}
