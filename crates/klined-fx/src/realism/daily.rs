//! Volatility and correlation of daily changes.

use super::Metric;
use super::statistics::{correlation, deviation, kurtosis};
use crate::base::currency::{self, DAYS_PER_YEAR};
use crate::base::{LEGS, Pair};
use crate::market::Market;

const YEARS: std::ops::Range<i32> = 2017..2026;
const ECB: &str = "ECB daily rates 2015-2026";

pub(super) fn metrics(market: &Market) -> Vec<Metric> {
    let opens: Vec<[f64; LEGS]> =
        YEARS.flat_map(|year| market.year(year).days.into_iter().map(|day| day.open)).collect();
    let changes: Vec<Vec<f64>> =
        (0..LEGS).map(|leg| opens.windows(2).map(|days| days[1][leg] - days[0][leg]).collect()).collect();
    let of_pair = |pair: &Pair| -> (Vec<f64>, f64) {
        let (base, quote) = (pair.facts().base.leg(), pair.facts().quote.leg());
        let of = |leg: Option<usize>, day: usize| leg.map_or(0.0, |leg| changes[leg][day]);
        let changes = (0..opens.len() - 1).map(|day| of(base, day) - of(quote, day)).collect();
        (changes, currency::pair_volatility(base, quote))
    };
    let mut metrics = Vec::new();
    let mut worst = (1.0_f64, "");
    let mut kurtoses = Vec::new();
    for pair in Pair::all() {
        let (changes, expected) = of_pair(&pair);
        let ratio = deviation(&changes) * DAYS_PER_YEAR.sqrt() / expected;
        // The peg reflects the path at its band, so a day's change there is shorter.
        if (ratio - 1.0).abs() > (worst.0 - 1.0).abs() {
            worst = (ratio, pair.symbol());
        }
        kurtoses.push(kurtosis(&changes));
    }
    let name = format!("daily volatility / real, worst of 30 pairs: {}", worst.1);
    metrics.push(Metric::new(name, worst.0, (0.85, 1.15), ECB));
    let mut farthest = 0.0_f64;
    for a in 0..LEGS {
        for b in 0..a {
            let error = correlation(&changes[a], &changes[b]) - currency::correlation(a, b);
            if error.abs() > farthest.abs() {
                farthest = error;
            }
        }
    }
    metrics.push(Metric::new("correlation - real, worst of 91", farthest, (-0.1, 0.1), ECB));
    metrics.push(Metric::new(
        "kurtosis of daily changes, median",
        super::statistics::median(&mut kurtoses),
        (3.3, 9.0),
        "usual",
    ));
    metrics
}
