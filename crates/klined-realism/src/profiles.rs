//! The intraday profiles: volume and volatility of each quarter-hour of the day.

use super::metrics::{mean, median};
use super::series::{QUARTERS_PER_DAY, Series};

/// A value for each quarter-hour of the day.
pub(super) type QuarterProfile = [f64; QUARTERS_PER_DAY];

/// Medians over the symbols.
fn medians(each: &[QuarterProfile]) -> QuarterProfile {
    std::array::from_fn(|quarter| median(each.iter().map(|values| values[quarter]).collect()))
}

/// Each quarter-hour's share of the day's volume, the mean over the days; median over the symbols.
pub(super) fn volume(series: &[Series]) -> QuarterProfile {
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
pub(super) fn moves<'a>(returns: impl Iterator<Item = &'a [f64]>) -> QuarterProfile {
    let relative = |returns: &[f64]| {
        let sizes: Vec<f64> = returns.iter().map(|r| r.abs()).collect();
        let of = |quarter| sizes.iter().copied().skip(quarter).step_by(QUARTERS_PER_DAY).collect::<Vec<f64>>();
        std::array::from_fn(|quarter| mean(&of(quarter)) / mean(&sizes))
    };
    medians(&returns.map(relative).collect::<Vec<_>>())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::QuarterBar;

    /// So many days of quarter-hours, each with a return and a volume by its place.
    pub(crate) fn series(days: usize, of: impl Fn(usize) -> (f64, f64)) -> Series {
        let quarter = |place: usize| {
            let (close, volume) = of(place);
            // Whatever opens a day, no night is in its returns.
            QuarterBar { open: 0.0, high: close, low: 0.0, close, volume }
        };
        let mut quarters: Vec<QuarterBar> = (0..days * QUARTERS_PER_DAY).map(quarter).collect();
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
}
