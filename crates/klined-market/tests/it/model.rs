//! The market's arithmetic three ways: pinned numbers, samples against the laws, properties of every bar.

use klined_market::base::{Ohlcv, Price};
use klined_market::model::{GbmVersion, Regime, SymbolState};
use klined_testing::market::{Inside, gbm, gbm_of_version, inside, instrument};
use klined_testing::stats::{
    ALPHA, chi_square, deviation, fnv1a, ks, ks_two_samples, mean_and_error, normal_cdf, uniform_cdf,
};
use klined_testing::{SHANGHAI_MINUTES, date, trading_days_from};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use super::sample::{
    FIRST_DAY, Move, Redraw, SAMPLE, SAMPLE_DAYS, SAMPLE_VOLATILITY, any_instrument, bars_of, minute_drift,
    minute_variance,
};

/// The chain's transition matrix, rows and columns in the order of `Regime::ALL`.
const TRANSITIONS: [[f64; 3]; 3] = [[0.90, 0.08, 0.02], [0.15, 0.70, 0.15], [0.02, 0.08, 0.90]];
/// Its stationary law.
const STATIONARY: [f64; 3] = [15.0 / 38.0, 8.0 / 38.0, 15.0 / 38.0];

fn place(regime: Regime) -> usize {
    Regime::ALL.iter().position(|&other| other == regime).unwrap()
}

fn moves() -> impl Iterator<Item = &'static Move> {
    SAMPLE.iter().flat_map(|seen| &seen.moves)
}

fn redraws() -> impl Iterator<Item = &'static Redraw> {
    SAMPLE.iter().flat_map(|seen| &seen.redraws)
}

fn printed(bar: &Ohlcv) -> String {
    format!("{} {} {} {} {}", bar.open(), bar.high(), bar.low(), bar.close(), bar.volume())
}

// Pinned numbers. When one of these changes, the same seed gives another market: `ModelKind::version` must change too.

#[test]
fn the_bars_of_a_day_are_pinned() {
    let pinned_1 = [
        "150.00 150.01 149.70 149.84 2700",
        "149.84 149.84 149.56 149.61 8300",
        "149.61 149.83 149.58 149.74 2800",
        "149.74 149.86 149.56 149.64 1500",
        "149.64 149.71 149.24 149.24 4300",
        "141.15 141.19 140.87 140.97 2500",
        "140.97 141.00 140.67 140.81 700",
    ];
    let pinned_2 = [
        "150.00 150.01 149.75 149.86 2700",
        "149.86 149.87 149.63 149.67 8300",
        "149.67 149.86 149.65 149.78 2800",
        "149.78 149.89 149.63 149.69 1500",
        "149.69 149.76 149.36 149.36 4300",
        "142.55 142.59 142.31 142.40 2500",
        "142.40 142.43 142.15 142.26 700",
    ];
    for (version, pinned) in [(GbmVersion::V1, pinned_1), (GbmVersion::V2, pinned_2)] {
        let model = gbm_of_version(42, version);
        assert_eq!(model.version(), version.name());
        let bars = bars_of(model, &instrument("AAPL", "150.00", 0.025), &[date("2026-01-05")]);
        let lines: Vec<String> = bars[..5].iter().chain(&bars[238..]).map(|(_, bar)| printed(bar)).collect();
        assert_eq!(lines, pinned, "{}", version.name());
    }
    assert_eq!(gbm(42).kind.version(), "gbm-2");
}

#[test]
fn a_version_is_found_by_its_name_in_a_database() {
    for version in GbmVersion::ALL {
        assert_eq!(GbmVersion::of_identity(version.name()), Some(version));
    }
    for unknown in ["gbm", "gbm-3", "gbm-1+1", "full-2", ""] {
        assert_eq!(GbmVersion::of_identity(unknown), None, "{unknown}");
    }
}

#[test]
fn a_market_has_its_checksum() {
    let days = trading_days_from(date("2026-01-05"), 20);
    let market = [("AAPL", "150.00", 0.025), ("600519", "1500.00", 0.018), ("PENNY", "0.35", 0.06)];
    for (version, checksum) in [(GbmVersion::V1, 0x4aa5_6fd7_7748_de57), (GbmVersion::V2, 0xb0b0c99a698b4817)] {
        let bytes = market.into_iter().flat_map(|(symbol, price, volatility)| {
            let bars = bars_of(gbm_of_version(42, version), &instrument(symbol, price, volatility), &days);
            bars.into_iter().flat_map(|(regime, bar)| {
                let prices = [bar.open(), bar.high(), bar.low(), bar.close()].map(Price::ticks);
                let numbers = [place(regime) as i64, prices[0], prices[1], prices[2], prices[3], bar.volume()];
                numbers.into_iter().flat_map(i64::to_le_bytes)
            })
        });
        assert_eq!(fnv1a(bytes), checksum, "{}", version.name());
    }
}

