//! Scenarios and halts.

use diesel::dsl::max;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use klined_market::bars::Halt;
use klined_market::base::UnixSeconds;
use klined_market::model::{Effect, Regime, ScenarioEvent, Scope};

use super::super::connection::{AnyConnection, on_either};
use super::super::data::StoredScenario;
use super::super::error::{During, StoreError};
use super::super::schema::{market_scenario, scenario_event, stock_halt};
use super::{corrupt, symbol};

#[derive(Queryable, Selectable)]
#[diesel(table_name = market_scenario, check_for_backend(Pg, Sqlite))]
struct ScenarioRow {
    name: String,
    definition: String,
}

#[derive(Insertable)]
#[diesel(table_name = market_scenario)]
struct NewScenario<'a> {
    id: i32,
    name: &'a str,
    definition: &'a str,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = scenario_event, check_for_backend(Pg, Sqlite))]
struct EventRow {
    kind: String,
    symbol: Option<String>,
    sector: Option<String>,
    regime: Option<String>,
    amount: Option<f64>,
    from_time: i64,
    until_time: i64,
}

#[derive(Insertable)]
#[diesel(table_name = scenario_event)]
struct NewEvent<'a> {
    scenario: i32,
    place: i32,
    kind: &'static str,
    symbol: Option<&'a str>,
    sector: Option<&'a str>,
    regime: Option<&'static str>,
    amount: Option<f64>,
    from_time: i64,
    until_time: i64,
}

/// A row of `stock_halt`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = stock_halt, check_for_backend(Pg, Sqlite))]
struct HaltRow {
    symbol: String,
    from_time: i64,
    until_time: i64,
}

/// What `stock_halt` keeps of a halt.
#[derive(Insertable)]
#[diesel(table_name = stock_halt)]
pub(in crate::store) struct NewHalt<'a> {
    symbol: &'a str,
    from_time: i64,
    until_time: i64,
}

impl<'a> From<&'a Halt> for NewHalt<'a> {
    fn from(halt: &'a Halt) -> Self {
        Self { symbol: halt.symbol.as_str(), from_time: halt.from.get(), until_time: halt.until.get() }
    }
}

impl<'a> NewEvent<'a> {
    fn of(event: &'a ScenarioEvent, scenario: i32, place: i32) -> Self {
        let (symbol, sector) = match &event.scope {
            Scope::Market => (None, None),
            Scope::Sector(name) => (None, Some(name.as_str())),
            Scope::Symbol(symbol) => (Some(symbol.as_str()), None),
        };
        let regime = match event.effect {
            Effect::Regime(regime) => Some(regime.as_str()),
            _ => None,
        };
        Self {
            scenario,
            place,
            kind: event.effect.kind().as_str(),
            symbol,
            sector,
            regime,
            amount: event.effect.amount(),
            from_time: event.from.get(),
            until_time: event.until.get(),
        }
    }
}

impl EventRow {
    fn parse(&self, scenario: &str) -> Result<ScenarioEvent, StoreError> {
        let wrong = |reason: &str| corrupt("an event", &format!("scenario_event {scenario}"), reason);
        let scope = match (&self.symbol, &self.sector) {
            (Some(name), None) => Scope::Symbol(symbol(name, "scenario_event")?),
            (None, Some(name)) => Scope::Sector(name.clone()),
            (None, None) => Scope::Market,
            (Some(_), Some(_)) => return Err(wrong("it has a symbol and a sector")),
        };
        let named = |name: &String| Regime::ALL.into_iter().find(|regime| regime.as_str() == name);
        let effect = self
            .kind
            .parse()
            .ok()
            .and_then(|kind| Effect::of_kind(kind, self.regime.as_ref().and_then(named), self.amount))
            .ok_or_else(|| wrong("its kind, regime and amount do not fit together"))?;
        let (from, until) = (UnixSeconds::new(self.from_time), UnixSeconds::new(self.until_time));
        Ok(ScenarioEvent { scope, effect, from, until })
    }
}

pub(in crate::store) fn scenarios(connection: &mut AnyConnection<'_>) -> Result<Vec<StoredScenario>, StoreError> {
    let rows: Vec<(ScenarioRow, EventRow)> = on_either!(connection, |inner| {
        market_scenario::table
            .inner_join(scenario_event::table)
            .order((market_scenario::id, scenario_event::place))
            .select((ScenarioRow::as_select(), EventRow::as_select()))
            .load(inner)
    })
    .during("read market_scenario")?;
    rows.into_iter().try_fold(Vec::<StoredScenario>::new(), |mut scenarios, (scenario, row)| {
        let event = row.parse(&scenario.name)?;
        match scenarios.last_mut().filter(|last| last.name == scenario.name) {
            Some(last) => last.events.push(event),
            None => {
                let ScenarioRow { name, definition } = scenario;
                scenarios.push(StoredScenario { name, definition, events: vec![event] });
            }
        }
        Ok(scenarios)
    })
}

/// Adds a scenario behind the stored ones.
pub(in crate::store) fn add(connection: &mut AnyConnection<'_>, scenario: &StoredScenario) -> Result<(), StoreError> {
    let newest: Option<i32> =
        on_either!(connection, |inner| market_scenario::table.select(max(market_scenario::id)).first(inner))
            .during("write market_scenario")?;
    let id = newest.unwrap_or(0) + 1;
    let row = NewScenario { id, name: &scenario.name, definition: &scenario.definition };
    on_either!(connection, |inner| diesel::insert_into(market_scenario::table).values(&row).execute(inner))
        .during("write market_scenario")?;
    for (place, event) in (0..).zip(&scenario.events) {
        let row = NewEvent::of(event, id, place);
        on_either!(connection, |inner| diesel::insert_into(scenario_event::table).values(&row).execute(inner))
            .during("write scenario_event")?;
    }
    Ok(())
}

pub(in crate::store) fn halts(connection: &mut AnyConnection<'_>) -> Result<Vec<Halt>, StoreError> {
    let rows: Vec<HaltRow> = on_either!(connection, |inner| stock_halt::table.select(HaltRow::as_select()).load(inner))
        .during("read stock_halt")?;
    let parse = |row: HaltRow| {
        let (from, until) = (UnixSeconds::new(row.from_time), UnixSeconds::new(row.until_time));
        Ok(Halt { symbol: symbol(&row.symbol, "stock_halt")?, from, until })
    };
    let mut halts: Vec<Halt> = rows.into_iter().map(parse).collect::<Result<_, StoreError>>()?;
    halts.sort_by_key(|halt| (halt.symbol, halt.from));
    Ok(halts)
}
