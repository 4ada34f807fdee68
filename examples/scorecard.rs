//! The full model's scorecard: 200 invented main-board stocks over 300 days, one column a seed.
//!
//! `cargo run --release --example scorecard -- 21 22 23`; exit status 1 when a metric leaves its band.

use std::process::ExitCode;
use std::sync::Arc;

use chrono::NaiveDate;
use klined::base::seed::open_unit;
use klined::base::{Board, Instrument, InvalidInstrument, SectorKey, Seed};
use klined::calendar::{Calendar, MINUTES_PER_DAY};
use klined::model::{FullParameters, Model};
use klined::realism::{Scorecard, Series, score};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const SYMBOLS: usize = 200;
const SECTORS: usize = 31;
const DAYS: usize = 300;
const FIRST_DAY: NaiveDate = NaiveDate::from_ymd_opt(2024, 6, 3).unwrap();

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let seeds: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let seeds = if seeds.is_empty() { vec![21, 22, 23] } else { seeds };
    let calendar = Arc::new(Calendar::shanghai());
    let days = &calendar.days(FIRST_DAY, calendar.last_day())[..DAYS];
    let cards = seeds.iter().map(|&seed| card(seed, &calendar, days)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = cards.first() else { return Ok(ExitCode::SUCCESS) };
    for (place, metric) in first.metrics.iter().enumerate() {
        for (part, value) in metric.values.iter().enumerate() {
            print!("{:2} {:46} {:32}", metric.number, metric.name, value.name);
            print!("{:7.3} {:7.3} to {:6.3} |", value.real, value.low, value.high);
            for card in &cards {
                let found = &card.metrics[place].values[part];
                print!(" {:8.3}{}", found.value, if found.passes() { ' ' } else { '*' });
            }
            println!();
        }
    }
    println!("passed of 16: {:?}", cards.iter().map(Scorecard::passed).collect::<Vec<_>>());
    let is_real = cards.iter().all(|card| card.passed() == card.metrics.len());
    Ok(if is_real { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn card(seed: u64, calendar: &Arc<Calendar>, days: &[NaiveDate]) -> Result<Scorecard, InvalidInstrument> {
    let model = Model::full(Seed(seed), FullParameters::default(), calendar.clone());
    let stocks = universe(seed + 1000)?;
    let (early, late) = stocks.split_at(stocks.len() / 2);
    let all = std::thread::scope(|scope| {
        let late = scope.spawn(|| late.iter().map(|stock| series(&model, stock, days)).collect::<Vec<_>>());
        let mut all: Vec<Series> = early.iter().map(|stock| series(&model, stock, days)).collect();
        all.extend(late.join().unwrap_or_default());
        all
    });
    Ok(score(&all))
}

fn series(model: &Model, stock: &Instrument, days: &[NaiveDate]) -> Series {
    let mut series = Series::default();
    let mut state = model.first_state(stock, days[0]);
    let mut close = stock.base_price;
    for &day in days {
        let mut path = model.open_day(stock, &state, day);
        let bars: Vec<_> = (0..MINUTES_PER_DAY).map(|_| path.step()).collect();
        series.push_day(&bars, stock.board.price_limits(stock.is_st, day, close));
        (close, state) = (path.price(), path.state());
    }
    series
}

/// Volatility, price, β and turnover by the laws of A-shares.
fn universe(seed: u64) -> Result<Vec<Instrument>, InvalidInstrument> {
    let mut stream = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || {
        let (one, other) = (open_unit(stream.next_u64()), open_unit(stream.next_u64()));
        (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
    };
    let mut stock = |place: usize| {
        let volatility = 0.022 * (0.30 * normal()).exp();
        let price = (805.0 * (0.76 * normal()).exp()).round().max(100.0) / 100.0;
        let beta = (1.04 + 0.24 * normal()).clamp(0.3, 1.8);
        let turnover = 149.0e6 * (1.10 * normal()).exp();
        let plain = Instrument::parse(&format!("6{place:05}"), price, volatility.clamp(0.008, 0.06))?;
        let plain = plain.with_market(beta, turnover)?;
        Ok(Instrument { board: Board::Main, sector: SectorKey::of(&format!("sector {}", place % SECTORS)), ..plain })
    };
    (0..SYMBOLS).map(&mut stock).collect()
}
