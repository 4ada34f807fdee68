//! A market: a store, a calendar and a model that belong together.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::universe::compare_universe;
use super::{BarSource, JobError, Venue, agreement};
use crate::store::{BarStore, Identity, StoreError};
use klined_market::base::{Seed, Shard, Symbol, UnixSeconds};
use klined_market::calendar::{Calendar, Hours, Minute};
use klined_market::model::{FullParameters, FullVersion, GbmVersion, Model, ModelKind, Scenario};
use klined_market::universe::{self, Universe, UniverseRow};

/// The default seed of a market.
pub const DEFAULT_SEED: u64 = 42;

/// How much history a market keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retained {
    /// The month of the day that is being written, and so many full months before it.
    Months(u32),
    /// The day that is being written, and so many calendar days before it.
    Days(u32),
}

/// The model that a caller asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelChoice {
    /// None takes the database's own, or the full model for a new database. A database keeps the version of its model.
    pub kind: Option<ModelKind>,
    /// The version of the plain model in a new database.
    pub gbm: GbmVersion,
    /// Parameters of the full model.
    pub parameters: FullParameters,
    /// Scenarios to apply, besides those that the market has.
    pub scenarios: Vec<Scenario>,
}

impl From<ModelKind> for ModelChoice {
    fn from(kind: ModelKind) -> Self {
        Self { kind: Some(kind), ..Self::default() }
    }
}

/// The market that the jobs work on.
#[derive(Clone)]
pub struct Market {
    pub store: Arc<dyn BarStore>,
    pub calendar: Arc<Calendar>,
    /// Without the events of scenarios, which the writing jobs read when they hold the writer's role.
    pub source: BarSource,
    /// Scenarios to apply before anything is written.
    pub scenarios: Arc<[Scenario]>,
    /// The bars that the generator keeps; none keeps everything.
    pub retained: Option<Retained>,
    /// The part of the market that the generator writes.
    pub shard: Shard,
}

impl Market {
    /// Claims a database for a model and seed, or recognises it as theirs. Without a seed the database's own is taken,
    /// or 42 for a new one; without a kind of model likewise, or the full one. A new one without stocks gets the ten of the
    /// demo.
    ///
    /// # Errors
    /// The database holds a market of another seed, model version or parameters, or cannot be read; or there are
    /// parameters for a model that has none.
    pub fn claim(
        store: Arc<dyn BarStore>,
        calendar: Arc<Calendar>,
        choice: impl Into<ModelChoice>,
        seed: Option<u64>,
    ) -> Result<Self, JobError> {
        Self::claim_filling(store, calendar, choice, seed, None)
    }

    /// Does the same as [`Market::claim`], but fills a new database without stocks with those of a universe.
    ///
    /// # Errors
    /// Besides those of [`Market::claim`]: there are stocks, and one of the universe is not among them. Nothing is claimed
    /// then.
    pub fn claim_filling(
        store: Arc<dyn BarStore>,
        calendar: Arc<Calendar>,
        choice: impl Into<ModelChoice>,
        seed: Option<u64>,
        universe: Option<&Universe>,
    ) -> Result<Self, JobError> {
        let found = store.identity()?;
        match &found {
            None => agreement::require_identity(&*store)?,
            Some(found) => refuse_venue(found)?,
        }
        let (market, rows) = Self::wanted(store, calendar, choice.into(), seed, universe, found.as_ref())?;
        market.store.claim(&market.identity(), &rows)?;
        Ok(market)
    }

    /// Recognises a database as [`Market::claim_filling`] does, or as one that it could claim, and changes nothing.
    ///
    /// # Errors
    /// Those of [`Market::claim_filling`].
    pub fn recognise(
        store: Arc<dyn BarStore>,
        calendar: Arc<Calendar>,
        choice: ModelChoice,
        seed: Option<u64>,
        universe: Option<&Universe>,
    ) -> Result<Self, JobError> {
        let found = store.identity()?;
        match &found {
            None => agreement::require_identity(&*store)?,
            Some(found) => refuse_venue(found)?,
        }
        let (market, _) = Self::wanted(store, calendar, choice, seed, universe, found.as_ref())?;
        market.check_identity()?;
        Ok(market)
    }

