//! A sample of a market: the bars of stocks over days, made in memory and folded at once.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;

use chrono::NaiveDate;

use super::{SampleBar, Series};
use klined_market::base::Instrument;
use klined_market::model::{DayPath, Model};

/// The fewest trading days for which the bands are made.
pub const DAYS_MIN: usize = 240;

/// Makes each stock's days and folds them, in the order of the stocks. The result does not depend on the number of threads.
/// `made` is called after each stock, on the thread that made it.
#[must_use]
pub fn generate(
    model: &Model,
    stocks: &[Instrument],
    days: &[NaiveDate],
    threads: NonZeroUsize,
    made: &(dyn Fn() + Sync),
) -> Vec<Series> {
    let share = stocks.len().div_ceil(threads.get()).max(1);
    let one = |stock: &Instrument| {
        let series = series(model, stock, days);
        made();
        series
    };
    std::thread::scope(|scope| {
        let make = |part: &[Instrument]| part.iter().map(one).collect::<Vec<_>>();
        let workers: Vec<_> = stocks.chunks(share).map(|part| scope.spawn(move || make(part))).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

fn series(model: &Model, stock: &Instrument, days: &[NaiveDate]) -> Series {
    let mut series = Series::default();
    let mut close = stock.base_price;
    let mut before: Option<DayPath> = None;
    let mut minutes = Vec::new();
    for &day in days {
        let mut path = match &before {
            None => model.open_first_day(stock, day),
            Some(before) => model.open_next_day(stock, before, day),
        };
        minutes.clear();
        minutes.extend((0..model.calendar().minutes_on(day)).map(|_| SampleBar::from(path.step())));
        series.push_day(&minutes, stock.board.price_limits(stock.is_st, day, close));
        close = path.price();
        before = Some(path);
    }
    series
}
