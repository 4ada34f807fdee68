//! Trades and quotes as columns.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, SchemaRef, TimeUnit};
use klined_market::bars::ticks::{BestQuote, Level, Side, TickId, Trade};
use klined_market::base::{Symbol, UnixNanos};
use klined_market::calendar::Calendar;

use super::parts::{PriceColumn, RepeatedTexts, nanos_column, timestamps, zone_name};
use super::{Columns, Style};

/// The columns that trades and quotes begin with.
fn head(calendar: &Calendar) -> Vec<Field> {
    vec![
        Field::new("symbol", DataType::Utf8, false),
        timestamps("time", TimeUnit::Nanosecond, calendar),
        Field::new("id", DataType::Int64, false),
    ]
}

pub(super) fn trade_fields(style: Style, calendar: &Calendar) -> Vec<Field> {
    let mut fields = head(calendar);
    fields.extend([
        style.prices.field("price", false),
        Field::new("size", DataType::Int64, false),
        Field::new("side", DataType::Utf8, false),
    ]);
    fields
}

pub(super) fn quote_fields(style: Style, calendar: &Calendar) -> Vec<Field> {
    let mut fields = head(calendar);
    fields.extend([
        style.prices.field("bid", true),
        Field::new("bid_size", DataType::Int64, true),
        style.prices.field("ask", true),
        Field::new("ask_size", DataType::Int64, true),
    ]);
    fields
}

/// What trades and quotes have in common.
#[derive(Debug)]
struct Head {
    zone: Arc<str>,
    symbols: RepeatedTexts,
    times: Vec<UnixNanos>,
    ids: Vec<i64>,
}

impl Head {
    fn new(calendar: &Calendar) -> Self {
        let (symbols, times, ids) = Default::default();
        Self { zone: zone_name(calendar), symbols, times, ids }
    }

    fn push(&mut self, symbol: &Symbol, at: UnixNanos, id: TickId) {
        self.symbols.push(symbol.as_str());
        self.times.push(at);
        // The number stays far below the range until the year 2262.
        self.ids.push(id.number().cast_signed());
    }

    fn take(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        let times = nanos_column(std::mem::take(&mut self.times), &self.zone);
        Ok(vec![self.symbols.take()?, times, Arc::new(Int64Array::from(std::mem::take(&mut self.ids)))])
    }
}

/// Trades that become a record batch.
#[derive(Debug)]
pub struct TradeColumns {
    head: Head,
    prices: PriceColumn,
    sizes: Vec<i64>,
    sides: RepeatedTexts,
}

impl TradeColumns {
    /// No trades yet.
    #[must_use]
    pub fn new(calendar: &Calendar) -> Self {
        let (prices, sizes, sides) = Default::default();
        Self { head: Head::new(calendar), prices, sizes, sides }
    }

    /// Adds a trade.
    pub fn push(&mut self, symbol: &Symbol, trade: &Trade) {
        self.head.push(symbol, trade.at, trade.id());
        self.prices.push(trade.price.ticks());
        self.sizes.push(trade.shares);
        self.sides.push(match trade.side {
            Side::Buy => "buy",
            Side::Sell => "sell",
        });
    }
}

impl Columns for TradeColumns {
    fn rows(&self) -> usize {
        self.sizes.len()
    }

    fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let mut columns = self.head.take()?;
        columns.push(self.prices.take(schema.field(columns.len()).data_type())?);
        columns.push(Arc::new(Int64Array::from(std::mem::take(&mut self.sizes))));
        columns.push(self.sides.take()?);
        RecordBatch::try_new(schema.clone(), columns)
    }
}

/// One side of many quotes.
#[derive(Debug, Default)]
struct SideColumns {
    prices: PriceColumn,
    sizes: Vec<Option<i64>>,
}

impl SideColumns {
    fn push(&mut self, level: Option<Level>) {
        self.prices.push_option(level.map(|level| level.price.ticks()));
        self.sizes.push(level.map(|level| level.shares));
    }
}

/// Quotes that become a record batch.
#[derive(Debug)]
pub struct QuoteColumns {
    head: Head,
    /// Bid, ask.
    sides: [SideColumns; 2],
}

impl QuoteColumns {
    /// No quotes yet.
    #[must_use]
    pub fn new(calendar: &Calendar) -> Self {
        Self { head: Head::new(calendar), sides: Default::default() }
    }

    /// Adds a quote.
    pub fn push(&mut self, symbol: &Symbol, quote: &BestQuote) {
        self.head.push(symbol, quote.at, quote.id());
        for (side, level) in self.sides.iter_mut().zip([quote.bid, quote.ask]) {
            side.push(level);
        }
    }
}

impl Columns for QuoteColumns {
    fn rows(&self) -> usize {
        self.head.times.len()
    }

    fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let mut columns = self.head.take()?;
        for side in &mut self.sides {
            columns.push(side.prices.take(schema.field(columns.len()).data_type())?);
            columns.push(Arc::new(Int64Array::from(std::mem::take(&mut side.sizes))));
        }
        RecordBatch::try_new(schema.clone(), columns)
    }
}
