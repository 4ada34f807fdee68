//! The model `qr-2`: the simple model's book, with what real markets have beside it.
//!
//! - **Activity.** Time runs faster or slower: all rates are multiplied by a profile of the day, high at the open and the close, and by the exponential of a
//!   sum of Ornstein-Uhlenbeck processes with memories from seconds to a quarter of an hour. So moves have fat tails and their sizes cluster. One
//!   of the processes is the market's: all securities of a run share it.
//! - **Long orders.** Large investors split their orders, so buyers prevail for some time, or sellers (Lillo, Mike and Farmer, 2005): a sign with stays
//!   of a Pareto law tilts the rates of market orders. Limit orders come in against it, as liquidity providers react.
//! - **The market's direction.** A process that all securities share tilts market orders too: prices move together.
//! - **Sizes.** An order has a size with a power law. Its units are events of the same time.

use super::Simple;
use super::choice::{by_division, choose_unit};
use super::climate::{Climate, Weather, unit};
use crate::book::{Book, Shape};
use crate::event::{Event, EventType};
use crate::exact::{Logarithm, exp};
use crate::random::Draws;

/// How much limit orders come in against a long order, as a part of its tilt.
const SPLIT_ANSWER: f64 = 0.9;
/// No tilt is larger.
const TILT_MAX: f64 = 0.9;
/// Sizes: the exponent of their power law, and the largest.
const SIZE_EXPONENT: f64 = 1.8;
const SIZE_MAX: u32 = 50;

/// The least number that a waiting time or a size is drawn with.
const UNIT_LEAST: f64 = 1e-10;

/// A unit of an order that happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit {
    /// Seconds since the open.
    pub time_s: f64,
    pub event_type: EventType,
    pub price_ticks: i32,
}

/// What a session's path is a function of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RichSpec {
    pub seed: u64,
    /// Of what all securities share.
    pub market_seed: u64,
    pub p0_ticks: i32,
    pub shape: Shape,
    pub session_s: f64,
    pub floor_ticks: Option<i32>,
}

/// A session's path.
#[derive(Debug, Clone)]
pub(crate) struct RichPath {
    pub book: Book,
    draws: Draws,
    climate: Climate,
    weather: Weather,
    time_s: f64,
    floor_ticks: Option<i32>,
    /// Units of the present order that are still to come, and where.
    left: u32,
    order: (EventType, i32),
}

/// What all sessions of the model share.
#[derive(Debug)]
pub(crate) struct Rich {
    simple: Simple,
    /// Of an order.
    mean_size: f64,
}

impl Rich {
    pub fn new(simple: Simple) -> Self {
        // The probability of a size of k or more is k to the power -a.
        let mean_size = (1..=SIZE_MAX).map(|size| exp(-SIZE_EXPONENT * Logarithm::table().ln(f64::from(size)))).sum();
        Self { simple, mean_size }
    }

    /// The rates of the six types of orders, per second of the book's own time.
    fn rates(&self, book: &Book, weather: Weather) -> [f64; 6] {
        let [add_bid, add_ask, cancel_bid, cancel_ask, buy, sell] = self.simple.rates(book);
        let tilt = (weather.split + weather.direction).clamp(-TILT_MAX, TILT_MAX);
        let answer = SPLIT_ANSWER * weather.split;
        // Orders have several units, so there are fewer of them.
        let orders = 1.0 / self.mean_size;
        [
            add_bid * (1.0 - answer) * orders,
            add_ask * (1.0 + answer) * orders,
            cancel_bid,
            cancel_ask,
            buy * (1.0 + tilt) * orders,
            sell * (1.0 - tilt) * orders,
        ]
    }
}

