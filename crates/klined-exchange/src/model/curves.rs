//! Curves of rates by the length of a queue, and the JSON file that holds them.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::book::LEVELS_MAX;

/// The longest curve that a file may have.
const LENGTH_MAX: usize = 1_000_001;
/// Positive rates below this are taken as this, per second.
const RATE_LEAST: f64 = 1e-12;

/// A rate a second by a queue's length, flat beyond the last.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Curve(Vec<f64>);

/// A file of curves that cannot be used.
#[derive(Debug, Error)]
pub enum CurveError {
    #[error("the curves are no JSON of the expected form: {0}")]
    Json(#[from] serde_json::Error),
    #[error("K is {0}: a book has 1 to {LEVELS_MAX} levels a side")]
    Levels(i64),
    #[error("{key} has {found} curves where K is {expected}")]
    Count { key: &'static str, found: usize, expected: usize },
    #[error("{key} has {found} values: 1 to {LENGTH_MAX} are possible")]
    Length { key: &'static str, found: usize },
    #[error("{key} is {value}: it must be a number from 0 to {most}")]
    Sensitivity { key: &'static str, value: f64, most: f64 },
    #[error("{key} has the rate {value} a second: at most {most} is possible")]
    Rate { key: &'static str, value: f64, most: f64 },
}

/// The largest rate and the largest sensitivity that a file may have.
const RATE_MOST: f64 = 1e6;
const SENSITIVITY_MOST: f64 = 100.0;

impl Curve {
    /// A curve of the values for lengths 0, 1, 2 …: what is no number or below zero counts as 0, what is below 1e-12 as that.
    #[must_use]
    pub fn new(values: Vec<f64>) -> Self {
        let usable = |value: f64| match value {
            v if !v.is_finite() || v <= 0.0 => 0.0,
            v => v.max(RATE_LEAST),
        };
        Self(values.into_iter().map(usable).collect())
    }

    /// The rate at a length; 0 where the curve is empty.
    #[inline(always)]
    #[must_use]
    pub fn at(&self, length: u32) -> f64 {
        let last = self.0.len().wrapping_sub(1);
        self.0.get((length as usize).min(last)).copied().unwrap_or(0.0)
    }

    /// The values for lengths 0, 1, 2 ….
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.0
    }
}

/// Curves of every level and kind of event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curves {
    /// Levels a side with curves.
    #[serde(rename = "K")]
    pub(crate) levels: usize,
    /// The longest queue that the file's tables have.
    pub(crate) n_max: u32,
    pub(crate) spread_sensitivity: f64,
    pub(crate) imbalance_sensitivity: f64,
    #[serde(rename = "lambda_L_bid")]
    pub(crate) add_bid: Vec<Curve>,
    #[serde(rename = "lambda_L_ask")]
    pub(crate) add_ask: Vec<Curve>,
    #[serde(rename = "lambda_C_bid")]
    pub(crate) cancel_bid: Vec<Curve>,
    #[serde(rename = "lambda_C_ask")]
    pub(crate) cancel_ask: Vec<Curve>,
    #[serde(rename = "lambda_M_buy")]
    pub(crate) buy: Curve,
    #[serde(rename = "lambda_M_sell")]
    pub(crate) sell: Curve,
}

/// The file, whose values are not checked yet. A value may be `null`, which is no number.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "K")]
    levels: i64,
    n_max: u32,
    #[serde(default = "default_spread_sensitivity")]
    spread_sensitivity: f64,
    #[serde(default = "default_imbalance_sensitivity")]
    imbalance_sensitivity: f64,
    #[serde(rename = "lambda_L_bid")]
    add_bid: Vec<Vec<Option<f64>>>,
    #[serde(rename = "lambda_L_ask")]
    add_ask: Vec<Vec<Option<f64>>>,
    #[serde(rename = "lambda_C_bid")]
    cancel_bid: Vec<Vec<Option<f64>>>,
    #[serde(rename = "lambda_C_ask")]
    cancel_ask: Vec<Vec<Option<f64>>>,
    #[serde(rename = "lambda_M_buy")]
    buy: Vec<Option<f64>>,
    #[serde(rename = "lambda_M_sell")]
    sell: Vec<Option<f64>>,
}

const fn default_spread_sensitivity() -> f64 {
    0.3
}

const fn default_imbalance_sensitivity() -> f64 {
    1.0
}

fn curve(key: &'static str, values: Vec<Option<f64>>) -> Result<Curve, CurveError> {
    if values.is_empty() || values.len() > LENGTH_MAX {
        return Err(CurveError::Length { key, found: values.len() });
    }
    let curve = Curve::new(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect());
    match curve.0.iter().find(|value| **value > RATE_MOST) {
        Some(&value) => Err(CurveError::Rate { key, value, most: RATE_MOST }),
        None => Ok(curve),
    }
}

fn curves(key: &'static str, levels: usize, values: Vec<Vec<Option<f64>>>) -> Result<Vec<Curve>, CurveError> {
    if values.len() != levels {
        return Err(CurveError::Count { key, found: values.len(), expected: levels });
    }
    values.into_iter().map(|values| curve(key, values)).collect()
}

fn sensitivity(key: &'static str, value: f64) -> Result<f64, CurveError> {
    let within = (0.0..=SENSITIVITY_MOST).contains(&value);
    if within { Ok(value) } else { Err(CurveError::Sensitivity { key, value, most: SENSITIVITY_MOST }) }
}

impl Curves {
    /// The curves that a model has without a file, with shapes as Huang, Lehalle and Rosenbaum found them: fewer limit orders the longer
    /// the queue, cancellations that level off, market orders at a constant rate. `levels` is taken as 1 to 64.
    #[must_use]
    pub fn of_literature(levels: usize) -> Self {
        const N_MAX: u32 = 100;
        let levels = levels.clamp(1, LEVELS_MAX);
        let table = |rate: fn(f64) -> f64| Curve::new((0..=N_MAX).map(|n| rate(f64::from(n))).collect());
        let best = table(|n| 15.0 / (1.0 + 0.12 * n));
        let deeper = table(|n| 5.0 / (1.0 + 0.2 * n));
        let cancel = vec![table(|n| 0.3 * n / (1.0 + 0.02 * n)); levels];
        let market = table(|n| if n > 0.0 { 8.0 } else { 0.0 });
        let mut add = vec![deeper; levels];
        add[0] = best;
        Self {
            levels,
            n_max: N_MAX,
            spread_sensitivity: default_spread_sensitivity(),
            imbalance_sensitivity: default_imbalance_sensitivity(),
            add_bid: add.clone(),
            add_ask: add,
            cancel_bid: cancel.clone(),
            cancel_ask: cancel,
            buy: market.clone(),
            sell: market,
        }
    }

    /// Reads a file of curves.
    ///
    /// # Errors
    /// [`CurveError`] with the key that is missing or whose value is not possible.
    pub fn from_json(text: &str) -> Result<Self, CurveError> {
        let file: File = serde_json::from_str(text)?;
        let levels = usize::try_from(file.levels).ok().filter(|levels| (1..=LEVELS_MAX).contains(levels));
        let levels = levels.ok_or(CurveError::Levels(file.levels))?;
        Ok(Self {
            levels,
            n_max: file.n_max,
            spread_sensitivity: sensitivity("spread_sensitivity", file.spread_sensitivity)?,
            imbalance_sensitivity: sensitivity("imbalance_sensitivity", file.imbalance_sensitivity)?,
            add_bid: curves("lambda_L_bid", levels, file.add_bid)?,
            add_ask: curves("lambda_L_ask", levels, file.add_ask)?,
            cancel_bid: curves("lambda_C_bid", levels, file.cancel_bid)?,
            cancel_ask: curves("lambda_C_ask", levels, file.cancel_ask)?,
            buy: curve("lambda_M_buy", file.buy)?,
            sell: curve("lambda_M_sell", file.sell)?,
        })
    }

    /// The file's text.
    ///
    /// # Errors
    /// Does not fail for curves that were made here; the serializer's error is passed on.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string(self)? + "\n")
    }

    /// Levels a side with curves, 1 to 64.
    #[must_use]
    pub const fn levels(&self) -> usize {
        self.levels
    }
}
