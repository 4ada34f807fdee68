//! Ticks: they give the bar back exactly, whatever the bar, and look like a market's.

mod laws;
mod likeness;
mod queues;
mod slots;

use klined_market::bars::Bar;
use klined_market::bars::ticks::{MinuteTicks, TickFacts};
use klined_market::base::{Board, Instrument, Ohlcv, Price, PriceBounds, PriceLimits, Seed, Symbol, TradeLaw};
use klined_market::calendar::Minute;
use klined_market::model::Model;
use klined_testing::{SHANGHAI, SHANGHAI_MINUTES, date, trading_days_from};

const FREE: TickFacts =
    TickFacts { board: Board::Free, limits: None, bounds: PriceBounds::NONE, depth: None, law: TradeLaw::Clusters };

fn symbol() -> Symbol {
    "600519".parse().unwrap()
}

/// The minute with so many before it since the open of the first trading day of 2026.
fn minute(index: usize) -> Minute {
    let day = trading_days_from(date("2026-01-05"), index / 240 + 1)[index / 240];
    SHANGHAI.minute_of(day, (index % 240) as u16).unwrap()
}

fn price(ticks: i64) -> Price {
    Price::from_ticks(ticks).unwrap()
}

/// Open, high, low and close in ticks, and shares.
fn bar(prices: [i64; 4], volume: i64) -> Bar {
    let [open, high, low, close] = prices.map(price);
    Bar { first: minute(7), ohlcv: Ohlcv::new(open, high, low, close, volume).unwrap() }
}

fn of(facts: TickFacts, bar: &Bar) -> MinuteTicks {
    MinuteTicks::of(Seed(1), &symbol(), &facts, bar)
}

fn limits(down: i64, up: i64) -> Option<PriceLimits> {
    Some(PriceLimits { down: price(down), up: price(up) })
}

/// All bars of a stock over some days, and under which facts they were made.
fn bars_of(model: &Model, stock: &Instrument, days: usize, mut each: impl FnMut(&TickFacts, &Bar)) {
    let days = trading_days_from(date("2026-01-05"), days);
    let mut state = model.first_state(stock, days[0]);
    for &day in &days {
        let mut path = model.open_day(stock, &state, day).unwrap();
        let limits = stock.board.price_limits(stock.is_st, day, path.price());
        let facts = TickFacts { board: stock.board, limits, bounds: stock.bounds, ..FREE };
        for first in SHANGHAI.minutes_of(day).take(usize::from(SHANGHAI_MINUTES)) {
            each(&facts, &Bar { first, ohlcv: path.step() });
        }
        state = path.state();
    }
}
