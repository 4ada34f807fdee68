//! The curves of a picture that no metric needs: the memory of volatility and the density of returns.

use crate::metrics::{autocorrelation, deseasonalised, mean, median, variance};
use crate::series::Series;

/// The largest lag of [`memory`], in quarter-hours: twenty days.
pub(super) const LAG_MAX: usize = 320;
/// Width of a bin of [`density`], in standard deviations, and where the outermost ends.
const BIN: f64 = 0.5;
const BINS: i32 = 61;

/// Autocorrelation of the deseasonalised |r|, median over the symbols, at lags evenly spaced in logs.
pub(super) fn memory(series: &[Series]) -> Vec<(usize, f64)> {
    let sizes = |series: &Series| {
        let sizes: Vec<f64> = deseasonalised(&series.quarter_returns()).iter().map(|r| r.abs()).collect();
        sizes
    };
    let sizes: Vec<Vec<f64>> = series.iter().map(sizes).collect();
    let longest = sizes.iter().map(Vec::len).max().unwrap_or(0) / 2;
    let mut lags: Vec<usize> = (0..=40).map(|i| (LAG_MAX as f64).powf(f64::from(i) / 40.0).round() as usize).collect();
    lags.dedup();
    lags.retain(|&lag| lag <= longest);
    lags.into_iter().map(|lag| (lag, median(sizes.iter().map(|x| autocorrelation(x, lag)).collect()))).collect()
}

/// Density of quarter-hour returns in each symbol's own standard deviations: the bins' centres and values, without the
/// empty bins.
pub(super) fn density(series: &[Series]) -> Vec<(f64, f64)> {
    let mut counts = vec![0_u64; BINS as usize];
    let mut all = 0_u64;
    for series in series {
        let returns = series.quarter_returns();
        let (centre, deviation) = (mean(&returns), variance(&returns).sqrt());
        for r in returns {
            all += 1;
            let place = ((r - centre) / deviation / BIN).round() + f64::from(BINS / 2);
            // A return outside of the bins, or one that is not a number, is not counted.
            if let Some(count) = (place >= 0.0).then(|| counts.get_mut(place as usize)).flatten() {
                *count += 1;
            }
        }
    }
    let centre = |place: usize| (place as f64 - f64::from(BINS / 2)) * BIN;
    let value = |count: u64| count as f64 / all as f64 / BIN;
    counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(i, &count)| (centre(i), value(count))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::tests::series;
    use crate::series::QUARTERS_PER_DAY;

    #[test]
    fn memory_is_the_autocorrelation_at_lags_from_one_to_twenty_days() {
        // Every other day is wild: deseasonalised sizes are alike within a day, so they come again after two.
        let days = series(60, |place| (if (place / QUARTERS_PER_DAY).is_multiple_of(2) { 0.001 } else { 0.003 }, 1.0));
        let found = memory(&[days]);
        assert_eq!((found[0].0, found[found.len() - 1].0), (1, LAG_MAX));
        assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (lag, value) in found {
            // A lag's part of a day pairs days that differ; over two days it goes down and up again.
            let turn = (lag % (2 * QUARTERS_PER_DAY)) as f64 / QUARTERS_PER_DAY as f64;
            let expected = 1.0 - 2.0 * if turn <= 1.0 { turn } else { 2.0 - turn };
            assert!((value - expected).abs() < 0.04, "lag {lag}: {value} for {expected}");
        }
    }

    #[test]
    fn density_is_counted_in_standard_deviations_around_the_mean() {
        // Two returns as likely as each other lie one deviation off; a half of all in a bin of a half is a density of 1.
        for (centre, deviation) in [(0.0, 1e-3), (5e-3, 2e-2)] {
            let days = series(4, |place| (centre + if place.is_multiple_of(2) { deviation } else { -deviation }, 1.0));
            assert_eq!(density(&[days]), [(-1.0, 1.0), (1.0, 1.0)]);
        }
    }
}
