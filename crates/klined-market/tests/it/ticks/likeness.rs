//! What is true of many minutes: fixed seeds, stated sizes of samples.
//!
//! The sample is 2,400 minutes of a typical main-board stock under the full model (seed 5, 10 days): 8.00, 149 million
//! a day.

use std::sync::{Arc, LazyLock};

use klined_market::bars::ticks::{MinuteTicks, Side, Trade};
use klined_market::base::{Board, Instrument, Nanos, Seed};
use klined_market::model::{FullParameters, FullVersion, Model};
use klined_testing::SHANGHAI;
use klined_testing::market::full_of_version;
use klined_testing::stats::{ALPHA, chi_square, deviation, ks, mean_and_error, uniform_cdf};

use super::{bars_of, minute};

fn sample(model: &Model, stock: &Instrument, days: usize) -> Vec<MinuteTicks> {
    let mut sample = Vec::new();
    bars_of(model, stock, days, |facts, bar| sample.push(MinuteTicks::of(Seed(5), &stock.symbol, facts, bar)));
    sample
}

fn stock(symbol: &str, price: f64) -> Instrument {
    Instrument { board: Board::Main, ..Instrument::parse(symbol, price, 0.022).unwrap() }
}

/// 1500.00 and 5,000 million a day over 2 days: 480 minutes.
static DEAR: LazyLock<Vec<MinuteTicks>> =
    LazyLock::new(|| sample(&full(), &stock("600519", 1500.0).with_market(1.0, 5e9).unwrap(), 2));

fn full() -> Model {
    Model::full(Seed(5), FullParameters::default(), Arc::new(SHANGHAI.clone()))
}

static TYPICAL: LazyLock<Vec<MinuteTicks>> = LazyLock::new(|| sample(&full(), &stock("600001", 8.0), 10));

/// Each trade's time as a share of its minute.
fn times(ticks: &MinuteTicks) -> Vec<f64> {
    let start = ticks.minute().start().saturating_nanos();
    ticks.trades().iter().map(|trade| (trade.at - start).get() as f64 / Nanos::MINUTE.get() as f64).collect()
}

#[test]
fn a_typical_minute_has_a_hundred_trades_or_so() {
    let counts: Vec<f64> = TYPICAL.iter().map(|ticks| ticks.trades().len() as f64).collect();
    let (mean, _) = mean_and_error(&counts);
    println!("trades a minute: {mean:.1}, n = {}", counts.len());
    assert!((80.0..160.0).contains(&mean), "{mean}");
}

#[test]
fn trades_come_in_clusters() {
    let mut gaps = Vec::new();
    let mut dispersion = Vec::new();
    for ticks in TYPICAL.iter().filter(|ticks| ticks.trades().len() >= 60) {
        let times = times(ticks);
        let mean_gap = 1.0 / times.len() as f64;
        gaps.extend(times.windows(2).map(|pair| (pair[1] - pair[0]) / mean_gap));
        // Trades in each second against a Poisson process of the same rate: variance over mean.
        let mut counts = [0.0; 60];
        for time in &times {
            counts[(time * 60.0) as usize] += 1.0;
        }
        dispersion.push(deviation(&counts).powi(2) / (times.len() as f64 / 60.0));
    }
    let variation = deviation(&gaps) / mean_and_error(&gaps).0;
    let (fano, error) = mean_and_error(&dispersion);
    println!("CV of gaps {variation:.2}, n = {}; Fano factor of seconds {fano:.2} ± {error:.2}", gaps.len());
    assert!((1.6..2.8).contains(&variation), "{variation}");
    assert!(fano - 5.0 * error > 1.5, "{fano} ± {error}");
}

#[test]
fn no_part_of_the_minute_is_busier_than_another() {
    // One trade a minute, so that clusters do not make the sample smaller than it is.
    let picked = TYPICAL.iter().enumerate().filter_map(|(nth, ticks)| {
        let times = times(ticks);
        times.get(nth * 7919 % times.len().max(1)).copied()
    });
    assert!(ks(picked.collect(), uniform_cdf) > ALPHA);
}

#[test]
fn sizes_are_heavy_tailed() {
    let mut relative = Vec::new();
    for ticks in TYPICAL.iter().filter(|ticks| ticks.trades().len() >= 60) {
        let total: i64 = ticks.trades().iter().map(|trade| trade.shares).sum();
        let mean = total as f64 / ticks.trades().len() as f64;
        relative.extend(ticks.trades().iter().map(|trade| trade.shares as f64 / mean));
    }
    relative.sort_by(|one, other| other.total_cmp(one));
    // Hill's estimate over the largest hundredth.
    let largest = relative.len() / 100;
    let threshold = relative[largest].ln();
    let hill = largest as f64 / relative[..largest].iter().map(|size| size.ln() - threshold).sum::<f64>();
    let small = relative.iter().filter(|&&size| size < 1.0).count() as f64 / relative.len() as f64;
    println!("tail exponent {hill:.2}, below the mean {small:.2}, n = {}", relative.len());
    assert!((1.2..2.4).contains(&hill), "{hill}");
    assert!(small > 0.6, "{small}");
}

