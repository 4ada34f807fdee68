//! The functions of the package. Their documentation is in `python/klined/_klined.pyi`.

use std::path::PathBuf;

use klined_data::columns::{Dataset, Label, Prices, Style};
use klined_data::market::{MadeMarket, stocks, trading_days};
use klined_data::pipeline::{Job, PipelineError};
use klined_data::tables;
use klined_market::base::{Interval, Seed};
use pyo3::prelude::*;
use thiserror::Error;

use crate::arguments::{
    Date, MarketArguments, Symbols, calendar as calendar_of, parsed, threads as threads_of, universe as universe_of,
};
use crate::refused;
use crate::table::Table;

/// The user has asked Python to stop.
#[derive(Debug, Error)]
#[error("interrupted")]
struct Interrupted(PyErr);

#[pyfunction]
#[pyo3(signature = (symbols, start, end, *, interval = "1m", seed = 42, universe = "demo", model = "full", model_params = None,
    scenarios = Vec::new(), calendar = "sse", listed = None, prices = "float", label = "start", threads = None))]
#[allow(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub fn bars(
    py: Python<'_>,
    symbols: Option<Symbols>,
    start: Date,
    end: Date,
    interval: &str,
    seed: u64,
    universe: &str,
    model: &str,
    model_params: Option<PathBuf>,
    scenarios: Vec<PathBuf>,
    calendar: &str,
    listed: Option<Date>,
    prices: &str,
    label: &str,
    threads: Option<usize>,
) -> PyResult<Table> {
    let dataset = Dataset::Bars(parsed::<Interval>(interval)?);
    let style = Style { prices: parsed::<Prices>(prices)?, label: parsed::<Label>(label)?, ..Style::default() };
    let market = market(seed, universe, model, model_params, scenarios, calendar, listed);
    rows(py, dataset, style, market, symbols, (start, end), threads)
}

#[pyfunction]
#[pyo3(signature = (symbols, start, end, *, seed = 42, universe = "demo", model = "full", model_params = None,
    scenarios = Vec::new(), calendar = "sse", listed = None, prices = "float", threads = None))]
#[allow(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub fn ticks(
    py: Python<'_>,
    symbols: Option<Symbols>,
    start: Date,
    end: Date,
    seed: u64,
    universe: &str,
    model: &str,
    model_params: Option<PathBuf>,
    scenarios: Vec<PathBuf>,
    calendar: &str,
    listed: Option<Date>,
    prices: &str,
    threads: Option<usize>,
) -> PyResult<Table> {
    let style = Style { prices: parsed::<Prices>(prices)?, ..Style::default() };
    let market = market(seed, universe, model, model_params, scenarios, calendar, listed);
    rows(py, Dataset::Trades, style, market, symbols, (start, end), threads)
}

#[pyfunction]
#[pyo3(signature = (symbols, start, end, *, seed = 42, universe = "demo", model = "full", model_params = None,
    scenarios = Vec::new(), calendar = "sse", listed = None, prices = "float", threads = None))]
#[allow(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub fn quotes(
    py: Python<'_>,
    symbols: Option<Symbols>,
    start: Date,
    end: Date,
    seed: u64,
    universe: &str,
    model: &str,
    model_params: Option<PathBuf>,
    scenarios: Vec<PathBuf>,
    calendar: &str,
    listed: Option<Date>,
    prices: &str,
    threads: Option<usize>,
) -> PyResult<Table> {
    let style = Style { prices: parsed::<Prices>(prices)?, ..Style::default() };
    let market = market(seed, universe, model, model_params, scenarios, calendar, listed);
    rows(py, Dataset::Quotes, style, market, symbols, (start, end), threads)
}

#[pyfunction]
#[pyo3(signature = (name = "demo", *, seed = 42, calendar = "sse"))]
pub fn universe(name: &str, seed: u64, calendar: &str) -> PyResult<Table> {
    let hours = calendar_of(calendar)?.hours();
    one(tables::universe(&stocks(&universe_of(name)?, Seed(seed), hours)).map_err(refused)?)
}

#[pyfunction]
#[pyo3(signature = (start, end, *, calendar = "sse"))]
pub fn sessions(start: Date, end: Date, calendar: &str) -> PyResult<Table> {
    let calendar = calendar_of(calendar)?;
    let days = trading_days(&calendar, start.0, end.0).map_err(refused)?;
    one(tables::sessions(&calendar, days).map_err(refused)?)
}

#[pyfunction]
#[pyo3(signature = (start, end, *, calendar = "sse"))]
pub fn minutes(start: Date, end: Date, calendar: &str) -> PyResult<Table> {
    let calendar = calendar_of(calendar)?;
    let days = trading_days(&calendar, start.0, end.0).map_err(refused)?;
    one(tables::minutes(&calendar, days).map_err(refused)?)
}

fn one(batch: arrow_array::RecordBatch) -> PyResult<Table> {
    Ok(Table::new(batch.schema(), vec![batch]))
}

fn market(
    seed: u64,
    universe: &str,
    model: &str,
    model_params: Option<PathBuf>,
    scenarios: Vec<PathBuf>,
    calendar: &str,
    listed: Option<Date>,
) -> MarketArguments {
    let (universe, model, calendar) = (universe.to_owned(), model.to_owned(), calendar.to_owned());
    MarketArguments { seed, universe, model, model_params, scenarios, calendar, listed }
}

/// Makes the rows while other threads of Python run. Between batches Python looks for signals, so that a user can stop it.
fn rows(
    py: Python<'_>,
    dataset: Dataset,
    style: Style,
    market: MarketArguments,
    symbols: Option<Symbols>,
    (start, end): (Date, Date),
    threads: Option<usize>,
) -> PyResult<Table> {
    let (symbols, threads) = (Symbols::parsed(symbols)?, threads_of(threads)?);
    py.detach(|| {
        let market: MadeMarket = market.market(&symbols, &start, &end)?;
        let job = Job::whole(dataset, style, market.days(), threads).with_provenance(market.provenance());
        let mut batches = Vec::new();
        let made = job.run(&market, |piece| {
            batches.push(piece.batch);
            Python::attach(|py| py.check_signals()).map_err(Interrupted)
        });
        match made {
            Ok(()) => Ok(Table::new(job.schema(&market), batches)),
            Err(PipelineError::Consumer(Interrupted(error))) => Err(error),
            Err(error) => Err(refused(error)),
        }
    })
}
