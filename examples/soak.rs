//! The soak: makes bars by the hundred million, the way the generator makes them, and checks each one.
//!
//! `cargo run --release --example soak -- 100000000`: so many bars of the full model over 200 A-share-like stocks of every
//! board, one market a seed, 300 days each, on as many threads as there are cores. Of each day it checks that it has 240
//! bars, at the calendar's minutes; of each bar that low ≤ min(open, close) ≤ max(open, close) ≤ high, that its prices are
//! whole ticks within the day's limits, which follow from the close of the day before, that all but a day's first open at
//! the last close, and that its volume is what the board lets trade; of each state that it is finite. Exit status 1 and
//! the bar at the first violation.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

use chrono::NaiveDate;
use klined_market::bars::{Bar, SymbolRun};
use klined_market::base::{Board, Instrument, Ohlcv, Price, PriceLimits, Seed, Symbol};
use klined_market::calendar::Calendar;
use klined_market::model::{FullParameters, Model};
use klined_market::universe::{StockCount, ashare};
use klined_testing::SHANGHAI_MINUTES;

const SYMBOLS: u16 = 200;
const DAYS: usize = 300;
/// Spans the day on which the limits of ST stocks change.
const FIRST_DAY: NaiveDate = NaiveDate::from_ymd_opt(2025, 9, 1).unwrap();

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What was seen.
#[derive(Debug, Default)]
struct Counts {
    bars: AtomicU64,
    days: AtomicU64,
    closes_at_up_limit: AtomicU64,
    closes_at_down_limit: AtomicU64,
    opens_away_from_the_close: AtomicU64,
}

fn main() -> ExitCode {
    let bars = match std::env::args().nth(1).map_or(Ok(100_000_000), |text| text.parse::<u64>()) {
        Ok(bars) => bars,
        Err(error) => {
            eprintln!("error: the number of bars: {error}");
            return ExitCode::from(2);
        }
    };
    let counts = Counts::default();
    let outcome = (1..).map(Seed).take_while(|_| counts.bars.load(Ordering::Relaxed) < bars).try_for_each(|seed| {
        market(seed, &counts)?;
        eprintln!("seed {}: {} bars so far", seed.0, counts.bars.load(Ordering::Relaxed));
        Ok::<(), Failure>(())
    });
    println!("{counts:?}");
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(violation) => {
            eprintln!("violated: {violation}");
            ExitCode::FAILURE
        }
    }
}

fn market(seed: Seed, counts: &Counts) -> Result<(), Failure> {
    let calendar = Arc::new(Calendar::shanghai());
    let model = Model::full(seed, FullParameters::default(), calendar.clone());
    let rows = ashare(StockCount::new(SYMBOLS)?, seed);
    let stocks = rows.iter().map(|row| row.instrument()).collect::<Result<Vec<_>, _>>()?;
    let days = &calendar.days(FIRST_DAY, calendar.last_day())[..DAYS];
    let share = stocks.len().div_ceil(available_parallelism()?.get());
    std::thread::scope(|scope| {
        let walk =
            |part: &[Instrument]| part.iter().try_for_each(|&stock| walk(&model, &calendar, stock, days, counts));
        let workers: Vec<_> = stocks.chunks(share).map(|part| scope.spawn(move || walk(part))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| Err("a thread panicked".into())))
    })
}

fn walk(
    model: &Model,
    calendar: &Calendar,
    stock: Instrument,
    days: &[NaiveDate],
    counts: &Counts,
) -> Result<(), Failure> {
    let mut run = SymbolRun::list(model.clone(), stock, days[0]);
    let mut close = stock.base_price;
    let mut bars: Vec<(Symbol, Bar)> = Vec::with_capacity(usize::from(SHANGHAI_MINUTES));
    for (place, &day) in days.iter().enumerate() {
        if place > 0 {
            run.open_day(stock, day);
        }
        bars.clear();
        run.bars_until(calendar, SHANGHAI_MINUTES, &mut bars)?;
        let limits = stock.board.price_limits(stock.is_st, day, close).ok_or("a board without limits")?;
        let wrong =
            |what: &str, bar: &dyn std::fmt::Debug| Failure::from(format!("{what}: {stock:?} on {day}: {bar:?}"));
        if !calendar.minutes_of(day).eq(bars.iter().map(|(_, bar)| bar.first)) || bars.len() != 240 {
            return Err(wrong("not the calendar's 240 minutes", &bars.len()));
        }
        // JSON has no word for what is not finite.
        if serde_json::to_string(&run.checkpoint().opening)?.contains("null") {
            return Err(wrong("a state that is not finite", &run.checkpoint().opening));
        }
        if bars[0].1.ohlcv.open() != close {
            counts.opens_away_from_the_close.fetch_add(1, Ordering::Relaxed);
            close = bars[0].1.ohlcv.open();
        }
        for (_, bar) in &bars {
            if let Some(what) = violation(&bar.ohlcv, stock.board, limits, close) {
                return Err(wrong(what, bar));
            }
            close = bar.ohlcv.close();
        }
        counts.bars.fetch_add(bars.len() as u64, Ordering::Relaxed);
        counts.days.fetch_add(1, Ordering::Relaxed);
        counts.closes_at_up_limit.fetch_add((close == limits.up).into(), Ordering::Relaxed);
        counts.closes_at_down_limit.fetch_add((close == limits.down).into(), Ordering::Relaxed);
    }
    Ok(())
}

/// What is wrong with a bar.
fn violation(bar: &Ohlcv, board: Board, limits: PriceLimits, before: Price) -> Option<&'static str> {
    let (open, high, low, close) = (bar.open(), bar.high(), bar.low(), bar.close());
    if !(low <= open.min(close) && open.max(close) <= high) {
        return Some("extremes that do not hold open and close");
    }
    if low < limits.down || high > limits.up {
        return Some("outside the day's limits");
    }
    if open != before {
        return Some("opens away from the close before");
    }
    // A price is made of whole ticks by its type; that it survives the way through a double says that it is one.
    if [open, high, low, close].into_iter().any(|price| Price::from_units(price.units()) != Ok(price)) {
        return Some("not whole ticks");
    }
    let lots = match board {
        Board::Star => bar.volume() >= 200,
        _ => bar.volume() >= 100 && bar.volume() % 100 == 0,
    };
    (!lots).then_some("a volume that the board does not trade")
}
