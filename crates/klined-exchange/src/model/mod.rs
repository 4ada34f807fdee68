//! The rates at which events happen in a state of the book.

mod choice;
mod climate;
mod curves;
mod hlr;
mod packed;
mod rich;
mod simple;
mod steps;

use std::sync::Arc;

pub use curves::{Curve, CurveError, Curves};
pub use simple::{BadParameter, Parameters};

pub(crate) use hlr::Hlr;
pub(crate) use rich::{Rich, RichPath, RichSpec, Unit};
pub(crate) use simple::Simple;
pub(crate) use steps::{BATCH, Steps};

use crate::book::Book;
use crate::event::EventType;
use crate::random::Draws;

/// A model, ready for sessions of every security.
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) kind: Kind,
    pub(crate) price_floor_ticks: Option<i32>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Simple(Arc<Simple>),
    Hlr(Arc<Hlr>),
    /// With the seed of what all securities share on a day.
    Rich(Arc<Rich>, u64),
}

impl Model {
    /// Rates by the imbalance at the best prices.
    #[must_use]
    pub fn simple(parameters: Parameters) -> Self {
        Self { kind: Kind::Simple(Arc::new(Simple::new(parameters))), price_floor_ticks: None }
    }

    /// Rates of each level by curves of its queue's length (Huang, Lehalle and Rosenbaum, 2015).
    #[must_use]
    pub fn hlr(curves: Curves) -> Self {
        Self { kind: Kind::Hlr(Arc::new(Hlr::new(curves))), price_floor_ticks: None }
    }

    /// The model `qr-2`: the simple model with activity that varies, long orders, sizes, and a market that moves all securities.
    #[must_use]
    pub fn rich() -> Self {
        let rich = Rich::new(Simple::new(Parameters::default()));
        Self { kind: Kind::Rich(Arc::new(rich), 0), price_floor_ticks: None }
    }

    /// The model on a day whose market has this seed. Only `qr-2` has something that all securities share.
    #[must_use]
    pub fn in_market(&self, market_seed: u64) -> Self {
        let kind = match &self.kind {
            Kind::Rich(rich, _) => Kind::Rich(rich.clone(), market_seed),
            kind => kind.clone(),
        };
        Self { kind, ..self.clone() }
    }

    /// The model with a least price of bids, in ticks. What would put a lower bid into the book does not happen: its rate is zero in that state.
    #[must_use]
    pub fn with_price_floor(self, price_floor_ticks: Option<i32>) -> Self {
        Self { price_floor_ticks, ..self }
    }

    /// How many levels a side the book must have at least.
    #[must_use]
    pub fn levels_least(&self) -> usize {
        match &self.kind {
            Kind::Simple(_) | Kind::Rich(..) => 1,
            Kind::Hlr(hlr) => hlr.levels(),
        }
    }
}

/// What one step of a path fixes: its time follows from `word` and `total` alone, so it can be reckoned later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// The random word of the waiting time.
    pub word: u64,
    /// The rate of all events together, per second.
    pub total: f64,
    pub event_type: EventType,
    pub price_ticks: i32,
}

/// A model in the innermost loop.
pub(crate) trait Dynamics {
    /// Draws the next event and applies it.
    fn step<const WIDTH: usize>(&self, book: &mut Book<WIDTH>, draws: &mut Draws) -> Step;

    /// Makes the steps of a batch, or of the first part of one.
    #[inline(always)]
    fn walk<const WIDTH: usize>(&self, book: &mut Book<WIDTH>, draws: &mut Draws, steps: &mut Steps, count: usize) {
        for nth in 0..count {
            steps.put(nth, self.step(book, draws), book.quote());
        }
    }
}

/// A total rate that ends the session at once: where rates overflow, nothing more happens.
pub(crate) const NEVER: f64 = 1e-300;
