//! Both models under every calendar.

use std::sync::Arc;

use klined_market::bars::ticks::traded_of;
use klined_market::bars::{Bar, SymbolRun};
use klined_market::base::{Instrument, Seed};
use klined_market::calendar::{Calendar, Hours};
use klined_market::model::{FullParameters, Model};
use klined_testing::date;

fn models(calendar: &Arc<Calendar>) -> [Model; 2] {
    let seed = Seed(7);
    [Model::gbm(seed, calendar.clone()), Model::full(seed, FullParameters::default(), calendar.clone())]
}

fn stock() -> Instrument {
    Instrument::parse("ACME", 150.0, 0.02).unwrap()
}

/// The bars of the days after 2026-11-16, each day for itself.
fn days(model: &Model, count: usize) -> Vec<Vec<Bar>> {
    let calendar = model.calendar().clone();
    let days = calendar.days(date("2026-11-16"), calendar.last_day());
    let mut run = SymbolRun::list(model.clone(), stock(), days[0]);
    days[..count]
        .iter()
        .enumerate()
        .map(|(place, &day)| {
            if place > 0 {
                run.open_day(stock(), day);
            }
            let mut bars = Vec::new();
            run.bars_until(&calendar, u16::MAX, &mut bars).unwrap();
            assert!(run.is_day_over());
            bars.into_iter().map(|(_, bar)| bar).collect()
        })
        .collect()
}

#[test]
fn a_day_has_a_bar_in_each_of_its_minutes_and_a_restart_makes_the_same() {
    for hours in Hours::ALL {
        let calendar = Arc::new(Calendar::of(hours));
        for model in models(&calendar) {
            let made = days(&model, 12);
            for bars in &made {
                let day = calendar.day_of(bars[0].first);
                let firsts: Vec<_> = bars.iter().map(|bar| bar.first).collect();
                assert_eq!(firsts, calendar.minutes_of(day).collect::<Vec<_>>(), "{hours} {}", model.kind);
                for bar in bars {
                    let decided = traded_of(Seed(7), &calendar, &stock().symbol, stock().board, bar);
                    assert!(decided.is_some() && decided == bar.ohlcv.traded(), "{hours} {} {day}", model.kind);
                }
            }
            let mut run = SymbolRun::list(model.clone(), stock(), calendar.day_of(made[0][0].first));
            for bars in &made[..9] {
                let day = calendar.day_of(bars[0].first);
                if run.day() != day {
                    run.open_day(stock(), day);
                }
                run.bars_until(&calendar, 100, &mut Vec::new()).unwrap();
                let (checkpoint, last) = (run.checkpoint(), run.last_bar());
                run = SymbolRun::resume(model.clone(), &calendar, checkpoint, last).unwrap();
                let mut rest = Vec::new();
                run.bars_until(&calendar, u16::MAX, &mut rest).unwrap();
                assert!(rest.iter().map(|(_, bar)| bar).eq(&bars[100..]), "{hours} {} {day}", model.kind);
            }
        }
    }
}

#[test]
fn a_day_opens_at_the_close_before_where_the_market_does_not_pause() {
    for hours in [Hours::AroundTheClock, Hours::Fx] {
        let calendar = Arc::new(Calendar::of(hours));
        for model in models(&calendar) {
            let made = days(&model, 100);
            let mut gaps = 0;
            for pair in made.windows(2) {
                let (last, first) = (pair[0][pair[0].len() - 1].ohlcv, pair[1][0].ohlcv);
                let (close, open) = (last.close(), first.open());
                // While nothing trades the price moves on without a print.
                if last.volume() == 0 || first.volume() == 0 {
                    continue;
                }
                if !calendar.opens_after_pause(calendar.day_of(pair[1][0].first)) {
                    assert_eq!(open, close, "{hours} {}", model.kind);
                } else if open != close {
                    gaps += 1;
                }
            }
            let has_gaps = hours == Hours::Fx && model.kind.has_overnight_gaps();
            assert_eq!(gaps > 0, has_gaps, "{hours} {}", model.kind);
        }
    }
}

#[test]
fn the_daily_deviation_is_that_of_shanghai_on_every_calendar() {
    let mut of_shanghai = None;
    // 12 markets of 4 stocks and 80 days: with volatility clusters and a shared market the standard error is about 4 %.
    for hours in Hours::ALL {
        let calendar = Arc::new(Calendar::of(hours));
        let days = calendar.days(date("2026-01-05"), calendar.last_day())[..80].to_vec();
        let mut squares = [0.0; 2];
        for seed in (0..12).map(Seed) {
            let models =
                [Model::gbm(seed, calendar.clone()), Model::full(seed, FullParameters::default(), calendar.clone())];
            for (squares, model) in squares.iter_mut().zip(models) {
                for stock in ["A", "B", "C", "D"].map(|name| Instrument::parse(name, 150.0, 0.02).unwrap()) {
                    let mut path = model.open_first_day(&stock, days[0]);
                    let mut before = path.price().units();
                    for (place, &day) in days.iter().enumerate() {
                        if place > 0 {
                            path = model.open_next_day(&stock, &path, day);
                        }
                        (0..calendar.minutes_on(day)).for_each(|_| {
                            path.step();
                        });
                        let after = path.price().units();
                        *squares += (after / before).ln().powi(2);
                        before = after;
                    }
                }
            }
        }
        let deviations = squares.map(|squares| (squares / f64::from(12 * 4 * 80)).sqrt());
        for (deviation, expected) in deviations.into_iter().zip(*of_shanghai.get_or_insert(deviations)) {
            assert!((0.015..0.03).contains(&deviation), "{hours}: {deviation}");
            assert!((deviation / expected - 1.0).abs() < 0.15, "{hours}: {deviation}, in Shanghai {expected}");
        }
    }
}