// Samples against the laws.

#[test]
fn a_minutes_return_is_normal_in_every_regime() {
    for regime in Regime::ALL {
        let draws: Vec<f64> = moves().filter(|seen| seen.regime == regime).map(Move::draw).collect();
        assert!(draws.len() >= 100_000, "{regime}: only {} minutes", draws.len());
        let p = ks(draws, normal_cdf);
        assert!(p > ALPHA, "{regime}: p = {p}");
    }
}

#[test]
fn the_draws_are_those_of_an_independent_normal_sampler() {
    let ours: Vec<f64> = moves().map(Move::draw).collect();
    let mut stream = ChaCha8Rng::seed_from_u64(2026);
    let theirs = (0..ours.len()).map(|_| StandardNormal.sample(&mut stream)).collect();
    let p = ks_two_samples(ours, theirs);
    assert!(p > ALPHA, "p = {p}");
}

#[test]
fn the_draws_of_minutes_days_and_symbols_know_nothing_of_each_other() {
    let minutes = usize::from(SHANGHAI_MINUTES);
    let series: Vec<Vec<f64>> = SAMPLE
        .iter()
        .filter(|seen| !seen.moves.is_empty())
        .map(|seen| seen.moves.iter().map(Move::draw).collect())
        .collect();
    let later_by = |lag: usize| {
        let pairs = series.iter().flat_map(move |draws| draws.iter().zip(&draws[lag..]));
        pairs.map(|(one, other)| one * other).collect::<Vec<f64>>()
    };
    let neighbours = series.windows(2).flat_map(|pair| pair[0].iter().zip(&pair[1])).map(|(one, other)| one * other);
    for (pair, products) in [("minutes", later_by(1)), ("days", later_by(minutes)), ("symbols", neighbours.collect())] {
        let correlation = products.iter().sum::<f64>() / products.len() as f64;
        let bound = 4.0 / (products.len() as f64).sqrt();
        assert!(correlation.abs() < bound, "neighbouring {pair}: correlation {correlation}, bound {bound}");
    }
}

#[test]
fn the_extremes_are_those_of_a_brownian_bridge() {
    // P(M > m) = exp(−2m(m − x)/v) for the maximum of a bridge to x, so this of M itself is uniform; below by symmetry.
    let level = |reach: f64, end: f64, variance: f64| (-2.0 * reach * (reach - end) / variance).exp();
    let highs: Vec<f64> = moves().map(|seen| level(seen.high, seen.close, seen.variance)).collect();
    let lows: Vec<f64> = moves().map(|seen| level(-seen.low, -seen.close, seen.variance)).collect();
    assert!(highs.len() >= 100_000);
    // The two are coupled, which shows in their correlation: 1 − u with probability 0.546, else independent.
    let products: Vec<f64> = highs.iter().zip(&lows).map(|(up, down)| 12.0 * (up - 0.5) * (down - 0.5)).collect();
    let (correlation, error) = mean_and_error(&products);
    assert!((correlation + 0.546).abs() < 4.0 * error, "correlation {correlation} ± {error}");
    for (name, levels) in [("high", &highs), ("low", &lows)] {
        // Over all, and whatever the minute's direction and size in standard deviations.
        for (from, until) in [(-9.0, 9.0), (-9.0, -1.0), (-1.0, 0.0), (0.0, 1.0), (1.0, 9.0)] {
            let is_inside = |seen: &Move| (from..until).contains(&(seen.close / seen.variance.sqrt()));
            let inside = moves().zip(levels).filter(|(seen, _)| is_inside(seen)).map(|(_, &level)| level).collect();
            let p = ks(inside, uniform_cdf);
            assert!(p > ALPHA, "{name}, moves of {from} to {until}: p = {p}");
        }
    }
}

#[test]
fn the_chain_changes_by_its_transition_matrix() {
    let mut counts = [[0_u64; 3]; 3];
    for redraw in redraws() {
        counts[place(redraw.from)][place(redraw.to)] += 1;
    }
    let n: u64 = counts.iter().flatten().sum();
    assert!(n >= 100_000, "only {n} redraws");
    for (from, (row, law)) in Regime::ALL.iter().zip(counts.iter().zip(&TRANSITIONS)) {
        let p = chi_square(row, law);
        assert!(p > ALPHA, "from {from}: {row:?}, p = {p}");
    }
}

#[test]
fn a_regime_holds_for_30_to_120_minutes_each_as_likely() {
    let mut counts = [0_u64; 91];
    for redraw in redraws() {
        assert!((30..=120).contains(&redraw.hold), "{redraw:?}");
        counts[usize::from(redraw.hold) - 30] += 1;
    }
    let p = chi_square(&counts, &[1.0 / 91.0; 91]);
    assert!(p > ALPHA, "{counts:?}, p = {p}");
}

