//! A day of any model.

use super::{Regime, SymbolState, full, gbm};
use crate::base::{Ohlcv, Price};

/// One symbol's day, step by step.
#[derive(Debug, Clone)]
pub enum DayPath {
    /// Of [`super::ModelKind::Gbm`].
    Gbm(Box<gbm::GbmDay>),
    /// Of [`super::ModelKind::Full`].
    Full(Box<full::FullDay>),
}

impl DayPath {
    /// The next minute's bar.
    pub fn step(&mut self) -> Ohlcv {
        match self {
            Self::Gbm(day) => day.step(),
            Self::Full(day) => day.step(),
        }
    }

    /// The next minute passes without trade: the price moves on, but none is printed.
    pub fn pass(&mut self) {
        match self {
            Self::Gbm(day) => day.pass(),
            Self::Full(day) => day.pass(),
        }
    }

    /// The index of the minute at which a halt of the next minute ends; none if the next minute is traded.
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

    /// The factor of the base volatility in the last step, from its regime and from events.
    #[must_use]
    pub fn volatility_factor(&self) -> f64 {
        let besides = match self {
            Self::Gbm(day) => day.volatility_scale(),
            Self::Full(day) => day.forced_volatility(),
        };
        self.regime().volatility_factor() * besides
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
