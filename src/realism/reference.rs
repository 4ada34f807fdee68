//! What is measured on real A-shares quarter-hour by quarter-hour: 1,001 stocks over 300 days.

use super::series::QUARTERS_PER_DAY;

/// What each quarter-hour trades, in per cent of the day.
pub(super) const VOLUME: [f64; QUARTERS_PER_DAY] =
    [18.75, 10.21, 7.77, 6.11, 5.23, 4.46, 4.08, 3.86, 5.29, 4.23, 4.22, 4.07, 4.32, 4.25, 5.47, 7.70];

/// Mean |r| of each, relative to the day's mean.
pub(super) const MOVE: [f64; QUARTERS_PER_DAY] =
    [2.77, 1.51, 1.22, 1.02, 0.93, 0.84, 0.79, 0.79, 1.05, 0.80, 0.77, 0.73, 0.77, 0.67, 0.70, 0.65];

/// Autocorrelation of the deseasonalised |r|: lag in quarter-hours and value.
pub(super) const CLUSTERING: [(usize, f64); 3] = [(1, 0.226), (16, 0.094), (80, 0.049)];
