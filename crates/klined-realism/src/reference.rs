//! What real markets have, and the bands that follow from it. `ashare` is measured on A-shares, `large` follows the
//! literature on large companies of the United States.
//!
//! This is the only place of these numbers. The model has calibration constants of its own and shares none of these, so that a
//! change of the model cannot change the numbers that it is compared with.

mod ashare;
mod large;

use klined_market::base::Board;

#[cfg(feature = "picture")]
pub(super) use ashare::MOVE;
pub(super) use ashare::VOLUME;

/// One part of a metric: what the real market has, and the band in which a market's value must lie, both ends included.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReferencePart {
    pub name: &'static str,
    pub real: f64,
    pub low: f64,
    pub high: f64,
}

/// A metric with its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReferenceMetric<const N: usize> {
    pub number: u8,
    pub name: &'static str,
    pub parts: [ReferencePart; N],
}

const fn part(name: &'static str, real: f64, low: f64, high: f64) -> ReferencePart {
    ReferencePart { name, real, low, high }
}

/// Metric 15: how often moves are extreme.
#[derive(Debug, Clone, Copy)]
pub(super) enum Extremes {
    /// Closes at the price limits, in per cent of the days: up, down; and up after up, as a share.
    LimitCloses(ReferenceMetric<3>),
    /// Days that move more than 10 %, in per cent of the days, and the largest move of a day in per cent.
    LargeMoves(ReferenceMetric<2>),
}

/// The real market that a generated one is compared with.
#[derive(Debug)]
pub struct Reference {
    /// The fewest stocks for which the bands are made.
    pub stocks_min: usize,
    pub(super) quarter_tails: ReferenceMetric<3>,
    pub(super) daily_tails: ReferenceMetric<2>,
    pub(super) aggregation: ReferenceMetric<2>,
    pub(super) return_memory: ReferenceMetric<3>,
    pub(super) clustering: ReferenceMetric<3>,
    pub(super) long_memory: ReferenceMetric<2>,
    pub(super) leverage: ReferenceMetric<2>,
    pub(super) skewness: ReferenceMetric<2>,
    pub(super) overnight_share: ReferenceMetric<1>,
    pub(super) volatility_profile: ReferenceMetric<3>,
    pub(super) volume_profile: ReferenceMetric<1>,
    pub(super) volume_and_moves: ReferenceMetric<3>,
    pub(super) volume_memory: ReferenceMetric<3>,
    pub(super) market_share: ReferenceMetric<3>,
    pub(super) ranges: ReferenceMetric<3>,
    pub(super) extremes: Extremes,
}

/// The lags of the parts of metric 5, in quarter-hours.
pub(super) const CLUSTERING_LAGS: [usize; 3] = [1, 16, 80];

impl Reference {
    /// Real A-shares: for stocks of the exchange's boards.
    pub const ASHARE: &'static Self = &ashare::ASHARE;
    /// Large companies of the United States: for stocks of the board `free`.
    pub const LARGE: &'static Self = &large::LARGE;

    /// The real market that stocks of these boards are like: large companies if all are on the board `free`.
    #[must_use]
    pub fn of(mut boards: impl Iterator<Item = Board>) -> &'static Self {
        if boards.all(|board| board == Board::Free) { Self::LARGE } else { Self::ASHARE }
    }

    /// Autocorrelation of the deseasonalised |r|: lag in quarter-hours and value.
    #[cfg(feature = "picture")]
    pub(super) fn clustering(&self) -> [(usize, f64); 3] {
        std::array::from_fn(|place| (CLUSTERING_LAGS[place], self.clustering.parts[place].real))
    }
}
