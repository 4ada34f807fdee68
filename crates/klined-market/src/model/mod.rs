//! The market's arithmetic: how a symbol's price and volume move through the minutes of a trading day.
//!
//! A model is a pure function of (seed, instrument, date, state at the open): [`Model::open_day`] gives a [`DayPath`]
//! whose 240 steps are the day's bars and whose last state opens the next day. A second model is a second variant of
//! [`ModelKind`], [`SymbolState`] and [`DayPath`]; nothing outside this module matches on them.

mod bridge;
mod draws;
mod full;
mod gbm;
pub mod math;
pub mod normal;
mod regime;
mod scenario;
mod units;
mod volume;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::base::{Instrument, Ohlcv, Price, PriceLimits, Seed, UnixSeconds};
use crate::calendar::Calendar;

pub use full::FullParameters;
pub use full::parameters::{Described, InvalidParameters};
pub use regime::Regime;
pub use scenario::{Effect, InvalidScenario, Scenario, ScenarioEvent, Scope};
pub use units::{AnnualDrift, TRADING_DAYS_PER_YEAR};

/// Which arithmetic moves the prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelKind {
    /// Geometric Brownian motion under a bull, bear and sideways Markov chain.
    Gbm,
    /// The same with overnight gaps, factors, stochastic volatility, fat tails, news, price limits and volume memory.
    Full,
}

/// A name that no model has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a model: use full or gbm")]
pub struct UnknownModel(String);

/// A model and the seed that all of its randomness comes from.
#[derive(Debug, Clone)]
pub struct Model {
    pub kind: ModelKind,
    pub seed: Seed,
    /// What the full model's symbols share; none of the plain one.
    full: Option<Arc<full::Full>>,
    /// What is forced upon the market.
    plan: Option<Arc<scenario::Plan>>,
}

/// What a symbol carries from one trading day to the next. Serialises to JSON that restores it bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SymbolState {
    Gbm(gbm::State),
    Full(full::State),
}

/// One symbol's day, step by step.
#[derive(Debug, Clone)]
pub enum DayPath {
    Gbm(Box<gbm::Day>),
    Full(Box<full::Day>),
}

impl ModelKind {
    /// Every model, by name.
    pub const ALL: [Self; 2] = [Self::Full, Self::Gbm];

    /// The name and version whose numbers a database holds. It changes whenever the same seed gives other numbers.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Gbm => "gbm-1",
            Self::Full => "full-2",
        }
    }

    /// The kind of a database's model, from what [`Model::version`] said; none of a model that is not known here.
    #[must_use]
    pub fn of_version(version: &str) -> Option<Self> {
        let (name, _) = version.split_once('-')?;
        name.parse().ok()
    }

    /// Whether a day's first bar may open away from the close before.
    #[must_use]
    pub fn has_overnight_gaps(self) -> bool {
        self == Self::Full
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gbm => "gbm",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for ModelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ModelKind {
    type Err = UnknownModel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| UnknownModel(text.to_owned()))
    }
}

impl Model {
    /// Geometric Brownian motion under the regime chain.
    #[must_use]
    pub fn gbm(seed: Seed) -> Self {
        Self { kind: ModelKind::Gbm, seed, full: None, plan: None }
    }

    /// The full model. The calendar's days before a date are part of what the market is on that date.
    #[must_use]
    pub fn full(seed: Seed, parameters: FullParameters, calendar: Arc<Calendar>) -> Self {
        let full = Some(Arc::new(full::Full::new(seed, parameters, calendar)));
        Self { kind: ModelKind::Full, seed, full, plan: None }
    }

    /// The same model under another calendar, without events.
    #[must_use]
    pub fn under(&self, calendar: Arc<Calendar>) -> Self {
        match &self.full {
            None => Self::gbm(self.seed),
            Some(full) => Self::full(self.seed, *full.parameters(), calendar),
        }
    }

    /// The same model with events forced upon its market, in place of those it had.
    #[must_use]
    pub fn with_events(self, events: &[ScenarioEvent], calendar: &Calendar) -> Self {
        let plan = (!events.is_empty()).then(|| Arc::new(scenario::Plan::new(events, calendar)));
        Self { plan, ..self }
    }

