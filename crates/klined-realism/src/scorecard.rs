//! The scorecard: 16 metrics, each with its values beside those of a real market and the bands in which they should lie.
//!
//! Medians over the symbols, unless a metric says otherwise.

use thiserror::Error;

use super::metrics::{
    autocorrelation, centred_by_quarter, correlation, decay_exponent, deseasonalised, equal_weight, hill, kurtosis,
    long_lags, mean, median, skewness, sums, variance,
};
use super::profiles;
use super::reference::{CLUSTERING_LAGS, Extremes, Reference, ReferenceMetric, ReferencePart, VOLUME};
use super::series::{QUARTERS_PER_DAY, Series};

/// The fewest trading days that can be scored: a daily return needs two.
pub const SCORED_DAYS_MIN: usize = 2;

/// A large move of a day.
const LARGE_MOVE: f64 = 0.1;

/// A sample that cannot be scored.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidSample {
    /// It has no symbol.
    #[error("the sample has no symbol")]
    Empty,
    /// A symbol has too few days.
    #[error("symbol {place} of the sample has {days} trading days; at least {SCORED_DAYS_MIN} are needed")]
    TooShort { place: usize, days: usize },
    /// The symbols' series differ in length.
    #[error(
        "symbol {place} of the sample has {days} trading days and {quarters} quarter-hours, and the first symbol has \
         {expected_days} days: all must have the same, with {QUARTERS_PER_DAY} quarter-hours a day"
    )]
    Unequal { place: usize, days: usize, quarters: usize, expected_days: usize },
}

/// A measured number and its band.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricValue {
    /// The part of the metric.
    pub name: &'static str,
    /// The market's value; NaN if it cannot be computed.
    pub value: f64,
    /// The value of the real market.
    pub real: f64,
    /// The lower end of the band, included.
    pub low: f64,
    /// The upper end of the band, included; infinite if there is none.
    pub high: f64,
}

/// One of the 16 metrics; it passes if all of its values pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// From 1 to 16.
    pub number: u8,
    /// Its name in the table.
    pub name: &'static str,
    /// Its parts.
    pub values: Vec<MetricValue>,
}

/// The 16 metrics of one market.
#[derive(Debug, Clone, PartialEq)]
pub struct Scorecard {
    /// In the order of their numbers.
    pub metrics: Vec<Metric>,
}

impl MetricValue {
    /// Whether it lies in its band.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.value >= self.low && self.value <= self.high
    }
}

impl Metric {
    /// Whether every value lies in its band.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.values.iter().all(MetricValue::passes)
    }
}

impl Scorecard {
    /// How many of the metrics pass.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.metrics.iter().filter(|metric| metric.passes()).count()
    }
}

/// The returns of one symbol at every horizon.
struct Returns {
    quarter: Vec<f64>,
    deseasonalised: Vec<f64>,
    /// |deseasonalised|.
    sizes: Vec<f64>,
    hour: Vec<f64>,
    day: Vec<f64>,
    week: Vec<f64>,
}

impl Returns {
    fn of(series: &Series) -> Self {
        let quarter = series.quarter_returns();
        let deseasonalised = deseasonalised(&quarter);
        let sizes = absolute(&deseasonalised);
        let day = series.daily_returns();
        Self { sizes, hour: sums(&quarter, 4), week: sums(&day, 5), deseasonalised, quarter, day }
    }
}

fn absolute(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| x.abs()).collect()
}

fn share(events: usize, of: usize) -> f64 {
    events as f64 / of.max(1) as f64
}

/// A metric's values beside their references.
fn metric<const N: usize>(reference: &ReferenceMetric<N>, values: [f64; N]) -> Metric {
    let part = |(&ReferencePart { name, real, low, high }, value)| MetricValue { name, value, real, low, high };
    Metric {
        number: reference.number,
        name: reference.name,
        values: reference.parts.iter().zip(values).map(part).collect(),
    }
}

