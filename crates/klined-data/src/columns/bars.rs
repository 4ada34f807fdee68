//! Bars as columns.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, SchemaRef, TimeUnit};
use klined_market::bars::Bar;
use klined_market::base::{Interval, Symbol, Traded, UnixSeconds};
use klined_market::calendar::Calendar;

use super::parts::{PriceColumn, RepeatedTexts, SumColumn, seconds_column, timestamps, zone_name};
use super::{Columns, Label, Style};

/// The columns of bars in their order.
pub(super) fn fields(style: Style, calendar: &Calendar) -> Vec<Field> {
    vec![
        Field::new("symbol", DataType::Utf8, false),
        timestamps("time", TimeUnit::Microsecond, calendar),
        style.prices.field("open", false),
        style.prices.field("high", false),
        style.prices.field("low", false),
        style.prices.field("close", false),
        Field::new("volume", DataType::Int64, false),
        style.prices.sum_field("turnover"),
        Field::new("trades", DataType::Int64, true),
    ]
}

/// Bars that become a record batch.
#[derive(Debug)]
pub struct BarColumns<'c> {
    calendar: &'c Calendar,
    zone: Arc<str>,
    interval: Interval,
    label: Label,
    symbols: RepeatedTexts,
    times: Vec<UnixSeconds>,
    /// Open, high, low, close.
    prices: [PriceColumn; 4],
    volumes: Vec<i64>,
    turnovers: SumColumn,
    trades: Vec<Option<i64>>,
}

impl<'c> BarColumns<'c> {
    /// No bars yet of an interval.
    #[must_use]
    pub fn new(calendar: &'c Calendar, interval: Interval, label: Label) -> Self {
        let (symbols, times, prices, volumes, turnovers, trades) = Default::default();
        let zone = zone_name(calendar);
        Self { calendar, zone, interval, label, symbols, times, prices, volumes, turnovers, trades }
    }

    /// Adds a bar.
    pub fn push(&mut self, symbol: &Symbol, bar: &Bar) {
        let label = match self.label {
            Label::Start => bar.first.start(),
            Label::End => self.calendar.bucket(bar.first, self.interval).last.end(),
        };
        let Bar { ohlcv, .. } = bar;
        self.symbols.push(symbol.as_str());
        self.times.push(label);
        for (column, price) in self.prices.iter_mut().zip([ohlcv.open(), ohlcv.high(), ohlcv.low(), ohlcv.close()]) {
            column.push(price.ticks());
        }
        self.volumes.push(ohlcv.volume());
        self.turnovers.push(ohlcv.traded().map(Traded::turnover));
        self.trades.push(ohlcv.traded().map(Traded::trades));
    }
}

impl Columns for BarColumns<'_> {
    fn rows(&self) -> usize {
        self.times.len()
    }

    fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let mut columns = vec![self.symbols.take()?, seconds_column(std::mem::take(&mut self.times), &self.zone)];
        for (column, place) in self.prices.iter_mut().zip(columns.len()..) {
            columns.push(column.take(schema.field(place).data_type())?);
        }
        columns.push(Arc::new(Int64Array::from(std::mem::take(&mut self.volumes))));
        columns.push(self.turnovers.take(schema.field(columns.len()).data_type())?);
        columns.push(Arc::new(Int64Array::from(std::mem::take(&mut self.trades))));
        RecordBatch::try_new(schema.clone(), columns)
    }
}
