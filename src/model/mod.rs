//! The market's arithmetic: how a symbol's price and volume move through the minutes of a trading day.
//!
//! A model is a pure function of (seed, instrument, date, state at the open): [`Model::open_day`] gives a [`DayPath`]
//! whose 240 steps are the day's bars and whose last state opens the next day. A second model is a second variant of
//! [`ModelKind`], [`SymbolState`] and [`DayPath`]; nothing outside this module matches on them.

mod bridge;
mod gbm;
mod normal;
mod regime;
mod units;
mod volume;

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::base::{Instrument, Ohlcv, Price, Seed};

pub use regime::Regime;
pub use units::{AnnualDrift, TRADING_DAYS_PER_YEAR};

/// Which arithmetic moves the prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelKind {
    /// Geometric Brownian motion under a bull, bear and sideways Markov chain.
    Gbm,
}

/// A name that no model has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a model: use gbm")]
pub struct UnknownModel(String);

/// A model and the seed that all of its randomness comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    pub kind: ModelKind,
    pub seed: Seed,
}

/// What a symbol carries from one trading day to the next. Serialises to JSON that restores it bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SymbolState {
    Gbm(gbm::State),
}

/// One symbol's day, step by step.
#[derive(Debug, Clone)]
pub enum DayPath {
    Gbm(gbm::Day),
}

impl ModelKind {
    /// The name and version whose numbers a database holds. It changes whenever the same seed gives other numbers.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Gbm => "gbm-1",
        }
    }
}

impl fmt::Display for ModelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gbm => "gbm",
        })
    }
}

impl FromStr for ModelKind {
    type Err = UnknownModel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "gbm" => Ok(Self::Gbm),
            _ => Err(UnknownModel(text.to_owned())),
        }
    }
}

impl Model {
    /// The state of an instrument before the first bar of its first trading day: at its base price, in a regime drawn
    /// from the chain's stationary law.
    #[must_use]
    pub fn first_state(&self, instrument: &Instrument, first_day: NaiveDate) -> SymbolState {
        match self.kind {
            ModelKind::Gbm => SymbolState::Gbm(gbm::State::first(self.seed, instrument, first_day)),
        }
    }

    /// A day's path from the state at its open.
    #[must_use]
    pub fn open_day(&self, instrument: &Instrument, state: &SymbolState, date: NaiveDate) -> DayPath {
        match state {
            SymbolState::Gbm(state) => DayPath::Gbm(gbm::Day::open(self.seed, instrument, *state, date)),
        }
    }
}

impl DayPath {
    /// The next minute's bar.
    pub fn step(&mut self) -> Ohlcv {
        match self {
            Self::Gbm(day) => day.step(),
        }
    }

    /// The state after the steps so far.
    #[must_use]
    pub fn state(&self) -> SymbolState {
        match self {
            Self::Gbm(day) => SymbolState::Gbm(day.state()),
        }
    }

    /// The last printed price: before the first step, the close of the day before or the base price.
    #[must_use]
    pub fn price(&self) -> Price {
        match self {
            Self::Gbm(day) => day.price(),
        }
    }

    /// The regime that the last step was made in.
    #[must_use]
    pub fn regime(&self) -> Regime {
        match self {
            Self::Gbm(day) => day.regime(),
        }
    }
}