/// Scores a market beside a real one. A value that cannot be computed is NaN and does not pass.
///
/// # Errors
/// There is no symbol, a symbol has fewer than [`SCORED_DAYS_MIN`] days, or the symbols' series differ in length.
pub fn score(series: &[Series], reference: &Reference) -> Result<Scorecard, InvalidSample> {
    let first = series.first().ok_or(InvalidSample::Empty)?;
    for (place, one) in series.iter().enumerate() {
        let (days, quarters) = (one.days.len(), one.quarters.len());
        if days < SCORED_DAYS_MIN {
            return Err(InvalidSample::TooShort { place, days });
        }
        if (days, quarters) != (first.days.len(), days * QUARTERS_PER_DAY) {
            return Err(InvalidSample::Unequal { place, days, quarters, expected_days: first.days.len() });
        }
    }
    let returns: Vec<Returns> = series.iter().map(Returns::of).collect();
    let over = |f: &dyn Fn(&Returns) -> f64| median(returns.iter().map(f).collect());
    let both =
        |f: &dyn Fn(&Series, &Returns) -> f64| median(series.iter().zip(&returns).map(|(s, r)| f(s, r)).collect());
    let tails = metric(
        &reference.quarter_tails,
        [over(&|r| kurtosis(&r.quarter)), over(&|r| kurtosis(&r.deseasonalised)), over(&|r| hill(&r.quarter, 0.01))],
    );
    let daily_tails = metric(&reference.daily_tails, [over(&|r| kurtosis(&r.day)), over(&|r| hill(&r.day, 0.05))]);

    let horizons: [f64; 4] = [
        over(&|r| kurtosis(&r.quarter)),
        over(&|r| kurtosis(&r.hour)),
        over(&|r| kurtosis(&r.day)),
        over(&|r| kurtosis(&r.week)),
    ];
    let steps = horizons.windows(2).filter(|pair| pair[1] < pair[0]).count() as f64;
    let aggregation = metric(&reference.aggregation, [steps, horizons[1] / horizons[0]]);
    let later = (2..=16).map(|lag| over(&|r| autocorrelation(&r.quarter, lag))).fold(f64::MIN, f64::max);
    let memory = metric(
        &reference.return_memory,
        [over(&|r| autocorrelation(&r.quarter, 1)), later, over(&|r| autocorrelation(&r.day, 1))],
    );
    let clustering =
        metric(&reference.clustering, CLUSTERING_LAGS.map(|lag| over(&|r| autocorrelation(&r.sizes, lag))));
    let lags = long_lags();
    let decay: Vec<f64> = lags.iter().map(|&lag| over(&|r| autocorrelation(&r.sizes, lag))).collect();
    let long_memory = metric(
        &reference.long_memory,
        [decay_exponent(&lags, &decay), over(&|r| autocorrelation(&absolute(&r.day), 1))],
    );
    let leverage =
        |day: &[f64]| correlation(&day[..day.len().saturating_sub(1)], &absolute(day.get(1..).unwrap_or_default()));
    let daily: Vec<Vec<f64>> = returns.iter().map(|r| r.day.clone()).collect();
    let quarterly: Vec<Vec<f64>> = returns.iter().map(|r| r.quarter.clone()).collect();
    let (index_day, index_quarter) = (equal_weight(&daily), equal_weight(&quarterly));
    let leverages = metric(&reference.leverage, [over(&|r| leverage(&r.day)), leverage(&index_day)]);
    let skews = metric(&reference.skewness, [over(&|r| skewness(&r.quarter)), over(&|r| skewness(&r.day))]);
    let night = |s: &Series, r: &Returns| {
        let gaps: Vec<f64> = s.days.windows(2).map(|pair| pair[1].open - pair[0].close).collect();
        variance(&gaps) / variance(&r.day)
    };
    let overnight = metric(&reference.overnight_share, [both(&night)]);

    let moves = profiles::moves(returns.iter().map(|r| &r.quarter[..]));
    let afternoon = QUARTERS_PER_DAY / 2;
    let shape = metric(
        &reference.volatility_profile,
        [moves[0], moves[afternoon] / moves[afternoon - 1], moves[QUARTERS_PER_DAY - 1]],
    );
    let shares = profiles::volume(series);
    let (all, real_all): (f64, f64) = (shares.iter().sum(), VOLUME.iter().sum());
    let distance = shares.iter().zip(VOLUME).map(|(x, real)| (x / all - real / real_all).abs()).sum();
    let volumes = metric(&reference.volume_profile, [distance]);

    let log_volume = |s: &Series| s.quarters.iter().map(|q| q.volume.max(1.0).ln()).collect::<Vec<f64>>();
    let daily_log_volume = |s: &Series| s.days.iter().map(|day| day.volume.max(1.0).ln()).collect::<Vec<f64>>();
    let raw = |s: &Series, r: &Returns| {
        correlation(&absolute(&r.quarter), &s.quarters.iter().map(|q| q.volume).collect::<Vec<f64>>())
    };
    let answers = metric(
        &reference.volume_and_moves,
        [
            both(&raw),
            both(&|s, r| correlation(&r.sizes, &centred_by_quarter(&log_volume(s)))),
            both(&|s, r| correlation(&absolute(&r.day), &daily_log_volume(s)[1..])),
        ],
    );
    let volume_memory = metric(
        &reference.volume_memory,
        [
            both(&|s, _| autocorrelation(&log_volume(s), 1)),
            both(&|s, _| autocorrelation(&log_volume(s), 16)),
            both(&|s, _| autocorrelation(&daily_log_volume(s), 10)),
        ],
    );
    let explained = |x: &[f64], index: &[f64]| correlation(x, index).powi(2);
    let (quarter_share, day_share) =
        (over(&|r| explained(&r.quarter, &index_quarter)), over(&|r| explained(&r.day, &index_day)));
    let market = metric(&reference.market_share, [quarter_share, day_share, day_share / quarter_share]);
    let counted = |f: &dyn Fn(&Series) -> usize| series.iter().map(f).sum::<usize>();
    let days = counted(&|s| s.days.len());
    let up = counted(&|s| s.days.iter().filter(|day| day.closes_at_up_limit).count());
    let down = counted(&|s| s.days.iter().filter(|day| day.closes_at_down_limit).count());
    let (followed, again) = (
        counted(&|s| s.days.windows(2).filter(|pair| pair[0].closes_at_up_limit).count()),
        counted(&|s| s.days.windows(2).filter(|pair| pair[0].closes_at_up_limit && pair[1].closes_at_up_limit).count()),
    );
    let extremes = match &reference.extremes {
        Extremes::LimitCloses(limits) => {
            metric(limits, [100.0 * share(up, days), 100.0 * share(down, days), share(again, followed)])
        }
        Extremes::LargeMoves(moves) => {
            let all = || returns.iter().flat_map(|r| &r.day).map(|x| x.exp_m1().abs());
            let large = all().filter(|&x| x > LARGE_MOVE).count();
            metric(moves, [100.0 * share(large, all().count()), 100.0 * all().fold(0.0, f64::max)])
        }
    };
    let range = |s: &Series, _: &Returns| {
        let ranges: Vec<f64> = s.quarters.iter().map(|q| q.high - q.low).collect();
        let moves: Vec<f64> = s.quarters.iter().map(|q| (q.close - q.open).abs()).collect();
        mean(&ranges) / mean(&moves)
    };
    let open_close = |s: &Series| s.days.iter().map(|day| day.close - day.open).collect::<Vec<f64>>();
    let parkinson = |s: &Series, _: &Returns| {
        let squares: Vec<f64> = s.days.iter().map(|day| (day.high - day.low).powi(2)).collect();
        mean(&squares) / (4.0 * std::f64::consts::LN_2) / variance(&open_close(s))
    };
    let realised = |s: &Series, r: &Returns| {
        let squares: f64 = r.quarter.iter().map(|x| x * x).sum();
        variance(&open_close(s)) / (squares / s.days.len() as f64)
    };
    let ranges = metric(&reference.ranges, [both(&range), both(&parkinson), both(&realised)]);
    Ok(Scorecard {
        metrics: vec![
            tails,
            daily_tails,
            aggregation,
            memory,
            clustering,
            long_memory,
            leverages,
            skews,
            overnight,
            shape,
            volumes,
            answers,
            volume_memory,
            market,
            extremes,
            ranges,
        ],
    })
}
