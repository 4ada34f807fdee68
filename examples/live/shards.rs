//! Live minutes by one, two and four writers on one server, and the making of their bars without a database.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use klined::jobs::{Generator, Market, Stop};
use klined_market::bars::SymbolRun;
use klined_market::calendar::Calendar;

/// From a minute's end until every shard has committed it, minute after minute. `market` opens a store of its own.
pub fn minutes(count: usize, of: usize, day: NaiveDate, market: &(dyn Fn() -> Market + Sync)) -> Vec<Duration> {
    let stop = Stop::default();
    let mut generators: Vec<Generator> = (1..=of)
        .map(|number| {
            let part = market().of_shard(format!("{number}/{of}").parse().expect("a shard"));
            Generator::start(part, &[], day, &stop).expect("the writer")
        })
        .collect();
    let step = |generator: &mut Generator| {
        generator.advance(generator.next().expect("a minute"), &Stop::default()).expect("it is written");
    };
    generators.iter_mut().for_each(step);
    let barrier = Barrier::new(of + 1);
    thread::scope(|scope| {
        for mut generator in generators {
            let barrier = &barrier;
            scope.spawn(move || {
                for _ in 0..count {
                    barrier.wait();
                    step(&mut generator);
                    barrier.wait();
                }
            });
        }
        let minute = |_| {
            barrier.wait();
            let began = Instant::now();
            barrier.wait();
            began.elapsed()
        };
        (0..count).map(minute).collect()
    })
}

/// Makes the same minutes and keeps them in memory.
pub fn bars_only(count: usize, day: NaiveDate, market: &Market) -> Vec<Duration> {
    let calendar: &Arc<Calendar> = &market.calendar;
    let stocks = market.store.universe().expect("stocks");
    let mut runs: Vec<SymbolRun> = stocks
        .iter()
        .map(|row| {
            SymbolRun::list(market.source.model().expect("a model").clone(), row.instrument().expect("valid"), day)
        })
        .collect();
    let minute = |nth: usize| {
        let began = Instant::now();
        let mut bars = Vec::with_capacity(runs.len());
        for run in &mut runs {
            run.bars_until(calendar, nth as u16 + 1, &mut bars).expect("a trading day");
        }
        std::hint::black_box(bars);
        began.elapsed()
    };
    (0..count.min(240)).map(minute).collect()
}
