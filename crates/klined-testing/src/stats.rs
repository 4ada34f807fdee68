//! Tests of samples against laws. Each gives a p-value: the probability that a sample of this law is at least as far off.
//!
//! The samples of these tests come from fixed seeds, so a verdict never changes from run to run; [`ALPHA`] only says how
//! surprising a pinned sample may be.

/// A law is refused when a sample of it would be this far off less often than once in ten thousand: at 100,000 draws
/// that still sees a distribution that is 0.007 away.
pub const ALPHA: f64 = 1e-4;

/// P(Z ≤ z) of a standard normal variable.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// P(U ≤ u) of a uniform variable on (0, 1).
pub fn uniform_cdf(u: f64) -> f64 {
    u.clamp(0.0, 1.0)
}

/// Kolmogorov–Smirnov, one sample: p-value of the largest distance between the sample's distribution and a law's.
pub fn ks(mut sample: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    sample.sort_by(f64::total_cmp);
    let n = sample.len() as f64;
    let distance_at = |(i, &x): (usize, &f64)| {
        let p = cdf(x);
        (p - i as f64 / n).max((i + 1) as f64 / n - p)
    };
    let distance = sample.iter().enumerate().map(distance_at).fold(0.0, f64::max);
    kolmogorov_tail(distance * n.sqrt())
}

/// Kolmogorov–Smirnov, two samples: p-value of the largest distance between their distributions. Ties count once.
pub fn ks_two_samples(mut one: Vec<f64>, mut other: Vec<f64>) -> f64 {
    one.sort_by(f64::total_cmp);
    other.sort_by(f64::total_cmp);
    let (n, m) = (one.len() as f64, other.len() as f64);
    let (mut i, mut j, mut distance) = (0, 0, 0.0_f64);
    while i < one.len() && j < other.len() {
        let x = one[i].min(other[j]);
        i += one[i..].iter().take_while(|&&value| value <= x).count();
        j += other[j..].iter().take_while(|&&value| value <= x).count();
        distance = distance.max((i as f64 / n - j as f64 / m).abs());
    }
    kolmogorov_tail(distance * (n * m / (n + m)).sqrt())
}

/// P(√n·D > λ) for large n: 2 Σ (−1)^(k−1) exp(−2k²λ²).
fn kolmogorov_tail(lambda: f64) -> f64 {
    if lambda < 0.2 {
        return 1.0;
    }
    let term = |k: i32| f64::from(1 - k % 2 * 2) * (-2.0 * f64::from(k * k) * lambda * lambda).exp();
    (-2.0 * (1..=50).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

/// Pearson's chi-square of counts against the probabilities of their classes.
pub fn chi_square_statistic(counts: &[u64], probabilities: &[f64]) -> f64 {
    assert_eq!(counts.len(), probabilities.len());
    let n = counts.iter().sum::<u64>() as f64;
    counts.iter().zip(probabilities).map(|(&count, p)| (count as f64 - n * p).powi(2) / (n * p)).sum()
}

/// Pearson's chi-square: p-value of counts against the probabilities of their classes.
pub fn chi_square(counts: &[u64], probabilities: &[f64]) -> f64 {
    chi_square_tail(chi_square_statistic(counts, probabilities), counts.len() - 1)
}

/// P(χ² > x) with so many degrees of freedom, exactly: up in steps of two from 1 (erfc) or 2 (exp).
pub fn chi_square_tail(x: f64, degrees: usize) -> f64 {
    let half = x / 2.0;
    let (mut tail, mut term, first) = if degrees % 2 == 1 {
        (libm::erfc(half.sqrt()), (-half).exp() * 2.0 * (half / std::f64::consts::PI).sqrt(), 1)
    } else {
        ((-half).exp(), (-half).exp() * half, 2)
    };
    for degree in (first..degrees).step_by(2) {
        tail += term;
        term *= half / (degree as f64 / 2.0 + 1.0);
    }
    tail
}

/// Mean and its standard error.
pub fn mean_and_error(sample: &[f64]) -> (f64, f64) {
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    let variance = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// Standard deviation about the mean.
pub fn deviation(sample: &[f64]) -> f64 {
    mean_and_error(sample).1 * (sample.len() as f64).sqrt()
}

/// FNV-1a, 64 bits: a checksum short enough to be pinned in a test.
pub fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[test]
fn the_tails_are_those_of_the_printed_tables() {
    // Critical values at 0.001.
    for (x, degrees) in [(10.828, 1), (13.816, 2), (16.266, 3), (22.458, 6), (29.588, 10), (137.208, 90)] {
        let tail = chi_square_tail(x, degrees);
        assert!((tail - 0.001).abs() < 2e-6, "{degrees} degrees: {tail}");
    }
    assert!((kolmogorov_tail(1.9495) - 0.001).abs() < 1e-5);
    assert!((kolmogorov_tail(1.3581) - 0.05).abs() < 1e-4);
    assert!((normal_cdf(1.959_963_984_540_054) - 0.975).abs() < 1e-12);
    assert_eq!(fnv1a(*b"foobar"), 0x8594_4171_f739_67e8);
}

#[test]
fn the_tests_of_samples_tell_a_law_from_its_neighbour() {
    let grid: Vec<f64> = (0..20_000).map(|i| (f64::from(i) + 0.5) / 20_000.0).collect();
    let shifted: Vec<f64> = grid.iter().map(|u| u + 0.03).collect();
    assert!(ks(grid.clone(), uniform_cdf) > 0.99);
    assert!(ks(shifted.clone(), uniform_cdf) < ALPHA);
    assert!(ks_two_samples(grid.clone(), grid.clone()) > 0.99);
    assert!(ks_two_samples(grid, shifted) < ALPHA);
    assert!(chi_square(&[500, 300, 200], &[0.5, 0.3, 0.2]) > 0.99);
    assert!(chi_square(&[570, 250, 180], &[0.5, 0.3, 0.2]) < ALPHA);
}
