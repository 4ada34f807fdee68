//! The scorecard: 16 metrics, each with values, what real A-shares have, and the band it should stay in.
//!
//! Medians over the symbols, unless a metric says otherwise. Bands are for samples of at least 100 symbols and 240 days.

use super::metrics::{
    autocorrelation, centred_by_quarter, correlation, decay_exponent, deseasonalised, equal_weight, hill, kurtosis,
    long_lags, mean, median, skewness, sums, variance,
};
use super::series::{QUARTERS_PER_DAY, Series};
use super::{profiles, reference};

/// A measured number and its band.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    pub name: &'static str,
    pub value: f64,
    /// What real A-shares have.
    pub real: f64,
    pub low: f64,
    pub high: f64,
}

/// One of the 16; it passes when all of its values do.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub number: u8,
    pub name: &'static str,
    pub values: Vec<Value>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Scorecard {
    pub metrics: Vec<Metric>,
}

impl Value {
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
        self.values.iter().all(Value::passes)
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

/// Scores a market: series of equal length, one a symbol, of at least two days. What cannot be computed is NaN and does not
/// pass.
#[must_use]
pub fn score(series: &[Series]) -> Scorecard {
    let returns: Vec<Returns> = series.iter().map(Returns::of).collect();
    let over = |f: &dyn Fn(&Returns) -> f64| median(returns.iter().map(f).collect());
    let both =
        |f: &dyn Fn(&Series, &Returns) -> f64| median(series.iter().zip(&returns).map(|(s, r)| f(s, r)).collect());
    let value = |name, value, real, low, high| Value { name, value, real, low, high };
    let metric = |number, name, values| Metric { number, name, values };

    let tails = metric(
        1,
        "tails of quarter-hours",
        vec![
            value("excess kurtosis", over(&|r| kurtosis(&r.quarter)), 24.9, 12.0, 37.0),
            value("deseasonalised", over(&|r| kurtosis(&r.deseasonalised)), 9.7, 4.0, 12.0),
            value("Hill 1 %", over(&|r| hill(&r.quarter, 0.01)), 2.77, 2.3, 3.6),
        ],
    );
    let daily_tails = metric(
        2,
        "tails of days",
        vec![
            value("excess kurtosis", over(&|r| kurtosis(&r.day)), 3.8, 1.4, 5.4),
            value("Hill 5 %", over(&|r| hill(&r.day, 0.05)), 3.07, 2.3, 4.3),
        ],
    );

    let horizons: [f64; 4] = [
        over(&|r| kurtosis(&r.quarter)),
        over(&|r| kurtosis(&r.hour)),
        over(&|r| kurtosis(&r.day)),
        over(&|r| kurtosis(&r.week)),
    ];
    let steps = horizons.windows(2).filter(|pair| pair[1] < pair[0]).count() as f64;
    let aggregation = metric(
        3,
        "aggregation to the normal",
        vec![
            value("falling steps 15m, 60m, 1d, 1w", steps, 3.0, 3.0, 3.0),
            value("kurtosis 60m/15m", horizons[1] / horizons[0], 0.45, 0.30, 0.65),
        ],
    );
    let later = (2..=16).map(|lag| over(&|r| autocorrelation(&r.quarter, lag))).fold(f64::MIN, f64::max);
    let memory = metric(
        4,
        "no memory of direction",
        vec![
            value("15m lag 1", over(&|r| autocorrelation(&r.quarter, 1)), -0.034, -0.065, 0.0),
            value("15m lags 2 to 16, largest", later, 0.012, -1.0, 0.03),
            value("1d lag 1", over(&|r| autocorrelation(&r.day, 1)), 0.001, -0.07, 0.07),
        ],
    );
    let clustering = metric(
        5,
        "volatility clusters",
        vec![
            value("lag 1", over(&|r| autocorrelation(&r.sizes, 1)), 0.226, 0.14, 0.29),
            value("lag 16", over(&|r| autocorrelation(&r.sizes, 16)), 0.094, 0.045, 0.12),
            value("lag 80", over(&|r| autocorrelation(&r.sizes, 80)), 0.049, 0.015, 0.065),
        ],
    );
    let lags = long_lags();
    let decay: Vec<f64> = lags.iter().map(|&lag| over(&|r| autocorrelation(&r.sizes, lag))).collect();
    let long_memory = metric(
        6,
        "long memory of volatility",
        vec![
            value("exponent", decay_exponent(&lags, &decay), 0.37, 0.28, 0.65),
            value("1d lag 1", over(&|r| autocorrelation(&absolute(&r.day), 1)), 0.27, 0.10, 0.28),
        ],
    );
    let leverage =
        |day: &[f64]| correlation(&day[..day.len().saturating_sub(1)], &absolute(day.get(1..).unwrap_or_default()));
    let daily: Vec<Vec<f64>> = returns.iter().map(|r| r.day.clone()).collect();
    let quarterly: Vec<Vec<f64>> = returns.iter().map(|r| r.quarter.clone()).collect();
    let (index_day, index_quarter) = (equal_weight(&daily), equal_weight(&quarterly));
    let leverages = metric(
        7,
        "leverage",
        vec![
            value("stock", over(&|r| leverage(&r.day)), 0.063, -0.05, 0.13),
            value("index", leverage(&index_day), -0.078, -0.40, 0.12),
        ],
    );
    let skews = metric(
        8,
        "skewness",
        vec![
            value("15m", over(&|r| skewness(&r.quarter)), 1.3, 0.35, 1.9),
            value("1d", over(&|r| skewness(&r.day)), 0.2, -0.3, 0.6),
        ],
    );
    let night = |s: &Series, r: &Returns| {
        let gaps: Vec<f64> = s.days.windows(2).map(|pair| pair[1].open - pair[0].close).collect();
        variance(&gaps) / variance(&r.day)
    };
    let overnight = metric(9, "overnight share of variance", vec![value("share", both(&night), 0.19, 0.12, 0.26)]);

    let moves = profiles::moves(returns.iter().map(|r| &r.quarter[..]));
    let afternoon = QUARTERS_PER_DAY / 2;
    let shape = metric(
        10,
        "volatility through the day",
        vec![
            value("open/mean", moves[0], 2.77, 2.3, 3.2),
            value("13:00/11:15", moves[afternoon] / moves[afternoon - 1], 1.33, 1.15, 1.6),
            value("close/mean", moves[QUARTERS_PER_DAY - 1], 0.65, 0.55, 0.75),
        ],
    );
    let shares = profiles::volume(series);
    let (all, real_all): (f64, f64) = (shares.iter().sum(), reference::VOLUME.iter().sum());
    let distance = shares.iter().zip(reference::VOLUME).map(|(x, real)| (x / all - real / real_all).abs()).sum();
    let volumes = metric(11, "volume through the day", vec![value("L1 distance", distance, 0.0, 0.0, 0.05)]);

    let log_volume = |s: &Series| s.quarters.iter().map(|q| q.volume.max(1.0).ln()).collect::<Vec<f64>>();
    let daily_log_volume = |s: &Series| s.days.iter().map(|day| day.volume.max(1.0).ln()).collect::<Vec<f64>>();
    let raw = |s: &Series, r: &Returns| {
        correlation(&absolute(&r.quarter), &s.quarters.iter().map(|q| q.volume).collect::<Vec<f64>>())
    };
    let answers = metric(
        12,
        "volume answers to moves",
        vec![
            value("15m", both(&raw), 0.58, 0.42, 0.70),
            value(
                "15m deseasonalised, ln V",
                both(&|s, r| correlation(&r.sizes, &centred_by_quarter(&log_volume(s)))),
                0.44,
                0.32,
                0.55,
            ),
            value(
                "1d, ln V",
                both(&|s, r| correlation(&absolute(&r.day), &daily_log_volume(s)[1..])),
                0.52,
                0.36,
                0.65,
            ),
        ],
    );
    let volume_memory = metric(
        13,
        "memory of volume",
        vec![
            value("15m lag 1", both(&|s, _| autocorrelation(&log_volume(s), 1)), 0.73, 0.55, 0.85),
            value("15m lag 16", both(&|s, _| autocorrelation(&log_volume(s), 16)), 0.50, 0.30, 0.62),
            value("1d lag 10", both(&|s, _| autocorrelation(&daily_log_volume(s), 10)), 0.41, 0.12, 0.52),
        ],
    );
    let explained = |x: &[f64], index: &[f64]| correlation(x, index).powi(2);
    let (quarter_share, day_share) =
        (over(&|r| explained(&r.quarter, &index_quarter)), over(&|r| explained(&r.day, &index_day)));
    let market = metric(
        14,
        "explained by the market",
        vec![
            value("15m", quarter_share, 0.15, 0.09, 0.25),
            value("1d", day_share, 0.22, 0.12, 0.42),
            value("1d over 15m", day_share / quarter_share, 1.47, 1.0, f64::INFINITY),
        ],
    );
    let counted = |f: &dyn Fn(&Series) -> usize| series.iter().map(f).sum::<usize>();
    let days = counted(&|s| s.days.len());
    let up = counted(&|s| s.days.iter().filter(|day| day.closes_at_up_limit).count());
    let down = counted(&|s| s.days.iter().filter(|day| day.closes_at_down_limit).count());
    let (followed, again) = (
        counted(&|s| s.days.windows(2).filter(|pair| pair[0].closes_at_up_limit).count()),
        counted(&|s| s.days.windows(2).filter(|pair| pair[0].closes_at_up_limit && pair[1].closes_at_up_limit).count()),
    );
    let limits = metric(
        15,
        "closes at the limits (all symbols together)",
        vec![
            value("up, %", 100.0 * share(up, days), 1.32, 0.6, 2.0),
            value("down, %", 100.0 * share(down, days), 0.40, 0.1, 1.0),
            value("up after up", share(again, followed), 0.24, 0.14, 0.34),
        ],
    );
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
    let ranges = metric(
        16,
        "ranges",
        vec![
            value("E range/E|r| 15m", both(&range), 2.03, 1.88, 2.18),
            value("Parkinson/close 1d", both(&parkinson), 0.94, 0.84, 1.06),
            value("1d/sum of 15m", both(&realised), 0.92, 0.80, 1.03),
        ],
    );
    Scorecard {
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
            limits,
            ranges,
        ],
    }
}
