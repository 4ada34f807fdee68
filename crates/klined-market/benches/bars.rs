//! Days and roll-ups on one core: a symbol's way through a trading day, and the fold of its minutes into every longer interval.
//!
//! `cargo bench --bench bars`. `model` has the bars themselves, `ticks` what is inside of them.

use std::hint::black_box;
use std::sync::Arc;

use chrono::NaiveDate;
use divan::Bencher;
use divan::counter::ItemsCount;
use klined_market::bars::{Bar, Rollup, SymbolRun};
use klined_market::base::{Board, Instrument, Seed, Symbol};
use klined_market::calendar::Calendar;
use klined_market::model::{FullParameters, Model};
use klined_testing::SHANGHAI_MINUTES;

const DAYS: usize = 60;

fn main() {
    divan::main();
}

fn stock() -> Instrument {
    Instrument { board: Board::Main, ..Instrument::parse("600000", 8.0, 0.022).expect("valid") }
}

fn days(calendar: &Calendar) -> Vec<NaiveDate> {
    let first = NaiveDate::from_ymd_opt(2026, 1, 5).unwrap_or_default();
    calendar.days(first, calendar.last_day())[..DAYS].to_vec()
}

/// A stock's bars of all days.
fn run(model: &Model, calendar: &Calendar, days: &[NaiveDate]) -> Vec<(Symbol, Bar)> {
    let mut bars = Vec::with_capacity(days.len() * usize::from(SHANGHAI_MINUTES));
    let mut run = SymbolRun::list(model.clone(), stock(), days[0]);
    for (nth, &day) in days.iter().enumerate() {
        if nth > 0 {
            run.open_day(stock(), day);
        }
        run.bars_until(calendar, SHANGHAI_MINUTES, &mut bars).expect("a trading day");
    }
    bars
}

/// Opening, 240 minutes and closing, of a stock whose market's days are made already.
fn day(bencher: Bencher<'_, '_>, model: &Model, calendar: &Calendar) {
    let days = days(calendar);
    bencher.counter(ItemsCount::new(DAYS)).bench_local(|| black_box(run(model, calendar, &days)));
}

#[divan::bench]
fn day_of_gbm(bencher: Bencher<'_, '_>) {
    let calendar = Arc::new(Calendar::shanghai());
    day(bencher, &Model::gbm(Seed(1), calendar.clone()), &calendar);
}

#[divan::bench]
fn day_of_full(bencher: Bencher<'_, '_>) {
    let calendar = Arc::new(Calendar::shanghai());
    day(bencher, &Model::full(Seed(1), FullParameters::default(), calendar.clone()), &calendar);
}

/// Minutes a second into eight intervals.
#[divan::bench]
fn roll_up(bencher: Bencher<'_, '_>) {
    let calendar = Arc::new(Calendar::shanghai());
    let bars = run(&Model::gbm(Seed(1), calendar.clone()), &calendar, &days(&calendar));
    bencher.counter(ItemsCount::new(bars.len())).bench_local(|| {
        let mut rollup = Rollup::new(&calendar);
        let mut volume = 0_i64;
        for (_, bar) in &bars {
            rollup.push(bar, &mut |_, whole| volume = volume.wrapping_add(whole.ohlcv.volume()));
        }
        black_box((volume, rollup.current().count()))
    });
}