#[test]
fn between_two_redraws_the_regime_holds_and_its_minutes_run_down() {
    let (model, stock) = (gbm(3), instrument("HOLD", "150.00", 0.02));
    let days = trading_days_from(date(FIRST_DAY), 20);
    let mut state = model.first_state(&stock, days[0]);
    let mut before = inside(&state);
    for day in days {
        let mut path = model.open_day(&stock, &state, day).unwrap();
        for _ in 0..SHANGHAI_MINUTES {
            path.step();
            let now = inside(&path.state());
            assert_eq!(path.regime(), now.regime);
            if before.minutes_left > 0 {
                assert_eq!((now.regime, now.minutes_left), (before.regime, before.minutes_left - 1));
            } else {
                assert!((29..120).contains(&now.minutes_left), "{now:?}");
            }
            before = now;
        }
        state = path.state();
    }
}

#[test]
fn symbols_are_listed_in_the_stationary_law() {
    let mut counts = [0_u64; 3];
    for symbol in 0..100_000 {
        let state = gbm(1).first_state(&instrument(&format!("L{symbol}"), "10.00", 0.02), date(FIRST_DAY));
        let Inside { regime, minutes_left, price_ticks } = inside(&state);
        counts[place(regime)] += 1;
        assert!((30..=120).contains(&minutes_left) && price_ticks == 1000.0);
    }
    let p = chi_square(&counts, &STATIONARY);
    assert!(p > ALPHA, "{counts:?}, p = {p}");
}

#[test]
fn after_months_the_chain_is_still_in_its_stationary_law() {
    let mut counts = [0_u64; 3];
    for seen in SAMPLE.iter() {
        counts[place(seen.redraws.last().unwrap().to)] += 1;
    }
    let p = chi_square(&counts, &STATIONARY);
    assert!(p > ALPHA, "{counts:?}, p = {p}");
}

#[test]
fn a_stock_of_2_percent_moves_about_2_percent_a_day() {
    let returns: Vec<f64> = SAMPLE.iter().flat_map(|seen| seen.daily_returns.iter().copied()).collect();
    assert_eq!(returns.len(), SAMPLE.len() * SAMPLE_DAYS);
    let sigma = deviation(&returns);
    assert!((0.0195..0.0205).contains(&sigma), "daily sigma {sigma}");
    // The regimes' factors, weighted by their shares of time, make it the base volatility.
    let regime_variances: f64 = Regime::ALL
        .iter()
        .zip(STATIONARY)
        .map(|(&regime, share)| share * minute_variance(SAMPLE_VOLATILITY, regime))
        .sum();
    let expected = (240.0 * regime_variances).sqrt();
    assert!((sigma / expected - 1.0).abs() < 0.02, "daily sigma {sigma}, expected {expected}");
}

#[test]
fn the_drift_is_annual_and_the_step_exactly_log_normal() {
    // A quiet market shows the drift, a wild one that ½v is taken off: E[close/open] = exp(drift) in both.
    let days = trading_days_from(date(FIRST_DAY), 70);
    for (volatility, price) in [(0.0005, "900000.00"), (1.0, "10000.00")] {
        let mut growths: [Vec<f64>; 3] = Default::default();
        for (seed, symbol) in (0..8).flat_map(|seed| (0..20).map(move |symbol| (seed, format!("D{symbol}")))) {
            let stock = instrument(&symbol, price, volatility);
            // Listed anew each day, so that the wild one stays far from the smallest and the largest price.
            for (regime, bar) in days.iter().flat_map(|&day| bars_of(gbm(seed), &stock, &[day])) {
                let growth = (bar.close().ticks() as f64 / bar.open().ticks() as f64).ln();
                growths[place(regime)].push(growth + 0.5 * minute_variance(volatility, regime));
            }
        }
        for (regime, growths) in Regime::ALL.into_iter().zip(growths) {
            let (mean, error) = mean_and_error(&growths);
            let expected = minute_drift(regime);
            assert!((mean - expected).abs() < 3.0 * error, "{regime}: {mean} ± {error}, expected {expected}");
        }
    }
}

#[test]
fn cheap_stocks_do_not_freeze() {
    let days = trading_days_from(date(FIRST_DAY), 30);
    let mut returns = Vec::new();
    for symbol in 0..200 {
        let bars = bars_of(gbm(6), &instrument(&format!("C{symbol}"), "2.00", 0.02), &days);
        let mut closes: Vec<i64> = bars.chunks(240).map(|day| day[239].1.close().ticks()).collect();
        returns.extend(closes.windows(2).map(|pair| (pair[1] as f64 / pair[0] as f64).ln()));
        closes.sort_unstable();
        closes.dedup();
        assert!(closes.len() >= 8, "C{symbol} closed at {closes:?} only");
    }
    // Rounding to a tick of half a per cent adds at most √(2/12) ticks to a day's 2 %.
    let sigma = deviation(&returns);
    assert!((0.018..0.0245).contains(&sigma), "daily sigma {sigma}");
}

