//! All that a market's numbers follow from, and what is wrong with a choice.

use std::sync::Arc;

use chrono::NaiveDate;
use klined_market::base::{Instrument, InvalidInstrument, Seed, Symbol};
use klined_market::calendar::Calendar;
use klined_market::model::{FullParameters, InvalidScenario, Model, ModelKind, Scenario, Scope};
use klined_market::universe::{Universe, UniverseChoice, UniverseRow};
use thiserror::Error;

use super::days::InvalidDays;

/// The most symbols that a message names.
const NAMES_MAX: usize = 20;

/// Why a market cannot be made as it is asked for.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum InvalidMarket {
    /// Parameters were given to a model that has none.
    #[error("parameters of the model are for the model full, and this market's model is gbm; leave them out")]
    UnusedParameters,
    /// A stock that the universe does not have.
    #[error("there is no stock {symbol} in the universe {universe}; it has {known}")]
    UnknownSymbol {
        /// The stock that was asked for.
        symbol: Symbol,
        /// The universe.
        universe: UniverseChoice,
        /// Some of its stocks.
        known: String,
    },
    /// A stock that is not traded.
    #[error("stock {symbol} is not active in the universe {universe}")]
    InactiveSymbol {
        /// The stock that was asked for.
        symbol: Symbol,
        /// The universe.
        universe: UniverseChoice,
    },
    /// A universe without a stock that is traded.
    #[error("the universe {0} has no active stock")]
    EmptyUniverse(UniverseChoice),
    /// A stock of the universe is not valid.
    #[error(transparent)]
    Instrument(#[from] InvalidInstrument),
    /// A scenario that does not fit the calendar.
    #[error("the scenario {name} cannot be applied: {source}")]
    Scenario {
        /// Its name.
        name: String,
        /// What does not fit.
        source: InvalidScenario,
    },
    /// A scenario for a stock or sector that the universe does not have.
    #[error("the scenario {name} is for {target}, which the universe {universe} does not have")]
    ScenarioTarget {
        /// Its name.
        name: String,
        /// The stock or sector.
        target: String,
        /// The universe.
        universe: UniverseChoice,
    },
    /// The range of days cannot be used.
    #[error(transparent)]
    Days(#[from] InvalidDays),
    /// The stocks would be listed after the first day that is asked for.
    #[error("the stocks are listed on {listed}, which is later than {from}, the first day of the range")]
    ListedLate {
        /// The day of the listing.
        listed: NaiveDate,
        /// The first day of the range.
        from: NaiveDate,
    },
}

/// All that the numbers of a market follow from.
#[derive(Debug, Clone)]
pub struct MarketChoice {
    /// The seed of all random numbers.
    pub seed: Seed,
    /// The stocks.
    pub universe: Universe,
    /// The rules by which prices move.
    pub kind: ModelKind,
    /// The parameters of the full model.
    pub parameters: FullParameters,
    /// The days and hours.
    pub calendar: Calendar,
    /// Events that the market goes through. Day 1 of a scenario is the day of the listing.
    pub scenarios: Vec<Scenario>,
}

impl MarketChoice {
    /// A market of the full model with its own parameters and without scenarios.
    #[must_use]
    pub fn new(seed: Seed, universe: Universe, calendar: Calendar) -> Self {
        let (kind, parameters, scenarios) = (ModelKind::Full, FullParameters::default(), Vec::new());
        Self { seed, universe, kind, parameters, calendar, scenarios }
    }
}

/// The day on which the stocks of a market are listed at their base prices. Their bars depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// On the first trading day of the range.
    WithTheRange,
    /// On the first trading day at or after a date.
    On(NaiveDate),
}

/// The model of a kind under a calendar.
pub(super) fn model(
    seed: Seed,
    kind: ModelKind,
    parameters: FullParameters,
    calendar: Arc<Calendar>,
) -> Result<Model, InvalidMarket> {
    match kind {
        ModelKind::Full => Ok(Model::full(seed, parameters, calendar)),
        ModelKind::Gbm if parameters != FullParameters::default() => Err(InvalidMarket::UnusedParameters),
        ModelKind::Gbm => Ok(Model::gbm(seed, calendar)),
    }
}

/// The model with the events of scenarios.
pub(super) fn with_scenarios(
    model: Model,
    scenarios: &[Scenario],
    day_one: NaiveDate,
    rows: &[UniverseRow],
    universe: &UniverseChoice,
) -> Result<Model, InvalidMarket> {
    let mut events = Vec::new();
    for scenario in scenarios {
        let name = || scenario.name().to_owned();
        let resolved = scenario
            .resolve(model.calendar(), day_one)
            .map_err(|source| InvalidMarket::Scenario { name: name(), source })?;
        for event in &resolved {
            let is_known = match &event.scope {
                Scope::Market => true,
                Scope::Sector(sector) => rows.iter().any(|row| row.sector == *sector),
                Scope::Symbol(symbol) => rows.iter().any(|row| row.symbol == symbol.as_str()),
            };
            if !is_known {
                let (target, universe) = (event.scope.to_string(), universe.clone());
                return Err(InvalidMarket::ScenarioTarget { name: name(), target, universe });
            }
        }
        events.extend(resolved);
    }
    Ok(model.with_events(&events))
}

/// The instruments of some symbols in the order of the universe, each once; of all active stocks when none is named.
pub(super) fn chosen(
    rows: &[UniverseRow],
    symbols: &[Symbol],
    universe: &UniverseChoice,
) -> Result<Vec<Instrument>, InvalidMarket> {
    for &symbol in symbols {
        match rows.iter().find(|row| row.symbol == symbol.as_str()) {
            Some(row) if row.is_active => {}
            Some(_) => return Err(InvalidMarket::InactiveSymbol { symbol, universe: universe.clone() }),
            None => {
                let known = shortened(rows.iter().map(|row| row.symbol.as_str()));
                return Err(InvalidMarket::UnknownSymbol { symbol, universe: universe.clone(), known });
            }
        }
    }
    let is_wanted = |row: &&UniverseRow| {
        row.is_active && (symbols.is_empty() || symbols.iter().any(|symbol| symbol.as_str() == row.symbol))
    };
    let instruments: Vec<Instrument> =
        rows.iter().filter(is_wanted).map(UniverseRow::instrument).collect::<Result<_, _>>()?;
    if instruments.is_empty() {
        return Err(InvalidMarket::EmptyUniverse(universe.clone()));
    }
    Ok(instruments)
}

/// Names for a message: not more than a person reads.
#[must_use]
pub fn shortened<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = names.len();
    let shown = names.take(NAMES_MAX).collect::<Vec<_>>().join(", ");
    if count > NAMES_MAX { format!("{shown}, … ({count} in all)") } else { shown }
}
