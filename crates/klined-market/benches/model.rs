//! Bars a second on one core: both models, and the bare arithmetic that bounds them.
//!
//! `cargo bench --bench model`. The proxies draw the same words and make the same kinds of calls as a bar of each model (normal
//! draws, logarithms, exponentials, roundings), without state, calendar or limits, on the platform's own arithmetic: what
//! the machine could do.

use std::hint::black_box;
use std::sync::Arc;

use chrono::NaiveDate;
use divan::Bencher;
use divan::counter::ItemsCount;
use klined_market::base::{Board, Instrument, SectorKey, Seed};
use klined_market::calendar::Calendar;
use klined_market::model::{FullParameters, Model};
use klined_testing::SHANGHAI_MINUTES;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const DAYS: usize = 60;
const SYMBOLS: usize = 8;
const BARS: usize = DAYS * SYMBOLS * SHANGHAI_MINUTES as usize;

fn main() {
    divan::main();
}

fn calendar() -> Arc<Calendar> {
    Arc::new(Calendar::shanghai())
}

fn days(calendar: &Calendar) -> Vec<NaiveDate> {
    let first = NaiveDate::from_ymd_opt(2026, 1, 5).unwrap_or_default();
    calendar.days(first, calendar.last_day())[..DAYS].to_vec()
}

fn instruments() -> Vec<Instrument> {
    let stock = |i: usize| {
        let plain = Instrument::parse(&format!("60{i:04}"), 8.0 + i as f64, 0.022).expect("valid");
        Instrument { board: Board::Main, sector: SectorKey::of(["coal", "banks"][i % 2]), ..plain }
    };
    (0..SYMBOLS).map(stock).collect()
}

fn run(model: &Model, stocks: &[Instrument], days: &[NaiveDate]) -> i64 {
    let mut volume = 0_i64;
    for stock in stocks {
        let mut state = model.first_state(stock, days[0]);
        for &day in days {
            let mut path = model.open_day(stock, &state, day).expect("the model's own state");
            for _ in 0..SHANGHAI_MINUTES {
                volume = volume.wrapping_add(path.step().volume());
            }
            state = path.state();
        }
    }
    volume
}

fn bench(bencher: Bencher<'_, '_>, model: &Model, days: &[NaiveDate]) {
    let stocks = instruments();
    bencher.counter(ItemsCount::new(BARS)).bench_local(|| black_box(run(model, &stocks, days)));
}

#[divan::bench]
fn gbm(bencher: Bencher<'_, '_>) {
    bench(bencher, &Model::gbm(Seed(1), calendar()), &days(&calendar()));
}

#[divan::bench]
fn full(bencher: Bencher<'_, '_>) {
    let calendar = calendar();
    let days = days(&calendar);
    bench(bencher, &Model::full(Seed(1), FullParameters::default(), calendar), &days);
}

/// Four words, so many exponentials and logarithms and four roundings a bar.
fn proxy(bencher: Bencher<'_, '_>, exponentials: usize, logarithms: usize) {
    bencher.counter(ItemsCount::new(BARS)).bench_local(|| {
        let mut stream = ChaCha8Rng::seed_from_u64(1);
        let mut sum = 0_i64;
        for _ in 0..BARS {
            let words: [f64; 4] = std::array::from_fn(|_| (stream.next_u64() >> 11) as f64 / (1_u64 << 53) as f64);
            let mut x = words[0] + words[1];
            for place in 0..logarithms {
                x += (words[place % 4] + 0.5).ln();
            }
            let mut y = 1.0;
            for place in 0..exponentials {
                y += (words[place % 4] * 0.01).exp();
            }
            let prices: [i64; 4] = std::array::from_fn(|place| (y * 100.0 + words[place]).round() as i64);
            sum = sum.wrapping_add(prices.iter().sum::<i64>() + x as i64);
        }
        black_box(sum)
    });
}

#[divan::bench]
fn proxy_of_gbm(bencher: Bencher<'_, '_>) {
    proxy(bencher, 4, 3);
}

#[divan::bench]
fn proxy_of_full(bencher: Bencher<'_, '_>) {
    proxy(bencher, 5, 7);
}
