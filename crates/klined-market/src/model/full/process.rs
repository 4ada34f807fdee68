//! Mean-reverting parts: Ornstein–Uhlenbeck processes in exact steps, and decays by half-lives.
//!
//! Over a step of length t an OU process of half-life T and stationary deviation s goes x ← φx + s√(1 − φ²)·z with
//! φ = 2^(−t/T) (G. E. Uhlenbeck, L. S. Ornstein, Physical Review 36 (1930)): exact whatever the step.

use crate::model::math::exp;

/// An OU process, or any first-order memory, stepped at a fixed length.
#[derive(Debug, Clone, Copy)]
pub(super) struct OuProcess {
    /// What is left of the state after a step.
    pub persistence: f64,
    /// What a standard normal draw adds.
    pub innovation: f64,
    /// Stationary standard deviation.
    pub deviation: f64,
}

impl OuProcess {
    /// A process of a half-life in steps.
    pub(super) fn new(half_life: f64, deviation: f64) -> Self {
        let persistence = persistence(half_life);
        Self { persistence, innovation: deviation * (1.0 - persistence * persistence).max(0.0).sqrt(), deviation }
    }

    /// The state after a step.
    #[inline]
    pub(super) fn step(&self, x: f64, normal: f64) -> f64 {
        self.persistence * x + self.innovation * normal
    }

    /// A state from the stationary law.
    pub(super) fn stationary(&self, normal: f64) -> f64 {
        self.deviation * normal
    }
}

/// What is left after one step of something that halves in so many.
pub(super) fn persistence(half_life: f64) -> f64 {
    exp(-std::f64::consts::LN_2 / half_life)
}
