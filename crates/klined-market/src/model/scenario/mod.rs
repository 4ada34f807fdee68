//! Scenarios: events that are forced upon the market at given times, on top of what the model does anyway.
//!
//! A [`Scenario`] is what a file says, with days that may be counted from the day on which it is applied; resolving it gives
//! [`ScenarioEvent`]s at fixed times, and those are what a database keeps. An event never touches a draw: with it or without,
//! each bar takes the same words of the same streams, and what lies before the event's first minute does not change.

mod file;
mod schedule;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::Regime;
use crate::base::{Symbol, UnixSeconds};

pub use file::{InvalidScenario, Scenario};
pub(super) use schedule::{DaySchedule, EventSchedule, MinuteEffects};

/// Whom an event hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every stock.
    Market,
    /// The stocks of a sector, by its name in `stock_metadata`.
    Sector(String),
    Symbol(Symbol),
}

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// Minutes are made in this regime, whatever the chain is in.
    Regime(Regime),
    /// Prices go so many per cent, in equal steps of logs over the event's minutes, besides what they do anyway: a crash, a
    /// spike, or a slow climb.
    Move { percent: f64 },
    /// There is no trade and no bar. The price that nobody sees goes on, and the first bar afterwards opens there.
    Halt,
    /// The day opens so many per cent away from where it would.
    Gap { percent: f64 },
    /// The standard deviation of each minute is multiplied.
    Volatility { factor: f64 },
}

/// The kind of an [`Effect`], without its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EffectKind {
    /// [`Effect::Regime`].
    Regime,
    /// [`Effect::Move`].
    Move,
    /// [`Effect::Halt`].
    Halt,
    /// [`Effect::Gap`].
    Gap,
    /// [`Effect::Volatility`].
    Volatility,
}

/// A text that names no kind of event.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no kind \"{0}\"; there are regime, move, halt, gap and volatility")]
pub struct UnknownEffectKind(pub String);

/// An event at fixed times.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioEvent {
    pub scope: Scope,
    pub effect: Effect,
    /// Start of the first minute that it touches, in Unix seconds.
    pub from: UnixSeconds,
    /// End of the last minute that it touches, in Unix seconds.
    pub until: UnixSeconds,
}

impl Effect {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> EffectKind {
        match self {
            Self::Regime(_) => EffectKind::Regime,
            Self::Move { .. } => EffectKind::Move,
            Self::Halt => EffectKind::Halt,
            Self::Gap { .. } => EffectKind::Gap,
            Self::Volatility { .. } => EffectKind::Volatility,
        }
    }

    /// The number that belongs to it: per cent of a move or gap, factor of a volatility.
    #[must_use]
    pub fn amount(&self) -> Option<f64> {
        match *self {
            Self::Move { percent } | Self::Gap { percent } => Some(percent),
            Self::Volatility { factor } => Some(factor),
            Self::Regime(_) | Self::Halt => None,
        }
    }

    /// The effect of a kind, with the regime or the number that it needs; none when one is missing, too much or out of range.
    ///
    /// Moves go from −95 to +1000 per cent, gaps from −90 to +400, factors from 0.01 to 20.
    #[must_use]
    pub fn of_kind(kind: EffectKind, regime: Option<Regime>, amount: Option<f64>) -> Option<Self> {
        let within = |low: f64, high: f64| amount.filter(|amount| (low..=high).contains(amount));
        match (kind, regime) {
            (EffectKind::Regime, Some(regime)) if amount.is_none() => Some(Self::Regime(regime)),
            (EffectKind::Move, None) => within(-95.0, 1000.0).map(|percent| Self::Move { percent }),
            (EffectKind::Halt, None) if amount.is_none() => Some(Self::Halt),
            (EffectKind::Gap, None) => within(-90.0, 400.0).map(|percent| Self::Gap { percent }),
            (EffectKind::Volatility, None) => within(0.01, 20.0).map(|factor| Self::Volatility { factor }),
            _ => None,
        }
    }
}

impl EffectKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Regime, Self::Move, Self::Halt, Self::Gap, Self::Volatility];

    /// The name in files and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Regime => "regime",
            Self::Move => "move",
            Self::Halt => "halt",
            Self::Gap => "gap",
            Self::Volatility => "volatility",
        }
    }
}

impl fmt::Display for EffectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for EffectKind {
    type Err = UnknownEffectKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownEffectKind(text.to_owned()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Market => f.write_str("market"),
            Self::Sector(name) => write!(f, "sector {name}"),
            Self::Symbol(symbol) => write!(f, "symbol {symbol}"),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Regime(regime) => write!(f, "regime {regime}"),
            Self::Move { percent } => write!(f, "move {percent}%"),
            Self::Halt => f.write_str("halt"),
            Self::Gap { percent } => write!(f, "gap {percent}%"),
            Self::Volatility { factor } => write!(f, "volatility x{factor}"),
        }
    }
}
