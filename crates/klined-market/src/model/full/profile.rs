//! The intraday profiles of volatility and volume, from the open to the close.
//!
//! Volatility falls from the open and does not rise at the close; volume is high at the open and again at the end, and its
//! first and last minutes include the auctions. Both are given by quarter-hours, as measured on A-shares over 300 days, with a
//! linear course inside each that does not change its sum (the U-shape goes back to R. A. Wood, T. H. McInish, J. K. Ord,
//! Journal of Finance 40 (1985)).

use super::parameters;
use crate::calendar::MINUTES_PER_DAY;

pub(super) const MINUTES: usize = MINUTES_PER_DAY as usize;
const QUARTER: usize = 15;
const QUARTERS: usize = MINUTES / QUARTER;
/// The first quarter-hour after lunch: no line is drawn across the break.
const AFTERNOON: usize = QUARTERS / 2;

/// Calibration: mean |r| of each quarter-hour, relative to the day's mean.
const MOVE: [f64; QUARTERS] =
    [2.77, 1.51, 1.22, 1.02, 0.93, 0.84, 0.79, 0.79, 1.05, 0.80, 0.77, 0.73, 0.77, 0.67, 0.70, 0.65];
/// Calibration: share of each quarter-hour in the day's volume, in per cent.
const VOLUME: [f64; QUARTERS] =
    [18.75, 10.21, 7.77, 6.11, 5.23, 4.46, 4.08, 3.86, 5.29, 4.23, 4.22, 4.07, 4.32, 4.25, 5.47, 7.70];
/// The volumes of the opening and the closing auction as shares of a day; they are part of the first and the last minute.
const OPENING_AUCTION: f64 = 0.015;
const CLOSING_AUCTION: f64 = 0.013;
/// The minute at which the closing call begins, 14:57; it trades in the last minute.
pub(super) const CALL_FROM: usize = MINUTES - 3;

/// Values for the minutes of a day.
pub(super) type Minutes = [f64; MINUTES];

/// The profiles of a day.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    /// Standard deviation of a minute's return as a share of the day's without the night: squares sum to 1.
    pub volatility: Minutes,
    /// Share of the day's volume.
    pub volume: Minutes,
}

impl Profile {
    /// With a closing call, its minutes before the last have no volume, and the last has that of the call alone.
    pub(super) fn new(parameters: &parameters::ProfileParameters, has_closing_call: bool) -> Self {
        if !parameters.enabled {
            let minutes = MINUTES as f64;
            return Self { volatility: [(1.0 / minutes).sqrt(); MINUTES], volume: [1.0 / minutes; MINUTES] };
        }
        let moves = course(&MOVE);
        let energy: f64 = moves.iter().map(|s| s * s).sum();
        let volatility = moves.map(|s| s / energy.sqrt());
        let mut continuous = VOLUME;
        let total: f64 = VOLUME.iter().sum();
        continuous[0] -= OPENING_AUCTION * total;
        continuous[QUARTERS - 1] -= CLOSING_AUCTION * total;
        let mut volume = course(&continuous).map(|share| share / (total * QUARTER as f64));
        volume[0] += OPENING_AUCTION;
        if has_closing_call {
            // The quarter-hour keeps its volume.
            let last = (QUARTERS - 1) * QUARTER;
            let (all, kept): (f64, f64) = (volume[last..].iter().sum(), volume[last..CALL_FROM].iter().sum());
            volume[last..CALL_FROM].iter_mut().for_each(|share| *share *= all / kept);
            volume[MINUTES - 1] = 0.0;
        }
        volume[MINUTES - 1] += CLOSING_AUCTION;
        Self { volatility, volume }
    }
}

/// Minutes whose mean in each quarter-hour is the quarter's, going from one towards the next.
fn course(quarters: &[f64; QUARTERS]) -> Minutes {
    let mut minutes = [0.0; MINUTES];
    for (quarter, &level) in quarters.iter().enumerate() {
        let neighbour = |other: Option<usize>| match other {
            Some(other) if (other < AFTERNOON) == (quarter < AFTERNOON) && other < QUARTERS => quarters[other],
            _ => level,
        };
        let rise = 0.5 * (neighbour(Some(quarter + 1)) - neighbour(quarter.checked_sub(1)));
        let slope = rise.clamp(-level, level) / QUARTER as f64;
        for minute in 0..QUARTER {
            let from_centre = minute as f64 - (QUARTER - 1) as f64 / 2.0;
            minutes[quarter * QUARTER + minute] = level + slope * from_centre;
        }
    }
    minutes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The minutes of the call before the last, in which nothing trades whatever their share is.
    const PAUSE: std::ops::Range<usize> = CALL_FROM..MINUTES - 1;

    #[test]
    fn quarters_keep_their_sums() {
        for has_closing_call in [false, true] {
            let profile = Profile::new(&parameters::ProfileParameters::default(), has_closing_call);
            for (quarter, share) in VOLUME.iter().enumerate() {
                let of_quarter = quarter * QUARTER..(quarter + 1) * QUARTER;
                let sum: f64 = of_quarter
                    .filter(|&at| !has_closing_call || !PAUSE.contains(&at))
                    .map(|at| profile.volume[at])
                    .sum();
                assert!((sum - share / VOLUME.iter().sum::<f64>()).abs() < 1e-12);
            }
            let energy: f64 = profile.volatility.iter().map(|s| s * s).sum();
            assert!((energy - 1.0).abs() < 1e-12);
            assert!(profile.volume.iter().chain(&profile.volatility).all(|&value| value > 0.0));
        }
    }
}
