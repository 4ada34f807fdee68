//! Markets for the tests of the jobs: a calendar, a clock that stands still, and short words for what is done to them.

use std::sync::Arc;

use chrono::NaiveDate;
use klined::jobs::{
    Aggregator, Backfilled, Folded, Generator, JobError, Market, ModelChoice, Plan, Progress, Repair, Report, Sample,
    Stop, Window, backfill, verify,
};
use klined_market::calendar::Calendar;
use klined_market::model::{ModelKind, Scenario};
pub use klined_testing::market::symbol;
pub use klined_testing::{at, minute};

use super::database::Database;
use super::{SHANGHAI, date};

/// Hears nothing.
pub struct Quiet;

impl Progress for Quiet {
    fn begin(&mut self, _bars: u64) {}
    fn advance(&mut self, _bars: u64) {}
}

/// Asks to stop once so many bars have been written.
pub struct StopAfter {
    pub bars: u64,
    pub stop: Stop,
}

impl Progress for StopAfter {
    fn begin(&mut self, _bars: u64) {}

    fn advance(&mut self, bars: u64) {
        self.bars = self.bars.saturating_sub(bars);
        if self.bars == 0 {
            self.stop.ask();
        }
    }
}

/// A claimed market of seed 42 on a database.
pub fn market(database: &Database) -> Market {
    market_of_seed(database, 42).unwrap()
}

pub fn market_of_seed(database: &Database, seed: u64) -> Result<Market, JobError> {
    Market::claim(database.open(), Arc::new(Calendar::clone(&SHANGHAI)), ModelKind::Gbm, Some(seed))
}

pub fn days(count: usize) -> Window {
    Window::Days(count)
}

pub fn range(from: &str, to: &str) -> Window {
    Window::Range { from: date(from), to: Some(date(to)) }
}

/// Backfills every symbol, at a moment in Shanghai.
pub fn fill(market: &Market, window: Window, now: &str) -> Result<Backfilled, JobError> {
    backfill(market, window, None, at(now), &mut Quiet, &Stop::default())
}

/// A generator of every symbol, whose empty market begins on a day.
pub fn generator(market: &Market, first_day: NaiveDate) -> Result<Generator, JobError> {
    Generator::start(market.clone(), &[], first_day, &Stop::default())
}

/// Generates to a minute, in one sitting.
pub fn generate(market: &Market, first_day: &str, to: &str) -> u64 {
    generator(market, date(first_day)).unwrap().advance(minute(to), &Stop::default()).unwrap()
}

/// Rolls everything up that there is.
pub fn aggregate(market: &Market) -> Folded {
    let aggregator = Aggregator::start(market.store.clone(), market.calendar.clone(), None).unwrap();
    aggregator.run(None, &Stop::default()).unwrap()
}

pub fn verified(market: &Market) -> Report {
    verify(market, Sample::default(), &mut Quiet, &Stop::default()).unwrap()
}

/// Puts everything right, and gives what was planned.
pub fn repaired(market: &Market) -> Plan {
    let repair = Repair::survey(market, false, &mut Quiet, &Stop::default()).unwrap();
    assert!(repair.apply(&mut Quiet, &Stop::default()).unwrap());
    repair.plan().clone()
}

/// Fails with the report unless the database is clean and wholly rolled up.
pub fn assert_clean(market: &Market) {
    let report = verified(market);
    assert!(report.is_clean() && report.minutes_not_rolled_up == 0, "{report}");
}

/// A claimed market of seed 42 under the events of a scenario, given as TOML without its name; none when that is empty.
pub fn market_under(database: &Database, kind: ModelKind, name: &str, events: &str) -> Market {
    let parse = |events: &str| Scenario::from_toml(&format!("name = \"{name}\"\n{events}")).unwrap();
    let scenarios = Some(events).filter(|events| !events.is_empty()).map(parse).into_iter().collect();
    let choice = ModelChoice { kind: Some(kind), scenarios, ..ModelChoice::default() };
    Market::claim(database.open(), Arc::new(Calendar::clone(&SHANGHAI)), choice, Some(42)).unwrap()
}
