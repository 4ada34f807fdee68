//! Correlated standard normal draws, many at once.

use klined_market::base::seed::open_unit;
use klined_market::model::normal::quantiles;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

/// The lower triangular factor of a correlation matrix (A.-L. Cholesky), made with the four basic operations and the
/// square root only, so that it has the same bits on every platform.
#[derive(Debug, Clone)]
pub struct Cholesky<const N: usize> {
    rows: [[f64; N]; N],
}

impl<const N: usize> Cholesky<N> {
    /// The factor of a matrix that is given by its elements and is positive definite.
    #[must_use]
    pub fn of(element: impl Fn(usize, usize) -> f64) -> Self {
        let mut rows = [[0.0; N]; N];
        for i in 0..N {
            for j in 0..=i {
                let explained: f64 = (0..j).map(|k| rows[i][k] * rows[j][k]).sum();
                let rest = element(i, j) - explained;
                rows[i][j] = if i == j { rest.sqrt() } else { rest / rows[j][j] };
            }
        }
        Self { rows }
    }

    /// Correlated draws from independent ones.
    #[must_use]
    pub fn correlate(&self, independent: &[f64; N]) -> [f64; N] {
        let mut correlated = [0.0; N];
        for (i, row) in self.rows.iter().enumerate() {
            for j in 0..=i {
                correlated[i] += row[j] * independent[j];
            }
        }
        correlated
    }

    /// The next correlated draws of a stream; takes N words.
    pub fn draw(&self, stream: &mut ChaCha8Rng) -> [f64; N] {
        self.correlate(&normals(stream))
    }
}

/// The next N independent standard normal draws of a stream, a word each.
pub fn normals<const N: usize>(stream: &mut ChaCha8Rng) -> [f64; N] {
    let (mut uniforms, mut found) = ([0.0; N], [0.0; N]);
    for uniform in &mut uniforms {
        *uniform = open_unit(stream.next_u64());
    }
    quantiles(&uniforms, &mut found);
    found
}

/// The next uniform number in (0, 1) of a stream.
pub fn uniform(stream: &mut ChaCha8Rng) -> f64 {
    open_unit(stream.next_u64())
}

#[cfg(test)]
mod tests {
    use super::super::currency::{LEGS, correlation, leg_factor};
    use super::*;
    use rand_core::SeedableRng;

    #[test]
    fn draws_have_the_correlations_that_were_asked_for() {
        let (factor, n) = (leg_factor(), 200_000);
        let mut stream = ChaCha8Rng::seed_from_u64(5);
        let mut products = [[0.0; LEGS]; LEGS];
        for _ in 0..n {
            let z = factor.draw(&mut stream);
            for (i, row) in products.iter_mut().enumerate() {
                for (j, product) in row.iter_mut().enumerate() {
                    *product += z[i] * z[j];
                }
            }
        }
        for (i, row) in products.iter().enumerate() {
            for (j, product) in row.iter().enumerate() {
                let found = product / f64::from(n);
                // Five standard errors of a correlation estimate at most.
                assert!((found - correlation(i, j)).abs() < 0.016, "{i} {j}: {found}");
            }
        }
    }
}
