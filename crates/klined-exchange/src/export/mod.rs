//! Logs in the formats of others.
//!
//! Formats of events ([`text`]) take one log. Formats of orders ([`OrderSink`]) take the logs of one day, one for each security, merged in order of
//! time.

mod feed;
mod lobster;
pub mod text;

use std::io;

use thiserror::Error;

pub use feed::{FeedInfo, OrderSink, Source, export_orders};
pub use lobster::Lobster;

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
    #[error("{format} holds one security, not {found}")]
    Securities { format: &'static str, found: usize },
}
