//! The simple model: six rates by the imbalance at the best prices, the spread and the sums of depths.
//!
//! With I = (qb - qa) / (qb + qa + 1e-9) at the best prices and D = spread - 2, the rates a second are
//! add bid L (1 - s I) e^(S D), add ask L (1 + s I) e^(S D), cancel C c (sum of the side's depths),
//! buy M (e + max(-s I, 0)) e^(-S D), sell M (e + max(s I, 0)) e^(-S D).

use super::choice::{choose, choose_unit};
use super::packed::{Packed, Rates};
use super::{Dynamics, NEVER, Step, Steps};
use crate::book::{Book, LEVELS_MAX};
use crate::event::EventType;
use crate::exact::exp;
use crate::random::{Draws, uniform};

/// The least rate of each kind of event, per second.
const RATE_LEAST: f64 = 1e-9;
/// Rates are kept for spreads of 1 to this many ticks, and depths at the best prices below [`DEPTHS`].
const SPREADS: usize = 8;
const DEPTHS: usize = 32;
/// Steps by the definition before the packed book is tried again.
const PLAIN_STEPS: usize = 16;

/// Parameters of the simple model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// L: limit orders a second and side at no imbalance and a spread of 2.
    pub base_limit: f64,
    /// C: cancellations a second for each unit in the book.
    pub base_cancel: f64,
    /// M: what market orders' rates are multiples of, per second.
    pub base_market: f64,
    /// s: how much the imbalance moves rates. 0 or less means 1.
    pub imbalance_sensitivity: f64,
    /// c: a factor of cancellations. 0 or less means 1.
    pub cancel_sensitivity: f64,
    /// e: market orders at no imbalance, as a part of M. 0 or less means 0.05.
    pub execution_floor: f64,
    /// S: how much a wide spread invites limit orders and deters market orders. 0 or less switches it off.
    pub spread_sensitivity: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            base_limit: 20.0,
            base_cancel: 0.5,
            base_market: 15.0,
            imbalance_sensitivity: 1.0,
            cancel_sensitivity: 1.0,
            execution_floor: 0.5,
            spread_sensitivity: 0.4,
        }
    }
}

/// A parameter that no rate can be reckoned with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} is {value}: it must be a number from {least} to {most}")]
pub struct BadParameter {
    pub name: &'static str,
    pub value: f64,
    pub least: f64,
    pub most: f64,
}

impl Parameters {
    /// The parameters with their names, for messages and manifests.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, f64); 7] {
        [
            ("base-L", self.base_limit),
            ("base-C", self.base_cancel),
            ("base-M", self.base_market),
            ("imbalance-sens", self.imbalance_sensitivity),
            ("cancel-sens", self.cancel_sensitivity),
            ("epsilon-exec", self.execution_floor),
            ("spread-sens", self.spread_sensitivity),
        ]
    }

    /// Refuses what is no number, base rates below zero, and values so large that sums of rates overflow.
    ///
    /// # Errors
    /// [`BadParameter`] with the first such parameter.
    pub fn check(&self) -> Result<(), BadParameter> {
        for (nth, (name, value)) in self.named().into_iter().enumerate() {
            let (least, most) = if nth < 3 { (0.0, 1e6) } else { (-1e6, 1e6) };
            if !(least..=most).contains(&value) {
                return Err(BadParameter { name, value, least, most });
            }
        }
        Ok(())
    }
}

/// Rates that depend on the best depths and the spread only, partly summed in the order in which types are chosen.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    add_bid: f64,
    /// Both kinds of adds.
    adds: f64,
    buy: f64,
    sell: f64,
}

#[derive(Debug)]
pub(crate) struct Simple {
    parameters: Parameters,
    /// C c: of one unit.
    cancel: f64,
    /// By spread, depth of the best bid, depth of the best ask.
    rows: Vec<Row>,
    /// For books of 1 to 64 levels, the running sums over the total of the weights e^(-k/2) of levels k, without the last.
    add_borders: Vec<[f64; LEVELS_MAX]>,
    /// The fast way, where there is one with these parameters.
    pub(super) packed: Option<Packed>,
}