/// Spread in ticks of each quote with two sides.
fn spreads(sample: &[MinuteTicks]) -> Vec<f64> {
    let quotes = sample.iter().flat_map(|ticks| ticks.quotes());
    let spread = quotes.filter_map(|quote| Some((quote.ask?.price.ticks() - quote.bid?.price.ticks()) as f64));
    spread.collect()
}

#[test]
fn the_spread_is_a_tick_mostly_and_wider_for_dear_stocks() {
    let typical = spreads(&TYPICAL);
    let one_tick = typical.iter().filter(|&&spread| spread == 1.0).count() as f64 / typical.len() as f64;
    let dear = spreads(&DEAR);
    let (mean, dear_mean) = (mean_and_error(&typical).0, mean_and_error(&dear).0);
    println!("one tick {one_tick:.3}, mean {mean:.3}, n = {}; at 1500.00 mean {dear_mean:.1}", typical.len());
    assert!((0.8..1.0).contains(&one_tick) && mean < 1.3, "{one_tick} {mean}");
    assert!((5.0..60.0).contains(&dear_mean), "{dear_mean}");
}

/// First autocorrelation of the changes from trade to trade, within minutes.
fn bounce(sample: &[MinuteTicks]) -> (f64, usize) {
    let (mut products, mut squares, mut n) = (0.0, 0.0, 0);
    for ticks in sample {
        let changes: Vec<f64> =
            ticks.trades().windows(2).map(|pair| (pair[1].price.ticks() - pair[0].price.ticks()) as f64).collect();
        products += changes.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>();
        squares += changes.iter().map(|change| change * change).sum::<f64>();
        n += changes.len();
    }
    (products / squares, n)
}

#[test]
fn prices_bounce_between_bid_and_ask() {
    let (typical, n) = bounce(&TYPICAL);
    let (dear, of_dear) = bounce(&DEAR);
    println!("first autocorrelation {typical:.3}, n = {n}; at 1500.00 {dear:.3}, n = {of_dear}");
    assert!((-0.5..-0.2).contains(&typical), "{typical}");
    assert!((-0.5..-0.1).contains(&dear), "{dear}");
}

#[test]
fn buyers_and_sellers_are_as_many_and_the_tick_rule_mostly_finds_them() {
    let (mut buys, mut told, mut right) = (0.0, 0.0, 0.0);
    let mut n = 0.0;
    for ticks in TYPICAL.iter() {
        buys += ticks.trades().iter().filter(|trade| trade.side == Side::Buy).count() as f64;
        n += ticks.trades().len() as f64;
        let mut guess = None;
        for pair in ticks.trades().windows(2) {
            match pair[1].price.cmp(&pair[0].price) {
                std::cmp::Ordering::Greater => guess = Some(Side::Buy),
                std::cmp::Ordering::Less => guess = Some(Side::Sell),
                std::cmp::Ordering::Equal => {}
            }
            told += f64::from(u8::from(guess.is_some()));
            right += f64::from(u8::from(guess == Some(pair[1].side)));
        }
    }
    println!("buys {:.3}, tick rule right {:.3}, n = {n}", buys / n, right / told);
    assert!((buys / n - 0.5).abs() < 0.02, "{}", buys / n);
    assert!(right / told > 0.7, "{}", right / told);
}

#[test]
fn extremes_come_in_no_half_of_the_minute_rather_than_the_other() {
    // 24,000 minutes at 900000.00, where prices are not coarse, with a hundred trades each or so.
    let dear = |symbol| Instrument::parse(symbol, 900_000.0, 0.02).unwrap().with_market(1.0, 1e13).unwrap();
    // A version in which every minute of so dear a stock has trades.
    let model = full_of_version(5, FullVersion::V2);
    let sample: Vec<_> =
        ["A", "B", "C", "D", "E"].iter().flat_map(|symbol| sample(&model, &dear(symbol), 20)).collect();
    type Key = fn(&Trade) -> i64;
    let places: [(&str, Key); 2] = [("high", |trade| trade.price.ticks()), ("low", |trade| -trade.price.ticks())];
    for (name, key) in places {
        let place = |ticks: &MinuteTicks| {
            let trades = ticks.trades();
            let extreme = trades.iter().map(key).max();
            let touches = |trade: &&Trade| Some(key(trade)) == extreme;
            let first = trades.iter().find(touches).unwrap().place;
            let last = trades.iter().rfind(touches).unwrap().place;
            // In between, so that reversing time would not change the law of it.
            (f64::from(first + last) + 1.0) / 2.0 / trades.len() as f64
        };
        let places: Vec<f64> = sample.iter().map(place).collect();
        let (mean, error) = mean_and_error(&places);
        let early = places.iter().filter(|&&place| place < 0.5).count() as u64;
        let spread = deviation(&places);
        println!("{name}: mean place {mean:.4} ± {error:.4}, deviation {spread:.3}, n = {}", places.len());
        // Anywhere in the minute: 0.29 if all places were alike, 0.35 of a Brownian motion.
        assert!((0.25..0.40).contains(&spread), "{name} {spread}");
        assert!((mean - 0.5).abs() < 4.0 * error, "{name} {mean} ± {error}");
        assert!(chi_square(&[early, places.len() as u64 - early], &[0.5, 0.5]) > ALPHA);
    }
    assert_eq!(sample[0].minute(), minute(0));
}
