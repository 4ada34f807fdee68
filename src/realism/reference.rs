//! Measurements on real A-shares, and the bands that follow from them: 1,001 stocks of all boards over 300 days of 2025 and
//! 2026, daily metrics over 2020 to 2026.
//!
//! This is the only place of these numbers. The model has calibration constants of its own and shares none of these, so that a
//! change of the model cannot change the numbers that it is compared with.

use super::series::QUARTERS_PER_DAY;

/// One part of a metric: what real A-shares have, and the band in which a market's value must lie, both ends included.
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

/// Each quarter-hour's volume, in per cent of the day.
pub(super) const VOLUME: [f64; QUARTERS_PER_DAY] =
    [18.75, 10.21, 7.77, 6.11, 5.23, 4.46, 4.08, 3.86, 5.29, 4.23, 4.22, 4.07, 4.32, 4.25, 5.47, 7.70];

/// Mean |r| of each, relative to the day's mean.
#[cfg(feature = "picture")]
pub(super) const MOVE: [f64; QUARTERS_PER_DAY] =
    [2.77, 1.51, 1.22, 1.02, 0.93, 0.84, 0.79, 0.79, 1.05, 0.80, 0.77, 0.73, 0.77, 0.67, 0.70, 0.65];

/// The lags of the parts of [`CLUSTERING`], in quarter-hours.
pub(super) const CLUSTERING_LAGS: [usize; 3] = [1, 16, 80];

/// Autocorrelation of the deseasonalised |r|: lag in quarter-hours and value.
#[cfg(feature = "picture")]
pub(super) fn clustering() -> [(usize, f64); 3] {
    std::array::from_fn(|place| (CLUSTERING_LAGS[place], CLUSTERING.parts[place].real))
}

/// Metric 1.
pub(super) const QUARTER_TAILS: ReferenceMetric<3> = ReferenceMetric {
    number: 1,
    name: "tails of quarter-hours",
    parts: [
        part("excess kurtosis", 24.9, 12.0, 37.0),
        part("deseasonalised", 9.7, 4.0, 12.0),
        part("Hill 1 %", 2.77, 2.3, 3.6),
    ],
};
/// Metric 2.
pub(super) const DAILY_TAILS: ReferenceMetric<2> = ReferenceMetric {
    number: 2,
    name: "tails of days",
    parts: [part("excess kurtosis", 3.8, 1.4, 5.4), part("Hill 5 %", 3.07, 2.3, 4.3)],
};
/// Metric 3.
pub(super) const AGGREGATION: ReferenceMetric<2> = ReferenceMetric {
    number: 3,
    name: "aggregation to the normal",
    parts: [part("falling steps 15m, 60m, 1d, 1w", 3.0, 3.0, 3.0), part("kurtosis 60m/15m", 0.45, 0.30, 0.65)],
};
/// Metric 4.
pub(super) const RETURN_MEMORY: ReferenceMetric<3> = ReferenceMetric {
    number: 4,
    name: "no memory of direction",
    parts: [
        part("15m lag 1", -0.034, -0.065, 0.0),
        part("15m lags 2 to 16, largest", 0.012, -1.0, 0.03),
        part("1d lag 1", 0.001, -0.07, 0.07),
    ],
};
/// Metric 5.
pub(super) const CLUSTERING: ReferenceMetric<3> = ReferenceMetric {
    number: 5,
    name: "volatility clusters",
    parts: [part("lag 1", 0.226, 0.14, 0.29), part("lag 16", 0.094, 0.045, 0.12), part("lag 80", 0.049, 0.015, 0.065)],
};
/// Metric 6.
pub(super) const LONG_MEMORY: ReferenceMetric<2> = ReferenceMetric {
    number: 6,
    name: "long memory of volatility",
    parts: [part("exponent", 0.37, 0.28, 0.65), part("1d lag 1", 0.27, 0.10, 0.28)],
};
/// Metric 7.
pub(super) const LEVERAGE: ReferenceMetric<2> = ReferenceMetric {
    number: 7,
    name: "leverage",
    parts: [part("stock", 0.063, -0.05, 0.13), part("index", -0.078, -0.40, 0.12)],
};
/// Metric 8.
pub(super) const SKEWNESS: ReferenceMetric<2> =
    ReferenceMetric { number: 8, name: "skewness", parts: [part("15m", 1.3, 0.35, 1.9), part("1d", 0.2, -0.3, 0.6)] };
/// Metric 9.
pub(super) const OVERNIGHT_SHARE: ReferenceMetric<1> =
    ReferenceMetric { number: 9, name: "overnight share of variance", parts: [part("share", 0.19, 0.12, 0.26)] };
/// Metric 10.
pub(super) const VOLATILITY_PROFILE: ReferenceMetric<3> = ReferenceMetric {
    number: 10,
    name: "volatility through the day",
    parts: [
        part("open/mean", 2.77, 2.3, 3.2),
        part("13:00/11:15", 1.33, 1.15, 1.6),
        part("close/mean", 0.65, 0.55, 0.75),
    ],
};
/// Metric 11.
pub(super) const VOLUME_PROFILE: ReferenceMetric<1> =
    ReferenceMetric { number: 11, name: "volume through the day", parts: [part("L1 distance", 0.0, 0.0, 0.05)] };
/// Metric 12.
pub(super) const VOLUME_AND_MOVES: ReferenceMetric<3> = ReferenceMetric {
    number: 12,
    name: "volume answers to moves",
    parts: [
        part("15m", 0.58, 0.42, 0.70),
        part("15m deseasonalised, ln V", 0.44, 0.32, 0.55),
        part("1d, ln V", 0.52, 0.36, 0.65),
    ],
};
/// Metric 13.
pub(super) const VOLUME_MEMORY: ReferenceMetric<3> = ReferenceMetric {
    number: 13,
    name: "memory of volume",
    parts: [
        part("15m lag 1", 0.73, 0.55, 0.85),
        part("15m lag 16", 0.50, 0.30, 0.62),
        part("1d lag 10", 0.41, 0.12, 0.52),
    ],
};
/// Metric 14.
pub(super) const MARKET_SHARE: ReferenceMetric<3> = ReferenceMetric {
    number: 14,
    name: "explained by the market",
    parts: [part("15m", 0.15, 0.09, 0.25), part("1d", 0.22, 0.12, 0.42), part("1d over 15m", 1.47, 1.0, f64::INFINITY)],
};
/// Metric 15.
pub(super) const LIMIT_CLOSES: ReferenceMetric<3> = ReferenceMetric {
    number: 15,
    name: "closes at the limits (all symbols together)",
    parts: [part("up, %", 1.32, 0.6, 2.0), part("down, %", 0.40, 0.1, 1.0), part("up after up", 0.24, 0.14, 0.34)],
};
/// Metric 16.
pub(super) const RANGES: ReferenceMetric<3> = ReferenceMetric {
    number: 16,
    name: "ranges",
    parts: [
        part("E range/E|r| 15m", 2.03, 1.88, 2.18),
        part("Parkinson/close 1d", 0.94, 0.84, 1.06),
        part("1d/sum of 15m", 0.92, 0.80, 1.03),
    ],
};