fn rate(value: f64) -> f64 {
    if value.is_finite() && value > RATE_LEAST { value } else { RATE_LEAST }
}

const fn or(value: f64, default: f64) -> f64 {
    if value > 0.0 { value } else { default }
}

/// Running sums over the total; infinite from the last level on.
fn add_borders(weights: &[f64]) -> [f64; LEVELS_MAX] {
    let total = weights.iter().fold(0.0, |sum, weight| sum + weight);
    let mut borders = [f64::INFINITY; LEVELS_MAX];
    let mut running = 0.0;
    for (border, weight) in borders.iter_mut().zip(&weights[..weights.len() - 1]) {
        running += weight;
        *border = running / total;
    }
    borders
}

impl Simple {
    pub fn new(parameters: Parameters) -> Self {
        let weights: Vec<f64> = (0..LEVELS_MAX).map(|level| exp(-0.5 * level as f64)).collect();
        let add_borders = (1..=LEVELS_MAX).map(|levels| add_borders(&weights[..levels])).collect();
        let cancel = parameters.base_cancel * or(parameters.cancel_sensitivity, 1.0);
        let mut simple = Self { parameters, cancel, rows: Vec::new(), add_borders, packed: None };
        let mut rows = Vec::with_capacity(SPREADS * DEPTHS * DEPTHS);
        for spread in 1..=SPREADS as i32 {
            let factors = simple.spread_factors(spread);
            for bid in 0..DEPTHS as u32 {
                rows.extend((0..DEPTHS as u32).map(|ask| simple.row(bid, ask, factors)));
            }
        }
        simple.rows = rows;
        simple.packed = Packed::new(
            |spread, bid, ask| {
                let Row { add_bid, adds, buy, sell } = simple.row_at(bid, ask, spread);
                Rates { add_bid, adds, buy, sell }
            },
            |units| rate(cancel * f64::from(units)),
            |levels| simple.add_borders[levels - 1][..levels - 1].to_vec(),
        );
        simple
    }

    /// The rates of all types in a state of the book, in the order of the types.
    pub fn rates<const WIDTH: usize>(&self, book: &Book<WIDTH>) -> [f64; 6] {
        let [bids, asks] = &book.sides;
        let row = self.row_at(bids.depths[0], asks.depths[0], book.spread_ticks());
        let cancel = |sum: u32| rate(self.cancel * f64::from(sum));
        [row.add_bid, row.adds - row.add_bid, cancel(bids.sum), cancel(asks.sum), row.buy, row.sell]
    }

    /// The level of a limit order that is not inside the spread, in a book of so many levels.
    pub fn add_level(&self, levels: usize, unit: f64) -> usize {
        let borders = &self.add_borders[levels - 1][..levels - 1];
        borders.iter().take_while(|border| **border <= unit).count()
    }

    /// Of limit orders and of market orders.
    fn spread_factors(&self, spread_ticks: i32) -> (f64, f64) {
        let sensitivity = self.parameters.spread_sensitivity;
        if sensitivity > 0.0 {
            let wide = f64::from(spread_ticks) - 2.0;
            (exp(sensitivity * wide), exp(-sensitivity * wide))
        } else {
            (1.0, 1.0)
        }
    }

    fn row(&self, bid: u32, ask: u32, (adds, executions): (f64, f64)) -> Row {
        let Parameters { base_limit, base_market, .. } = self.parameters;
        let (bid, ask) = (f64::from(bid), f64::from(ask));
        let imbalance = (bid - ask) / (bid + ask + 1e-9);
        let moved = or(self.parameters.imbalance_sensitivity, 1.0) * imbalance;
        let floor = or(self.parameters.execution_floor, 0.05);
        let add_bid = rate(base_limit * (1.0 - moved) * adds);
        Row {
            add_bid,
            adds: add_bid + rate(base_limit * (1.0 + moved) * adds),
            buy: rate(base_market * (floor + (-moved).max(0.0)) * executions),
            sell: rate(base_market * (floor + moved.max(0.0)) * executions),
        }
    }

