//! Where the 1-minute bars of a market come from: a function of the seed, or an exchange.

use std::fmt;

use super::JobError;
use crate::store::Identity;
use klined_market::base::{Instrument, Seed, UnixSeconds};
use klined_market::model::{Model, ScenarioEvent};

/// The name and version of bars that come from an exchange. It changes whenever the same trades give other bars.
const VENUE_VERSION: &str = "venue-1";

/// An exchange whose trades are a market's bars: a run of order events, which its log holds. No seed makes these bars, so only a
/// follower of the log can write them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Venue {
    /// The run's seed.
    pub seed: u64,
    /// What no run with other parameters has: at most 30 letters and digits.
    pub run: String,
}

impl Venue {
    /// The exchange that an identity names; none where a model makes the bars.
    #[must_use]
    pub fn of_identity(identity: &Identity) -> Option<Self> {
        let run = identity.model.strip_prefix(VENUE_VERSION)?.strip_prefix('+')?;
        Some(Self { seed: identity.seed, run: run.to_owned() })
    }
}

impl fmt::Display for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {} with seed {}", self.run, self.seed)
    }
}

/// Where the 1-minute bars of a market come from.
#[derive(Debug, Clone)]
pub enum BarSource {
    /// They are a function of the model's seed.
    Model(Model),
    /// They are an exchange's trades.
    Venue(Venue),
}

impl BarSource {
    /// The model that makes the bars.
    ///
    /// # Errors
    /// An exchange makes them.
    pub fn model(&self) -> Result<&Model, JobError> {
        match self {
            Self::Model(model) => Ok(model),
            Self::Venue(venue) => Err(JobError::OfVenue(venue.to_string())),
        }
    }

    /// The seed of the ticks inside the bars, and of the bars where a model makes them.
    #[must_use]
    pub fn seed(&self) -> Seed {
        match self {
            Self::Model(model) => model.seed,
            Self::Venue(venue) => Seed(venue.seed),
        }
    }

    /// The name in a database's identity, at most 40 characters.
    #[must_use]
    pub fn version(&self) -> String {
        match self {
            Self::Model(model) => model.version(),
            Self::Venue(venue) => format!("{VENUE_VERSION}+{}", venue.run),
        }
    }

    /// The same source with the events of scenarios, which an exchange does not have.
    #[must_use]
    pub fn with_events(self, events: &[ScenarioEvent]) -> Self {
        match self {
            Self::Model(model) => Self::Model(model.with_events(events)),
            venue => venue,
        }
    }

    /// Whether an event of a scenario halts all trade at an instant.
    #[must_use]
    pub fn is_market_halted(&self, now: UnixSeconds) -> bool {
        matches!(self, Self::Model(model) if model.is_market_halted(now))
    }

    /// Whether an event of a scenario halts an instrument's trade at an instant.
    #[must_use]
    pub fn is_halted(&self, instrument: &Instrument, now: UnixSeconds) -> bool {
        matches!(self, Self::Model(model) if model.is_halted(instrument, now))
    }
}
