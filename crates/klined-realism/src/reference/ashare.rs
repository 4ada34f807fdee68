//! Measurements on real A-shares: 1,001 stocks of all boards over 300 days of 2025 and 2026, daily metrics over 2020 to 2026.

use super::{Extremes, Reference, ReferenceMetric, part};
use crate::series::QUARTERS_PER_DAY;

/// Each quarter-hour's volume, in per cent of the day.
pub(crate) const VOLUME: [f64; QUARTERS_PER_DAY] =
    [18.75, 10.21, 7.77, 6.11, 5.23, 4.46, 4.08, 3.86, 5.29, 4.23, 4.22, 4.07, 4.32, 4.25, 5.47, 7.70];

/// Mean |r| of each, relative to the day's mean.
#[cfg(feature = "picture")]
pub(crate) const MOVE: [f64; QUARTERS_PER_DAY] =
    [2.77, 1.51, 1.22, 1.02, 0.93, 0.84, 0.79, 0.79, 1.05, 0.80, 0.77, 0.73, 0.77, 0.67, 0.70, 0.65];

pub(super) const ASHARE: Reference = Reference {
    stocks_min: 100,
    quarter_tails: ReferenceMetric {
        number: 1,
        name: "tails of quarter-hours",
        parts: [
            part("excess kurtosis", 24.9, 12.0, 37.0),
            part("deseasonalised", 9.7, 4.0, 12.0),
            part("Hill 1 %", 2.77, 2.3, 3.6),
        ],
    },
    daily_tails: ReferenceMetric {
        number: 2,
        name: "tails of days",
        parts: [part("excess kurtosis", 3.8, 1.4, 5.4), part("Hill 5 %", 3.07, 2.3, 4.3)],
    },
    aggregation: ReferenceMetric {
        number: 3,
        name: "aggregation to the normal",
        parts: [part("falling steps 15m, 60m, 1d, 1w", 3.0, 3.0, 3.0), part("kurtosis 60m/15m", 0.45, 0.30, 0.65)],
    },
    return_memory: ReferenceMetric {
        number: 4,
        name: "no memory of direction",
        parts: [
            part("15m lag 1", -0.034, -0.065, 0.0),
            part("15m lags 2 to 16, largest", 0.012, -1.0, 0.03),
            part("1d lag 1", 0.001, -0.07, 0.07),
        ],
    },
    clustering: ReferenceMetric {
        number: 5,
        name: "volatility clusters",
        parts: [
            part("lag 1", 0.226, 0.14, 0.29),
            part("lag 16", 0.094, 0.045, 0.12),
            part("lag 80", 0.049, 0.015, 0.065),
        ],
    },
    long_memory: ReferenceMetric {
        number: 6,
        name: "long memory of volatility",
        parts: [part("exponent", 0.37, 0.28, 0.65), part("1d lag 1", 0.27, 0.10, 0.28)],
    },
    leverage: ReferenceMetric {
        number: 7,
        name: "leverage",
        parts: [part("stock", 0.063, -0.05, 0.13), part("index", -0.078, -0.40, 0.12)],
    },
    skewness: ReferenceMetric {
        number: 8,
        name: "skewness",
        parts: [part("15m", 1.3, 0.35, 1.9), part("1d", 0.2, -0.3, 0.6)],
    },
    overnight_share: ReferenceMetric {
        number: 9,
        name: "overnight share of variance",
        parts: [part("share", 0.19, 0.12, 0.26)],
    },
    volatility_profile: ReferenceMetric {
        number: 10,
        name: "volatility through the day",
        parts: [
            part("open/mean", 2.77, 2.3, 3.2),
            part("13:00/11:15", 1.33, 1.15, 1.6),
            part("close/mean", 0.65, 0.55, 0.75),
        ],
    },
    volume_profile: ReferenceMetric {
        number: 11,
        name: "volume through the day",
        parts: [part("L1 distance", 0.0, 0.0, 0.05)],
    },
    volume_and_moves: ReferenceMetric {
        number: 12,
        name: "volume answers to moves",
        parts: [
            part("15m", 0.58, 0.42, 0.70),
            part("15m deseasonalised, ln V", 0.44, 0.32, 0.55),
            part("1d, ln V", 0.52, 0.36, 0.65),
        ],
    },
    volume_memory: ReferenceMetric {
        number: 13,
        name: "memory of volume",
        parts: [
            part("15m lag 1", 0.73, 0.55, 0.85),
            part("15m lag 16", 0.50, 0.30, 0.62),
            part("1d lag 10", 0.41, 0.12, 0.52),
        ],
    },
    market_share: ReferenceMetric {
        number: 14,
        name: "explained by the market",
        parts: [
            part("15m", 0.15, 0.09, 0.25),
            part("1d", 0.22, 0.12, 0.42),
            part("1d over 15m", 1.47, 1.0, f64::INFINITY),
        ],
    },
    ranges: ReferenceMetric {
        number: 16,
        name: "ranges",
        parts: [
            part("E range/E|r| 15m", 2.03, 1.88, 2.18),
            part("Parkinson/close 1d", 0.94, 0.84, 1.06),
            part("1d/sum of 15m", 0.92, 0.80, 1.03),
        ],
    },
    extremes: Extremes::LimitCloses(ReferenceMetric {
        number: 15,
        name: "closes at the limits (all symbols together)",
        parts: [part("up, %", 1.32, 0.6, 2.0), part("down, %", 0.40, 0.1, 1.0), part("up after up", 0.24, 0.14, 0.34)],
    }),
};