#[test]
fn volume_rises_with_the_size_of_the_move() {
    let days = trading_days_from(date(FIRST_DAY), 20);
    let mut minutes: Vec<(f64, f64)> = (0..20)
        .flat_map(|symbol| bars_of(gbm(7), &instrument(&format!("V{symbol}"), "150.00", 0.025), &days))
        .map(|(_, bar)| ((bar.close().ticks() as f64 / bar.open().ticks() as f64).ln().abs(), bar.volume() as f64))
        .collect();
    minutes.sort_by(|one, other| one.0.total_cmp(&other.0));
    let means: Vec<f64> = minutes
        .chunks(minutes.len().div_ceil(3))
        .map(|third| third.iter().map(|(_, volume)| volume).sum::<f64>() / third.len() as f64)
        .collect();
    assert!(means[1] > 1.2 * means[0] && means[2] > 1.2 * means[1], "mean volume by third of |move|: {means:?}");
}

#[test]
fn a_carried_price_never_leaves_what_can_be_printed_and_comes_back_from_the_bottom() {
    let days = trading_days_from(date("2010-01-04"), 2000);
    let model = gbm(8);
    for base_price in ["0.01", "100.00", "99999999.99"] {
        let stock = instrument("WILD", base_price, 1.0);
        let mut state = model.first_state(&stock, days[0]);
        let (mut days_at_the_bottom, mut comebacks, mut was_at_the_bottom) = (0, 0, false);
        for &day in &days {
            let mut path = model.open_day(&stock, &state, day).unwrap();
            for _ in 0..SHANGHAI_MINUTES {
                path.step();
            }
            state = path.state();
            let carried = inside(&state).price_ticks;
            assert!((1.0..=9_999_999_999.0).contains(&carried), "{day}: {carried} ticks are carried");
            let at_the_bottom = path.price() == Price::MIN;
            days_at_the_bottom += u32::from(at_the_bottom);
            comebacks += u32::from(was_at_the_bottom && !at_the_bottom);
            was_at_the_bottom = at_the_bottom;
        }
        assert!(days_at_the_bottom > 100 && comebacks > 100, "{days_at_the_bottom} days, {comebacks} comebacks");
    }
}

// Properties of every bar and every state.

proptest! {
    #[test]
    fn every_bar_opens_where_the_last_one_closed_and_closes_at_the_tick_nearest_to_the_carried_price(
        seed in any::<u64>(), stock in any_instrument(), start in 0..2000_usize,
    ) {
        let days = trading_days_from(date("2015-01-05"), start + 2);
        let model = gbm(seed);
        let mut state = model.first_state(&stock, days[start]);
        let mut last_close = stock.base_price;
        for &day in &days[start..] {
            let mut path = model.open_day(&stock, &state, day).unwrap();
            for _ in 0..SHANGHAI_MINUTES {
                let bar = path.step();
                state = path.state();
                prop_assert!(bar.volume() >= 100 && bar.volume() % 100 == 0, "{}", printed(&bar));
                prop_assert_eq!(bar.open(), last_close);
                prop_assert_eq!(bar.close().ticks(), inside(&state).price_ticks.round() as i64);
                last_close = bar.close();
            }
        }
    }

    #[test]
    fn a_state_survives_json_bit_for_bit(
        price_ticks in 1.0..=9_999_999_999.0_f64, regime in prop::sample::select(Regime::ALL.to_vec()),
        minutes_left in 0..=120_u16, stock in any_instrument(), seed in any::<u64>(),
    ) {
        let chain = serde_json::json!({ "regime": regime, "minutes_left": minutes_left });
        let json = serde_json::json!({ "gbm": { "price_ticks": price_ticks, "chain": chain } });
        let state: SymbolState = serde_json::from_value(json).unwrap();
        prop_assert_eq!(inside(&state).price_ticks.to_bits(), price_ticks.to_bits());
        let restored: SymbolState = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        prop_assert_eq!(inside(&restored).price_ticks.to_bits(), price_ticks.to_bits());
        prop_assert_eq!(&restored, &state);
        // And so does what a day makes of it.
        let mut days = [&state, &restored].map(|state| gbm(seed).open_day(&stock, state, date(FIRST_DAY)).unwrap());
        for _ in 0..SHANGHAI_MINUTES {
            prop_assert_eq!(days[0].step(), days[1].step());
        }
        let [one, other] = days.map(|day| inside(&day.state()));
        prop_assert_eq!(one.price_ticks.to_bits(), other.price_ticks.to_bits());
        prop_assert_eq!(one, other);
    }
}
