//! Price limits: prints stay inside the day's limits, the price behind them does not have to.
//!
//! The latent price moves on without limits and every print is held between them: the exact path with its extremes, cut off.
//! What the latent price exceeds the limit by at the close is carried to the next open (the delayed price discovery of K. A.
//! Kim, S. G. Rhee, Journal of Finance 52 (1997)). The excess is counted in simple returns on the close before: a move of
//! 15 % under a limit of 10 % opens the next day with 5 %, so limits leave the mean of daily simple returns as it is. Up to a
//! most, in logs; what exceeds that is lost.

use chrono::NaiveDate;

use super::parameters;
use crate::base::{Instrument, Price, PriceLimits};
use crate::model::math::exp;

/// The span that a day's prints stay in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    down: Price,
    up: Price,
    is_limited: bool,
    close_before_ticks: f64,
    carry_most: f64,
}

impl Span {
    pub(super) fn of(
        parameters: &parameters::Limits,
        instrument: &Instrument,
        date: NaiveDate,
        previous_close: Price,
    ) -> Self {
        let limits = instrument.board.price_limits(instrument.is_st, date, previous_close);
        let (down, up, is_limited) = match limits.filter(|_| parameters.enabled) {
            Some(PriceLimits { down, up }) => (down, up, true),
            None => (Price::MIN, Price::MAX, false),
        };
        Self {
            down,
            up,
            is_limited,
            close_before_ticks: previous_close.ticks() as f64,
            carry_most: parameters.carry_most,
        }
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

    /// The latent price that the next day begins with.
    pub(super) fn carry(&self, latent_ticks: f64) -> f64 {
        let (down, up) = (self.down.ticks() as f64, self.up.ticks() as f64);
        let limit = latent_ticks.clamp(down, up);
        if !self.is_limited || limit == latent_ticks {
            return latent_ticks;
        }
        let excess = (latent_ticks - limit) / self.close_before_ticks;
        limit * (1.0 + excess).clamp(exp(-self.carry_most), exp(self.carry_most))
    }
}