impl RichPath {
    pub fn new(spec: RichSpec) -> Self {
        let climate = Climate::new(spec.seed, spec.market_seed, spec.session_s);
        Self {
            book: Book::open(spec.p0_ticks, spec.shape),
            draws: Draws::new(spec.seed),
            weather: climate.weather(),
            climate,
            time_s: 0.0,
            floor_ticks: spec.floor_ticks,
            left: 0,
            order: (EventType::AddBid, 0),
        }
    }

    /// The next unit, applied to the book; nothing where the session is over.
    pub fn next(&mut self, rich: &Rich) -> Option<Unit> {
        loop {
            while self.left > 0 {
                self.left -= 1;
                if let Some(unit) = self.happens() {
                    return Some(unit);
                }
                self.left = 0;
            }
            let rates = self.wait(rich)?;
            self.choose(rich, &rates);
        }
    }

    /// Lets time pass until the next order, and returns the rates at that time. Rates stay the same within a second and between orders.
    fn wait(&mut self, rich: &Rich) -> Option<[f64; 6]> {
        let mut work = -Logarithm::table().ln(unit(&mut self.draws).max(UNIT_LEAST));
        loop {
            let rates = rich.rates(&self.book, self.weather);
            let hazard = rates.iter().sum::<f64>() * self.weather.activity;
            let (wait_s, border_s) = (work / hazard, self.climate.second + 1.0);
            if self.time_s + wait_s < border_s.min(self.climate.session_s) {
                self.time_s += wait_s;
                return Some(rates);
            }
            if border_s >= self.climate.session_s {
                return None;
            }
            work -= (border_s - self.time_s) * hazard;
            self.time_s = border_s;
            self.climate.step();
            self.weather = self.climate.weather();
        }
    }

    fn choose(&mut self, rich: &Rich, rates: &[f64; 6]) {
        let mut sums = *rates;
        for nth in 1..sums.len() {
            sums[nth] += sums[nth - 1];
        }
        let event_type = EventType::ALL[by_division(&sums[..5], sums[5], unit(&mut self.draws)).min(5)];
        let (side, spread_ticks) = (event_type.side(), self.book.spread_ticks());
        let best_ticks = self.book.best_ticks(side);
        let levels = self.book.shape().levels();
        let mut level = 0;
        if event_type.is_add() {
            let is_inside = spread_ticks > 1 && unit(&mut self.draws) < f64::from(spread_ticks - 1) * 0.5;
            level = if is_inside { -1 } else { rich.simple.add_level(levels, unit(&mut self.draws)) as i32 };
        } else if !event_type.is_execution() {
            let ladder = &self.book.sides[side as usize];
            level = choose_unit(&ladder.depths, levels, ladder.sum, unit(&mut self.draws)) as i32;
        }
        self.order = (event_type, best_ticks + side.outward() * level);
        let is_sized = event_type.is_add() || event_type.is_execution();
        self.left = if is_sized { size(unit(&mut self.draws)) } else { 1 };
    }

    /// One unit of the present order, if the book has it and the floor allows it.
    fn happens(&mut self) -> Option<Unit> {
        let (event_type, price_ticks) = self.order;
        // A market order takes what is best when its unit comes.
        let price_ticks = if event_type.is_execution() { self.book.best_ticks(event_type.side()) } else { price_ticks };
        let event = Event { ts_ns: 0, event_type, price_ticks, qty: 1, order_id: 0 };
        let before = self.floor_ticks.map(|floor_ticks| (floor_ticks, self.book.clone()));
        self.book.apply(&event).ok()?;
        if let Some((floor_ticks, before)) = before
            && self.book.lowest_bid_ticks() < floor_ticks.min(before.lowest_bid_ticks())
        {
            self.book = before;
            return None;
        }
        Some(Unit { time_s: self.time_s, event_type, price_ticks })
    }
}

/// The size of an order.
fn size(unit: f64) -> u32 {
    let size = exp(-Logarithm::table().ln((1.0 - unit).max(UNIT_LEAST)) / SIZE_EXPONENT);
    (size as u32).clamp(1, SIZE_MAX)
}
