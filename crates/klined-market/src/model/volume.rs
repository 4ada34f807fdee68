//! Volume: log-normal around a stock's turnover, higher in minutes that move more.
//!
//! V = m · √(a + 0.25) · exp(0.63 η) with a = |r|/σ of the minute's return in standard deviations of the bull
//! regime, η standard normal, and m such that at the base price a day has the wanted turnover on average. Whole lots of 100, at least one: a bar is made by trades.

use super::math::exp;
use crate::base::{Board, Price, price::TICKS_PER_UNIT};
use crate::calendar::Hours;

/// Shares in a lot.
const LOT_SHARES: u64 = Board::Free.order_sizes().step;
/// E[√(a + 0.25)] · E[exp(0.63 η)] under the regime chain's stationary distribution: 1.0313 · 1.2195.
const FACTORS_MEAN: f64 = 1.2577;
/// Standard deviation of ln V that the move does not explain.
const NOISE: f64 = 0.63;
/// Keeps a minute without a move from being a minute without trade.
const CALM: f64 = 0.25;
/// No bar trades more lots than this, whatever its price and volatility.
pub(super) const LOTS_MAX: f64 = 1.0e10;

/// Lots that a minute trades when its move and its noise factor are both 1, from the mean daily turnover at the base price.
pub(super) fn typical_lots(base_price: Price, daily_turnover: f64, hours: Hours) -> f64 {
    let price_units = base_price.ticks() as f64 / TICKS_PER_UNIT as f64;
    daily_turnover / FACTORS_MEAN / price_units / f64::from(hours.minutes_per_day()) / LOT_SHARES as f64
}

/// Shares traded in a minute whose return is `relative_move` standard deviations, from one standard normal draw.
#[inline]
pub(super) fn shares(typical_lots: f64, relative_move: f64, noise: f64) -> u64 {
    let lots = typical_lots * (relative_move + CALM).sqrt() * exp(NOISE * noise);
    // Within the clamp the signed conversion is the same, and quicker.
    (lots + 0.5).clamp(1.0, LOTS_MAX) as i64 as u64 * LOT_SHARES
}
