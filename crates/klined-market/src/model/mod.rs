//! The models: how a symbol's price and volume move through the minutes of a trading day.
//!
//! A model is a pure function of (seed, instrument, date, state at the open): [`Model::open_day`] gives a [`DayPath`]
//! whose steps are the day's bars and whose last state opens the next day. A second model is a second variant of
//! [`ModelKind`], [`SymbolState`] and [`DayPath`]; nothing outside this module matches on them.

mod bridge;
mod day_path;
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

use crate::base::{Instrument, Price, PriceLimits, Seed, Symbol, TradeLaw, UnixSeconds};
use crate::calendar::Calendar;

pub use day_path::DayPath;
pub use full::parameters::{InvalidParameters, ParameterDescription};
pub use full::{BoardParameters, FullParameters, FullVersion};
pub use gbm::GbmVersion;
pub use regime::Regime;
pub use scenario::{Effect, EffectKind, InvalidScenario, Scenario, ScenarioEvent, Scope, UnknownEffectKind};

/// The name of a model: the rules by which prices move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelKind {
    /// Geometric Brownian motion under a bull, bear and sideways Markov chain.
    Gbm,
    /// The same with overnight gaps, factors, stochastic volatility, fat tails, news, price limits and volume memory.
    Full,
}

/// A text that is not the name of a model.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a model: use full or gbm")]
pub struct UnknownModel(String);

/// A stored state that another model has made, so that no day can be opened from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the stored state of {symbol} is of the model {found}, but the market's model is {expected}")]
pub struct StateOfOtherModel {
    /// Whose state it is.
    pub symbol: Symbol,
    /// The model that was asked to open a day.
    pub expected: ModelKind,
    /// The model that the state belongs to, by its name.
    pub found: &'static str,
}

/// A model and the seed that all of its randomness comes from.
#[derive(Debug, Clone)]
pub struct Model {
    /// Its rules.
    pub kind: ModelKind,
    /// The seed of all its random streams.
    pub seed: Seed,
    /// The days and minutes that it makes.
    calendar: Arc<Calendar>,
    rules: Rules,
    /// The events of the market's scenarios.
    schedule: Option<Arc<scenario::EventSchedule>>,
}

/// What a model's days are made by.
#[derive(Debug, Clone)]
enum Rules {
    /// The version of the plain model.
    Gbm(GbmVersion),
    /// The part of the full model that all symbols share.
    Full(Arc<full::Full>),
}

/// The state of a symbol between two trading days. Its JSON restores it bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SymbolState {
    /// Of [`ModelKind::Gbm`].
    Gbm(gbm::GbmState),
    /// Of [`ModelKind::Full`].
    Full(full::FullState),
    /// Of no model: the symbol's bars are the trades of an exchange, and no day can be opened from this state.
    Venue,
}

impl ModelKind {
    /// Every model, by name.
    pub const ALL: [Self; 2] = [Self::Full, Self::Gbm];

