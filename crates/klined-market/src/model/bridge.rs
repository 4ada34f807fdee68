//! The exact extremes of a minute: highest and lowest point of a Brownian bridge between its open and its close.
//!
//! With x = ln(close/open) and v the minute's variance, the maximum M of the bridge has
//! P(M > m) = exp(−2m(m − x)/v) for m ≥ max(0, x) (Borodin & Salminen, "Handbook of Brownian Motion", 2nd ed., IV.26),
//! so M = ½(x + √(x² − 2v ln U)) with U uniform; the minimum by symmetry. The two are coupled by taking the second
//! uniform as 1 − the first with probability 0.546, which matches the second moment of the range (2.773 v,
//! M. Parkinson, Journal of Business 53 (1980)) and the correlation of the extremes.

/// Highest and lowest log distance from the open: `high ≥ max(0, x)`, `low ≤ min(0, x)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extremes {
    pub high: f64,
    pub low: f64,
}

/// The numerator of the coupling probability, 1118/2048 = 0.546.
const COUPLED: u64 = 1118;

/// Whether the extremes are coupled, by the 11 low bits of a random word that its uniform leaves unused.
pub(super) fn is_coupled(bits: u64) -> bool {
    bits & 0x7ff < COUPLED
}

/// The extremes of a bridge that ends `x` above its start, of variance `v`, from the logarithms of two uniforms.
#[inline]
pub(super) fn extremes(x: f64, v: f64, log_high: f64, log_low: f64) -> Extremes {
    let reach = |log_uniform: f64| (x * x - 2.0 * v * log_uniform).sqrt();
    Extremes { high: 0.5 * (x + reach(log_high)), low: 0.5 * (x - reach(log_low)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::seed::open_unit;
    use crate::model::normal;
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    #[test]
    fn spans_both_ends() {
        for x in [-0.01, 0.0, 0.003] {
            let found = extremes(x, 1e-6, -1e-9, -0.7);
            assert!(found.high >= x.max(0.0) && found.low <= x.min(0.0));
        }
    }

    #[test]
    fn has_the_moments_of_a_brownian_path() {
        let mut stream = ChaCha8Rng::seed_from_u64(7);
        let n = 400_000;
        let (mut range_squared, mut high_sum, mut product_sum) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let x = normal::quantile(open_unit(stream.next_u64()));
            let (first, second) = (stream.next_u64(), stream.next_u64());
            let up = open_unit(first);
            let down = if is_coupled(second) { 1.0 - up } else { open_unit(second) };
            let Extremes { high, low } = extremes(x, 1.0, libm::log(up), libm::log(down));
            range_squared += (high - low).powi(2);
            high_sum += high;
            product_sum += high * -low;
        }
        let mean = |sum: f64| sum / f64::from(n);
        // E range² = 4 ln 2; E max = √(2/π); the covariance of max and −min from E[max · −min] = 2 ln 2 − 1.
        assert!((mean(range_squared) - 4.0 * f64::ln(2.0)).abs() < 0.02, "{}", mean(range_squared));
        assert!((mean(high_sum) - (2.0 / std::f64::consts::PI).sqrt()).abs() < 0.004);
        assert!((mean(product_sum) - (2.0 * f64::ln(2.0) - 1.0)).abs() < 0.01, "{}", mean(product_sum));
    }
}
