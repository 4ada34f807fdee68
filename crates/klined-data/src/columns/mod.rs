//! Rows as columns: their names, types and units.
//!
//! | rows | columns |
//! |---|---|
//! | bars | `symbol`, `time`, `open`, `high`, `low`, `close`, `volume`, `turnover`, `trades` |
//! | trades | `symbol`, `time`, `id`, `price`, `size`, `side` |
//! | quotes | `symbol`, `time`, `id`, `bid`, `bid_size`, `ask`, `ask_size` |
//!
//! Instants are timestamps in the time zone of the market, of microseconds for bars and of nanoseconds for trades and quotes. Prices and
//! turnover are in currency units, sizes and volumes in shares. Turnover and number of trades are null in bars that an earlier version stored.

mod bars;
mod laid;
mod layout;
mod parts;
mod ticks;

pub use bars::{BarColumns, BarValues};
pub use laid::LayoutColumns;
pub use layout::{Layout, NoSuchBars};
pub use parts::Prices;
pub use ticks::{QuoteColumns, TradeColumns};

pub(crate) use parts::{seconds_column, timestamps, zone_name};

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use klined_market::base::Interval;
use klined_market::calendar::Calendar;
use thiserror::Error;

/// The name of the interval in the metadata of bars.
const INTERVAL: &str = "klined:interval";

/// The rows that are made of a market's symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dataset {
    /// Bars of an interval.
    Bars(Interval),
    /// Trades.
    Trades,
    /// The best bid and ask, at each change.
    Quotes,
}

/// The instant that labels a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Label {
    /// The start of its first minute.
    #[default]
    Start,
    /// The end of its last minute.
    End,
}

/// A text that is no label.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a label of bars: use start or end")]
pub struct UnknownLabel(String);

impl FromStr for Label {
    type Err = UnknownLabel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "start" => Ok(Self::Start),
            "end" => Ok(Self::End),
            _ => Err(UnknownLabel(text.to_owned())),
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "start",
            Self::End => "end",
        })
    }
}

/// How rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// The type of prices.
    pub prices: Prices,
    /// The label of bars.
    pub label: Label,
    /// Whose columns bars have; none for the package's own. A layout has types and labels of its own.
    pub layout: Option<Layout>,
}

/// The columns of rows of a market, with what the market's numbers follow from as metadata.
#[must_use]
pub fn schema(dataset: Dataset, style: Style, calendar: &Calendar, provenance: &[(&'static str, String)]) -> SchemaRef {
    let fields = match dataset {
        Dataset::Bars(interval) => match style.layout {
            Some(layout) => layout::fields(layout, interval, calendar),
            None => bars::fields(style, calendar),
        },
        Dataset::Trades => ticks::trade_fields(style, calendar),
        Dataset::Quotes => ticks::quote_fields(style, calendar),
    };
    let mut metadata: std::collections::HashMap<String, String> =
        provenance.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    if let Dataset::Bars(interval) = dataset {
        metadata.insert(INTERVAL.to_owned(), interval.to_string());
    }
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// Rows that become a record batch.
pub trait Columns: Send {
    /// How many rows there are.
    fn rows(&self) -> usize;

    /// The rows as a batch of a schema of the same dataset. No row remains.
    ///
    /// # Errors
    /// The schema is of another dataset.
    fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError>;
}
