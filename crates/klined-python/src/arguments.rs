//! Arguments from Python as the types of the library.

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use chrono::NaiveDate;
use klined_data::market::{Listed, MadeMarket, MarketChoice, read_universe};
use klined_market::base::{Seed, Symbol};
use klined_market::calendar::{Calendar, Hours};
use klined_market::model::{FullParameters, ModelKind, Scenario};
use klined_market::universe::{Universe, UniverseChoice};
use pyo3::prelude::*;

use crate::refused;

/// What `isoformat` of a time without hours ends with.
const MIDNIGHT: &str = "T00:00:00";

/// A date as text or as `datetime.date`.
pub struct Date(pub NaiveDate);

impl<'py> FromPyObject<'_, 'py> for Date {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let text: String = match object.extract() {
            Ok(text) => text,
            Err(_) => object.call_method0("isoformat").and_then(|text| text.extract()).map_err(|_| {
                refused(format!("{} is no date: use a text such as \"2026-03-02\" or a datetime.date", repr(&object)))
            })?,
        };
        let date = text.strip_suffix(MIDNIGHT).unwrap_or(&text);
        date.parse()
            .map(Self)
            .map_err(|_| refused(format!("\"{text}\" is no date: use YYYY-MM-DD, such as 2026-03-02")))
    }
}

/// An instant as a text in ISO 8601, or what has one as `isoformat`, such as `datetime.datetime`.
pub struct Instant(pub String);

impl<'py> FromPyObject<'_, 'py> for Instant {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(text) = object.extract() {
            return Ok(Self(text));
        }
        let text = object.call_method0("isoformat").and_then(|text| text.extract());
        text.map(Self).map_err(|_| {
            refused(format!(
                "{} is no instant: use a text such as \"2025-07-07T13:30:00\" or a datetime.datetime",
                repr(&object)
            ))
        })
    }
}

fn repr(object: &Bound<'_, PyAny>) -> String {
    object.repr().map_or_else(|_| "it".to_owned(), |text| text.to_string())
}

/// Symbols as one text, as several, or none for all stocks.
#[derive(FromPyObject)]
pub enum Symbols {
    One(String),
    Many(Vec<String>),
}

impl Symbols {
    /// The texts; an empty list is refused, because it would mean all.
    pub fn texts(self) -> PyResult<Vec<String>> {
        match self {
            Self::One(text) => Ok(vec![text]),
            Self::Many(texts) if texts.is_empty() => Err(refused("the list of symbols is empty; use None for all")),
            Self::Many(texts) => Ok(texts),
        }
    }

    /// The symbols, none for all.
    pub fn parsed(symbols: Option<Self>) -> PyResult<Vec<Symbol>> {
        let texts = symbols.map_or(Ok(Vec::new()), Self::texts)?;
        texts.iter().map(|text| parsed(text)).collect()
    }
}

/// A value from its text.
pub fn parsed<T: FromStr<Err: Display>>(text: &str) -> PyResult<T> {
    text.parse().map_err(refused)
}

/// The arguments that name a market.
pub struct MarketArguments {
    pub seed: u64,
    pub universe: String,
    pub model: String,
    pub model_params: Option<PathBuf>,
    pub scenarios: Vec<PathBuf>,
    pub calendar: String,
    pub listed: Option<Date>,
}

impl MarketArguments {
    /// The market, of some stocks and days.
    pub fn market(self, symbols: &[Symbol], start: &Date, end: &Date) -> PyResult<MadeMarket> {
        let calendar = calendar(&self.calendar)?;
        let scenarios = self.scenarios.iter().map(|path| read(path, "the scenario", Scenario::from_toml));
        let parameters = self.model_params.as_ref().map_or_else(
            || Ok(FullParameters::default()),
            |path| read(path, "the model's parameters", FullParameters::from_toml),
        )?;
        let choice = MarketChoice {
            kind: parsed::<ModelKind>(&self.model)?,
            parameters,
            scenarios: scenarios.collect::<PyResult<_>>()?,
            ..MarketChoice::new(Seed(self.seed), universe(&self.universe)?, calendar)
        };
        let listed = self.listed.map_or(Listed::WithTheRange, |date| Listed::On(date.0));
        MadeMarket::new(choice, symbols, start.0, end.0, listed).map_err(refused)
    }
}

/// A universe by its name.
pub fn universe(name: &str) -> PyResult<Universe> {
    read_universe(&parsed::<UniverseChoice>(name)?).map_err(refused)
}

/// A calendar by its name.
pub fn calendar(name: &str) -> PyResult<Calendar> {
    Ok(Calendar::of(parsed::<Hours>(name)?))
}

/// What a file holds, understood or refused by its name.
pub fn read<T, E: Display>(path: &PathBuf, what: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> PyResult<T> {
    let context = |error: &dyn Display| refused(format!("cannot use {what} in {}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| context(&error))?;
    parse(&text).map_err(|error| context(&error))
}

/// The number of threads that is asked for, or as many as there are processors.
pub fn threads(asked: Option<usize>) -> PyResult<NonZeroUsize> {
    match asked {
        None => Ok(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)),
        Some(count) => NonZeroUsize::new(count).ok_or_else(|| refused("threads must be 1 or more")),
    }
}
