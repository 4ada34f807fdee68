//! Courses rather than numbers: volume and volatility through the day, the memory of volatility, the tails' density.

use super::metrics::{autocorrelation, deseasonalised, mean, median, variance};
use super::series::{QUARTERS_PER_DAY, Series};

/// The largest lag of [`memory`], in quarter-hours: twenty days.
pub(super) const LAG_MAX: usize = 320;
/// Width of a bin of [`density`], in standard deviations, and where the outermost ends.
const BIN: f64 = 0.5;
const BINS: i32 = 61;

/// A value for each quarter-hour of the day.
pub(super) type Quarters = [f64; QUARTERS_PER_DAY];

/// Medians over the symbols.
fn medians(each: &[Quarters]) -> Quarters {
    std::array::from_fn(|quarter| median(each.iter().map(|values| values[quarter]).collect()))
}

/// What each quarter-hour trades as a share of the day, the mean over the days; median over the symbols.
pub(super) fn volume(series: &[Series]) -> Quarters {
    let shares = |series: &Series| {
        let mut shares = [0.0; QUARTERS_PER_DAY];
        let days = series.quarters.chunks_exact(QUARTERS_PER_DAY);
        let count = days.len().max(1) as f64;
        for day in days {
            let all: f64 = day.iter().map(|quarter| quarter.volume).sum();
            for (share, quarter) in shares.iter_mut().zip(day) {
                *share += quarter.volume / all / count;
            }
        }
        shares
    };
    medians(&series.iter().map(shares).collect::<Vec<_>>())
}

/// Mean |r| of each quarter-hour relative to that of all; median over the symbols. Takes quarter-hour returns.
pub(super) fn moves<'a>(returns: impl Iterator<Item = &'a [f64]>) -> Quarters {
    let relative = |returns: &[f64]| {
        let sizes: Vec<f64> = returns.iter().map(|r| r.abs()).collect();
        let of = |quarter| sizes.iter().copied().skip(quarter).step_by(QUARTERS_PER_DAY).collect::<Vec<f64>>();
        std::array::from_fn(|quarter| mean(&of(quarter)) / mean(&sizes))
    };
    medians(&returns.map(relative).collect::<Vec<_>>())
}

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
            // What lies further out belongs to no bin; so does what is no number.
            if let Some(count) = (place >= 0.0).then(|| counts.get_mut(place as usize)).flatten() {
                *count += 1;
            }
        }
    }
    let centre = |place: usize| (place as f64 - f64::from(BINS / 2)) * BIN;
    let value = |count: u64| count as f64 / all as f64 / BIN;
    counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(i, &count)| (centre(i), value(count))).collect()
}
