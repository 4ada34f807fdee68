//! What is asked of a stock: the drift and the volatility that its prices have, and the bounds that they keep.

use std::sync::Arc;

use chrono::NaiveDate;
use klined_market::bars::SymbolRun;
use klined_market::bars::ticks::{BestQuote, MinuteTicks, TRADES_MAX};
use klined_market::base::{Board, Instrument, PriceBounds, Seed};
use klined_market::calendar::{Calendar, Hours};
use klined_market::model::{FullParameters, FullVersion, GbmVersion, Model};
use klined_market::universe::synth;
use klined_testing::market::{event, full, full_of_version, gbm, gbm_of_version, instrument, scenario};
use klined_testing::stats::{deviation, mean_and_error};
use klined_testing::{SHANGHAI, SHANGHAI_MINUTES, date, trading_days_from};

/// Trading days of a year in Shanghai.
const YEAR: f64 = 242.5;
/// Trading days of every sample.
const DAYS: usize = 1000;

fn days() -> Vec<NaiveDate> {
    trading_days_from(date("2021-01-04"), DAYS)
}

/// Daily simple returns, close over close before.
fn daily_returns(model: &Model, stock: &Instrument, days: &[NaiveDate]) -> Vec<f64> {
    let mut state = model.first_state(stock, days[0]);
    let mut before = stock.base_price.ticks() as f64;
    let mut returns = Vec::with_capacity(days.len());
    for &day in days {
        let mut path = model.open_day(stock, &state, day).unwrap();
        for _ in 0..SHANGHAI_MINUTES {
            path.step();
        }
        let close = path.price().ticks() as f64;
        returns.push(close / before - 1.0);
        (state, before) = (path.state(), close);
    }
    returns
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The annual drift that daily simple returns have: a day grows by exp(drift / days of a year) on average.
fn drift_of(returns: &[f64]) -> f64 {
    (1.0 + mean(returns)).ln() * YEAR
}

#[test]
fn drift_and_volatility_of_160_paths_of_1000_days_are_those_that_are_asked() {
    let days = days();
    for (place, (drift, annual)) in [(0.05, 0.20), (-0.20, 0.25)].into_iter().enumerate() {
        let volatility = annual / YEAR.sqrt();
        let returns: Vec<Vec<f64>> = (0..160)
            .map(|path| {
                let stock = instrument(&format!("P{path}"), "150000.00", volatility).with_drift(drift).unwrap();
                daily_returns(&gbm(place as u64), &stock, &days)
            })
            .collect();
        let (found, error) = mean_and_error(&returns.iter().map(|of| drift_of(of)).collect::<Vec<f64>>());
        println!("drift {drift}: {found:.5} ± {error:.5}");
        assert!((found - drift).abs() < 3.0 * error && error < 0.012, "drift {drift}: {found} ± {error}");
        let (found, error) = mean_and_error(&returns.iter().map(|of| deviation(of)).collect::<Vec<f64>>());
        let (found, error) = (found * YEAR.sqrt(), error * YEAR.sqrt());
        println!("volatility {annual}: {found:.5} ± {error:.5}");
        assert!(
            (found - annual).abs() < 3.0 * error && error < 0.01 * annual,
            "volatility {annual}: {found} ± {error}"
        );
    }
}

#[test]
fn the_first_version_moves_by_the_regimes_factors_more_than_is_asked() {
    // √((15·1² + 8·0.8² + 15·1.5²)/38) = 1.19.
    let days = days();
    let of = |path| {
        deviation(&daily_returns(
            &gbm_of_version(9, GbmVersion::V1),
            &instrument(&format!("P{path}"), "150000.00", 0.0126),
            &days,
        ))
    };
    let (found, error) = mean_and_error(&(0..60).map(|path| of(path) / 0.0126).collect::<Vec<f64>>());
    println!("gbm-1: {found:.4} ± {error:.4} of the base volatility");
    assert!((found - 1.1906).abs() < 3.0 * error && error < 0.01, "{found} ± {error}");
}

#[test]
fn one_path_of_each_synth_stock_has_its_drift_and_volatility() {
    // As a reader of one market measures it, within three standard errors of one path of 1,000 days.
    let (days, asked) = (days(), [(0.02, 0.25), (0.03, 0.15), (0.06, 0.18), (0.05, 0.20), (0.08, 0.30)]);
    for (row, (drift, annual)) in synth(Hours::Sse).iter().zip(asked) {
        let returns = daily_returns(&gbm(42), &row.instrument().unwrap(), &days);
        let (_, error) = mean_and_error(&returns);
        let found = drift_of(&returns);
        assert!((found - drift).abs() < 3.0 * error * YEAR, "{}: drift {found}, asked {drift}", row.symbol);
        let found = deviation(&returns) * YEAR.sqrt();
        let error = annual / (2.0 * DAYS as f64).sqrt();
        assert!((found - annual).abs() < 3.0 * error, "{}: volatility {found} ± {error}, asked {annual}", row.symbol);
    }
}

#[test]
fn a_drift_moves_the_mean_of_every_model_by_itself() {
    // The same stock with and without a drift draws the same, so the difference is known far better than either.
    let days = trading_days_from(date("2021-01-04"), 250);
    let models = [gbm_of_version(3, GbmVersion::V1), gbm(3), full_of_version(3, FullVersion::V2), full(3)];
    for model in models {
        let difference = |path: usize| {
            let stock = instrument(&format!("D{path}"), "150000.00", 0.02);
            drift_of(&daily_returns(&model, &stock.with_drift(0.4).unwrap(), &days))
                - drift_of(&daily_returns(&model, &stock, &days))
        };
        let (found, error) = mean_and_error(&(0..20).map(difference).collect::<Vec<f64>>());
        assert!((found - 0.4).abs() < 3.0 * error.max(1e-4) && error < 0.01, "{}: {found} ± {error}", model.version());
    }
}

/// Every price of the bars and ticks of some days, which must lie in the bounds of the stock; how many bars touch a bound.
fn keeps_its_bounds(model: &Model, stock: &Instrument, days: &[NaiveDate]) -> usize {
    let (bounds, mut touching) = (stock.bounds, 0);
    let mut run = SymbolRun::list(model.clone(), *stock, days[0]);
    let mut bars = Vec::new();
    for &day in days {
        if run.day() != day {
            run.open_day(*stock, day);
        }
        run.bars_until(&SHANGHAI, u16::MAX, &mut bars).unwrap();
        let facts = run.tick_facts();
        for (symbol, bar) in bars.drain(..) {
            let ohlcv = bar.ohlcv;
            assert!(bounds.contains(ohlcv.low()) && bounds.contains(ohlcv.high()), "{} {ohlcv:?}", model.version());
            touching += usize::from(ohlcv.low() == bounds.min() || ohlcv.high() == bounds.max());
            let ticks = MinuteTicks::of(model.seed, &symbol, &facts, &bar);
            assert!(ticks.trades().iter().all(|trade| bounds.contains(trade.price)));
            assert_eq!(ticks.traded(), ohlcv.traded());
            for BestQuote { bid, ask, .. } in ticks.quotes() {
                assert!([bid, ask].into_iter().flatten().all(|level| bounds.contains(level.price)), "{bid:?} {ask:?}");
            }
        }
        assert!(bounds.contains(run.snapshot(SHANGHAI.minute_of(day, SHANGHAI_MINUTES - 1).unwrap()).unwrap().price));
    }
    touching
}

#[test]
fn no_bar_and_no_tick_of_any_model_leaves_the_bounds_and_prices_come_back_from_them() {
    let crash = scenario(&event("move", "percent = -60\nfrom = \"day 2 10:00\"\nuntil = \"10:30\""));
    let crash = crash.resolve(&SHANGHAI, date("2026-01-05")).unwrap();
    let days = trading_days_from(date("2026-01-05"), 12);
    for board in [Board::Free, Board::Main] {
        let plain = Instrument { board, ..instrument("600000", "100.00", 0.06) };
        let stock = plain.within(Some(90.0), Some(115.0)).unwrap();
        for model in [gbm_of_version(1, GbmVersion::V1), gbm(1), full_of_version(1, FullVersion::V2), full(1)] {
            let minutes = days.len() * usize::from(SHANGHAI_MINUTES);
            let touching = keeps_its_bounds(&model, &stock, &days);
            assert!((10..minutes / 2).contains(&touching), "{} {board}: {touching} of {minutes}", model.version());
            assert!(keeps_its_bounds(&model.with_events(&crash), &stock, &days) > 10);
        }
    }
}

#[test]
fn bounds_that_exclude_the_price_hold_from_the_next_open_on() {
    let days = trading_days_from(date("2026-01-05"), 3);
    let stock = instrument("EDIT", "100.00", 0.02);
    for (bounds, board) in [(("150", "180"), Board::Free), (("150", "180"), Board::Main), (("20", "30"), Board::Main)] {
        let bounds = PriceBounds::new(bounds.0.parse().unwrap(), bounds.1.parse().unwrap()).unwrap();
        let stock = Instrument { board, ..stock };
        for model in [gbm(1), full(1)] {
            let mut run = SymbolRun::list(model.clone(), stock, days[0]);
            let mut bars = Vec::new();
            for &day in &days[1..] {
                run.open_day(Instrument { bounds, ..stock }, day);
                run.bars_until(&SHANGHAI, u16::MAX, &mut bars).unwrap();
            }
            assert_eq!(bars.len(), 2 * usize::from(SHANGHAI_MINUTES));
            let outside =
                bars.iter().find(|(_, bar)| !(bounds.contains(bar.ohlcv.low()) && bounds.contains(bar.ohlcv.high())));
            assert_eq!(outside, None, "{} {board}", model.version());
        }
    }
}

#[test]
fn a_synth_stock_has_about_ten_ticks_a_second_under_every_calendar_and_model() {
    for hours in Hours::ALL {
        let calendar = Arc::new(Calendar::of(hours));
        let days = calendar.days(date("2026-02-02"), calendar.last_day());
        let models =
            [Model::gbm(Seed(1), calendar.clone()), Model::full(Seed(1), FullParameters::default(), calendar.clone())];
        for model in models {
            let (mut trades, mut minutes) = (0, 0);
            for row in synth(hours) {
                let stock = row.instrument().unwrap();
                let mut run = SymbolRun::list(model.clone(), stock, days[0]);
                let mut bars = Vec::new();
                for &day in &days[..10] {
                    if run.day() != day {
                        run.open_day(stock, day);
                    }
                    run.bars_until(&calendar, u16::MAX, &mut bars).unwrap();
                }
                let of_bar = bars.iter().map(|(_, bar)| bar.ohlcv.traded().unwrap().trades());
                assert!(of_bar.clone().all(|trades| trades <= TRADES_MAX as i64));
                trades += of_bar.sum::<i64>();
                minutes += bars.len();
            }
            let a_second = trades as f64 / minutes as f64 / 60.0;
            println!("{hours} {}: {a_second:.2} trades a second", model.version());
            assert!((8.0..11.2).contains(&a_second), "{hours} {}: {a_second}", model.version());
        }
    }
}
