//! How many trades a minute has, and how its volume is shared among them.
//!
//! Their number grows with the square root of the volume, as it does on stock exchanges: volumes have tails of exponent
//! 1.5, numbers of trades of 3.4 (X. Gabaix, P. Gopikrishnan, V. Plerou, H. E. Stanley, Nature 423 (2003)). With L the
//! volume in smallest orders it is 60 + 2·√L·(½ + U), U uniform, but at most ⌈L/3⌉ and 4000. So one lot is one trade,
//! 180 lots are 60 trades or more. A bar needs a trade for each of open, high, low and close that is a price of its
//! own, and gets them however small its volume.
//!
//! Sizes share the volume in proportion to weights of a Pareto distribution with exponent 1.5, that of single trades (P.
//! Gopikrishnan, V. Plerou, X. Gabaix, H. E. Stanley, Physical Review E 62 (2000)), rounded to whole lots in the
//! running sum, so the sum is exact. What the lot leaves over is one trade's odd lot. When the volume is too small for
//! a smallest order each, the trades are odd lots; with fewer shares than trades, some are prints of less than one
//! share, size 0.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::TRADES_MAX;
use crate::base::OrderSizes;
use crate::base::seed::open_unit;
use crate::model::math::{exp, ln};

/// The number of trades that a large volume begins with.
const TRADES_BASE: f64 = 60.0;
/// Trades for each root of the volume in smallest orders, on average.
const TRADES_PER_ROOT: f64 = 2.0;
/// Smallest orders that a trade has at least on average, when the volume is small.
const ORDERS_PER_TRADE: u64 = 3;
/// The tail exponent of single trades.
const TAIL: f64 = 1.5;

/// How many trades a volume above 0 has, of which the bar's prices take `needed`.
pub(super) fn count(stream: &mut ChaCha8Rng, volume: u64, sizes: OrderSizes, needed: usize) -> usize {
    count_by(open_unit(stream.next_u64()), volume, sizes, needed)
}

/// The same from a uniform draw.
pub(super) fn count_by(uniform: f64, volume: u64, sizes: OrderSizes, needed: usize) -> usize {
    let orders = sizes.orders(volume);
    let wanted = TRADES_BASE + TRADES_PER_ROOT * (orders as f64).sqrt() * (0.5 + uniform);
    // The cast cuts down what is too large.
    let allowed = usize::try_from(orders.div_ceil(ORDERS_PER_TRADE)).unwrap_or(usize::MAX);
    (wanted as usize).min(allowed).min(TRADES_MAX).max(needed)
}

/// The sizes that `count` trades of a volume have: those of the board's orders, or odd lots where the volume is too small for them.
pub(super) fn rule(volume: u64, sizes: OrderSizes, count: usize) -> OrderSizes {
    let trades = count as u64;
    if trades * sizes.least <= volume { sizes } else { OrderSizes { least: u64::from(trades <= volume), step: 1 } }
}

/// The sizes of `count` trades, in shares; their sum is the volume.
pub(super) fn draw(stream: &mut ChaCha8Rng, volume: u64, sizes: OrderSizes, count: usize) -> Vec<u64> {
    let trades = count as u64;
    let OrderSizes { least, step } = rule(volume, sizes, count);
    let shared = volume - trades * least;
    let (steps, odd) = (shared / step, shared % step);
    let words: Vec<u64> = (0..count).map(|_| stream.next_u64()).collect();
    let mut sums: Vec<f64> = words.iter().map(|&word| exp(ln(open_unit(word)) * (-1.0 / TAIL))).collect();
    let mut total = 0.0;
    for weight in &mut sums {
        total += *weight;
        *weight = total;
    }
    let each = steps as f64 / total;
    let mut given = 0;
    let mut shares: Vec<u64> = Vec::with_capacity(count);
    for (place, &sum) in sums.iter().enumerate() {
        // Rounding may not carry the running sum past the whole nor leave any of it.
        let until = if place + 1 == count { steps } else { ((sum * each) as u64).min(steps) };
        shares.push(least + (until - given) * step);
        given = until;
    }
    if let Some(first) = words.first() {
        shares[(first % trades) as usize] += odd;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Board;
    use rand_core::SeedableRng;

    #[test]
    fn sizes_sum_to_the_volume_and_are_whole_lots_where_the_volume_is() {
        let mut stream = ChaCha8Rng::seed_from_u64(1);
        for board in Board::ALL {
            let rule = board.order_sizes();
            for volume in [1, 3, 99, 100, 150, 201, 999, 12_300, 62_000, 1 << 40, i64::MAX as u64] {
                for needed in 1..=4 {
                    let count = count(&mut stream, volume, rule, needed);
                    let shares = draw(&mut stream, volume, rule, count);
                    assert!(count >= needed && shares.len() == count);
                    assert_eq!(shares.iter().map(|&size| u128::from(size)).sum::<u128>(), u128::from(volume));
                    let odd = shares.iter().filter(|&&size| size < rule.least || size % rule.step != 0).count();
                    let is_roomy = volume >= count as u64 * rule.least;
                    assert!(!is_roomy || odd <= usize::from(volume % rule.step != 0), "{board} {volume} {shares:?}");
                    assert!(shares.iter().all(|&size| size > 0) || volume < count as u64);
                }
            }
        }
    }

    #[test]
    fn a_lot_is_a_trade_and_more_volume_is_more_trades() {
        let mut stream = ChaCha8Rng::seed_from_u64(1);
        let rule = Board::Main.order_sizes();
        let mut mean =
            |lots: u64| (0..200).map(|_| count(&mut stream, lots * 100, rule, 1)).sum::<usize>() as f64 / 200.0;
        assert_eq!(mean(1), 1.0);
        assert_eq!(mean(180), 60.0);
        let means: Vec<f64> = [1_000, 10_000, 100_000, 1_000_000].map(&mut mean).to_vec();
        for (mean, expected) in means.iter().zip([123.0, 260.0, 692.0, 2060.0]) {
            assert!((mean / expected - 1.0).abs() < 0.1, "{means:?}");
        }
        assert_eq!(mean(u64::MAX / 100), TRADES_MAX as f64);
    }
}
