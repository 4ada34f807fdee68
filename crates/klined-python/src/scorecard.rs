//! `klined.scorecard`: the metrics of `klined realism`, of bars that a caller has.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{BooleanArray, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use klined_market::base::price::TICKS_PER_UNIT;
use klined_market::base::{Board, Price};
use klined_realism::{Metric, MetricValue, QUARTERS_PER_DAY, Reference, SampleBar, Scorecard, Series, caution, score};
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;

use crate::arguments::parsed;
use crate::frames::{batches, flags, local_times, numbers, texts};
use crate::refused;
use crate::table::Table;

/// The names of the frames in errors.
const BARS: &str = "the frame of bars";
const STOCKS: &str = "the frame of stocks";
/// Bars of a day that are understood, with the minutes of each.
const INTERVALS: [(usize, i64); 3] = [(QUARTERS_PER_DAY, 15), (QUARTERS_PER_DAY * 3, 5), (QUARTERS_PER_DAY * 15, 1)];
/// A price is that of a tick if it differs from it by less than this part of a tick: the rounding of a binary fraction.
const ROUNDING: f64 = 1e-6;

#[pyfunction]
#[pyo3(signature = (bars, *, stocks = None))]
pub fn scorecard(py: Python<'_>, bars: &Bound<'_, PyAny>, stocks: Option<&Bound<'_, PyAny>>) -> PyResult<Table> {
    let listed = stocks.map(Listed::of).transpose()?;
    let reader = batches(bars, BARS)?;
    let (card, warned) = py.detach(|| {
        let mut sample = Sample::new(listed.as_ref());
        for batch in reader {
            sample.push(&batch.map_err(|error| refused(format!("cannot read {BARS}: {error}")))?)?;
            Python::attach(|py| py.check_signals())?;
        }
        sample.score()
    })?;
    if let Some(warning) = warned {
        let text = std::ffi::CString::new(warning).map_err(refused)?;
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 1)?;
    }
    table(&card)
}

/// What is known of a stock.
#[derive(Debug, Clone, Copy)]
struct Stock {
    board: Board,
    is_st: bool,
    /// In ticks: the close before the first day, where it is known.
    base: Option<f64>,
}

/// Stocks by their symbols.
struct Listed(HashMap<String, Stock>);

impl Listed {
    fn of(frame: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut stocks = HashMap::new();
        for batch in batches(frame, STOCKS)? {
            let batch = batch.map_err(|error| refused(format!("cannot read {STOCKS}: {error}")))?;
            let (boards, are_st) = (texts(&batch, STOCKS, "board")?, flags(&batch, STOCKS, "is_st")?);
            let bases = match batch.column_by_name("base_price") {
                Some(_) => {
                    numbers(&batch, STOCKS, "base_price")?.into_iter().map(|price| Some(in_ticks(price))).collect()
                }
                None => vec![None; batch.num_rows()],
            };
            for (((symbol, board), is_st), base) in
                texts(&batch, STOCKS, "symbol")?.into_iter().zip(boards).zip(are_st).zip(bases)
            {
                stocks.insert(symbol.to_owned(), Stock { board: parsed(board)?, is_st, base });
            }
        }
        Ok(Self(stocks))
    }

    fn stock(&self, symbol: &str) -> PyResult<Stock> {
        self.0.get(symbol).copied().ok_or_else(|| refused(format!("{STOCKS} has no stock {symbol}, which {BARS} has")))
    }
}

fn in_ticks(price: f64) -> f64 {
    let ticks = price * TICKS_PER_UNIT as f64;
    if (ticks - ticks.round()).abs() < ROUNDING { ticks.round() } else { ticks }
}

/// The bars of a symbol, as far as they were read.
struct OfSymbol {
    symbol: String,
    stock: Stock,
    /// The close of the day before, in ticks.
    close: Option<f64>,
    /// The day whose bars are read.
    times: Vec<NaiveDateTime>,
    bars: Vec<SampleBar>,
    dates: Vec<NaiveDate>,
    series: Series,
}

/// All bars, as far as they were read.
struct Sample<'l> {
    listed: Option<&'l Listed>,
    places: HashMap<String, usize>,
    symbols: Vec<OfSymbol>,
}

impl<'l> Sample<'l> {
    fn new(listed: Option<&'l Listed>) -> Self {
        Self { listed, places: HashMap::new(), symbols: Vec::new() }
    }

    fn push(&mut self, batch: &RecordBatch) -> PyResult<()> {
        let times = local_times(batch, BARS, "time")?;
        let [open, high, low, close] = ["open", "high", "low", "close"].map(|name| numbers(batch, BARS, name));
        let (open, high, low, close, volume) = (open?, high?, low?, close?, numbers(batch, BARS, "volume")?);
        let mut last: Option<(&str, usize)> = None;
        for (row, symbol) in texts(batch, BARS, "symbol")?.into_iter().enumerate() {
            let place = match last {
                Some((before, place)) if before == symbol => place,
                _ => self.place(symbol)?,
            };
            last = Some((symbol, place));
            let [of_open, of_high, of_low, of_close] = [open[row], high[row], low[row], close[row]];
            let is_bar = of_low > 0.0
                && (of_low..=of_high).contains(&of_open)
                && (of_low..=of_high).contains(&of_close)
                && of_high.is_finite()
                && volume[row].is_finite()
                && volume[row] >= 0.0;
            if !is_bar {
                return Err(refused(format!(
                    "{symbol} at {}: open {of_open}, high {of_high}, low {of_low}, close {of_close} and volume {} are no bar",
                    times[row], volume[row]
                )));
            }
            let bar = SampleBar {
                open: in_ticks(of_open),
                high: in_ticks(of_high),
                low: in_ticks(of_low),
                close: in_ticks(of_close),
                volume: volume[row],
            };
            self.symbols[place].push(times[row], bar)?;
        }
        Ok(())
    }

