//! The model of Huang, Lehalle and Rosenbaum ("Simulating and analyzing order book data: the queue-reactive model", 2015): each level
//! has rates of its own by the length of its queue; a wide spread invites limit orders, an imbalance of the whole book moves market
//! orders.

use super::choice::by_division;
use super::{Curve, Curves, Dynamics, NEVER, Step};
use crate::book::{Book, LEVELS_MAX};
use crate::event::EventType;
use crate::exact::exp;
use crate::random::{Draws, uniform};

/// The least rate of each kind of event in the waiting time, per second.
const RATE_LEAST: f64 = 1e-12;
/// Factors are kept for spreads of 1 to this many ticks.
const SPREADS: usize = 64;
/// Sums of rates are taken in another order than the one that defines the choice: what is this near, as a part of the total, is decided in
/// that order.
const DOUBT: f64 = 1e-12;
/// Below this total the choice is always made in the order that defines it.
const TOTAL_LEAST: f64 = 1e-3;

#[derive(Debug)]
pub(crate) struct Hlr {
    curves: Curves,
    /// e^(S D) and e^(-S D) by spread.
    factors: Vec<(f64, f64)>,
}

/// Weights of the four kinds of events that happen at every level.
struct Weights<const WIDTH: usize> {
    kinds: [[f64; WIDTH]; 4],
    buy: f64,
    sell: f64,
}

impl Hlr {
    pub fn new(curves: Curves) -> Self {
        let mut hlr = Self { curves, factors: Vec::new() };
        hlr.factors = (1..=SPREADS as i32).map(|spread| hlr.spread_factors(spread)).collect();
        hlr
    }

    pub const fn levels(&self) -> usize {
        self.curves.levels
    }

    fn spread_factors(&self, spread_ticks: i32) -> (f64, f64) {
        let sensitivity = self.curves.spread_sensitivity;
        if sensitivity > 0.0 {
            let wide = f64::from(spread_ticks) - 2.0;
            (exp(sensitivity * wide), exp(-sensitivity * wide))
        } else {
            (1.0, 1.0)
        }
    }

    #[inline(always)]
    fn factors_at(&self, spread_ticks: i32) -> (f64, f64) {
        match self.factors.get(spread_ticks.wrapping_sub(1) as usize) {
            Some(factors) => *factors,
            None => self.spread_factors(spread_ticks),
        }
    }

    /// The index in the order that defines the choice, by divisions.
    #[cold]
    #[inline(never)]
    fn choose_exactly<const WIDTH: usize>(&self, weights: &Weights<WIDTH>, unit: f64) -> usize {
        let levels = self.levels();
        let by_level = weights.kinds.iter().flat_map(|kind| &kind[..levels]);
        let (mut sums, mut running) = (Vec::with_capacity(4 * LEVELS_MAX + 2), 0.0);
        for weight in by_level.copied().chain([weights.buy, weights.sell]) {
            running += weight;
            sums.push(running);
        }
        if running <= 0.0 || unit <= 0.0 { 0 } else { by_division(&sums, running, unit).min(4 * levels + 1) }
    }
}

/// The total that the waiting time takes: six sums, each with a least value, in order.
#[inline(always)]
fn total_of(sums: [f64; 6]) -> f64 {
    let [a, b, c, d, e, f] = sums.map(|sum| if sum < RATE_LEAST { RATE_LEAST } else { sum });
    a + b + c + d + e + f
}

#[inline(always)]
fn at(curves: &[Curve], level: usize, depth: u32) -> f64 {
    curves.get(level).map_or(0.0, |curve| curve.at(depth))
}

