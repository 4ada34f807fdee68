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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realism::Quarter;

    /// So many days of quarter-hours, each with a return and a volume by its place.
    fn series(days: usize, of: impl Fn(usize) -> (f64, f64)) -> Series {
        let quarter = |place: usize| {
            let (close, volume) = of(place);
            // Whatever opens a day, no night is in its returns.
            Quarter { open: 0.0, high: close, low: 0.0, close, volume }
        };
        let mut quarters: Vec<Quarter> = (0..days * QUARTERS_PER_DAY).map(quarter).collect();
        for day in quarters.chunks_exact_mut(QUARTERS_PER_DAY) {
            for place in 1..QUARTERS_PER_DAY {
                let before = day[place - 1].close;
                day[place].open = before;
                day[place].close += before;
            }
        }
        Series { quarters, days: Vec::new() }
    }

    #[test]
    fn volume_is_a_share_of_its_own_day_at_its_own_place() {
        // The second day trades a thousand times as much, and counts as much as the first.
        let size = |place: usize| (place % QUARTERS_PER_DAY + 1) as f64;
        let days = series(2, |place| (0.0, size(place) * if place < QUARTERS_PER_DAY { 1.0 } else { 1000.0 }));
        for (place, share) in volume(&[days]).into_iter().enumerate() {
            assert!((share - size(place) / 136.0).abs() < 1e-12, "{place}: {share}");
        }
    }

    #[test]
    fn moves_are_relative_to_the_mean_at_their_own_place() {
        let size = |place: usize| (place % QUARTERS_PER_DAY + 1) as f64;
        let days = series(6, |place| (size(place) * if place.is_multiple_of(3) { -0.001 } else { 0.001 }, 1.0));
        for (place, relative) in moves([&days.quarter_returns()[..]].into_iter()).into_iter().enumerate() {
            assert!((relative - size(place) / 8.5).abs() < 1e-12, "{place}: {relative}");
        }
    }

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
