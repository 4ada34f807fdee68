//! Bars as columns.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use klined_market::bars::Bar;
use klined_market::base::{Interval, Symbol, Traded, UnixSeconds};
use klined_market::calendar::Calendar;

use super::parts::{OptionColumn, PriceColumn, RepeatedTexts, emptied, seconds_column, timestamps, zone_name};
use super::{Columns, INTERVAL, Label, Style};

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
    turnovers: OptionColumn,
    trades: OptionColumn,
}

impl<'c> BarColumns<'c> {
    /// No bars yet of an interval.
    #[must_use]
    pub fn new(calendar: &'c Calendar, interval: Interval, label: Label) -> Self {
        let (symbols, times, prices, volumes, turnovers, trades) = Default::default();
        let zone = zone_name(calendar);
        Self { calendar, zone, interval, label, symbols, times, prices, volumes, turnovers, trades }
    }

    /// Adds bars of a symbol, a column after another, which is faster than row after row.
    pub fn push(&mut self, symbol: &Symbol, bars: &[Bar]) {
        self.symbols.push_many(symbol.as_str(), bars.len());
        match self.label {
            Label::Start => self.times.extend(bars.iter().map(|bar| bar.first.start())),
            Label::End => {
                let end = |bar: &Bar| self.calendar.bucket(bar.first, self.interval).last.end();
                self.times.extend(bars.iter().map(end));
            }
        }
        let [open, high, low, close] = &mut self.prices;
        open.extend(bars.iter().map(|bar| bar.ohlcv.open().ticks()));
        high.extend(bars.iter().map(|bar| bar.ohlcv.high().ticks()));
        low.extend(bars.iter().map(|bar| bar.ohlcv.low().ticks()));
        close.extend(bars.iter().map(|bar| bar.ohlcv.close().ticks()));
        self.volumes.extend(bars.iter().map(|bar| bar.ohlcv.volume()));
        self.turnovers.extend(bars.iter().map(|bar| bar.ohlcv.traded().map(Traded::turnover)));
        self.trades.extend(bars.iter().map(|bar| bar.ohlcv.traded().map(Traded::trades)));
    }
}

impl Columns for BarColumns<'_> {
    fn rows(&self) -> usize {
        self.times.len()
    }

    fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let mut columns = vec![self.symbols.take()?, seconds_column(emptied(&mut self.times), &self.zone)];
        for (column, place) in self.prices.iter_mut().zip(columns.len()..) {
            columns.push(column.take(schema.field(place).data_type())?);
        }
        columns.push(Arc::new(Int64Array::from(emptied(&mut self.volumes))));
        columns.push(self.turnovers.take_sums(schema.field(columns.len()).data_type())?);
        columns.push(self.trades.take_counts()?);
        RecordBatch::try_new(schema.clone(), columns)
    }
}

/// Bars of one symbol as a server has them: numbers in currency units.
#[derive(Debug, Clone, Default)]
pub struct BarValues {
    /// The instants that label the bars.
    pub times: Vec<UnixSeconds>,
    /// Open, high, low, close.
    pub prices: [Vec<f64>; 4],
    /// In shares.
    pub volumes: Vec<i64>,
    /// None where an earlier version stored the bar; so are the trades.
    pub turnovers: Vec<Option<f64>>,
    /// How many trades there were.
    pub trades: Vec<Option<i64>>,
}

impl BarValues {
    /// The bars as a batch with the columns of bars. The interval goes into the metadata.
    ///
    /// # Errors
    /// The columns differ in length.
    pub fn into_batch(self, symbol: &Symbol, interval: &str, calendar: &Calendar) -> Result<RecordBatch, ArrowError> {
        let metadata = [(INTERVAL.to_owned(), interval.to_owned())].into();
        let schema = Schema::new_with_metadata(fields(Style::default(), calendar), metadata);
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::new_repeated(symbol.as_str(), self.times.len())),
            seconds_column(self.times, &zone_name(calendar)),
        ];
        columns.extend(self.prices.map(|prices| Arc::new(Float64Array::from(prices)) as ArrayRef));
        columns.push(Arc::new(Int64Array::from(self.volumes)));
        columns.push(Arc::new(Float64Array::from(self.turnovers)));
        columns.push(Arc::new(Int64Array::from(self.trades)));
        RecordBatch::try_new(Arc::new(schema), columns)
    }
}
