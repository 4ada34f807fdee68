//! A market: a store, a calendar and a model that belong together.

use std::sync::Arc;

use super::JobError;
use super::universe::default_universe;
use crate::base::{Seed, Symbol, UnixSeconds};
use crate::calendar::{Calendar, Minute};
use crate::model::{Model, ModelKind};
use crate::store::{BarStore, Identity};

/// The seed of a market for which nobody asked for another.
const DEFAULT_SEED: u64 = 42;

/// What the writing jobs work on.
#[derive(Clone)]
pub struct Market {
    pub store: Arc<dyn BarStore>,
    pub calendar: Arc<Calendar>,
    pub model: Model,
}

impl Market {
    /// Claims a database for a model and seed, or recognises it as theirs. Without a seed the database's own is taken,
    /// or 42 for a new one.
    ///
    /// # Errors
    /// The database holds a market of another seed or model version, or cannot be read.
    pub fn claim(
        store: Arc<dyn BarStore>,
        calendar: Arc<Calendar>,
        kind: ModelKind,
        seed: Option<u64>,
    ) -> Result<Self, JobError> {
        let seed = match seed {
            Some(seed) => seed,
            None => store.identity()?.map_or(DEFAULT_SEED, |identity| identity.seed),
        };
        let identity = Identity { seed, model: kind.version().to_owned() };
        store.claim(&identity, &default_universe())?;
        Ok(Self { store, calendar, model: Model { kind, seed: Seed(seed) } })
    }

    /// Whether there are bars and every listed symbol has got equally far: neither a new market nor one whose backfill was
    /// interrupted.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn is_even(&self) -> Result<bool, JobError> {
        let progress = self.store.progress()?;
        let mut listed = progress.iter().filter(|progress| progress.is_listed).map(|progress| progress.last_bar);
        let first = listed.next().flatten();
        Ok(first.is_some() && listed.all(|last_bar| last_bar == first))
    }

    /// The trading minute of a symbol's last bar.
    pub(super) fn minute(&self, symbol: Symbol, time: UnixSeconds) -> Result<Minute, JobError> {
        self.calendar.minute_starting(time).map_err(|_| JobError::ForeignMinute { symbol, time })
    }
}