    #[inline(always)]
    fn row_at(&self, bid: u32, ask: u32, spread_ticks: i32) -> Row {
        let (bid_at, ask_at, spread_at) = (bid as usize, ask as usize, spread_ticks.wrapping_sub(1) as usize);
        let kept = (bid_at < DEPTHS) & (ask_at < DEPTHS) & (spread_at < SPREADS);
        if kept && let Some(row) = self.rows.get((spread_at * DEPTHS + bid_at) * DEPTHS + ask_at) {
            return *row;
        }
        self.row_beyond(bid, ask, spread_ticks)
    }

    #[cold]
    #[inline(never)]
    fn row_beyond(&self, bid: u32, ask: u32, spread_ticks: i32) -> Row {
        self.row(bid, ask, self.spread_factors(spread_ticks))
    }
}

impl Dynamics for Simple {
    #[inline(always)]
    fn walk<const WIDTH: usize>(&self, book: &mut Book<WIDTH>, draws: &mut Draws, steps: &mut Steps, count: usize) {
        let mut nth = 0;
        while nth < count {
            if let Some(packed) = &self.packed {
                nth = packed.walk(book, draws, steps, nth..count);
            }
            let end = (nth + PLAIN_STEPS).min(count);
            for nth in nth..end {
                steps.put(nth, self.step(book, draws), book.quote());
            }
            nth = end;
        }
    }

    #[inline(always)]
    fn step<const WIDTH: usize>(&self, book: &mut Book<WIDTH>, draws: &mut Draws) -> Step {
        let [word, type_word, third, fourth] = draws.words_ahead();
        let levels = book.shape().levels();
        let [bids, asks] = &book.sides;
        let spread_ticks = book.spread_ticks();

        let row = self.row_at(bids.depths[0], asks.depths[0], spread_ticks);
        let to_cancel_bid = row.adds + rate(self.cancel * f64::from(bids.sum));
        let to_cancel_ask = to_cancel_bid + rate(self.cancel * f64::from(asks.sum));
        let to_buy = to_cancel_ask + row.buy;
        let total = to_buy + row.sell;
        let sums = [row.add_bid, row.adds, to_cancel_bid, to_cancel_ask, to_buy];
        let chosen = choose(&sums, total, uniform(type_word));
        let total = if total.is_finite() { total } else { NEVER };
        let event_type = EventType::ALL[chosen.min(5)];
        let side = event_type.side();

        let is_add = event_type.is_add();
        let wide = is_add && spread_ticks > 1;
        let inside = wide && uniform(third) < (f64::from(spread_ticks - 1) * 0.5).min(1.0);
        let best_ticks = book.best_ticks(side);
        if inside {
            draws.take(3);
            book.add_inside(side);
            return Step { word, total, event_type, price_ticks: best_ticks - side.outward() };
        }
        let u_level = uniform(if wide { fourth } else { third });
        let level;
        if is_add {
            draws.take(2 + usize::from(wide) + usize::from(levels > 1));
            let borders = &self.add_borders[levels - 1];
            level = borders[..WIDTH - 1].iter().map(|border| usize::from(*border <= u_level)).sum();
            book.add_at(side, level);
        } else if event_type.is_execution() {
            draws.take(2);
            level = 0;
            book.remove_at(side, level);
        } else {
            let ladder = &book.sides[side as usize];
            draws.take(3);
            level = choose_unit(&ladder.depths, levels, ladder.sum, u_level);
            book.remove_at(side, level);
        }
        Step { word, total, event_type, price_ticks: best_ticks + side.outward() * level as i32 }
    }
}
