//! `klined.exchange`: an exchange's order events, made from a seed or read from logs.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Int32Array, RecordBatch, StringArray, UInt8Array, UInt32Array, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use chrono::NaiveDate;
use klined_exchange::event::Event;
use klined_exchange::log::{LogError, LogReader};
use klined_exchange::model::{Curves, Parameters};
use klined_exchange::run::{
    EventWalk, ModelSpec, RunSpec, SeedScheme, TradingDays, date_of_log, securities as securities_of, symbol_of_log,
    time_of_day,
};
use pyo3::prelude::*;

use crate::arguments::{Date, Symbols, read};
use crate::refused;
use crate::stream::{BATCH_ROWS, Stream, Taken};

/// Of a ten-thousandth of a dollar, and the spread at the open in ticks: those of `exchange-producer`.
const TICK_SIZE: u32 = 100;
const SPREAD_TICKS: u32 = 2;
/// Records in a chunk of a log, which no event depends on.
const CHUNK_CAPACITY: u32 = 4096;
/// Days that can be asked for, as of `exchange-producer`.
const DAYS_MAX: u32 = 1_000_000;

#[pyfunction]
#[pyo3(signature = (securities = None, *, days = 1, seed = 42, model = "simple", start_date = None, trading_days = "weekdays",
    seed_scheme = "sequential", seconds = 23_400, p0 = 10_000, depth = 5, levels = 5, price_floor = None, market_open = "09:30",
    hlr_curves = None, base_L = None, base_C = None, base_M = None, imbalance_sens = None, cancel_sens = None, epsilon_exec = None,
    spread_sens = None))]
#[allow(clippy::too_many_arguments, non_snake_case, reason = "they are keywords in Python, named as the flags")]
pub fn exchange_events(
    securities: Option<Symbols>,
    days: u32,
    seed: u64,
    model: &str,
    start_date: Option<Date>,
    trading_days: &str,
    seed_scheme: &str,
    seconds: u32,
    p0: i32,
    depth: u32,
    levels: u32,
    price_floor: Option<i32>,
    market_open: &str,
    hlr_curves: Option<PathBuf>,
    base_L: Option<f64>,
    base_C: Option<f64>,
    base_M: Option<f64>,
    imbalance_sens: Option<f64>,
    cancel_sens: Option<f64>,
    epsilon_exec: Option<f64>,
    spread_sens: Option<f64>,
) -> PyResult<Stream> {
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(refused(format!("days is {days}: it must be from 1 to {DAYS_MAX}")));
    }
    let usual = Parameters::default();
    let parameters = Parameters {
        base_limit: base_L.unwrap_or(usual.base_limit),
        base_cancel: base_C.unwrap_or(usual.base_cancel),
        base_market: base_M.unwrap_or(usual.base_market),
        imbalance_sensitivity: imbalance_sens.unwrap_or(usual.imbalance_sensitivity),
        cancel_sensitivity: cancel_sens.unwrap_or(usual.cancel_sensitivity),
        execution_floor: epsilon_exec.unwrap_or(usual.execution_floor),
        spread_sensitivity: spread_sens.unwrap_or(usual.spread_sensitivity),
    };
    let curves = hlr_curves.map(|path| read(&path, "the curves", Curves::from_json)).transpose()?;
    let texts = securities.map(Symbols::texts).transpose()?;
    let run = RunSpec {
        base_seed: seed,
        seed_scheme: match seed_scheme {
            "sequential" => SeedScheme::Sequential,
            "distinct" => SeedScheme::Distinct,
            other => return Err(refused(format!("\"{other}\" is not a scheme of seeds: use sequential or distinct"))),
        },
        securities: texts
            .map(|texts| securities_of(&texts.join(",")))
            .transpose()
            .map_err(refused)?
            .unwrap_or_default(),
        p0_ticks: p0,
        tick_size: TICK_SIZE,
        session_seconds: seconds,
        market_open_s: time_of_day(market_open)
            .map_err(|error| refused(format!("market_open is \"{market_open}\": {error}")))?,
        levels,
        spread_ticks: SPREAD_TICKS,
        depth,
        start_date: start_date
            .map_or(NaiveDate::from_ymd_opt(2026, 1, 2), |date| Some(date.0))
            .ok_or_else(|| refused("the first session has no date"))?,
        trading_days: trading_days
            .parse::<TradingDays>()
            .map_err(|error| refused(format!("\"{trading_days}\" names no trading days: {error}")))?,
        price_floor_ticks: price_floor,
        chunk_capacity: CHUNK_CAPACITY,
        model: model_of(model, curves, parameters)?,
    };
    run.check().map_err(refused)?;
    // The last day has a date, so no reader meets an end of the calendar.
    run.date(days - 1).map_err(refused)?;
    let metadata = [("klined:run", run.id()), ("klined:seed", seed.to_string()), ("klined:model", model.to_owned())];
    let schema = schema(&metadata);
    let of_batches = schema.clone();
    Ok(Stream::new(schema, move |take| {
        let mut walk = EventWalk::new(run.clone(), days);
        let mut events = Vec::with_capacity(BATCH_ROWS);
        loop {
            events.clear();
            let session = walk.next_events(&mut events, BATCH_ROWS).map_err(|error| error.to_string())?;
            let Some(session) = session else { return Ok(()) };
            let batch = batch(&of_batches, walk.run().symbol(session.nth), session.date, &events);
            if !take(batch.map_err(|error| error.to_string())?) {
                return Ok(());
            }
        }
    }))
}

