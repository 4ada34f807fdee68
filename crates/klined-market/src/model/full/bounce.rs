//! The overshoot: part of each own move comes back, within minutes and within days.
//!
//! T ← ρ·T + a·e in a quick and a slow part, and the price has ΔT besides e: a negative first autocorrelation as the bid-ask
//! bounce makes it (R. Roll, Journal of Finance 39 (1984)). What comes back adds to the mean of simple returns (M. E. Blume,
//! R. F. Stambaugh, Journal of Financial Economics 12 (1983)). A shock e of variance v, with n minutes of its day still to
//! come, moves that day's return by D·e, D = 1 + Σ aᵢρᵢⁿ, and the k-th day after it by Bₖ·e, Bₖ = −Σ aᵢρᵢⁿ(1 − qᵢ)qᵢ^(k−1)
//! with qᵢ = ρᵢ²⁴⁰. Given the variances all of it is normal, so the means of the daily simple returns are 0 when each shock is
//! charged ½(D² + Σ Bₖ²)·v in its own minute.

use super::parameters;
use super::process::persistence;
use super::profile::{MINUTES, Minutes};

const PARTS: usize = 2;

/// The parameters, worked out.
#[derive(Debug, Clone)]
pub(super) struct Bounce {
    persistence: [f64; PARTS],
    share: [f64; PARTS],
    /// What of it comes back during a day: 1 − q.
    comes_back: [f64; PARTS],
    /// ½(D² + Σ Bₖ²) of each minute.
    pub charge: Minutes,
    /// The part of a minute's own standard deviation in its return: 1 + Σ aᵢ.
    pub stretched: f64,
}

/// T, in its quick and its slow part.
pub(super) type Overshoot = [f64; PARTS];

impl Bounce {
    pub(super) fn new(parameters: &parameters::BounceParameters) -> Self {
        let persistence =
            [parameters.half_life_minutes, parameters.slow_half_life_days * MINUTES as f64].map(persistence);
        let share = if parameters.enabled { [parameters.share, parameters.slow_share] } else { [0.0; PARTS] };
        let over_a_day = persistence.map(|persistence| (0..MINUTES).fold(1.0, |left, _| left * persistence));
        let comes_back = over_a_day.map(|left| 1.0 - left);
        // What is left of the shocks of each minute at the day's close, from the last minute back.
        let mut left = share;
        let mut charge = [0.0; MINUTES];
        for of_minute in charge.iter_mut().rev() {
            let that_day = 1.0 + left[0] + left[1];
            let back: [f64; PARTS] = std::array::from_fn(|part| left[part] * comes_back[part]);
            let mut later = 0.0;
            for one in 0..PARTS {
                for other in 0..PARTS {
                    later += back[one] * back[other] / (1.0 - over_a_day[one] * over_a_day[other]);
                }
            }
            *of_minute = 0.5 * (that_day * that_day + later);
            left = std::array::from_fn(|part| left[part] * persistence[part]);
        }
        Self { persistence, share, comes_back, charge, stretched: 1.0 + share[0] + share[1] }
    }

    /// A minute's own move; returns ΔT.
    #[inline]
    pub(super) fn step(&self, overshoot: &mut Overshoot, own: f64) -> f64 {
        let before = overshoot[0] + overshoot[1];
        for ((part, persistence), share) in overshoot.iter_mut().zip(self.persistence).zip(self.share) {
            *part = persistence * *part + share * own;
        }
        overshoot[0] + overshoot[1] - before
    }

    /// What the next day is expected to bring of an overshoot, in logs.
    pub(super) fn tomorrow(&self, overshoot: &Overshoot) -> f64 {
        -(overshoot[0] * self.comes_back[0] + overshoot[1] * self.comes_back[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_overshoot_a_shock_is_charged_half_its_variance() {
        let off = parameters::BounceParameters { enabled: false, ..parameters::BounceParameters::default() };
        assert!(Bounce::new(&off).charge.iter().all(|&charge| charge == 0.5));
    }

    #[test]
    fn the_charge_is_half_the_squares_of_what_a_shock_does_to_each_day() {
        let bounce = Bounce::new(&parameters::BounceParameters::default());
        for minute in [0, 100, MINUTES - 1] {
            // One shock, and what it moves on its day and on each of the 400 that follow.
            let mut overshoot = [0.0; PARTS];
            let mut squares = 0.0;
            for day in 0..400 {
                let from = if day == 0 { minute } else { 0 };
                let shock = |at: usize| if day == 0 && at == minute { 1.0 } else { 0.0 };
                let moved: f64 = (from..MINUTES).map(|at| shock(at) + bounce.step(&mut overshoot, shock(at))).sum();
                squares += moved * moved;
            }
            assert!((bounce.charge[minute] - 0.5 * squares).abs() < 1e-9, "{minute}");
        }
    }
}
