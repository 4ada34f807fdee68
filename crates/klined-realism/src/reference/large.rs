//! Large companies of the United States, from the literature; the values are round and the bands wide, because the studies
//! differ in years and stocks, and because the bands hold for ten stocks already.
//!
//! Tails: V. Plerou, P. Gopikrishnan, L. Amaral, M. Meyer, H. E. Stanley, Physical Review E 60 (1999), with an exponent of about 3 for
//! 1,000 companies from 5 minutes to days; aggregation, autocorrelations and the decay of |r|: R. Cont, Quantitative Finance 1
//! (2001); daily |r|: Z. Ding, C. W. J. Granger, R. F. Engle, Journal of Empirical Finance 1 (1993); leverage: J.-P. Bouchaud,
//! A. Matacz, M. Potters, Physical Review Letters 87 (2001); the night: L. J. Lockwood, S. C. Linn, Journal of Finance 45 (1990), and
//! F. Wang, S.-J. Shieh, S. Havlin, H. E. Stanley, Physical Review E 79 (2009); volume: J. M. Karpoff, Journal of Financial and
//! Quantitative Analysis 22 (1987), and I. N. Lobato, C. Velasco, Journal of Business & Economic Statistics 18 (2000); the market's
//! share: R. Roll, Journal of Finance 43 (1988), raised because each stock is a tenth of an index of ten; ranges: M. Parkinson,
//! Journal of Business 53 (1980). About 0.3 % of the days of the largest companies move more than 10 %.
//!
//! The course of the day belongs to the exchange's hours. It is that of the A-shares.

use super::ashare::ASHARE;
use super::{Extremes, Reference, ReferenceMetric, part};

pub(super) const LARGE: Reference = Reference {
    stocks_min: 10,
    quarter_tails: ReferenceMetric {
        number: 1,
        name: "tails of quarter-hours",
        parts: [
            part("excess kurtosis", 20.0, 8.0, 42.0),
            part("deseasonalised", 6.0, 3.0, 16.0),
            part("Hill 1 %", 3.0, 2.3, 4.0),
        ],
    },
    daily_tails: ReferenceMetric {
        number: 2,
        name: "tails of days",
        parts: [part("excess kurtosis", 4.0, 0.8, 12.0), part("Hill 5 %", 3.3, 2.3, 5.2)],
    },
    aggregation: ReferenceMetric {
        number: 3,
        name: "aggregation to the normal",
        parts: [part("falling steps 15m, 60m, 1d, 1w", 3.0, 2.0, 3.0), part("kurtosis 60m/15m", 0.5, 0.25, 0.8)],
    },
    return_memory: ReferenceMetric {
        number: 4,
        name: "no memory of direction",
        parts: [
            part("15m lag 1", -0.01, -0.06, 0.04),
            part("15m lags 2 to 16, largest", 0.01, -1.0, 0.05),
            part("1d lag 1", 0.0, -0.1, 0.1),
        ],
    },
    clustering: ReferenceMetric {
        number: 5,
        name: "volatility clusters",
        parts: [part("lag 1", 0.22, 0.12, 0.32), part("lag 16", 0.1, 0.04, 0.15), part("lag 80", 0.05, 0.01, 0.1)],
    },
    long_memory: ReferenceMetric {
        number: 6,
        name: "long memory of volatility",
        parts: [part("exponent", 0.35, 0.2, 1.1), part("1d lag 1", 0.15, 0.02, 0.32)],
    },
    leverage: ReferenceMetric {
        number: 7,
        name: "leverage",
        parts: [part("stock", -0.05, -0.13, 0.09), part("index", -0.15, -0.45, 0.15)],
    },
    skewness: ReferenceMetric {
        number: 8,
        name: "skewness",
        parts: [part("15m", 0.0, -1.5, 1.5), part("1d", 0.0, -0.8, 0.8)],
    },
    overnight_share: ReferenceMetric {
        number: 9,
        name: "overnight share of variance",
        parts: [part("share", 0.22, 0.14, 0.34)],
    },
    volatility_profile: ASHARE.volatility_profile,
    volume_profile: ASHARE.volume_profile,
    volume_and_moves: ReferenceMetric {
        number: 12,
        name: "volume answers to moves",
        parts: [
            part("15m", 0.5, 0.4, 0.7),
            part("15m deseasonalised, ln V", 0.4, 0.3, 0.55),
            part("1d, ln V", 0.45, 0.3, 0.65),
        ],
    },
    volume_memory: ReferenceMetric {
        number: 13,
        name: "memory of volume",
        parts: [
            part("15m lag 1", 0.7, 0.55, 0.88),
            part("15m lag 16", 0.5, 0.3, 0.68),
            part("1d lag 10", 0.3, 0.02, 0.6),
        ],
    },
    market_share: ReferenceMetric {
        number: 14,
        name: "explained by the market",
        parts: [part("15m", 0.3, 0.15, 0.45), part("1d", 0.4, 0.2, 0.62), part("1d over 15m", 1.3, 1.0, f64::INFINITY)],
    },
    ranges: ReferenceMetric {
        number: 16,
        name: "ranges",
        parts: [
            part("E range/E|r| 15m", 2.03, 1.88, 2.18),
            part("Parkinson/close 1d", 0.95, 0.8, 1.15),
            part("1d/sum of 15m", 1.0, 0.8, 1.15),
        ],
    },
    extremes: Extremes::LargeMoves(ReferenceMetric {
        number: 15,
        name: "large moves of a day (all symbols together)",
        parts: [part("beyond 10 %, % of days", 0.3, 0.0, 0.7), part("largest, %", 20.0, 6.0, 35.0)],
    }),
};
