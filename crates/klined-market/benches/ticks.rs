//! Trades a second on one core, each with its quote, and the bare arithmetic that bounds them.
//!
//! `cargo bench --bench ticks`. `typical` is the minutes of main-board stocks under the full model, about a hundred
//! trades each; `busy` the same with the most trades that a minute has. The proxies draw as many words and make the
//! same kinds of calls for a trade (logarithms, an exponential, a root, divisions, a sort of the minute's times, two
//! rows written), without any rule, on the platform's own arithmetic: what the machine could do.

use std::hint::black_box;
use std::sync::Arc;

use chrono::NaiveDate;
use divan::Bencher;
use divan::counter::ItemsCount;
use klined_market::bars::Bar;
use klined_market::bars::ticks::{MinuteTicks, TickFacts, traded_of};
use klined_market::base::{Board, Instrument, Ohlcv, Seed, Symbol};
use klined_market::calendar::Calendar;
use klined_market::model::{FullParameters, Model};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const SYMBOLS: usize = 8;

fn main() {
    divan::main();
}

/// One day of some stocks, each bar's volume times a factor.
fn bars(factor: u64) -> Vec<(Symbol, TickFacts, Bar)> {
    let calendar = Arc::new(Calendar::shanghai());
    let day = NaiveDate::from_ymd_opt(2026, 1, 5).unwrap_or_default();
    let model = Model::full(Seed(1), FullParameters::default(), calendar.clone());
    let mut bars = Vec::new();
    for nth in 0..SYMBOLS {
        let plain = Instrument::parse(&format!("60{nth:04}"), 8.0 + nth as f64, 0.022).expect("valid");
        let stock = Instrument { board: Board::Main, ..plain };
        let mut path = model.open_day(&stock, &model.first_state(&stock, day), day).expect("the model's own state");
        let limits = stock.board.price_limits(false, day, path.price());
        for first in calendar.minutes_of(day) {
            let made = path.step();
            let volume = made.volume().unsigned_abs() * factor;
            let ohlcv = Ohlcv::spanning(made.open(), made.close(), made.high(), made.low(), volume);
            bars.push((stock.symbol, TickFacts { limits, ..TickFacts::of_board(stock.board) }, Bar { first, ohlcv }));
        }
    }
    bars
}

/// How many trades each bar has.
fn counts(bars: &[(Symbol, TickFacts, Bar)]) -> Vec<usize> {
    bars.iter().map(|(symbol, facts, bar)| MinuteTicks::of(Seed(1), symbol, facts, bar).trades().len()).collect()
}

fn ticks(bencher: Bencher<'_, '_>, bars: &[(Symbol, TickFacts, Bar)]) {
    bencher.counter(ItemsCount::new(counts(bars).iter().sum::<usize>())).bench_local(|| {
        for (symbol, facts, bar) in bars {
            black_box(MinuteTicks::of(Seed(1), symbol, facts, bar));
        }
    });
}

#[divan::bench]
fn typical(bencher: Bencher<'_, '_>) {
    ticks(bencher, &bars(1));
}

/// The same trades, made to add up to a turnover.
#[divan::bench]
fn fitted(bencher: Bencher<'_, '_>) {
    let (calendar, mut bars) = (Calendar::shanghai(), bars(1));
    for (symbol, facts, bar) in &mut bars {
        bar.ohlcv = bar.ohlcv.with_traded(traded_of(Seed(1), &calendar, symbol, facts.board, bar));
    }
    ticks(bencher, &bars);
}

#[divan::bench]
fn busy(bencher: Bencher<'_, '_>) {
    ticks(bencher, &bars(1_000_000));
}

fn proxy(bencher: Bencher<'_, '_>, factor: u64) {
    let counts = counts(&bars(factor));
    bencher.counter(ItemsCount::new(counts.iter().sum::<usize>())).bench_local(|| {
        let unit = |word: u64| (word >> 12) as f64 / (1_u64 << 52) as f64 + 1e-17;
        for (minute, &count) in counts.iter().enumerate() {
            let mut stream = ChaCha8Rng::seed_from_u64(minute as u64);
            let sizes: Vec<f64> = (0..count).map(|_| (unit(stream.next_u64()).ln() / -1.5).exp()).collect();
            let mut times: Vec<u64> = (0..count).map(|_| (unit(stream.next_u64()).ln() * -1e9) as u64).collect();
            times.sort_unstable();
            let (mut quotes, mut trades) = (Vec::with_capacity(count), Vec::with_capacity(count));
            let mut price = 1000.0;
            for (place, (&time, &size)) in times.iter().zip(&sizes).enumerate() {
                let left = (count - place) as f64;
                price += (1000.0 - price) / left + unit(stream.next_u64()) * ((left - 1.0) / left).sqrt();
                let (bits, depths) = (stream.next_u64(), stream.next_u64());
                let (bid, ask) = (unit(depths).ln() * -1e3, unit(depths << 26).ln() * -1e3);
                quotes.push([time as i64, price as i64, bid as i64, price as i64 + 1, ask as i64, 1, 1]);
                trades.push([time as i64, price as i64, size as i64, (bits & 1) as i64]);
            }
            black_box((quotes, trades));
        }
    });
}

#[divan::bench]
fn proxy_of_typical(bencher: Bencher<'_, '_>) {
    proxy(bencher, 1);
}

#[divan::bench]
fn proxy_of_busy(bencher: Bencher<'_, '_>) {
    proxy(bencher, 1_000_000);
}
