//! Scenarios and halts as both databases keep them.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Nullable, Text};

use super::data::StoredScenario;
use super::error::StoreError;
use super::rows::{Gives, Read, corrupt, symbol};
use klined_market::bars::Halt;
use klined_market::base::UnixSeconds;
use klined_market::model::{Effect, Regime, ScenarioEvent, Scope};

const SCENARIOS: &str = "SELECT s.name, s.definition, e.kind, e.symbol, e.sector, e.regime, e.amount, e.from_time, \
     e.until_time FROM market_scenario s JOIN scenario_event e ON e.scenario = s.id ORDER BY s.id, e.place";
const HALTS: &str = "SELECT symbol, from_time, until_time FROM stock_halt";

/// Adds a scenario behind those that are there; `$1` is its name, `$2` its definition.
pub(super) const ADD: &str = "INSERT INTO market_scenario (id, name, definition) \
     SELECT coalesce(max(id), 0) + 1, $1, $2 FROM market_scenario";
/// Adds an event to the scenario of a name.
pub(super) const ADD_EVENT: &str = "INSERT INTO scenario_event \
     (scenario, place, kind, symbol, sector, regime, amount, from_time, until_time) \
     SELECT id, $1, $2, $3, $4, $5, $6, $7, $8 FROM market_scenario WHERE name = $9";

#[derive(QueryableByName)]
pub(super) struct EventRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    definition: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Nullable<Text>)]
    symbol: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    sector: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    regime: Option<String>,
    #[diesel(sql_type = Nullable<Double>)]
    amount: Option<f64>,
    #[diesel(sql_type = BigInt)]
    from_time: i64,
    #[diesel(sql_type = BigInt)]
    until_time: i64,
}

#[derive(QueryableByName)]
pub(super) struct HaltRow {
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = BigInt)]
    from_time: i64,
    #[diesel(sql_type = BigInt)]
    until_time: i64,
}

/// An event's columns that may be empty.
pub(super) struct EventColumns<'a> {
    pub symbol: Option<&'a str>,
    pub sector: Option<&'a str>,
    pub regime: Option<&'static str>,
}

impl<'a> From<&'a ScenarioEvent> for EventColumns<'a> {
    fn from(event: &'a ScenarioEvent) -> Self {
        let (symbol, sector) = match &event.scope {
            Scope::Market => (None, None),
            Scope::Sector(name) => (None, Some(name.as_str())),
            Scope::Symbol(symbol) => (Some(symbol.as_str()), None),
        };
        let regime = match event.effect {
            Effect::Regime(regime) => Some(regime.as_str()),
            _ => None,
        };
        Self { symbol, sector, regime }
    }
}

impl EventRow {
    fn event(&self) -> Result<ScenarioEvent, StoreError> {
        let wrong = |reason: &str| corrupt("an event", &format!("scenario_event {}", self.name), reason);
        let scope = match (&self.symbol, &self.sector) {
            (Some(name), None) => Scope::Symbol(symbol(name, "scenario_event")?),
            (None, Some(name)) => Scope::Sector(name.clone()),
            (None, None) => Scope::Market,
            (Some(_), Some(_)) => return Err(wrong("it has a symbol and a sector")),
        };
        let named = |name: &String| Regime::ALL.into_iter().find(|regime| regime.as_str() == name);
        let kind = self.kind.parse().ok();
        let effect = kind
            .and_then(|kind| Effect::of_kind(kind, self.regime.as_ref().and_then(named), self.amount))
            .ok_or_else(|| wrong("its kind, regime and amount do not fit together"))?;
        Ok(ScenarioEvent {
            scope,
            effect,
            from: UnixSeconds::new(self.from_time),
            until: UnixSeconds::new(self.until_time),
        })
    }
}

pub(super) fn scenarios(connection: &mut impl Gives<EventRow>) -> Read<Vec<StoredScenario>> {
    let rows = connection.give(SCENARIOS)?;
    Ok(rows.into_iter().try_fold(Vec::<StoredScenario>::new(), |mut scenarios, row| {
        let event = row.event()?;
        match scenarios.last_mut().filter(|last| last.name == row.name) {
            Some(last) => last.events.push(event),
            None => scenarios.push(StoredScenario { name: row.name, definition: row.definition, events: vec![event] }),
        }
        Ok(scenarios)
    }))
}

pub(super) fn halts(connection: &mut impl Gives<HaltRow>) -> Read<Vec<Halt>> {
    let parse = |row: HaltRow| {
        let (from, until) = (UnixSeconds::new(row.from_time), UnixSeconds::new(row.until_time));
        Ok(Halt { symbol: symbol(&row.symbol, "stock_halt")?, from, until })
    };
    let mut halts: Result<Vec<Halt>, StoreError> = connection.give(HALTS)?.into_iter().map(parse).collect();
    if let Ok(halts) = &mut halts {
        halts.sort_by_key(|halt| (halt.symbol, halt.from));
    }
    Ok(halts)
}

/// The methods of [`BarStore`](super::BarStore) about scenarios, in terms of the store's own `read` and `transaction`.
macro_rules! shared_scenarios {
    () => {
        fn scenarios(&self) -> Result<Vec<StoredScenario>, StoreError> {
            self.read("read market_scenario", scenarios::scenarios)
        }

        fn halts(&self) -> Result<Vec<Halt>, StoreError> {
            self.read("read stock_halt", scenarios::halts)
        }

        fn add_scenario(&self, lease: &Lease, scenario: &StoredScenario) -> Result<(), StoreError> {
            self.transaction("apply a scenario", |connection| {
                lease::check(connection, lease)?;
                sql_query(scenarios::ADD)
                    .bind::<Text, _>(&scenario.name)
                    .bind::<Text, _>(&scenario.definition)
                    .execute(connection)
                    .during("write market_scenario")?;
                for (place, event) in (0i32..).zip(&scenario.events) {
                    let scenarios::EventColumns { symbol, sector, regime } = event.into();
                    sql_query(scenarios::ADD_EVENT)
                        .bind::<Integer, _>(place)
                        .bind::<Text, _>(event.effect.kind().as_str())
                        .bind::<Nullable<Text>, _>(symbol)
                        .bind::<Nullable<Text>, _>(sector)
                        .bind::<Nullable<Text>, _>(regime)
                        .bind::<Nullable<Double>, _>(event.effect.amount())
                        .bind::<BigInt, _>(event.from.get())
                        .bind::<BigInt, _>(event.until.get())
                        .bind::<Text, _>(&scenario.name)
                        .execute(connection)
                        .during("write scenario_event")?;
                }
                Ok(())
            })
        }
    };
}
pub(super) use shared_scenarios;
