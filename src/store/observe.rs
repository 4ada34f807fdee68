//! Observation of a store: one hook that every call passes, for health and metrics of the layers above.

use std::collections::BTreeMap;
use std::sync::Arc;

use klined_market::base::Interval;

use super::data::{MarketStatus, MarketWrite, RollupWrite};
use super::error::StoreError;
use super::history::{HistoryPart, NextPart, PartSource};

/// What a store is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A call that commits no bars.
    Other,
    /// Looks for roll-ups that have to be made.
    FindRollups,
    /// Writes minutes as they come.
    WriteMinutes,
    /// Writes roll-ups.
    WriteRollups,
    /// Writes a part of a history.
    LoadPart,
    /// Writes a whole month of a history.
    LoadMonth,
}

/// What an operation has committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommittedBars {
    /// The number of bars by interval.
    pub bars: BTreeMap<Interval, usize>,
    /// The status that was written with minutes as they came.
    pub status: Option<MarketStatus>,
}

impl CommittedBars {
    pub(super) fn of_minutes(write: &MarketWrite) -> Self {
        let mut committed = Self { status: write.status, ..Self::default() };
        committed.count(write, &[]);
        committed
    }

    pub(super) fn of_rollups(writes: &[RollupWrite]) -> Self {
        let mut committed = Self::default();
        committed.count(&MarketWrite::default(), writes);
        committed
    }

    pub(super) fn of_part(part: &HistoryPart) -> Self {
        let mut committed = Self::default();
        committed.count(&part.minutes, &part.rollups);
        committed
    }

    fn count(&mut self, minutes: &MarketWrite, rollups: &[RollupWrite]) {
        if !minutes.bars.is_empty() {
            *self.bars.entry(Interval::Minute1).or_default() += minutes.bars.len();
        }
        for (interval, _) in rollups.iter().flat_map(|write| &write.bars) {
            *self.bars.entry(*interval).or_default() += 1;
        }
    }
}

/// Watches a store. An operation that writes bars may consist of others, which are observed as well.
pub trait StoreObserver: Send + Sync {
    /// An operation begins.
    fn begins(&self, operation: Operation) -> Box<dyn Observation + '_>;
}

/// The observation of one operation.
pub trait Observation {
    /// The database has taken a part of a long operation.
    fn advances(&mut self);

    /// The operation has ended: with what it committed, or with an error.
    fn ends(self: Box<Self>, outcome: Result<&CommittedBars, &StoreError>);
}

/// A store's observer, if it has one.
#[derive(Clone, Default)]
pub(super) struct Hook(Option<Arc<dyn StoreObserver>>);

impl Hook {
    pub fn of(observer: Arc<dyn StoreObserver>) -> Self {
        Self(Some(observer))
    }

    /// Observes a call that commits no bars.
    pub fn call<T>(&self, operation: Operation, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.write(operation, CommittedBars::default, work)
    }

    /// Observes a call that commits bars.
    pub fn write<T>(
        &self,
        operation: Operation,
        committed: impl FnOnce() -> CommittedBars,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Some(observer) = &self.0 else { return work() };
        let observation = observer.begins(operation);
        let outcome = work();
        match &outcome {
            Ok(_) => observation.ends(Ok(&committed())),
            Err(error) => observation.ends(Err(error)),
        }
        outcome
    }

    /// Observes the load of a month from a source, part after part. `is_committed` decides from the result whether the parts
    /// have become visible.
    pub fn load<T>(
        &self,
        source: &mut dyn PartSource,
        is_committed: impl FnOnce(&T) -> bool,
        load: impl FnOnce(&mut dyn PartSource) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Some(observer) = &self.0 else { return load(source) };
        let observation = observer.begins(Operation::LoadMonth);
        let mut observed = ObservedSource { source, observation, committed: CommittedBars::default() };
        let outcome = load(&mut observed);
        let ObservedSource { observation, committed, .. } = observed;
        match &outcome {
            Ok(result) => observation.ends(Ok(if is_committed(result) { &committed } else { &NOTHING })),
            Err(error) => observation.ends(Err(error)),
        }
        outcome
    }
}

static NOTHING: CommittedBars = CommittedBars { bars: BTreeMap::new(), status: None };

/// Counts what a source gives. The database takes part after part, so that a long month is observed while it goes on.
struct ObservedSource<'a> {
    source: &'a mut dyn PartSource,
    observation: Box<dyn Observation + 'a>,
    committed: CommittedBars,
}

impl PartSource for ObservedSource<'_> {
    fn next(&mut self) -> NextPart {
        self.observation.advances();
        let next = self.source.next();
        if let NextPart::Part(part) = &next {
            self.committed.count(&part.minutes, &part.rollups);
        }
        next
    }

    fn may_end(&mut self) -> bool {
        self.observation.advances();
        self.source.may_end()
    }

    fn goes_on(&mut self) -> bool {
        self.observation.advances();
        self.source.goes_on()
    }
}