fn model_of(name: &str, curves: Option<Curves>, parameters: Parameters) -> PyResult<ModelSpec> {
    Ok(match (name, curves) {
        ("qr-2", None) if parameters == Parameters::default() => ModelSpec::Rich,
        ("qr-2", _) => {
            return Err(refused("the model qr-2 takes neither hlr_curves nor parameters of the simple model"));
        }
        ("simple" | "hlr", Some(curves)) => ModelSpec::Curves(Box::new(curves)),
        ("simple", None) => ModelSpec::Simple(parameters),
        ("hlr", None) => ModelSpec::Hlr,
        (other, _) => {
            return Err(refused(format!("\"{other}\" is not a model of order events: use simple, hlr or qr-2")));
        }
    })
}

#[pyfunction]
#[pyo3(signature = (path, *, symbol = None, date = None))]
pub fn exchange_read(path: PathBuf, symbol: Option<String>, date: Option<Date>) -> PyResult<Stream> {
    let open = move |path: &PathBuf| {
        let file = File::open(path).map_err(|error| format!("cannot open {}: {error}", path.display()))?;
        LogReader::open(file).map_err(|error| format!("{}: {error}", path.display()))
    };
    // What is no log is refused here, and not while rows are taken.
    let header = open(&path).map_err(refused)?.header().session;
    let symbol = symbol.unwrap_or_else(|| symbol_of_log(&path));
    let date = date.map_or_else(|| date_of_log(&path), |date| Ok(date.0)).map_err(refused)?;
    let metadata = [("klined:seed", header.seed.to_string()), ("klined:tick_size", header.tick_size.to_string())];
    let schema = schema(&metadata);
    let of_batches = schema.clone();
    Ok(Stream::new(schema, move |take| {
        let mut log = open(&path)?;
        read_log(&mut log, &mut |events| Ok(take(batch(&of_batches, &symbol, date, events)?)))
            .map_err(|error| format!("{}: {error}", path.display()))
    }))
}

/// Gives the events of a log, as many chunks at once as are a batch.
fn read_log(
    log: &mut LogReader<File>,
    take: &mut dyn FnMut(&[Event]) -> Result<Taken, ArrowError>,
) -> Result<(), Unread> {
    let mut events = Vec::new();
    for nth in 0..log.chunks().len() {
        log.read_chunk(nth, &mut events)?;
        if events.len() >= BATCH_ROWS {
            if !take(&events)? {
                return Ok(());
            }
            events.clear();
        }
    }
    if !events.is_empty() {
        take(&events)?;
    }
    Ok(())
}

/// Why a log was not read to its end.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

/// The columns of `exchange-log convert --to parquet`.
fn schema(metadata: &[(&str, String)]) -> SchemaRef {
    let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let fields = vec![
        Field::new("symbol", DataType::Utf8, false),
        Field::new("date", DataType::Date32, false),
        Field::new("ts_ns", DataType::UInt64, false),
        Field::new("type", DataType::UInt8, false),
        Field::new("type_name", DataType::Utf8, false),
        Field::new("side", DataType::Utf8, false),
        Field::new("price_ticks", DataType::Int32, false),
        Field::new("qty", DataType::UInt32, false),
        Field::new("order_id", DataType::UInt64, false),
    ];
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

fn batch(schema: &SchemaRef, symbol: &str, date: NaiveDate, events: &[Event]) -> Result<RecordBatch, ArrowError> {
    let day = arrow_array::types::Date32Type::from_naive_date(date);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::new_repeated(symbol, events.len())),
        Arc::new(Date32Array::from_value(day, events.len())),
        Arc::new(UInt64Array::from_iter_values(events.iter().map(|event| event.ts_ns))),
        Arc::new(UInt8Array::from_iter_values(events.iter().map(|event| event.event_type as u8))),
        Arc::new(StringArray::from_iter_values(events.iter().map(|event| event.event_type.name()))),
        Arc::new(StringArray::from_iter_values(events.iter().map(|event| event.side().name()))),
        Arc::new(Int32Array::from_iter_values(events.iter().map(|event| event.price_ticks))),
        Arc::new(UInt32Array::from_iter_values(events.iter().map(|event| event.qty))),
        Arc::new(UInt64Array::from_iter_values(events.iter().map(|event| event.order_id))),
    ];
    RecordBatch::try_new(schema.clone(), columns)
}