    /// The name and newest version of the model. It changes whenever the same seed gives other numbers.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Gbm => GbmVersion::NEWEST.name(),
            Self::Full => FullVersion::NEWEST.name(),
        }
    }

    /// The kind of a database's model, from its [`Model::version`]; none if this crate does not have that model.
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
    /// Geometric Brownian motion under the regime chain, in its newest version.
    #[must_use]
    pub fn gbm(seed: Seed, calendar: Arc<Calendar>) -> Self {
        Self::gbm_of_version(seed, GbmVersion::NEWEST, calendar)
    }

    /// Geometric Brownian motion under the regime chain, in one of its versions.
    #[must_use]
    pub fn gbm_of_version(seed: Seed, version: GbmVersion, calendar: Arc<Calendar>) -> Self {
        Self { kind: ModelKind::Gbm, seed, calendar, rules: Rules::Gbm(version), schedule: None }
    }

    /// The full model in its newest version. The market of a date depends on the calendar's days before it.
    #[must_use]
    pub fn full(seed: Seed, parameters: FullParameters, calendar: Arc<Calendar>) -> Self {
        Self::full_of_version(seed, FullVersion::NEWEST, parameters, calendar)
    }

    /// The full model in one of its versions.
    #[must_use]
    pub fn full_of_version(
        seed: Seed,
        version: FullVersion,
        parameters: FullParameters,
        calendar: Arc<Calendar>,
    ) -> Self {
        let rules = Rules::Full(Arc::new(full::Full::new(seed, version, parameters, calendar.clone())));
        Self { kind: ModelKind::Full, seed, calendar, rules, schedule: None }
    }

    /// The same model under another calendar, without events.
    #[must_use]
    pub fn under(&self, calendar: Arc<Calendar>) -> Self {
        match &self.rules {
            Rules::Gbm(version) => Self::gbm_of_version(self.seed, *version, calendar),
            Rules::Full(full) => Self::full_of_version(self.seed, full.version(), *full.parameters(), calendar),
        }
    }

    /// The calendar whose days and minutes it makes.
    #[must_use]
    pub fn calendar(&self) -> &Arc<Calendar> {
        &self.calendar
    }

    /// The same model with these events instead of those that it had.
    #[must_use]
    pub fn with_events(self, events: &[ScenarioEvent]) -> Self {
        let schedule = (!events.is_empty()).then(|| Arc::new(scenario::EventSchedule::new(events, &self.calendar)));
        Self { schedule, ..self }
    }

    /// Whether an event halts all trade at an instant.
    #[must_use]
    pub fn is_market_halted(&self, now: UnixSeconds) -> bool {
        self.schedule.as_ref().is_some_and(|schedule| schedule.is_market_halted(now))
    }

    /// Whether an event halts an instrument's trade at an instant.
    #[must_use]
    pub fn is_halted(&self, instrument: &Instrument, now: UnixSeconds) -> bool {
        self.schedule.as_ref().is_some_and(|schedule| schedule.is_halted(instrument, now))
    }

    /// The price limits of a day after a close; none if this model has no limits for the instrument.
    #[must_use]
    pub fn price_limits(&self, instrument: &Instrument, day: NaiveDate, previous_close: Price) -> Option<PriceLimits> {
        let Rules::Full(full) = &self.rules else { return None };
        let limits = instrument.board.price_limits(instrument.is_st, day, previous_close);
        limits.filter(|_| full.parameters().boards.limits.enabled)
    }

    /// Whether quotes show the queues that follow from a stock's turnover and price. Else their sizes follow from the
    /// minute's trades.
    #[must_use]
    pub fn has_queues(&self) -> bool {
        matches!(&self.rules, Rules::Full(full) if full.version().has_queues())
    }

    /// How the trades of a minute are drawn.
    #[must_use]
    pub fn trade_law(&self) -> TradeLaw {
        match &self.rules {
            Rules::Gbm(version) => version.trade_law(),
            Rules::Full(_) => TradeLaw::Clusters,
        }
    }

    /// The model's name in a database's identity: its version and, if parameters were changed, their digest. At most
    /// 40 characters.
    #[must_use]
    pub fn version(&self) -> String {
        let (version, parameters) = match &self.rules {
            Rules::Gbm(version) => return version.name().to_owned(),
            Rules::Full(full) => (full.version(), full.parameters()),
        };
        match parameters.digest(version) {
            Some(digest) => format!("{}+{digest}", version.name()),
            None => version.name().to_owned(),
        }
    }

    /// The state of an instrument before the first bar of its first trading day: at its base price, in a regime drawn
    /// from the chain's stationary distribution.
    #[must_use]
    pub fn first_state(&self, instrument: &Instrument, first_day: NaiveDate) -> SymbolState {
        match &self.rules {
            Rules::Gbm(_) => SymbolState::Gbm(gbm::GbmState::first(self.seed, instrument, first_day)),
            Rules::Full(full) => SymbolState::Full(full::FullState::first(full, self.seed, instrument, first_day)),
        }
    }

    /// The path of an instrument's first trading day, which begins with [`Model::first_state`].
    #[must_use]
    pub fn open_first_day(&self, instrument: &Instrument, date: NaiveDate) -> DayPath {
        match &self.rules {
            Rules::Gbm(version) => {
                self.open_gbm_day(*version, instrument, gbm::GbmState::first(self.seed, instrument, date), date)
            }
            Rules::Full(full) => {
                let state = full::FullState::first(full, self.seed, instrument, date);
                self.open_full_day(full, instrument, state, date)
            }
        }
    }

    /// The path of the day that follows another path's day. The rest of that day must have been stepped through, because
    /// its state opens this one.
    #[must_use]
    pub fn open_next_day(&self, instrument: &Instrument, path: &DayPath, date: NaiveDate) -> DayPath {
        match path {
            DayPath::Gbm(day) => self.open_gbm_day(day.version(), instrument, day.state(), date),
            DayPath::Full(day) => self.open_full_day(day.model(), instrument, day.state(), date),
        }
    }

    /// The path of a day from a stored state at its open.
    ///
    /// # Errors
    /// The state is of another model.
    pub fn open_day(
        &self,
        instrument: &Instrument,
        state: &SymbolState,
        date: NaiveDate,
    ) -> Result<DayPath, StateOfOtherModel> {
        match (&self.rules, state) {
            (Rules::Gbm(version), SymbolState::Gbm(state)) => Ok(self.open_gbm_day(*version, instrument, *state, date)),
            (Rules::Full(full), SymbolState::Full(state)) => Ok(self.open_full_day(full, instrument, *state, date)),
            _ => Err(StateOfOtherModel { symbol: instrument.symbol, expected: self.kind, found: state.model_name() }),
        }
    }

    fn open_gbm_day(
        &self,
        version: GbmVersion,
        instrument: &Instrument,
        state: gbm::GbmState,
        date: NaiveDate,
    ) -> DayPath {
        let (schedule, hours) = (self.day_schedule(instrument, date), self.calendar.hours());
        DayPath::Gbm(Box::new(gbm::GbmDay::open(version, self.seed, instrument, state, date, hours, schedule)))
    }

    fn open_full_day(
        &self,
        full: &Arc<full::Full>,
        instrument: &Instrument,
        state: full::FullState,
        date: NaiveDate,
    ) -> DayPath {
        let schedule = self.day_schedule(instrument, date);
        DayPath::Full(Box::new(full::FullDay::open(full, self.seed, instrument, state, date, schedule)))
    }

    fn day_schedule(&self, instrument: &Instrument, date: NaiveDate) -> scenario::DaySchedule {
        self.schedule.as_ref().map(|schedule| schedule.day(instrument, date)).unwrap_or_default()
    }
}

impl SymbolState {
    /// The name of the model that the state belongs to, or `venue`.
    #[must_use]
    pub fn model_name(&self) -> &'static str {
        match self {
            Self::Gbm(_) => ModelKind::Gbm.name(),
            Self::Full(_) => ModelKind::Full.name(),
            Self::Venue => "venue",
        }
    }
}
