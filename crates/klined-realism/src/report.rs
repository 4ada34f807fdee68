//! Scorecards as an aligned table for people and as JSON for programs.

use std::fmt;

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::json;

use super::reference::Reference;
use super::sample::DAYS_MIN;
use super::scorecard::{Metric, MetricValue, Scorecard};

/// The version of the JSON's shape; it changes when a field goes or changes its meaning, not when one is added.
const FORMAT: u32 = 1;

/// The scorecard of one seed.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredSeed {
    /// The seed of the market.
    pub seed: u64,
    /// Its scorecard.
    pub scorecard: Scorecard,
}

/// The scorecards of one model, one universe and one span of days; [`fmt::Display`] prints the table, in at most 100
/// columns with up to three runs.
#[derive(Debug, Clone, PartialEq)]
pub struct RealismReport {
    /// The model's version.
    pub model: String,
    /// The universe's name on the command line.
    pub universe: String,
    /// Number of stocks.
    pub symbols: usize,
    /// Number of trading days.
    pub days: usize,
    /// The first of them.
    pub first_day: NaiveDate,
    /// The last of them.
    pub last_day: NaiveDate,
    /// One entry for each seed, in the order of the command line.
    pub runs: Vec<ScoredSeed>,
}

/// What a reader of the scorecard of a small sample should know; none where the sample is large enough for the bands.
#[must_use]
pub fn caution(reference: &Reference, symbols: usize, days: usize) -> Option<String> {
    let stocks_min = reference.stocks_min;
    (symbols < stocks_min || days < DAYS_MIN).then(|| {
        format!(
            "the bands are meant for at least {stocks_min} symbols and {DAYS_MIN} days; these are {symbols} and {days}"
        )
    })
}

impl RealismReport {
    /// Whether every metric of every run is in its bands.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.runs.iter().all(|run| run.scorecard.passed() == run.scorecard.metrics.len())
    }

    /// The report as JSON. A value that cannot be computed, and a band without an end, are null.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let runs = self.runs.iter().map(|ScoredSeed { seed, scorecard }| {
            json!({
                "seed": seed,
                "passed": scorecard.passed(),
                "metrics": scorecard.metrics.iter().map(metric_to_json).collect::<Vec<_>>(),
            })
        });
        json!({
            "format": FORMAT,
            "model": self.model,
            "universe": self.universe,
            "symbols": self.symbols,
            "days": self.days,
            "first_day": self.first_day.to_string(),
            "last_day": self.last_day.to_string(),
            "passes": self.passes(),
            "runs": runs.collect::<Vec<_>>(),
        })
    }
}

fn metric_to_json(metric: &Metric) -> serde_json::Value {
    #[derive(Serialize)]
    struct Part {
        name: &'static str,
        value: f64,
        low: f64,
        high: f64,
        real: f64,
        passes: bool,
    }
    let part = |value: &MetricValue| {
        let &MetricValue { name, value: measured, real, low, high } = value;
        Part { name, value: measured, low, high, real, passes: value.passes() }
    };
    json!({
        "number": metric.number,
        "name": metric.name,
        "passes": metric.passes(),
        "parts": metric.values.iter().map(part).collect::<Vec<_>>(),
    })
}

impl fmt::Display for RealismReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, universe, symbols, days, first_day, last_day, runs } = self;
        writeln!(f, "{model}, {universe}: {symbols} symbols, {days} trading days from {first_day} to {last_day}\n")?;
        write!(f, "{:2}  {:<34} {:>7}  {:<16}", "#", "metric", "real", "band")?;
        for run in runs {
            write!(f, " {:>11}", format!("seed {}", run.seed))?;
        }
        writeln!(f)?;
        let metrics = runs.first().map_or(&[][..], |run| &run.scorecard.metrics);
        for (place, metric) in metrics.iter().enumerate() {
            write!(f, "{:2}  {:<60}", metric.number, metric.name)?;
            for run in runs {
                let verdict = if run.scorecard.metrics[place].passes() { "in band" } else { "OUT OF BAND" };
                write!(f, " {verdict:>11}")?;
            }
            writeln!(f)?;
            for (part, value) in metric.values.iter().enumerate() {
                write!(f, "      {:<32} {:>7.3}  {:<16}", value.name, value.real, band(value))?;
                for run in runs {
                    let found = &run.scorecard.metrics[place].values[part];
                    let mark = if found.passes() { ' ' } else { '*' };
                    write!(f, " {:>10.3}{mark}", found.value)?;
                }
                writeln!(f)?;
            }
        }
        writeln!(f)?;
        let counts = runs.iter().map(|ScoredSeed { seed, scorecard }| {
            format!("{} of {} with seed {seed}", scorecard.passed(), scorecard.metrics.len())
        });
        writeln!(f, "in band: {}", counts.collect::<Vec<_>>().join(", "))
    }
}

fn band(value: &MetricValue) -> String {
    match (value.low, value.high) {
        (low, f64::INFINITY) => format!("at least {low:.3}"),
        (low, high) => format!("{low:.3} to {high:.3}"),
    }
}