    /// The market that a database says it holds, or, where it has lost its identity, the one asked for. Claims and changes nothing.
    ///
    /// # Errors
    /// The database says that it is another, or cannot be read.
    pub fn inspect(
        store: Arc<dyn BarStore>,
        calendar: Arc<Calendar>,
        choice: ModelChoice,
        seed: Option<u64>,
    ) -> Result<Self, JobError> {
        let market = Self::assume(store, calendar, choice, seed)?;
        market.check_identity()?;
        Ok(market)
    }

    /// The market of a seed and a model, whatever the database says that it holds; without them that of its identity.
    ///
    /// # Errors
    /// The database cannot be read, or a model is named for the market of an exchange.
    pub fn assume(
        store: Arc<dyn BarStore>,
        calendar: Arc<Calendar>,
        choice: ModelChoice,
        seed: Option<u64>,
    ) -> Result<Self, JobError> {
        let found = store.identity()?;
        match found.as_ref().and_then(Venue::of_identity) {
            Some(venue) if choice == ModelChoice::default() && seed.is_none_or(|seed| seed == venue.seed) => {
                Ok(Self::of_venue(store, calendar, venue))
            }
            Some(venue) => Err(JobError::OfVenue(venue.to_string())),
            None => Ok(Self::wanted(store, calendar, choice, seed, None, found.as_ref())?.0),
        }
    }

    /// The market of an exchange's trades.
    pub(super) fn of_venue(store: Arc<dyn BarStore>, calendar: Arc<Calendar>, venue: Venue) -> Self {
        let source = BarSource::Venue(venue);
        Self { store, calendar, source, scenarios: Arc::default(), retained: None, shard: Shard::WHOLE }
    }

    /// Refuses a database whose tables contradict one another about the stocks of the market's shard.
    ///
    /// # Errors
    /// They do, or the database cannot be read.
    pub fn require_agreement(&self) -> Result<(), JobError> {
        agreement::require_agreement(&*self.store, &self.calendar, self.shard)
    }

