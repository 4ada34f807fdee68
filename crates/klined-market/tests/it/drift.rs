//! What prices earn under the full model: the mean of daily simple returns, close/close − 1, is that of the regimes, whose
//! drifts cancel.
//!
//! `cargo test -p klined-market drift -- --include-ignored --nocapture` measures each board by itself without the market, whose
//! factor hides small drifts.

use chrono::NaiveDate;
use klined_market::base::{Board, Instrument, SectorKey};
use klined_market::model::{FullParameters, Model};
use klined_testing::market::{full_with, instrument};
use klined_testing::stats::mean_and_error;
use klined_testing::{SHANGHAI_MINUTES, date, trading_days_from};

/// Per cent a year in a mean daily return of 1.
const PER_CENT_A_YEAR: f64 = 24_250.0;

/// A board for each width of limits; before 2026-07-06 ST has 5 %.
const BOARDS: [(&str, Board, bool); 5] = [
    ("none", Board::Free, false),
    ("5 %", Board::Main, true),
    ("10 %", Board::Main, false),
    ("20 %", Board::Star, false),
    ("30 %", Board::Beijing, false),
];

fn model(seed: u64, toml: &str) -> Model {
    full_with(seed, FullParameters::from_toml(toml).unwrap())
}

/// Prices at which half a tick is nothing.
fn stock(place: usize, (_, board, is_st): (&str, Board, bool)) -> Instrument {
    let plain = instrument(&format!("6{place:05}"), ["20.00", "80.00", "150.00"][place % 3], 0.022);
    let sector = SectorKey::of(["banks", "coal", "retail"][place % 3]);
    Instrument { board, is_st, sector, beta: 0.8 + 0.1 * (place % 5) as f64, ..plain }
}

/// Daily simple returns; to the last is added what a limit still holds back.
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
    let held_back = serde_json::to_value(&state).unwrap()["full"]["latent_ticks"].as_f64().unwrap() / before - 1.0;
    *returns.last_mut().unwrap() += held_back;
    returns
}

/// What is found of each of so many symbols, on two threads.
fn of_each<T: Send>(symbols: usize, find: impl Fn(usize) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let later = scope.spawn(|| (symbols / 2..symbols).map(&find).collect::<Vec<T>>());
        let mut all: Vec<T> = (0..symbols / 2).map(&find).collect();
        all.extend(later.join().unwrap());
        all
    })
}

fn mean(returns: &[f64]) -> f64 {
    returns.iter().sum::<f64>() / returns.len() as f64
}

#[test]
fn prices_of_400_symbols_do_not_drift_in_1000_days() {
    // With all switches on. Days are the independent sample: what symbols have in common on a day is the market's factor.
    let (symbols, days) = (400, trading_days_from(date("2021-01-04"), 1000));
    let model = model(101, "");
    let all = of_each(symbols, |place| daily_returns(&model, &stock(place, BOARDS[2]), &days));
    let of_day = |day: usize| all.iter().map(|of| of[day]).sum::<f64>() / symbols as f64;
    let (mean, error) = mean_and_error(&(0..days.len()).map(of_day).collect::<Vec<f64>>());
    println!("all on: {:.3} ± {:.3} % a year", mean * PER_CENT_A_YEAR, error * PER_CENT_A_YEAR);
    assert!(mean.abs() < 3.0 * error, "mean daily return {mean} ± {error}");
}

#[test]
fn limits_take_nothing_from_the_mean_and_add_nothing() {
    // The same symbol with and without limits draws the same, so the difference of the means is known far better than either.
    let days = trading_days_from(date("2021-01-04"), 250);
    let model = model(7, "factors.enabled = false");
    let found = of_each(120, |place| BOARDS.map(|board| mean(&daily_returns(&model, &stock(place, board), &days))));
    for (place, (name, ..)) in BOARDS.iter().enumerate().skip(1) {
        let (mean, error) = mean_and_error(&found.iter().map(|of| of[place] - of[0]).collect::<Vec<f64>>());
        println!("limits of {name}: {:.3} ± {:.3} % a year", mean * PER_CENT_A_YEAR, error * PER_CENT_A_YEAR);
        assert!(mean.abs() < 3.0 * error, "limits of {name}: {mean} ± {error}");
    }
}

#[test]
#[ignore = "1,200 million bars: minutes, as the head of this file says"]
fn without_a_market_no_board_drifts() {
    let days = trading_days_from(date("2021-01-04"), 1000);
    for (place, board) in BOARDS.into_iter().enumerate() {
        let model = model(201 + place as u64, "factors.enabled = false");
        let found = of_each(1000, |place| mean(&daily_returns(&model, &stock(place, board), &days)));
        let (mean, error) = mean_and_error(&found);
        println!("{}: {:.3} ± {:.3} % a year", board.0, mean * PER_CENT_A_YEAR, error * PER_CENT_A_YEAR);
        assert!(error * PER_CENT_A_YEAR < 0.8, "{}: ± {error}", board.0);
        assert!(mean.abs() < 3.0 * error, "{}: {mean} ± {error}", board.0);
    }
}
