//! What the feed costs: `cargo run --example feed -- [SYMBOLS] [MINUTES]`.
//!
//! A generator writes an invented market of A-shares to a SQLite file, and a pump tells all of it to one subscriber, on a wall
//! clock that is driven, at speeds 1 and 60. It prints the processor time that the pump's thread takes of the time that would
//! have passed, and the process's resident memory.

use std::time::Duration;

use klined::feed::{Pump, WAIT_MAX};
use klined::jobs::{Generator, Market, ModelChoice, Stop};
use klined::store::{self, StoreOptions};
use klined_market::base::{Nanos, Pace, UnixNanos};
use klined_market::calendar::Calendar;
use klined_market::universe::{StockCount, Universe};

/// How often a follower looks for a sign.
const FOLLOW_STEP: Nanos = Nanos::new(5 * Nanos::MILLISECOND.get());

/// Processor time of this thread, as Linux counts it.
fn thread_time() -> Nanos {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Nanos::new(stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

/// Resident memory in MB.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096 / 1_000_000
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let symbols: StockCount = words.next().as_deref().unwrap_or("500").parse()?;
    let minutes: i64 = words.next().map_or(Ok(20), |word| word.parse())?;
    let directory = tempfile::tempdir()?;
    let url = format!("sqlite:///{}", directory.path().join("market.db").display()).parse()?;
    let store = store::open(&StoreOptions { url, pool_size: 4, timeout: Duration::from_secs(30) })?;
    store.migrate()?;
    let universe = Universe::ashare(symbols);
    let market =
        Market::claim_filling(store, Calendar::shanghai().into(), ModelChoice::default(), Some(42), Some(&universe))?;
    let mut generator = Generator::start(market.clone(), &[], "2026-03-02".parse()?, &Stop::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bare = resident();
    let mut wall = UnixNanos::EPOCH;
    for speed in [1.0, 60.0] {
        let mut pump = Pump::new(market.clone());
        let mut subscription = pump.subscribe();
        let mut write = |wall| -> Result<(), klined::jobs::JobError> {
            generator.keep_time(Pace::Test { speed }, wall);
            let next = generator.next()?;
            generator.advance(next, &Stop::default()).map(drop)
        };
        write(wall)?;
        pump.look(wall)?;
        let began = thread_time();
        runtime.block_on(async {
            let look = async { pump.look(wall) };
            tokio::join!(subscription.subscribe_to_all(), look).1
        })?;
        let opening = thread_time() - began;
        let mut follow = market.store.follow()?;
        let [mut looking, mut telling, mut following, mut passed] = [Nanos::ZERO; 4];
        let length = Nanos::new((Nanos::MINUTE.get() as f64 / speed) as i64);
        for _ in 0..minutes {
            let began = thread_time();
            let step = Nanos::new(WAIT_MAX.as_nanos() as i64);
            for at in 1..=length / step {
                pump.send_due(wall + step * at);
            }
            telling = telling + thread_time() - began;
            wall += length;
            passed = passed + length;
            let began = thread_time();
            for _ in 0..length / FOLLOW_STEP {
                follow.wait(Duration::ZERO)?;
            }
            following = following + thread_time() - began;
            write(wall)?;
            let began = thread_time();
            pump.look(wall)?;
            looking = looking + thread_time() - began;
        }
        let share = |spent: Nanos| 100.0 * spent.get() as f64 / passed.get() as f64;
        println!(
            "speed {speed}: {symbols} symbols begun in {} ms; of a core: telling {:.2} %, a look at each commit {:.2} %, \
             following {:.2} %; {} events in {minutes} minutes; {} MB resident, {bare} MB without the feed",
            opening / Nanos::MILLISECOND,
            share(telling),
            share(looking),
            share(following),
            pump.counts().events.load(std::sync::atomic::Ordering::Relaxed),
            resident(),
        );
    }
    Ok(())
}