    fn place(&mut self, symbol: &str) -> PyResult<usize> {
        if let Some(&place) = self.places.get(symbol) {
            return Ok(place);
        }
        let free = Stock { board: Board::Free, is_st: false, base: None };
        let stock = self.listed.map_or(Ok(free), |listed| listed.stock(symbol))?;
        let place = self.symbols.len();
        self.places.insert(symbol.to_owned(), place);
        self.symbols.push(OfSymbol {
            symbol: symbol.to_owned(),
            stock,
            close: stock.base,
            times: Vec::new(),
            bars: Vec::new(),
            dates: Vec::new(),
            series: Series::default(),
        });
        Ok(place)
    }

    /// The scorecard, and what a reader of it should know.
    fn score(mut self) -> PyResult<(Scorecard, Option<String>)> {
        self.symbols.iter_mut().try_for_each(OfSymbol::end_day)?;
        if let Some((first, rest)) = self.symbols.split_first() {
            for other in rest.iter().filter(|other| other.dates != first.dates) {
                let differ = first.dates.iter().find(|day| !other.dates.contains(day)).map(|day| (first, other, day));
                let differ = differ.or_else(|| {
                    other.dates.iter().find(|day| !first.dates.contains(day)).map(|day| (other, first, day))
                });
                if let Some((one, other, day)) = differ {
                    return Err(refused(format!(
                        "{} has bars on {day} and {} has none: all symbols must have the same days",
                        one.symbol, other.symbol
                    )));
                }
            }
        }
        let reference = Reference::of(self.symbols.iter().map(|of| of.stock.board));
        let days = self.symbols.first().map_or(0, |of| of.dates.len());
        let series: Vec<Series> = self.symbols.into_iter().map(|of| of.series).collect();
        Ok((score(&series, reference).map_err(refused)?, caution(reference, series.len(), days)))
    }
}

impl OfSymbol {
    fn push(&mut self, time: NaiveDateTime, bar: SampleBar) -> PyResult<()> {
        if let Some(&last) = self.times.last() {
            if time <= last {
                return Err(refused(format!(
                    "the bars of {} are not in order of time: {time} follows {last}",
                    self.symbol
                )));
            }
            if time.date() != last.date() {
                self.end_day()?;
            }
        }
        self.times.push(time);
        self.bars.push(bar);
        Ok(())
    }

    fn end_day(&mut self) -> PyResult<()> {
        let Some(date) = self.times.first().map(NaiveDateTime::date) else { return Ok(()) };
        let Self { symbol, stock, times, bars, .. } = self;
        if self.dates.last().is_some_and(|&last| last >= date) {
            return Err(refused(format!("the bars of {symbol} are not in order of time: {date} comes twice")));
        }
        let step = times.windows(2).map(|pair| pair[1] - pair[0]).min();
        let is_whole =
            |&(count, minutes): &(usize, i64)| bars.len() == count && step == Some(TimeDelta::minutes(minutes));
        if !INTERVALS.iter().any(is_whole) {
            return Err(refused(format!(
                "{symbol} has {} bars on {date}: a day must have 240 bars of 1m, 48 of 5m or 16 of 15m",
                bars.len()
            )));
        }
        let limits = self.close.and_then(|close| stock.board.price_limits(stock.is_st, date, Price::nearest(close)));
        self.series.push_day(bars, limits);
        self.close = bars.last().map(|bar| bar.close);
        self.dates.push(date);
        times.clear();
        bars.clear();
        Ok(())
    }
}

/// A row for each part of a metric.
fn table(card: &Scorecard) -> PyResult<Table> {
    let rows: Vec<(&Metric, &MetricValue)> =
        card.metrics.iter().flat_map(|metric| metric.values.iter().map(move |value| (metric, value))).collect();
    let known = |number: fn(&MetricValue) -> f64| {
        let number =
            move |(_, value): &(&Metric, &MetricValue)| Some(number(value)).filter(|number| number.is_finite());
        Float64Array::from_iter(rows.iter().map(number))
    };
    let schema = Schema::new(vec![
        Field::new("number", DataType::Int32, false),
        Field::new("metric", DataType::Utf8, false),
        Field::new("part", DataType::Utf8, false),
        Field::new("value", DataType::Float64, true),
        Field::new("low", DataType::Float64, true),
        Field::new("high", DataType::Float64, true),
        Field::new("real", DataType::Float64, true),
        Field::new("passes", DataType::Boolean, false),
    ]);
    let batch = RecordBatch::try_new(
        schema.into(),
        vec![
            Arc::new(Int32Array::from_iter_values(rows.iter().map(|(metric, _)| i32::from(metric.number)))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|(metric, _)| metric.name))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, value)| value.name))),
            Arc::new(known(|value| value.value)),
            Arc::new(known(|value| value.low)),
            Arc::new(known(|value| value.high)),
            Arc::new(known(|value| value.real)),
            Arc::new(rows.iter().map(|(_, value)| Some(value.passes())).collect::<BooleanArray>()),
        ],
    );
    let batch = batch.map_err(refused)?;
    Ok(Table::new(batch.schema(), vec![batch]))
}