impl Dynamics for Hlr {
    #[inline(always)]
    fn step<const WIDTH: usize>(&self, book: &mut Book<WIDTH>, draws: &mut Draws) -> Step {
        let [word, index_word, inside_word, _] = draws.words_ahead();
        let u_index = uniform(index_word);
        let levels = self.levels();
        let Curves { imbalance_sensitivity, .. } = self.curves;
        let [bids, asks] = &book.sides;
        let spread_ticks = book.spread_ticks();
        let (add_factor, execution_factor) = self.factors_at(spread_ticks);

        let mut weights = Weights::<WIDTH> { kinds: [[0.0; WIDTH]; 4], buy: 0.0, sell: 0.0 };
        let mut running = [[0.0; WIDTH]; 4];
        let mut sums = [0.0; 4];
        let (mut bid_sum, mut ask_sum) = (0u32, 0u32);
        #[allow(clippy::needless_range_loop, reason = "it goes through nine tables side by side")]
        for level in 0..levels.min(WIDTH) {
            let (bid, ask) = (bids.depths[level], asks.depths[level]);
            let rates = [
                at(&self.curves.add_bid, level, bid) * add_factor,
                at(&self.curves.add_ask, level, ask) * add_factor,
                at(&self.curves.cancel_bid, level, bid),
                at(&self.curves.cancel_ask, level, ask),
            ];
            for kind in 0..4 {
                weights.kinds[kind][level] = rates[kind];
                sums[kind] += rates[kind];
                running[kind][level] = sums[kind];
            }
            bid_sum += bid;
            ask_sum += ask;
        }
        let (bid_sum, ask_sum) = (f64::from(bid_sum), f64::from(ask_sum));
        let (mut buy_factor, mut sell_factor) = (1.0, 1.0);
        if imbalance_sensitivity > 0.0 {
            let imbalance = (bid_sum - ask_sum) / (bid_sum + ask_sum);
            buy_factor = 1.0 + imbalance_sensitivity * (-imbalance).max(0.0);
            sell_factor = 1.0 + imbalance_sensitivity * imbalance.max(0.0);
        }
        weights.buy = self.curves.buy.at(asks.depths[0]) * execution_factor * buy_factor;
        weights.sell = self.curves.sell.at(bids.depths[0]) * execution_factor * sell_factor;

        let total = total_of([sums[0], sums[1], sums[2], sums[3], weights.buy, weights.sell]);
        if !total.is_finite() {
            return Step { word, total: NEVER, event_type: EventType::AddBid, price_ticks: 0 };
        }

        // The kind first, then the level within it.
        let bases = [sums[0], sums[0] + sums[1], sums[0] + sums[1] + sums[2], sums[0] + sums[1] + sums[2] + sums[3]];
        let all = bases[3] + weights.buy + weights.sell;
        let (aim, doubt) = (u_index * all, all * DOUBT);
        let mut doubtful = all < TOTAL_LEAST || u_index <= 0.0;
        let mut kind = 0;
        for border in [bases[0], bases[1], bases[2], bases[3], bases[3] + weights.buy] {
            kind += usize::from(border <= aim);
            doubtful |= (border - aim).abs() <= doubt;
        }
        let mut level = 0;
        if kind < 4 {
            let rest = if kind == 0 { aim } else { aim - bases[kind - 1] };
            for border in &running[kind][..levels - 1] {
                level += usize::from(*border <= rest);
                doubtful |= (border - rest).abs() <= doubt;
            }
        }
        if doubtful {
            let index = self.choose_exactly(&weights, u_index);
            (kind, level) =
                if index < 4 * levels { (index / levels, index % levels) } else { (index - 4 * levels + 4, 0) };
        }

        let event_type = EventType::ALL[kind.min(5)];
        let side = event_type.side();
        let best_ticks = book.best_ticks(side);
        if event_type.is_add() {
            let wide = spread_ticks > 1;
            draws.take(2 + usize::from(wide));
            if wide && uniform(inside_word) < (f64::from(spread_ticks - 1) * 0.5).min(1.0) {
                book.add_inside(side);
                return Step { word, total, event_type, price_ticks: best_ticks - side.outward() };
            }
            book.add_at(side, level);
        } else {
            draws.take(2);
            book.remove_at(side, level);
        }
        Step { word, total, event_type, price_ticks: best_ticks + side.outward() * level as i32 }
    }
}
