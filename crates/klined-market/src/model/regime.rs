//! The regime chain, a Markov chain of bull, sideways and bear that is drawn again after 30 to 120 trading minutes.
//!
//! A redraw may give the same regime again. The chain's stationary distribution, the left eigenvector of its transition matrix,
//! is bull 0.395, sideways 0.21, bear 0.395.

use std::fmt;

use rand_core::Rng;
use serde::{Deserialize, Serialize};

use crate::base::AnnualDrift;
use crate::base::seed::open_unit;

/// The fewest trading minutes between two redraws.
const DURATION_MINUTES_MIN: u64 = 30;
/// The number of different durations: 30, 31, … 120.
const DURATION_CHOICES: u64 = 91;

/// The mood of a symbol or of the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Regime {
    /// Prices rise: a drift of +15 % a year at the base volatility.
    Bull,
    /// No drift, at 0.8 times the base volatility.
    Sideways,
    /// Prices fall: a drift of −15 % a year at 1.5 times the base volatility.
    Bear,
}

impl Regime {
    /// In the order of the transition matrix's rows and columns.
    pub const ALL: [Self; 3] = [Self::Bull, Self::Sideways, Self::Bear];

    /// The stationary distribution: each regime's share of all minutes. Solves πT = π exactly (15/38, 8/38, 15/38).
    pub(super) const STATIONARY: [f64; 3] = [15.0 / 38.0, 8.0 / 38.0, 15.0 / 38.0];

    /// The expected return while it lasts.
    #[must_use]
    pub fn drift(self) -> AnnualDrift {
        AnnualDrift(match self {
            Self::Bull => 0.15,
            Self::Sideways => 0.0,
            Self::Bear => -0.15,
        })
    }

    /// The factor of the base volatility while it lasts.
    #[must_use]
    pub fn volatility_factor(self) -> f64 {
        match self {
            Self::Bull => 1.0,
            Self::Sideways => 0.8,
            Self::Bear => 1.5,
        }
    }

    /// √(Σ π c²): the regimes' factor of a volatility on average.
    pub(super) fn root_mean_square_factor() -> f64 {
        let square = |regime: Self| regime.volatility_factor() * regime.volatility_factor();
        Self::ALL.into_iter().zip(Self::STATIONARY).map(|(regime, share)| share * square(regime)).sum::<f64>().sqrt()
    }

    /// The name that `stock_state` keeps.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bull => "bull",
            Self::Sideways => "sideways",
            Self::Bear => "bear",
        }
    }

    /// Probabilities of the next regime, in the order of [`Regime::ALL`].
    pub(super) fn transitions(self) -> [f64; 3] {
        match self {
            Self::Bull => [0.90, 0.08, 0.02],
            Self::Sideways => [0.15, 0.70, 0.15],
            Self::Bear => [0.02, 0.08, 0.90],
        }
    }
}

impl fmt::Display for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A regime and the time until it is drawn again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// The present regime.
    pub regime: Regime,
    /// Trading minutes until the next redraw.
    pub minutes_left: u16,
}

impl Chain {
    /// A chain in its stationary distribution with a new duration.
    pub(super) fn stationary(stream: &mut impl Rng) -> Self {
        Self::draw(Regime::STATIONARY, stream)
    }

    /// One trading minute passes. Draws from the stream only when the duration is over.
    pub(super) fn advance(&mut self, stream: &mut impl Rng) -> Regime {
        if self.minutes_left == 0 {
            *self = Self::draw(self.regime.transitions(), stream);
        }
        self.minutes_left -= 1;
        self.regime
    }

    /// One trading minute passes in a market that has a regime of its own: with `copy_probability` a redraw takes that regime
    /// instead of the transition's. A redraw takes three words, with or without a market.
    pub(super) fn advance_beside(
        &mut self,
        stream: &mut impl Rng,
        market: Option<Regime>,
        copy_probability: f64,
    ) -> Regime {
        if self.minutes_left == 0 {
            let is_copied = open_unit(stream.next_u64()) < copy_probability;
            *self = Self::draw(self.regime.transitions(), stream);
            self.regime = market.filter(|_| is_copied).unwrap_or(self.regime);
        }
        self.minutes_left -= 1;
        self.regime
    }

    /// So many trading minutes pass, with the same result as that number of calls of [`Chain::advance`].
    pub(super) fn pass(&mut self, mut minutes: u16, stream: &mut impl Rng) {
        while minutes > 0 {
            if self.minutes_left == 0 {
                *self = Self::draw(self.regime.transitions(), stream);
            }
            let passed = minutes.min(self.minutes_left);
            self.minutes_left -= passed;
            minutes -= passed;
        }
    }

    fn draw(probabilities: [f64; 3], stream: &mut impl Rng) -> Self {
        let point = open_unit(stream.next_u64());
        let regime = if point < probabilities[0] {
            Regime::Bull
        } else if point < probabilities[0] + probabilities[1] {
            Regime::Sideways
        } else {
            Regime::Bear
        };
        // The high half of a word times the number of choices: uniform to within 2⁻²⁵.
        let duration = DURATION_MINUTES_MIN + (((stream.next_u64() >> 32) * DURATION_CHOICES) >> 32);
        Self { regime, minutes_left: duration as u16 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stationary_distribution_is_stationary() {
        for (column, share) in Regime::STATIONARY.iter().enumerate() {
            let flow: f64 =
                Regime::ALL.iter().zip(Regime::STATIONARY).map(|(from, pi)| pi * from.transitions()[column]).sum();
            assert!((flow - share).abs() < 1e-12);
        }
    }
}