    /// Fails when the database holds another market by now.
    pub(super) fn check_identity(&self) -> Result<(), JobError> {
        match self.store.identity()? {
            Some(found) if found != self.identity() => {
                Err(StoreError::OtherMarket { found, wanted: self.identity() }.into())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn identity(&self) -> Identity {
        Identity { seed: self.source.seed().0, model: self.source.version(), hours: self.calendar.hours() }
    }

    /// The market asked for, and the stocks for a database without any.
    fn wanted(
        store: Arc<dyn BarStore>,
        calendar: Arc<Calendar>,
        ModelChoice { kind, gbm, parameters, scenarios }: ModelChoice,
        seed: Option<u64>,
        universe: Option<&Universe>,
        found: Option<&Identity>,
    ) -> Result<(Self, Vec<UniverseRow>), JobError> {
        let seed = seed.or(found.map(|identity| identity.seed)).unwrap_or(DEFAULT_SEED);
        let own_kind = found.and_then(|identity| ModelKind::of_version(&identity.model));
        let model = match kind.or(own_kind).unwrap_or(ModelKind::Full) {
            ModelKind::Full => {
                let own = found.and_then(|identity| FullVersion::of_identity(&identity.model));
                let version = own.unwrap_or(FullVersion::NEWEST);
                Model::full_of_version(Seed(seed), version, parameters, calendar.clone())
            }
            ModelKind::Gbm if parameters != FullParameters::default() => return Err(JobError::UnusedParameters),
            ModelKind::Gbm => {
                let own = found.and_then(|identity| GbmVersion::of_identity(&identity.model));
                Model::gbm_of_version(Seed(seed), own.unwrap_or(gbm), calendar.clone())
            }
        };
        let rows = universe.map_or_else(universe::demo, |universe| universe.rows(Seed(seed), calendar.hours()));
        if let Some(universe) = universe {
            compare_universe(&*store, universe.choice(), &rows, found.is_none())?;
        }
        let source = BarSource::Model(model);
        let market = Self { store, calendar, source, scenarios: scenarios.into(), retained: None, shard: Shard::WHOLE };
        Ok((market, rows))
    }

    /// The same market, of which the generator keeps a part; none keeps everything.
    #[must_use]
    pub fn retaining(self, retained: Option<Retained>) -> Self {
        Self { retained, ..self }
    }

    /// The same market, of which generator and backfill write a part.
    #[must_use]
    pub fn of_shard(self, shard: Shard) -> Self {
        Self { shard, ..self }
    }

    /// The same market under another calendar, without the events of scenarios.
    #[must_use]
    pub fn under(&self, calendar: Arc<Calendar>) -> Self {
        let source = match &self.source {
            BarSource::Model(model) => BarSource::Model(model.under(calendar.clone())),
            venue @ BarSource::Venue(_) => venue.clone(),
        };
        Self { source, calendar, ..self.clone() }
    }

    /// Whether every listed symbol has its last bar at the same minute. False for a new market and after an interrupted backfill.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn is_even(&self) -> Result<bool, JobError> {
        // The first backfill leaves symbols that are even after each of its months, and writes the status when it is through.
        if self.store.status()?.is_none() {
            return Ok(false);
        }
        let progress = self.store.progress()?;
        let listed: Vec<_> = progress.iter().filter(|progress| progress.is_listed).collect();
        let Some(newest) = listed.iter().filter_map(|progress| progress.last_bar).max() else { return Ok(false) };
        if listed.iter().all(|progress| progress.last_bar == Some(newest)) {
            return Ok(true);
        }
        let mut halts: BTreeMap<Symbol, Vec<_>> = BTreeMap::new();
        for halt in self.store.halts()? {
            halts.entry(halt.symbol).or_default().push(halt);
        }
        Ok(listed.iter().all(|progress| {
            let halts = halts.get(&progress.checkpoint.symbol).map(Vec::as_slice).unwrap_or_default();
            progress.last_bar.is_some_and(|last_bar| self.is_halted_between(halts, last_bar, newest))
        }))
    }

    /// The newest minute of any symbol that was ever listed; none in an empty market.
    ///
    /// # Errors
    /// The database cannot be read, or the calendar does not have the minute.
    pub fn newest(&self) -> Result<Option<Minute>, JobError> {
        self.store.progress()?.iter().try_fold(None, |newest, progress| {
            let last = progress.last_bar.map(|time| self.minute(progress.checkpoint.symbol, time)).transpose()?;
            Ok(newest.max(last))
        })
    }

    /// The trading minute of a symbol's last bar.
    pub(super) fn minute(&self, symbol: Symbol, time: UnixSeconds) -> Result<Minute, JobError> {
        self.calendar.minute_starting(time).map_err(|_| JobError::ForeignMinute { symbol, time })
    }
}

/// Refuses the market of an exchange, which no model continues.
fn refuse_venue(found: &Identity) -> Result<(), JobError> {
    Venue::of_identity(found).map_or(Ok(()), |venue| Err(JobError::OfVenue(venue.to_string())))
}

/// The hours of the market in a database; where it holds none, those that are asked for or, without them, the default ones.
///
/// # Errors
/// Other hours are asked for than the market has, or the database cannot be read.
pub fn hours(store: &dyn BarStore, asked: Option<Hours>) -> Result<Hours, JobError> {
    match (store.identity()?.map(|identity| identity.hours), asked) {
        (Some(found), Some(asked)) if found != asked => Err(JobError::OtherCalendar { found, asked }),
        (found, asked) => Ok(found.or(asked).unwrap_or_default()),
    }
}

/// Refuses a universe that a market which is about to begin anew, with these hours, would not get, because there are other stocks.
///
/// # Errors
/// There are stocks, and one of the universe is not among them.
pub fn require_universe(
    store: &dyn BarStore,
    universe: Option<&Universe>,
    seed: Option<u64>,
    hours: Option<Hours>,
) -> Result<(), JobError> {
    let Some(universe) = universe else { return Ok(()) };
    let rows = universe.rows(Seed(seed.unwrap_or(DEFAULT_SEED)), hours.unwrap_or_default());
    compare_universe(store, universe.choice(), &rows, true)
}
