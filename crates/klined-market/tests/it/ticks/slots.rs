//! The trades of a test feed: one or two of 100 to 500 shares in every tenth of a second, and the bar is what they add up to.

use std::collections::BTreeMap;
use std::sync::Arc;

use klined_market::bars::ticks::{MinuteTicks, rolled_up};
use klined_market::bars::{Bar, SymbolRun};
use klined_market::base::{Instrument, Nanos, Ohlcv, Seed};
use klined_market::calendar::{Calendar, Hours};
use klined_market::model::{GbmVersion, Model};
use klined_testing::date;
use klined_testing::stats::fnv1a;

use super::laws::check;

const TENTH: i64 = Nanos::SECOND.get() / 10;

fn model(seed: u64) -> Model {
    let calendar = Arc::new(Calendar::of(Hours::AroundTheClock));
    Model::gbm_of_version(Seed(seed), GbmVersion::Test, calendar)
}

fn stock() -> Instrument {
    Instrument::parse("FAKETICKER", 100.0, 0.02).unwrap()
}

/// The bars of a day's first minutes.
fn bars(seed: u64, minutes: u16) -> (SymbolRun, Vec<Bar>) {
    let model = model(seed);
    let mut run = SymbolRun::list(model.clone(), stock(), date("2026-01-05"));
    let mut bars = Vec::new();
    run.bars_until(model.calendar(), minutes, &mut bars).unwrap();
    (run, bars.into_iter().map(|(_, bar)| bar).collect())
}

#[test]
fn every_tenth_of_a_second_has_one_or_two_trades_and_the_bar_is_their_sum() {
    let (mut ones, mut twos, mut sizes) = (0_i64, 0_i64, BTreeMap::<i64, i64>::new());
    for seed in 0..60 {
        let (run, bars) = bars(seed, 3);
        for bar in &bars {
            let ticks = MinuteTicks::of(Seed(seed), &stock().symbol, &run.tick_facts(), bar);
            assert_eq!(rolled_up(ticks.trades()), Some(bar.ohlcv), "seed {seed}");
            check(&ticks, &run.tick_facts(), bar);
            let start = bar.first.start().saturating_nanos();
            let mut tenths = [0; 600];
            for trade in ticks.trades() {
                let at = (trade.at - start).get();
                tenths[(at / TENTH) as usize] += 1;
                assert!((100..=500).contains(&trade.shares), "{trade:?}");
                assert!(at % TENTH < TENTH / 50, "{trade:?}");
                *sizes.entry(trade.shares).or_default() += 1;
            }
            assert!(tenths.iter().all(|&count| count == 1 || count == 2), "seed {seed}: {tenths:?}");
            ones += tenths.iter().filter(|&&count| count == 1).count() as i64;
            twos += tenths.iter().filter(|&&count| count == 2).count() as i64;
        }
    }
    // n = 60 · 3 · 600 tenths: three standard deviations of a fair coin are 0.0046.
    assert!((ones as f64 / (ones + twos) as f64 - 0.5).abs() < 0.0046, "{ones} and {twos}");
    // Every size is there; about 404 trades have each, with a standard deviation of 20.
    assert_eq!((sizes.len(), sizes.keys().min(), sizes.keys().max()), (401, Some(&100), Some(&500)));
    assert!(sizes.values().all(|count| (300..=510).contains(count)), "{sizes:?}");
}

#[test]
fn the_bars_are_the_same_however_the_run_is_cut() {
    let (run, whole) = bars(7, 40);
    let model = model(7);
    let mut cut = SymbolRun::list(model.clone(), stock(), date("2026-01-05"));
    let mut bars = Vec::new();
    cut.bars_until(model.calendar(), 13, &mut bars).unwrap();
    let mut resumed = SymbolRun::resume(model.clone(), model.calendar(), cut.checkpoint(), cut.last_bar()).unwrap();
    resumed.bars_until(model.calendar(), 40, &mut bars).unwrap();
    assert_eq!(bars.iter().map(|(_, bar)| *bar).collect::<Vec<_>>(), whole);
    let last = whole[whole.len() - 1].first;
    assert_eq!(resumed.snapshot(last), run.snapshot(last));
    assert_eq!(
        run.snapshot(last).unwrap().day_volume,
        whole.iter().map(|bar| bar.ohlcv.volume()).sum::<i64>(),
        "the day has the volume of its minutes"
    );
    // Prices are those of the plain model's version 2.
    let plain = Model::gbm_of_version(Seed(7), GbmVersion::V2, model.calendar().clone());
    let mut plain_bars = Vec::new();
    SymbolRun::list(plain, stock(), date("2026-01-05")).bars_until(model.calendar(), 40, &mut plain_bars).unwrap();
    let prices = |bar: &Bar| [bar.ohlcv.open(), bar.ohlcv.high(), bar.ohlcv.low(), bar.ohlcv.close()];
    let plain_prices: Vec<_> = plain_bars.iter().map(|(_, bar)| prices(bar)).collect();
    assert_eq!(whole.iter().map(prices).collect::<Vec<_>>(), plain_prices);
}

#[test]
fn a_bar_that_another_program_has_changed_has_trades_that_add_up_to_it() {
    let (run, bars) = bars(3, 2);
    for volume in [0, 1, 400, 250_000, bars[1].ohlcv.volume() + 1] {
        let Bar { first, ohlcv } = bars[1];
        let [open, high, low, close] = [ohlcv.open(), ohlcv.high(), ohlcv.low(), ohlcv.close()];
        let edited = Bar { first, ohlcv: Ohlcv::new(open, high, low, close, volume).unwrap() };
        check(&MinuteTicks::of(Seed(3), &stock().symbol, &run.tick_facts(), &edited), &run.tick_facts(), &edited);
    }
}

#[test]
fn pinned_values() {
    let (run, bars) = bars(42, 5);
    let of = |bar| MinuteTicks::of(Seed(42), &stock().symbol, &run.tick_facts(), bar);
    let mut text = String::new();
    for ticks in bars.iter().map(of) {
        for (trade, quote) in ticks.trades().iter().zip(ticks.quotes()) {
            let sizes = [quote.bid, quote.ask].map(|level| level.map_or(0, |level| level.shares));
            let numbers = (trade.at.get(), trade.price.ticks(), trade.shares, quote.at.get(), sizes);
            text += &format!("{numbers:?}");
        }
    }
    assert_eq!(fnv1a(text.bytes()), 0x20977de1e84de0cf);
}
