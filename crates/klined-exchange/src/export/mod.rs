//! Logs in the formats of others.
//!
//! Formats of events ([`text`]) take one log. Formats of orders ([`OrderSink`]) take the logs of one day, one for each security, merged in order of
//! time.

mod dbn;
mod feed;
mod hftbacktest;
mod lobster;
mod parquet;
pub mod text;

use std::io;

use chrono::{NaiveDate, NaiveTime};
use thiserror::Error;

pub use dbn::DbnWriter;
pub use feed::{FeedInfo, OrderFeed, OrderSink, Source, export_orders};
pub use hftbacktest::{HftbacktestWriter, RowCount};
pub use lobster::Lobster;
pub use parquet::parquet;

use crate::book::NotOfThisBook;
use crate::itch::PriceRange;
use crate::log::LogError;

/// A log that cannot be written in another format.
#[derive(Debug, Error)]
pub enum ExportError {
    #[error("writing failed: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("event {order_id} does not follow from those before it: {bad}")]
    Event { order_id: u64, bad: NotOfThisBook },
    #[error(transparent)]
    Price(#[from] PriceRange),
    #[error("\"{symbol}\" is no symbol of {format}: 1 to {most} ASCII characters are possible")]
    Symbol { symbol: String, format: &'static str, most: usize },
    #[error("a price of {price_ticks} ticks of {tick_size} ten-thousandths is none that {format} can hold")]
    PriceRange { price_ticks: i32, tick_size: u32, format: &'static str },
    #[error("{date} is no date that the format can hold: its times are from 1970 to 2262")]
    Date { date: NaiveDate },
    #[error("the Parquet file cannot be made: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    #[error("{format} holds one security, not {found}")]
    Securities { format: &'static str, found: usize },
}

/// Midnight UTC of a date in nanoseconds since 1970-01-01, where the date's last nanosecond has a signed number too.
///
/// # Errors
/// [`ExportError::Date`] where it has none.
pub fn midnight_ns(date: NaiveDate) -> Result<u64, ExportError> {
    let nanos = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc().timestamp_nanos_opt();
    let last = date.succ_opt().and_then(nanos);
    let midnight = nanos(date).and_then(|nanos| u64::try_from(nanos).ok()).filter(|_| last.is_some());
    midnight.ok_or(ExportError::Date { date })
}
