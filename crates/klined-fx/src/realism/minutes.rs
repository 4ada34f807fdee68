//! One-minute changes: hours of the day, clustering, tails.

use chrono::NaiveDate;

use super::Metric;
use super::statistics::{autocorrelation, correlation, kurtosis, mean};
use crate::base::{DAY_MINUTES, FxDay, NoMarket, Pair};
use crate::market::Market;
use crate::market::day::Day;
use crate::market::profile::{ACTIVITY_SUMMER, ACTIVITY_WINTER};

/// First days and number of days, in each half of the year.
const SPANS: [((i32, u32, u32), usize); 2] = [((2025, 6, 2), 40), ((2026, 1, 5), 40)];
const MINUTES: &str = "FXCM 1-minute bars";
const HOURS: &str = "EURUSD ranges 2017-2018";

pub(super) fn days(market: &Market, first: (i32, u32, u32), count: usize) -> Vec<FxDay> {
    let (year, month, day) = first;
    let first = NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default();
    let open = first.iter_days().filter_map(|date| market.settings.hours.day(date));
    open.take(count).collect()
}

/// A pair's level at the start of each minute of a day, as logarithms.
pub(super) fn minute_levels(day: &Day, pair: Pair) -> Vec<f64> {
    let (base, quote) = (pair.facts().base.leg(), pair.facts().quote.leg());
    let minutes = 0..=DAY_MINUTES;
    let at = |minute: usize| {
        let news = day.news_moves(60.0 * minute as f64);
        let of = |leg: Option<usize>| leg.map_or(0.0, |leg| day.nodes[minute][leg] + news[leg]);
        of(base) - of(quote)
    };
    minutes.map(at).collect()
}

pub(super) fn metrics(market: &Market) -> Result<Vec<Metric>, NoMarket> {
    let mut walk = market.walk(&[]);
    let mut metrics = Vec::new();
    let majors: Vec<Pair> = Pair::all().into_iter().filter(|pair| pair.facts().turnover >= 4.0).collect();
    let mut per_day: Vec<[f64; 9]> = Vec::new();
    let mut hours_of_day = [[0.0; 24]; 2];
    for (season, &(first, count)) in SPANS.iter().enumerate() {
        for fx_day in days(market, first, count) {
            let day = walk.day(fx_day.start)?;
            for &pair in &majors {
                let levels = minute_levels(day, pair);
                let changes: Vec<f64> = levels.windows(2).map(|ends| ends[1] - ends[0]).collect();
                let sizes: Vec<f64> = changes.iter().map(|change| change.abs()).collect();
                if pair.symbol() == "EURUSD" {
                    for (minute, size) in sizes.iter().enumerate() {
                        let hour = (fx_day.start + 60 * minute as i64).rem_euclid(86_400) / 3_600;
                        hours_of_day[season][hour as usize] += size;
                    }
                }
                let of_sizes = [1, 5, 15, 30, 60].map(|lag| autocorrelation(&sizes, lag));
                let of_changes = [1, 2, 5].map(|lag| autocorrelation(&changes, lag));
                let [s1, s5, s15, s30, s60] = of_sizes;
                let [c1, c2, c5] = of_changes;
                per_day.push([s1, s5, s15, s30, s60, c1, c2, c5, kurtosis(&changes)]);
            }
        }
    }
    let column = |place: usize| mean(&per_day.iter().map(|row| row[place]).collect::<Vec<f64>>());
    for (season, (name, table)) in [("summer", &ACTIVITY_SUMMER), ("winter", &ACTIVITY_WINTER)].into_iter().enumerate()
    {
        let r = correlation(&hours_of_day[season], table);
        metrics.push(Metric::new(format!("hours of the day, {name}: r with real"), r, (0.95, 1.0), HOURS));
    }
    let bands = [(1, (0.19, 0.33)), (5, (0.13, 0.24)), (15, (0.09, 0.18)), (30, (0.08, 0.16)), (60, (0.06, 0.14))];
    for (place, (lag, band)) in bands.into_iter().enumerate() {
        metrics.push(Metric::new(
            format!("autocorrelation of |1-minute change|, lag {lag}"),
            column(place),
            band,
            MINUTES,
        ));
    }
    for (place, lag) in [(5, 1), (6, 2), (7, 5)] {
        let name = format!("autocorrelation of 1-minute change, lag {lag}");
        metrics.push(Metric::new(name, column(place), (-0.04, 0.025), MINUTES));
    }
    metrics.push(Metric::new("kurtosis of 1-minute changes, mean of days", column(8), (12.0, 60.0), MINUTES));
    Ok(metrics)
}
