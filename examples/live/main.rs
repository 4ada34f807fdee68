//! The live minute and the aggregator on PostgreSQL, each beside the bare statements of the same rows.
//!
//! `cargo run --release --example live`, or `… -- --symbols 1000 --minutes 30 --url URL` for other sizes or a server of one's own, in which it
//! makes a database and leaves it. Without a URL it starts a throw-away cluster with fsync and synchronous_commit on.
//!
//! After it: five new minutes rolled up, and live minutes by 1, 2 and 4 writers. Each line has the median, least and most of klined
//! and of its reference, taken in turns in the same run, and the ratio of the medians. The references have the same tables and keys
//! in a schema of their own, with a dense month, without triggers, roles, horizon and calendar, and rows that are ready to be sent.

#![allow(clippy::disallowed_methods, reason = "a benchmark takes the time")]

mod bare;
mod cluster;
mod shards;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use klined::jobs::{Aggregator, Generator, Market, Stop};
use klined::store::{self, StoreOptions};
use klined_market::calendar::Calendar;
use klined_market::model::ModelKind;
use klined_market::universe::Universe;

use bare::Bare;
use cluster::Cluster;

struct Wanted {
    url: Option<String>,
    symbols: usize,
    minutes: usize,
}

fn wanted() -> Wanted {
    let mut wanted = Wanted { url: None, symbols: 5400, minutes: 60 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|text| text.parse().ok()).expect("a number follows the flag");
        match word.as_str() {
            "--symbols" => wanted.symbols = number(),
            "--minutes" => wanted.minutes = number(),
            "--url" => wanted.url = words.next(),
            other => panic!("unknown flag {other}"),
        }
    }
    wanted
}

/// Median, least and most of some times, and the 99th percentile.
fn summary(name: &str, times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    println!(
        "{name:44} median {:8.1} ms   p99 {:8.1}   least {:8.1}   most {:8.1}   of {}",
        ms(at(0.5)),
        ms(at(0.99)),
        ms(times[0]),
        ms(at(1.0)),
        times.len()
    );
    at(0.5)
}

fn ratio(name: &str, of: Duration, to: Duration) {
    println!("{name:44} {:.2}", of.as_secs_f64() / to.as_secs_f64());
}

fn main() {
    let wanted = wanted();
    let cluster = wanted.url.is_none().then(Cluster::start);
    let server = wanted.url.unwrap_or_else(|| cluster.as_ref().map(Cluster::url).unwrap_or_default());
    let name = format!("klined_live_{}", std::process::id());
    let url = database(&server, &name);
    let market = claimed(&url, wanted.symbols);
    let day = NaiveDate::from_ymd_opt(2026, 3, 2).unwrap_or_default();
    let stop = Stop::default();
    let mut generator = Generator::start(market.clone(), &[], day, &stop).expect("the writer");
    let mut bare = Bare::beside(&url);

    let began = Instant::now();
    generator.advance(generator.next().expect("a minute"), &stop).expect("it is written");
    println!("{} symbols; the day's first minute took {:.0?}", wanted.symbols, began.elapsed());

    let (mut ours, mut arrays, mut copies, mut heard) = (vec![], vec![], vec![], vec![]);
    for _ in 0..wanted.minutes {
        let next = generator.next().expect("a minute");
        let began = Instant::now();
        generator.advance(next, &stop).expect("it is written");
        ours.push(began.elapsed());
        heard.extend(bare.hear().map(|at| at.duration_since(began)));
        let rows = bare.rows_of(next.start().get());
        arrays.push(bare.write_arrays(&rows));
        copies.push(bare.write_copy(&rows));
    }
    println!("\nA live minute");
    let ours = summary("klined, bars made and committed", &ours);
    if !heard.is_empty() {
        summary("klined, notification at another session", &heard);
    }
    let arrays = summary("bare, arrays", &arrays);
    let copies = summary("bare, COPY", &copies);
    ratio("klined / the faster of the two", ours, arrays.min(copies));

    let made = summary("bars made without a database", &shards::bars_only(wanted.minutes, day, &market));
    ratio("bars made / klined", made, ours);

    drop(generator);
    aggregate(&market, &mut bare, day, &stop);
    for of in [1, 2, 4, 1, 2, 4] {
        let url = database(&server, &format!("{name}_shards"));
        let times = shards::minutes(wanted.minutes, of, day, &|| claimed(&url, wanted.symbols));
        summary(&format!("a live minute by {of} writers"), &times);
    }
}

/// A new database of a name, in place of an old one: its URL.
fn database(server: &str, name: &str) -> String {
    let mut session = PgConnection::establish(&format!("{server}/postgres")).expect("the server answers");
    for statement in [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
        session.batch_execute(&statement).expect("a database can be made");
    }
    format!("{server}/{name}")
}

/// A market by way of a store of its own.
fn claimed(url: &str, symbols: usize) -> Market {
    let options = StoreOptions { url: url.parse().expect("a URL"), pool_size: 4, timeout: Duration::from_secs(60) };
    let store = store::open(&options).expect("the database answers");
    store.migrate().expect("it can be migrated");
    let universe = Universe::ashare(symbols.to_string().parse().expect("1 to 5429 symbols"));
    let calendar = Arc::new(Calendar::shanghai());
    Market::claim_filling(store, calendar, ModelKind::Full, Some(42), Some(&universe)).expect("a market")
}

/// Five new minutes of every symbol, again and again.
fn aggregate(market: &Market, bare: &mut Bare, day: NaiveDate, stop: &Stop) {
    let aggregator = Aggregator::start(market.store.clone(), market.calendar.clone(), None).expect("the aggregator");
    aggregator.run(None, stop).expect("it rolls up");
    let (mut ours, mut reads, mut writes) = (vec![], vec![], vec![]);
    for _ in 0..12 {
        let mut generator = Generator::start(market.clone(), &[], day, stop).expect("the writer");
        let from = generator.next().expect("a minute").start();
        for _ in 0..5 {
            generator.advance(generator.next().expect("a minute"), stop).expect("it is written");
        }
        drop(generator);
        let began = Instant::now();
        aggregator.run(None, stop).expect("it rolls up");
        ours.push(began.elapsed());
        let (read, written) = bare.roll_up(from.get());
        reads.push(read);
        writes.push(written);
    }
    println!("\nFive new minutes rolled up");
    let ours = summary("klined", &ours);
    let read = summary("bare, read by the key", &reads);
    let written = summary("bare, upsert of the same roll-ups", &writes);
    ratio("klined / read + upsert", ours, read + written);
}
