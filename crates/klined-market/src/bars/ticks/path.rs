//! The way of the price through a minute: a Brownian bridge over the bar's open, extremes and close.
//!
//! The way visits open, first extreme, second extreme, close. Which extreme comes first: by the reflection principle a
//! way that visits low then high is as likely as a free one over the unfolded distance 2r − x, and the other order as one
//! over 2r + x, with r the range and x = close − open. With variance v the odds are exp(4rx/v). On average r² = 2.77·v
//! (M. Parkinson, Journal of Business 53 (1980)), which makes 11·x/r of the exponent.
//!
//! The minute's trades are shared among the legs at random, in proportion to (distance + 1 tick) times an exponential
//! draw. Along a leg the price is a Brownian bridge with the variance that the range speaks of, r²/2.77 over the whole
//! minute, reflected at the extremes. Reversing time gives the same law, so neither half of the minute is preferred.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use crate::base::seed::open_unit;
use crate::base::{Ohlcv, Price};
use crate::model::math::{exp, ln};

/// E range² of a Brownian motion of variance 1: 4 ln 2.
const RANGE_SQUARED: f64 = 4.0 * std::f64::consts::LN_2;
/// Open, two extremes, close.
const WAYPOINTS_MAX: usize = 4;

/// A trade whose price is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Waypoint {
    /// The trade's place in the minute.
    place: usize,
    /// Ticks above the low.
    price: u64,
}

/// Trades that the bar's prices take at least: one for each visit.
pub(super) fn needed(bar: &Ohlcv) -> usize {
    let is_visited = |price| price == bar.open() || price == bar.close();
    1 + usize::from(bar.open() != bar.close() || bar.open() != bar.high() || bar.close() != bar.low())
        + usize::from(!is_visited(bar.high()))
        + usize::from(!is_visited(bar.low()))
}

/// Where the price is, in ticks above the bar's low.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum PathPoint {
    /// Exactly there: the trade must be at this price.
    Given(u64),
    /// Thereabouts.
    Free(f64),
}

/// The way of `count` trades, at least as many as [`needed`].
pub(super) fn draw(stream: &mut ChaCha8Rng, bar: &Ohlcv, count: usize) -> Vec<PathPoint> {
    // As many words for every bar, so that what follows has its place in the stream.
    let legs: [f64; WAYPOINTS_MAX - 1] = std::array::from_fn(|_| open_unit(stream.next_u64()));
    let (order, direction) = (open_unit(stream.next_u64()), stream.next_u64());
    let above_low = |price: Price| price.ticks().abs_diff(bar.low().ticks());
    let [open, close, high] = [bar.open(), bar.close(), bar.high()].map(above_low);
    let range = high as f64;
    let rise = if high > 0 { (close as f64 - open as f64) / range } else { 0.0 };
    let is_low_first = order < 1.0 / (1.0 + exp(-4.0 * RANGE_SQUARED * rise));
    let extremes = if is_low_first { [0, high] } else { [high, 0] };
    let mut prices = [open; WAYPOINTS_MAX];
    let mut visits = 1;
    for extreme in extremes.into_iter().filter(|&extreme| extreme != open && extreme != close) {
        prices[visits] = extreme;
        visits += 1;
    }
    if count > 1 {
        prices[visits] = close;
        visits += 1;
    }
    let prices = &mut prices[..visits];
    // Reflection is not quite the same backwards, so half of the minutes are drawn backwards.
    let is_backward = direction & 1 == 1;
    if is_backward {
        prices.reverse();
    }
    let deviation = range / (RANGE_SQUARED * count as f64).sqrt();
    let mut points = Vec::with_capacity(count);
    let mut at = 0.0;
    for Waypoint { place: goal, price } in spread(prices, count, legs).into_iter().take(visits) {
        while points.len() < goal {
            let left = (goal - points.len() + 1) as f64;
            let drawn = deviation * normal_of(stream.next_u64()) * ((left - 1.0) / left).sqrt();
            let moved = at + (price as f64 - at) / left + drawn;
            let folded = if moved > range { 2.0 * range - moved } else { moved };
            at = (if folded < 0.0 { -folded } else { folded }).min(range);
            points.push(PathPoint::Free(at));
        }
        at = price as f64;
        points.push(PathPoint::Given(price));
    }
    if is_backward {
        points.reverse();
    }
    points
}

/// Approximately standard normal: four uniforms of 16 bits, their sum (Irwin–Hall). Its tails end at ±3.46, which a
/// price between two given points does not show.
#[inline]
fn normal_of(word: u64) -> f64 {
    let sum = (word & 0xffff) + (word >> 16 & 0xffff) + (word >> 32 & 0xffff) + (word >> 48);
    // The variance of the sum is 4/12 of 65536².
    (sum as f64 - 131_070.0) * (1.732_050_807_568_877_2 / 65_536.0)
}

/// Gives each visited price a place: the first 0, the last `count` − 1, and each its own.
fn spread(prices: &[u64], count: usize, uniforms: [f64; WAYPOINTS_MAX - 1]) -> [Waypoint; WAYPOINTS_MAX] {
    let mut waypoints = [Waypoint::default(); WAYPOINTS_MAX];
    waypoints[0].price = prices[0];
    let legs = prices.len() - 1;
    let mut weights = [0.0; WAYPOINTS_MAX - 1];
    for (leg, pair) in prices.windows(2).enumerate() {
        weights[leg] = (pair[0].abs_diff(pair[1]) + 1) as f64 * -ln(uniforms[leg]);
    }
    let total: f64 = weights.iter().sum();
    let mut gone = 0.0;
    for leg in 0..legs {
        gone += weights[leg];
        let steps = (count - 1) as f64;
        let place = (steps * gone / total + 0.5) as usize;
        // Room is left for the legs before and after.
        let place = if leg + 1 == legs { count - 1 } else { place.max(leg + 1).min(count - (legs - leg)) };
        waypoints[leg + 1] = Waypoint { place: place.max(waypoints[leg].place + 1), price: prices[leg + 1] };
    }
    waypoints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_visit_has_a_place_of_its_own() {
        for count in 4..60 {
            for uniforms in [[1e-15, 0.5, 0.5], [0.5, 1e-15, 0.5], [0.5, 0.5, 1e-15], [0.3, 0.6, 0.9]] {
                let places = spread(&[5, 0, 9, 4], count, uniforms).map(|waypoint| waypoint.place);
                assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{places:?}");
                assert_eq!((places[0], places[3]), (0, count - 1));
            }
        }
    }

    #[test]
    fn the_quick_normal_has_mean_0_and_variance_1() {
        use rand_core::SeedableRng;
        let mut stream = ChaCha8Rng::seed_from_u64(3);
        let n = 200_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..n {
            let z = normal_of(stream.next_u64());
            sum += z;
            squares += z * z;
        }
        assert!((sum / f64::from(n)).abs() < 0.01 && (squares / f64::from(n) - 1.0).abs() < 0.01);
    }
}
