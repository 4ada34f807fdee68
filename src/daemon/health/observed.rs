//! The vitals of a job as the observer of its store: every answer of the database is a sign of life, and what is written is
//! counted and timed.

use std::time::Instant;

use klined_service::instant;

use super::vitals::MarketVitals;
use crate::store::{CommittedBars, Observation, Operation, StoreError, StoreObserver};
use klined_market::base::Interval;
use klined_market::calendar::Minute;

/// An operation under way.
struct Watched<'a> {
    vitals: &'a MarketVitals,
    operation: Operation,
    began: Instant,
}

impl StoreObserver for MarketVitals {
    fn begins(&self, operation: Operation) -> Box<dyn Observation + '_> {
        Box::new(Watched { vitals: self, operation, began: instant() })
    }
}

/// The name of an operation in the metrics; none of one that is not timed.
fn transaction(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Other => None,
        Operation::FindRollups => Some("find_rollups"),
        Operation::WriteMinutes => Some("write_bars"),
        Operation::WriteRollups => Some("write_rollups"),
        Operation::LoadPart => Some("fill"),
        Operation::LoadMonth => Some("fill_month"),
    }
}

impl Observation for Watched<'_> {
    fn advances(&mut self) {
        self.vitals.common.answered(true);
    }

    fn ends(self: Box<Self>, outcome: Result<&CommittedBars, &StoreError>) {
        let Self { vitals, operation, began } = *self;
        if let Some(name) = transaction(operation) {
            vitals.metrics.observe_transaction(name, began.elapsed().as_secs_f64());
        }
        vitals.common.answered(outcome.is_ok());
        let Ok(committed) = outcome else { return };
        committed.bars.iter().for_each(|(interval, bars)| vitals.metrics.count_bars(*interval, *bars));
        if let Some(status) = committed.status {
            vitals.shows(status);
            // A status that comes with bars is that of the end of the last one.
            if committed.bars.contains_key(&Interval::Minute1) {
                vitals.stands_at(Minute::label_ending_at(status.last_update));
            }
        }
    }
}
