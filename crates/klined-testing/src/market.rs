//! Small markets: models, instruments, scenarios, universes, and a look inside a model's state.

use std::sync::Arc;

use klined_market::base::{Instrument, Price, Seed, Symbol};
use klined_market::calendar::Calendar;
use klined_market::model::{FullParameters, FullVersion, GbmVersion, Model, Regime, Scenario, SymbolState};
use klined_market::universe::{StockCount, UniverseRow, ashare, csv};

use crate::time::SHANGHAI;

/// The plain model in one of its versions.
#[must_use]
pub fn gbm_of_version(seed: u64, version: GbmVersion) -> Model {
    Model::gbm_of_version(Seed(seed), version, Arc::new(Calendar::clone(&SHANGHAI)))
}

/// The plain model.
#[must_use]
pub fn gbm(seed: u64) -> Model {
    Model::gbm(Seed(seed), Arc::new(Calendar::clone(&SHANGHAI)))
}

/// The full model with these parameters.
#[must_use]
pub fn full_with(seed: u64, parameters: FullParameters) -> Model {
    Model::full(Seed(seed), parameters, Arc::new(Calendar::clone(&SHANGHAI)))
}

/// The full model as it is by default.
#[must_use]
pub fn full(seed: u64) -> Model {
    full_with(seed, FullParameters::default())
}

/// The full model in one of its versions.
#[must_use]
pub fn full_of_version(seed: u64, version: FullVersion) -> Model {
    Model::full_of_version(Seed(seed), version, FullParameters::default(), Arc::new(Calendar::clone(&SHANGHAI)))
}

/// A symbol from its text.
///
/// # Panics
/// The text is no symbol.
#[must_use]
pub fn symbol(text: &str) -> Symbol {
    text.parse().unwrap()
}

/// An instrument on no board.
///
/// # Panics
/// A value is out of range.
#[must_use]
pub fn instrument(symbol: &str, base_price: &str, base_volatility: f64) -> Instrument {
    let base_price: Price = base_price.parse().unwrap();
    Instrument::parse(symbol, base_price.units(), base_volatility).unwrap()
}

/// What a plain model's state says of its symbol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inside {
    /// The unrounded price, in ticks.
    pub price_ticks: f64,
    pub regime: Regime,
    /// Trading minutes until the next redraw.
    pub minutes_left: u16,
}

/// Reads a plain model's state by way of its JSON.
///
/// # Panics
/// It is the state of another model.
#[must_use]
pub fn inside(state: &SymbolState) -> Inside {
    let json = serde_json::to_value(state).unwrap();
    let gbm = &json["gbm"];
    Inside {
        price_ticks: gbm["price_ticks"].as_f64().unwrap(),
        regime: serde_json::from_value(gbm["chain"]["regime"].clone()).unwrap(),
        minutes_left: serde_json::from_value(gbm["chain"]["minutes_left"].clone()).unwrap(),
    }
}

/// A scenario of these events, given as TOML.
///
/// # Panics
/// The text is no scenario.
#[must_use]
pub fn scenario(events: &str) -> Scenario {
    Scenario::from_toml(&format!("name = \"test\"\n{events}")).unwrap()
}

/// The TOML of an event of the whole market with further keys.
#[must_use]
pub fn event(kind: &str, keys: &str) -> String {
    format!("[[event]]\nkind = \"{kind}\"\n{keys}\n")
}

/// The first stocks of an invented A-share universe.
///
/// # Panics
/// There are not so many.
#[must_use]
pub fn stocks(count: u16, seed: u64) -> Vec<UniverseRow> {
    ashare(StockCount::new(count).unwrap(), Seed(seed))
}

/// A universe as the text of a CSV file.
///
/// # Panics
/// Never: memory takes every byte, and what is written is UTF-8.
#[must_use]
pub fn as_csv(rows: &[UniverseRow]) -> String {
    let mut text = Vec::new();
    csv::write(rows, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}