    /// Whether an event halts all trade at an instant.
    #[must_use]
    pub fn is_market_halted(&self, now: UnixSeconds) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.is_market_halted(now))
    }

    /// Whether an event halts an instrument's trade at an instant.
    #[must_use]
    pub fn is_halted(&self, instrument: &Instrument, now: UnixSeconds) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.is_halted(instrument, now))
    }

    /// The limits that a day's prints stay in after a close; none where this model knows none.
    #[must_use]
    pub fn price_limits(&self, instrument: &Instrument, day: NaiveDate, previous_close: Price) -> Option<PriceLimits> {
        let full = self.full.as_ref().filter(|full| full.parameters().limits.enabled);
        full.and_then(|_| instrument.board.price_limits(instrument.is_st, day, previous_close))
    }

    /// What a database's identity calls this model: its kind's version and, where parameters were changed, their digest.
    /// At most 40 characters.
    #[must_use]
    pub fn version(&self) -> String {
        let version = self.kind.version();
        match self.full.as_ref().and_then(|full| full.parameters().digest()) {
            Some(digest) => format!("{version}+{digest}"),
            None => version.to_owned(),
        }
    }

    /// The state of an instrument before the first bar of its first trading day: at its base price, in a regime drawn
    /// from the chain's stationary law.
    #[must_use]
    pub fn first_state(&self, instrument: &Instrument, first_day: NaiveDate) -> SymbolState {
        match &self.full {
            None => SymbolState::Gbm(gbm::State::first(self.seed, instrument, first_day)),
            Some(full) => SymbolState::Full(full::State::first(full, self.seed, instrument, first_day)),
        }
    }

    /// A day's path from the state at its open. A state of another model begins anew at the base price; a database's
    /// identity sees to it that there is none.
    #[must_use]
    pub fn open_day(&self, instrument: &Instrument, state: &SymbolState, date: NaiveDate) -> DayPath {
        let script = self.plan.as_ref().map(|plan| plan.day(instrument, date)).unwrap_or_default();
        match (&self.full, state) {
            (None, SymbolState::Gbm(state)) => {
                DayPath::Gbm(Box::new(gbm::Day::open(self.seed, instrument, *state, date, script)))
            }
            (Some(full), SymbolState::Full(state)) => {
                DayPath::Full(Box::new(full::Day::open(full, self.seed, instrument, *state, date, script)))
            }
            _ => self.open_day(instrument, &self.first_state(instrument, date), date),
        }
    }
}

impl DayPath {
    /// The next minute's bar.
    pub fn step(&mut self) -> Ohlcv {
        match self {
            Self::Gbm(day) => day.step(),
            Self::Full(day) => day.step(),
        }
    }

    /// The next minute passes without trade: the price goes on, but none is printed.
    pub fn pass(&mut self) {
        match self {
            Self::Gbm(day) => day.pass(),
            Self::Full(day) => day.pass(),
        }
    }

    /// The place in the day at which a halt ends that holds in the next minute; none when that one is traded.
    #[must_use]
    pub fn halted_until(&self) -> Option<u16> {
        match self {
            Self::Gbm(day) => day.halted_until(),
            Self::Full(day) => day.halted_until(),
        }
    }

    /// The state after the steps so far.
    #[must_use]
    pub fn state(&self) -> SymbolState {
        match self {
            Self::Gbm(day) => SymbolState::Gbm(day.state()),
            Self::Full(day) => SymbolState::Full(day.state()),
        }
    }

    /// The last printed price: before the first step, the close of the day before or the base price.
    #[must_use]
    pub fn price(&self) -> Price {
        match self {
            Self::Gbm(day) => day.price(),
            Self::Full(day) => day.price(),
        }
    }

    /// What the base volatility was multiplied with in the last step, by its regime and by events.
    #[must_use]
    pub fn volatility_factor(&self) -> f64 {
        let forced = match self {
            Self::Gbm(day) => day.forced_volatility(),
            Self::Full(day) => day.forced_volatility(),
        };
        self.regime().volatility_factor() * forced
    }

    /// The regime that the last step was made in.
    #[must_use]
    pub fn regime(&self) -> Regime {
        match self {
            Self::Gbm(day) => day.regime(),
            Self::Full(day) => day.regime(),
        }
    }
}
