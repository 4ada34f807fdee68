//! The bounce: a part of each own move is overshoot and reverts, within minutes and within days.
//!
//! T ← ρ·T + a·e in a quick and a slow part, and the price has ΔT besides e. It makes the negative first autocorrelation of the
//! bid-ask bounce (R. Roll, Journal of Finance 39 (1984)). The reversal adds to the mean of simple returns (M. E. Blume,
//! R. F. Stambaugh, Journal of Financial Economics 12 (1983)). A shock e of variance v, with n minutes of its day still to
//! come, moves that day's return by D·e, D = 1 + Σ aᵢρᵢⁿ, and the k-th day after it by Bₖ·e, Bₖ = −Σ aᵢρᵢⁿ(1 − qᵢ)qᵢ^(k−1)
//! with qᵢ = ρᵢⁿ over a whole day. Given the variances all of it is normal, so the means of the daily simple returns are 0 when each shock
//! is compensated by ½(D² + Σ Bₖ²)·v in its own minute.

use super::parameters;
use super::process::persistence;

const PARTS: usize = 2;

/// The constants that follow from the parameters.
#[derive(Debug, Clone)]
pub(super) struct Bounce {
    persistence: [f64; PARTS],
    share: [f64; PARTS],
    /// The share that reverts during a day: 1 − q.
    reversal: [f64; PARTS],
    over_a_day: [f64; PARTS],
    /// The factor of a minute's own standard deviation in its return: 1 + Σ aᵢ.
    pub stretched: f64,
}

/// T, in its quick and its slow part.
pub(super) type Overshoot = [f64; PARTS];

impl Bounce {
    /// The overshoot of a market whose regular day has so many minutes.
    pub(super) fn new(parameters: &parameters::BounceParameters, minutes_per_day: u16) -> Self {
        let persistence = [parameters.half_life_minutes, parameters.slow_half_life_days * f64::from(minutes_per_day)]
            .map(persistence);
        let share = if parameters.enabled { [parameters.share, parameters.slow_share] } else { [0.0; PARTS] };
        let over_a_day = persistence.map(|persistence| (0..minutes_per_day).fold(1.0, |left, _| left * persistence));
        let reversal = over_a_day.map(|left| 1.0 - left);
        Self { persistence, share, reversal, over_a_day, stretched: 1.0 + share[0] + share[1] }
    }

    /// The compensation of the own move in each minute of a day of so many, in its variances: ½(D² + Σ Bₖ²).
    pub(super) fn charge(&self, minutes: usize) -> Vec<f64> {
        let Self { persistence, share, reversal, over_a_day, .. } = self;
        // The part of each minute's shock that is left at the day's close, from the last minute back.
        let mut left = *share;
        let mut charge = vec![0.0; minutes];
        for of_minute in charge.iter_mut().rev() {
            let that_day = 1.0 + left[0] + left[1];
            let back: [f64; PARTS] = std::array::from_fn(|part| left[part] * reversal[part]);
            let mut later = 0.0;
            for one in 0..PARTS {
                for other in 0..PARTS {
                    later += back[one] * back[other] / (1.0 - over_a_day[one] * over_a_day[other]);
                }
            }
            *of_minute = 0.5 * (that_day * that_day + later);
            left = std::array::from_fn(|part| left[part] * persistence[part]);
        }
        charge
    }

    /// The overshoot after a minute's own move; returns ΔT.
    #[inline]
    pub(super) fn step(&self, overshoot: &mut Overshoot, own: f64) -> f64 {
        let before = overshoot[0] + overshoot[1];
        for ((part, persistence), share) in overshoot.iter_mut().zip(self.persistence).zip(self.share) {
            *part = persistence * *part + share * own;
        }
        overshoot[0] + overshoot[1] - before
    }

    /// The expected effect of an overshoot on the next day's return, in logs.
    pub(super) fn tomorrow(&self, overshoot: &Overshoot) -> f64 {
        -(overshoot[0] * self.reversal[0] + overshoot[1] * self.reversal[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES: u16 = 240;

    #[test]
    fn without_overshoot_a_shock_is_charged_half_its_variance() {
        let off = parameters::BounceParameters { enabled: false, ..parameters::BounceParameters::default() };
        assert!(Bounce::new(&off, MINUTES).charge(240).iter().all(|&charge| charge == 0.5));
    }

    #[test]
    fn the_charge_is_half_the_squares_of_what_a_shock_does_to_each_day() {
        let bounce = Bounce::new(&parameters::BounceParameters::default(), MINUTES);
        let charge = bounce.charge(usize::from(MINUTES));
        for minute in [0, 100, MINUTES - 1] {
            // One shock, and what it moves on its day and on each of the 400 that follow.
            let mut overshoot = [0.0; PARTS];
            let mut squares = 0.0;
            for day in 0..400 {
                let from = if day == 0 { minute } else { 0 };
                let shock = |at: u16| if day == 0 && at == minute { 1.0 } else { 0.0 };
                let moved: f64 = (from..MINUTES).map(|at| shock(at) + bounce.step(&mut overshoot, shock(at))).sum();
                squares += moved * moved;
            }
            assert!((charge[usize::from(minute)] - 0.5 * squares).abs() < 1e-9, "{minute}");
        }
    }
}
