//! Applying scenarios to a market.
//!
//! Scenarios are applied under the writer's role and before any bar is computed, so the events that a bar depends on are in the
//! database before the bar. A scenario with the name of an applied one is left as it is, so a daemon can be started with the same
//! files again and again.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use tracing::info;

use super::{JobError, Market};
use crate::store::{Lease, StoredScenario};
use klined_market::bars::Halt;
use klined_market::base::UnixSeconds;
use klined_market::calendar::{Hours, Minute};
use klined_market::model::{Scenario, ScenarioEvent, Scope};

impl Market {
    /// The market with the events of all scenarios: those in the database, and those asked for, which are put there. Day 1 of
    /// a scenario is the day after the newest bar's, or `first_day` in a market without bars.
    pub(super) fn with_scenarios(mut self, lease: &Lease, first_day: NaiveDate) -> Result<Self, JobError> {
        let mut applied = self.store.scenarios()?;
        let mut new = Vec::new();
        for scenario in self.scenarios.iter() {
            let definition = scenario.to_string();
            match applied.iter().chain(&new).find(|stored| stored.name == scenario.name()) {
                Some(stored) if stored.definition == definition => {}
                Some(_) => return Err(JobError::ScenarioChanged { name: scenario.name().to_owned() }),
                None => {
                    let events = self.resolve(scenario, first_day)?;
                    new.push(StoredScenario { name: scenario.name().to_owned(), definition, events });
                }
            }
        }
        if let Some(first) = new.first().filter(|_| !self.shard.is_whole()) {
            if !self.store.listings()?.is_empty() {
                return Err(JobError::ScenarioOfShard { name: first.name.clone() });
            }
            if !self.shard.is_first() {
                return Err(JobError::NotBegun(self.shard));
            }
        }
        for stored in new {
            self.store.add_scenario(lease, &stored)?;
            log(&stored, self.calendar.hours());
            applied.push(stored);
        }
        let events: Vec<ScenarioEvent> = applied.into_iter().flat_map(|stored| stored.events).collect();
        self.source = self.source.with_events(&events);
        Ok(self)
    }

    /// A scenario's events, none of which may touch what is written.
    fn resolve(&self, scenario: &Scenario, first_day: NaiveDate) -> Result<Vec<ScenarioEvent>, JobError> {
        let invalid = |source| JobError::Scenario { name: scenario.name().to_owned(), source };
        let newest = self.store.progress()?.into_iter().filter_map(|progress| progress.last_bar).max();
        let day_one = match newest {
            Some(time) => self.calendar.day_after(self.calendar.date_of(time)?)?,
            None => first_day,
        };
        let events = scenario.resolve(&self.calendar, day_one).map_err(invalid)?;
        let universe = self.store.universe()?;
        let sectors: BTreeSet<&str> = universe.iter().map(|row| row.sector.as_str()).collect();
        for event in &events {
            let is_known = match &event.scope {
                Scope::Market => true,
                Scope::Sector(name) => sectors.contains(name.as_str()),
                Scope::Symbol(symbol) => universe.iter().any(|row| row.symbol == symbol.as_str()),
            };
            if !is_known {
                let (name, target) = (scenario.name().to_owned(), event.scope.to_string());
                return Err(JobError::ScenarioTarget { name, target });
            }
            if let Some(newest) = newest.filter(|&newest| event.from <= newest) {
                let (name, from) = (scenario.name().to_owned(), self.calendar.local_time(event.from));
                return Err(JobError::ScenarioTooLate { name, from, newest: self.calendar.local_time(newest) });
            }
        }
        Ok(events)
    }

    /// Whether a symbol that has its last bar at one instant has none to get until another, because its trade was halted.
    pub(super) fn is_halted_between(&self, halts: &[Halt], last_bar: UnixSeconds, to: UnixSeconds) -> bool {
        let is_halted = |minute: Minute| halts.iter().any(|halt| halt.holds(minute.start()));
        self.calendar.minutes_in(last_bar.next(), to.next()).all(is_halted)
    }
}

fn log(scenario: &StoredScenario, hours: Hours) {
    let begin = scenario.events.iter().map(|event| event.from).min().map(|from| hours.local_time(from));
    let end = scenario.events.iter().map(|event| event.until).max().map(|until| hours.local_time(until));
    let (events, from, until) = (scenario.events.len(), begin.unwrap_or_default(), end.unwrap_or_default());
    info!(scenario = scenario.name, events, from, until, "the scenario was applied");
}
