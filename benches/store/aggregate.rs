//! A whole history rolled up: by the aggregator, and by reading, the bare fold and writing back.

use std::io::{BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use klined::jobs::{Aggregator, Market, Stop};
use klined::store::Role;
use klined_market::bars::{Bar, Rollup};
use klined_market::base::{Interval, Ohlcv, Price, Traded, UnixSeconds};
use klined_market::calendar::Calendar;

use crate::backfill::{BATCH_BARS, fill, peak_memory};
use crate::databases::Database;
use crate::frame::{Row, Sizes, in_pairs, seconds};
use crate::sqlite;

/// A market with bars and no roll-ups.
fn unrolled(database: &Database, sizes: &Sizes) -> Market {
    let market = database.market(sizes.symbols);
    let aggregator = market.store.acquire(Role::Aggregator).expect("the role is free");
    fill(&market, sizes.months);
    drop(aggregator);
    database.settle();
    market
}

/// 1-minute bars a second of the aggregator.
fn rate(database: &Database, sizes: &Sizes) -> f64 {
    let market = unrolled(database, sizes);
    let (took, folded) = seconds(|| {
        Aggregator::start(market.store.clone(), market.calendar.clone(), None)
            .and_then(|aggregator| aggregator.run(None, &Stop::default()))
            .expect("it rolls up")
    });
    folded.minutes as f64 / took
}

pub fn postgres(sizes: &Sizes) -> Vec<Row> {
    let reference = || {
        let database = Database::postgres();
        let market = unrolled(&database, sizes);
        let (took, minutes) = copied(&database.url, &market.calendar);
        minutes as f64 / took.as_secs_f64()
    };
    let pairs = in_pairs(sizes.pairs, || rate(&Database::postgres(), sizes), reference);
    eprintln!("peak memory: {}", peak_memory());
    vec![Row {
        name: "aggregator over full history, PostgreSQL",
        unit: "minutes/s",
        reference: "COPY out, the bare fold and COPY back into a table with the same key, at the same time",
        goal: Some(0.9),
        pairs,
    }]
}

pub fn sqlite(sizes: &Sizes) -> Vec<Row> {
    let reference = || {
        let database = Database::sqlite();
        let market = unrolled(&database, sizes);
        let (took, minutes) = seconds(|| sqlite::roll_up(&database.url, &market.calendar, BATCH_BARS));
        minutes as f64 / took
    };
    let pairs = in_pairs(sizes.pairs, || rate(&Database::sqlite(), sizes), reference);
    vec![Row {
        name: "aggregator over full history, SQLite",
        unit: "minutes/s",
        reference: "one SELECT in order of the key, the bare fold and a prepared INSERT for each roll-up",
        goal: Some(0.9),
        pairs,
    }]
}

/// A statement in psql, as a user would run it.
fn psql(url: &str, statement: &str, stdin: Stdio, stdout: Stdio) -> Child {
    Command::new("psql")
        .args(["-qX", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement])
        .stdin(stdin)
        .stdout(stdout)
        .spawn()
        .expect("psql is installed")
}

/// COPY out, fold, COPY back into a table that is empty: the time and the 1-minute bars.
fn copied(url: &str, calendar: &Calendar) -> (Duration, u64) {
    let done = psql(
        url,
        "CREATE SCHEMA bare; CREATE TABLE bare.rolled (LIKE public.market_klines INCLUDING ALL)",
        Stdio::null(),
        Stdio::null(),
    )
    .wait();
    assert!(done.is_ok_and(|status| status.success()));
    let began = Instant::now();
    let mut out = psql(
        url,
        "COPY (SELECT symbol, time, (open * 100)::bigint, (high * 100)::bigint, (low * 100)::bigint, (close * 100)::bigint, \
         volume, (turnover * 100)::bigint, trades FROM public.market_klines WHERE interval = '1m' ORDER BY symbol, interval, time) TO STDOUT (FORMAT binary)",
        Stdio::null(),
        Stdio::piped(),
    );
    let mut back = psql(
        url,
        "COPY bare.rolled (symbol, interval, time, open, high, low, close, volume, turnover, trades) FROM STDIN",
        Stdio::piped(),
        Stdio::null(),
    );
    let mut rows = BufReader::with_capacity(1 << 20, out.stdout.take().expect("its output"));
    let mut into = std::io::BufWriter::with_capacity(1 << 20, back.stdin.take().expect("its input"));
    // Signature, flags and the length of an extension that is not there.
    rows.read_exact(&mut [0; 19]).expect("a header");
    let (mut minutes, mut symbol, mut rollup) = (0, Vec::new(), Rollup::new(calendar));
    while let Some((name, numbers)) = row(&mut rows) {
        if name != symbol {
            rollup.current().for_each(|(interval, bar)| line(&mut into, &symbol, interval, &bar));
            (symbol, rollup) = (name, Rollup::new(calendar));
        }
        let [time, open, high, low, close, volume, turnover, trades] = numbers;
        let price = |ticks| Price::from_ticks(ticks).expect("a price");
        let traded = Traded::new(turnover, trades).expect("a turnover");
        let ohlcv = Ohlcv::new(price(open), price(high), price(low), price(close), volume).expect("a bar");
        let ohlcv = ohlcv.with_traded(Some(traded));
        let bar = Bar { first: calendar.minute_starting(UnixSeconds::new(time)).expect("a minute"), ohlcv };
        rollup.push(&bar, &mut |interval, bar| line(&mut into, &symbol, interval, &bar));
        minutes += 1;
    }
    rollup.current().for_each(|(interval, bar)| line(&mut into, &symbol, interval, &bar));
    drop(into.into_inner());
    assert!(out.wait().is_ok_and(|status| status.success()) && back.wait().is_ok_and(|status| status.success()));
    (began.elapsed(), minutes)
}

/// The next row in COPY's binary format; none at the end.
fn row(rows: &mut impl Read) -> Option<(Vec<u8>, [i64; 8])> {
    let mut columns = [0; 2];
    rows.read_exact(&mut columns).expect("a row or the end");
    if i16::from_be_bytes(columns) < 0 {
        return None;
    }
    let mut length = [0; 4];
    rows.read_exact(&mut length).expect("a length");
    let mut name = vec![0; u32::from_be_bytes(length) as usize];
    rows.read_exact(&mut name).expect("a symbol");
    let mut field = [0; 12];
    let numbers = std::array::from_fn(|_| {
        rows.read_exact(&mut field).expect("a number");
        field[4..].iter().fold(0, |number, &byte| number << 8 | i64::from(byte))
    });
    Some((name, numbers))
}

fn line(into: &mut impl Write, symbol: &[u8], interval: Interval, bar: &Bar) {
    let symbol = std::str::from_utf8(symbol).expect("text");
    let Bar { first, ohlcv } = bar;
    let (open, high, low, close) = (ohlcv.open(), ohlcv.high(), ohlcv.low(), ohlcv.close());
    let (traded, volume) = (ohlcv.traded().expect("a turnover"), ohlcv.volume());
    let (turnover, trades) = (traded.turnover_units(), traded.trades());
    let start = first.start();
    writeln!(into, "{symbol}\t{interval}\t{start}\t{open}\t{high}\t{low}\t{close}\t{volume}\t{turnover}\t{trades}")
        .expect("it is written");
}
