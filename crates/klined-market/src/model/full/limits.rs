//! Price limits: printed prices stay inside the day's limits, and the latent price does not have to.
//!
//! The latent price moves on without limits, and every printed price is limited to them: the exact path with its extremes, cut
//! off. The excess of the latent price over the limit at the close is carried to the next open (the delayed price discovery of K. A.
//! Kim, S. G. Rhee, Journal of Finance 52 (1997)), and again, until the limits let it through.
//!
//! A stock's bounds cut off the printed price as well; the latent price is held inside of them by [`super::FullDay`], so nothing of
//! it is carried. Where bounds and limits exclude one another the bounds hold.
//!
//! The excess x is counted in simple returns on the close before: a move of 15 % under a limit of 10 % leaves 5 % for later. The
//! next day begins at limit·(1 + x/g), with g the growth of the next day that is known by then (reversals of news and of
//! overshoot). So its mean simple return is (1 + x/g)·g − 1 = x + (g − 1): the excess, and the
//! return of the day without it. Limits therefore do not change the mean of daily simple returns, for any distribution of the
//! moves.

use chrono::NaiveDate;

use super::parameters;
use crate::base::{Instrument, Price, PriceLimits};

/// The prices between which a day's printed prices lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct PriceBand {
    /// The day's price limits.
    down: Price,
    up: Price,
    is_limited: bool,
    /// The lowest and the highest printed price: the limits inside the bounds.
    lowest: Price,
    highest: Price,
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
        let (lowest, highest) = (instrument.bounds.hold(down), instrument.bounds.hold(up));
        Self { down, up, is_limited, lowest, highest, close_before_ticks: previous_close.ticks() as f64 }
    }

    /// The printed price of a latent price.
    #[inline]
    pub(super) fn print(&self, latent_ticks: f64) -> Price {
        Price::nearest(latent_ticks).clamp(self.lowest, self.highest)
    }

    /// Whether a printed price is at a limit.
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
