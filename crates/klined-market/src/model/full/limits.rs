//! Price limits: prints stay inside the day's limits, the price behind them does not have to.
//!
//! The latent price moves on without limits and every print is held between them: the exact path with its extremes, cut off.
//! What the latent price exceeds the limit by at the close is carried to the next open (the delayed price discovery of K. A.
//! Kim, S. G. Rhee, Journal of Finance 52 (1997)), and again, until the limits let it through.
//!
//! The excess x is counted in simple returns on the close before: a move of 15 % under a limit of 10 % leaves 5 % for later. The
//! next day begins at limit·(1 + x/g), with g the growth that the next day is expected to have for reasons known by then (news
//! and overshoot that come back). So its mean simple return is (1 + x/g)·g − 1 = x + (g − 1): the excess, and what the day
//! would have had without it. Limits therefore leave the mean of daily simple returns as it is, whatever the moves' law.

use chrono::NaiveDate;

use super::parameters;
use crate::base::{Instrument, Price, PriceLimits};

/// The band that a day's prints stay in.
#[derive(Debug, Clone, Copy)]
pub(super) struct PriceBand {
    down: Price,
    up: Price,
    is_limited: bool,
    close_before_ticks: f64,
}

impl PriceBand {
    pub(super) fn of(
        parameters: &parameters::LimitParameters,
        instrument: &Instrument,
        date: NaiveDate,
        previous_close: Price,
    ) -> Self {
        let limits = instrument.board.price_limits(instrument.is_st, date, previous_close);
        let (down, up, is_limited) = match limits.filter(|_| parameters.enabled) {
            Some(PriceLimits { down, up }) => (down, up, true),
            None => (Price::MIN, Price::MAX, false),
        };
        Self { down, up, is_limited, close_before_ticks: previous_close.ticks() as f64 }
    }

    /// The print of a latent price.
    #[inline]
    pub(super) fn print(&self, latent_ticks: f64) -> Price {
        Price::nearest(latent_ticks).clamp(self.down, self.up)
    }

    /// Whether a print is at a limit.
    #[inline]
    pub(super) fn is_at_limit(&self, print: Price) -> bool {
        self.is_limited && (print == self.up || print == self.down)
    }

    /// The latent price that the next day begins with, when that day is expected to grow by a factor.
    pub(super) fn carry(&self, latent_ticks: f64, growth: f64) -> f64 {
        let limit = latent_ticks.clamp(self.down.ticks() as f64, self.up.ticks() as f64);
        if !self.is_limited || limit == latent_ticks {
            return latent_ticks;
        }
        let excess = (latent_ticks - limit) / self.close_before_ticks;
        limit * (1.0 + excess / growth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_arrives_in_full_limit_by_limit() {
        for (board, is_st) in [(crate::base::Board::Main, true), (crate::base::Board::Star, false)] {
            for moved in [-0.6, -0.07, 0.04, 0.31, 2.5] {
                let stock = Instrument { board, is_st, ..Instrument::parse("A", 1000.0, 0.02).unwrap() };
                let date = NaiveDate::from_ymd_opt(2026, 1, 5).unwrap();
                let (mut close, mut arrived) = (stock.base_price, 0.0);
                let mut latent = close.ticks() as f64 * (1.0 + moved);
                // Each day that follows a limit grows by this, which is known before.
                let growth = 0.99;
                for _ in 0..60 {
                    let band = PriceBand::of(&parameters::LimitParameters::default(), &stock, date, close);
                    let print = band.print(latent);
                    arrived += print.ticks() as f64 / close.ticks() as f64 - 1.0;
                    if band.carry(latent, growth) != latent {
                        assert!(band.is_at_limit(print));
                        latent = band.carry(latent, growth) * growth;
                        arrived -= growth - 1.0;
                    }
                    close = print;
                }
                assert!((arrived - moved).abs() < 0.001, "{board} {moved}: {arrived}");
            }
        }
    }
}
